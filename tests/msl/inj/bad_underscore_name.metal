// expect: illegal (lint) names of two underscores are reserved
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float __x = 1.0f;
    out[gid] = __x;
}
