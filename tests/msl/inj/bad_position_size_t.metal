// expect: illegal (lint) positions are uint or ushort
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], size_t gid [[thread_position_in_grid]]) {
    out[gid] = 1.0f;
}
