// expect: illegal (A) a swizzle has no address
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float4 v = float4(1.0f);
    thread float2* p = &v.xy;
    out[gid] = p->x;
}
