// expect: illegal (lint) cast to a pointer without a space
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = ((float4*)out)[0].x;
}
