// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float sum = 0.0f;
    #pragma unroll
    for (uint i = 0u; i < 4u; ++i) {
        sum += out[i];
    }
    out[gid] = sum;
}
