// expect: illegal (lint) names of underscore and capital are reserved
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float _X = 1.0f;
    out[gid] = _X;
}
