// expect: illegal (lint) local pointer without a space
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float t[4] = {0.0f, 1.0f, 2.0f, 3.0f};
    float* p = t;
    out[gid] = p[1];
}
