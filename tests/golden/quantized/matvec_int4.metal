#include <metal_stdlib>
using namespace metal;

kernel void matvec(
    device const uint* W [[buffer(0)]],
    device const half* S [[buffer(1)]],
    device const uchar* Z [[buffer(2)]],
    device const float* X [[buffer(3)]],
    device float* Y [[buffer(4)]],
    uint gid [[thread_position_in_grid]],
    uint lane [[thread_index_in_simdgroup]])
{
    uint row = gid / 32;
    uint4 t0 = uint4(28, 24, 20, 16);
    uint4 t1 = uint4(12, 8, 4, 0);
    float total = 0.0f;
    for (uint k = lane; k < 32; k += 32) {
        uint t2 = row * 32 + k;
        uint4 t3 = uint4(W[t2]);
        float4 t4 = float4(float(S[t2 / 4]));
        float4 low = float4(int4(t3 << t0) >> 28) * t4;
        float4 high = float4(int4(t3 << t1) >> 28) * t4;
        float t5 = dot(high, *(device const float4*)(X + (8 * k + 4)));
        total += dot(low, *(device const float4*)(X + 8 * k)) + t5;
    }
    total = simd_sum(total);
    if (lane == 0) {
        Y[row] = total;
    }
}
