// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float4x4* m [[buffer(0)]], device float4* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    float4x4 n = m[gid] * m[gid];
    n[0] = n * out[gid];
    m[gid] = transpose(n);
    m[gid][1].x = 2.0f;
    float2x2 r = float2x2(float2(1.0f), float2(2.0f));
    out[gid].xy = r * out[gid].xy;
}
