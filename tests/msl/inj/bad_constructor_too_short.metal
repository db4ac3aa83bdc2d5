// expect: illegal (A) three components for a float4
#include <metal_stdlib>
using namespace metal;

kernel void work(device float4* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = float4(1.0f, 2.0f, 3.0f);
}
