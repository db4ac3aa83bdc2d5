// expect: illegal (lint) indices are always written
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out, uint gid [[thread_position_in_grid]]) {
    out[gid] = 1.0f;
}
