// expect: illegal (lint) an input that is never used
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]], uint lid [[thread_position_in_threadgroup]]) {
    out[gid] = 1.0f;
}
