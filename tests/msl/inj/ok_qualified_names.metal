// expect: legal
#include <metal_stdlib>

kernel void work(device float4* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = metal::max(metal::exp(out[gid]), 0.0f);
    metal::threadgroup_barrier(metal::mem_flags::mem_none);
}
