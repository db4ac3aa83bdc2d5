// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float4* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    half4 h = max(half4(out[gid]), 0.0h);
    out[gid] = exp(out[gid]) + clamp(out[gid], 0.0f, 1.0f) + normalize(out[gid]) * dot(out[gid], float4(h)) + fract(out[gid]) + float4(isnan(out[gid]));
}
