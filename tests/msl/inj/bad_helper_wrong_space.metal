// expect: illegal (B) the helper wants device memory
#include <metal_stdlib>
using namespace metal;

inline float first(device const float* p) {
    return p[0];
}
kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    threadgroup float t[32];
    t[0] = 1.0f;
    out[gid] = first(t);
}
