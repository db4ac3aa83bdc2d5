// expect: illegal (lint) two buffers at one index
#include <metal_stdlib>
using namespace metal;

kernel void work(device const float* in [[buffer(0)]], device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = in[gid];
}
