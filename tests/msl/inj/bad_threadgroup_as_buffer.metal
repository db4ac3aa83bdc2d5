// expect: illegal (lint) threadgroup pointers have their own indices
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], threadgroup float* t [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = t[0];
}
