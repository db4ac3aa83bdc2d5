// expect: illegal (lint) metal_stdlib is not included
using namespace metal;
kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = 1.0f;
}
