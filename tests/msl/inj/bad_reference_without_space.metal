// expect: illegal (lint) reference without a space
#include <metal_stdlib>
using namespace metal;

inline void bump(float& x) {
    x += 1.0f;
}
kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float v = 1.0f;
    bump(v);
    out[gid] = v;
}
