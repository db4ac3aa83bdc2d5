// expect: illegal (A) five components for a float4
#include <metal_stdlib>
using namespace metal;

kernel void work(device float4* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = float4(float3(1.0f), float2(2.0f));
}
