// expect: illegal (lint) positions of one kernel have one width
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]], uint3 lid [[thread_position_in_threadgroup]]) {
    out[gid + lid.x] = 1.0f;
}
