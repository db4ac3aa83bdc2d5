// expect: illegal (A) float3x3 times float4
#include <metal_stdlib>
using namespace metal;

kernel void work(device float4* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = float3x3(1.0f) * out[gid];
}
