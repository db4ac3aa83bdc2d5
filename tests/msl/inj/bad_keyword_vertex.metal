// expect: illegal (lint) vertex is a keyword
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float vertex = 1.0f;
    out[gid] = vertex;
}
