// expect: illegal (lint) parameter pointer without a space
#include <metal_stdlib>
using namespace metal;

inline float first(float* p) {
    return p[0];
}
kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = first(out);
}
