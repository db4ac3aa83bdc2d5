// expect: illegal (lint) half4 is a type
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float half4 = 1.0f;
    out[gid] = half4;
}
