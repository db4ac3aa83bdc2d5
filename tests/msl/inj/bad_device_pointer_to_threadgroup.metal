// expect: illegal (B) spaces do not convert
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    threadgroup float t[32];
    device float* p = t;
    p[0] = 1.0f;
    out[gid] = t[0];
}
