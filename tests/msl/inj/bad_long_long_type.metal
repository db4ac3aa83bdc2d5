// expect: illegal (lint) no long long
#include <metal_stdlib>
using namespace metal;

kernel void work(device long* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = (long long)(3);
}
