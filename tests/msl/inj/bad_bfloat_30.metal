// expect: illegal (lint) bfloat needs 3.1
// msl: 3.0
#include <metal_stdlib>
using namespace metal;

kernel void work(device bfloat* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = bfloat(1.0f);
}
