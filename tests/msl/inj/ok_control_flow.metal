// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float sum = 0.0f;
    for (uint i = 0u; i < 8u; ++i) {
        if (i == gid) {
            continue;
        }
        sum += out[i];
    }
    uint n = gid;
    while (true) {
        if (n == 0u) {
            break;
        }
        n >>= 1u;
    }
    do {
        sum -= 1.0f;
    } while (sum > 0.0f);
    switch (n) {
        case 0u:
            sum = 1.0f;
            break;
        default:
            break;
    }
    out[gid] = sum;
}
