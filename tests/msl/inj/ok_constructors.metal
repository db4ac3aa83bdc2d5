// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float4* a [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float3 v = float3(a[gid].xy, 1.0f);
    int4 i = int4(float4(v, 2.0f));
    uint4 u = as_type<uint4>(i);
    half4 h = half4(u);
    bool2 b = bool2(true, gid > 3u);
    a[gid] = float4(h) + float4(b.x ? 1.0f : 0.0f) + vec<float, 4>(v, 1.0f);
}
