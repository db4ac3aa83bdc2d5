// expect: illegal (any) threadgroup variables live in kernels
#include <metal_stdlib>
using namespace metal;

inline float stage(uint i) {
    threadgroup float t[32];
    t[i] = 1.0f;
    return t[0];
}
kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = stage(gid);
}
