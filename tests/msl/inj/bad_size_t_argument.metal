// expect: illegal (lint) size_t may not be a kernel argument
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], constant size_t& n [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = float(n);
}
