// expect: illegal (lint) position and size have one type
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]], ushort n [[threads_per_grid]]) {
    out[gid] = float(n);
}
