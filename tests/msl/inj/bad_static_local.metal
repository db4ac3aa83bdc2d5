// expect: illegal (lint) no static in a function
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    static uint n = 0u;
    out[gid] = float(n);
}
