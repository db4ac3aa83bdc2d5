// expect: illegal (lint) scalars come by constant reference
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], float scale [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = scale;
}
