// expect: illegal (A) ?: needs a scalar bool
#include <metal_stdlib>
using namespace metal;

kernel void work(device float4* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = out[gid] > 0.0f ? out[gid] : float4(0.0f);
}
