#include <metal_stdlib>
using namespace metal;

inline uint4 philox4x32(uint4 counter, uint2 key) {
    for (int round = 0; round < 10; round++) {
        uint low0 = 0xd2511f53u * counter.x, high0 = mulhi(0xd2511f53u, counter.x);
        uint low1 = 0xcd9e8d57u * counter.z, high1 = mulhi(0xcd9e8d57u, counter.z);
        counter = uint4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
        key += uint2(0x9e3779b9u, 0xbb67ae85u);
    }
    return counter;
}

kernel void draw(
    device float* U [[buffer(0)]],
    device float* N [[buffer(1)]],
    device int* R [[buffer(2)]],
    constant uint& seed [[buffer(3)]],
    constant uint& n [[buffer(4)]],
    uint i [[thread_position_in_grid]])
{
    if (i < n) {
        U[i] = float(philox4x32(uint4(i, 0u, 0u, 0u), uint2(seed, 0u))[0] >> 8) * 5.9604645e-8f;
        float t0 = 1.0f - float(philox4x32(uint4(i, 0u, 1u, 0u), uint2(seed, 0u))[0] >> 8) * 5.9604645e-8f;
        float t1 = float(philox4x32(uint4(i, 0u, 1u, 0u), uint2(seed, 0u))[1] >> 8) * 5.9604645e-8f;
        N[i] = sqrt(-2.0f * log(t0)) * cos(t1 * 6.2831855f);
        R[i] = int(mulhi(philox4x32(uint4(i, 0u, 2u, 0u), uint2(seed, 0u))[0], 7u)) - 3;
    }
}
