// expect: illegal (lint) positions are unsigned
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], int gid [[thread_position_in_grid]]) {
    out[gid] = 1.0f;
}
