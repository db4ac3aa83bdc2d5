// expect: illegal (lint) misspelt attribute
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_positon_in_grid]]) {
    out[gid] = 1.0f;
}
