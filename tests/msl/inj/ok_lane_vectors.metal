// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device half4* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = simd_sum(out[gid]) + simd_max(out[gid]);
}
