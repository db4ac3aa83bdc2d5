// expect: illegal (A) x is stored twice
#include <metal_stdlib>
using namespace metal;

kernel void work(device float4* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float4 v = out[gid];
    v.xx = float2(1.0f, 2.0f);
    out[gid] = v;
}
