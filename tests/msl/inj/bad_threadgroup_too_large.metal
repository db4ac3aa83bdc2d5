// expect: illegal (lint) more than 32 KB
#include <metal_stdlib>
using namespace metal;

constant uint rows = 96;
kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    threadgroup float a[rows][64];
    threadgroup float3 b[rows * 8];
    a[0][0] = 1.0f;
    b[0] = float3(1.0f);
    out[gid] = a[0][0] + b[0].x;
}
