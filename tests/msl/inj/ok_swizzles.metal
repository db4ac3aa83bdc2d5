// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float4* a [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float4 v = a[gid];
    v.xy += v.zw;
    v.rgb = float3(1.0f, v.yz);
    v.w *= 2.0f;
    a[gid].xyz = cross(v.xyz, v.zyx);
    a[gid] = v.wzyx + a[gid].xxyy;
}
