// expect: illegal (lint) clamp is ambiguous at file scope
#include <metal_stdlib>
using namespace metal;

inline float clamp(float x) {
    return x;
}
kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = clamp(out[gid]);
}
