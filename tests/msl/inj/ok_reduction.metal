// expect: legal
#include <metal_stdlib>
using namespace metal;

[[max_total_threads_per_threadgroup(256)]]
kernel void work(device const float* in [[buffer(0)]], device float* out [[buffer(1)]], uint gid [[thread_position_in_grid]], uint lane [[thread_index_in_simdgroup]], uint group [[simdgroup_index_in_threadgroup]]) {
    threadgroup float partial[8];
    const float total = simd_sum(in[gid]);
    if (lane == 0u) {
        partial[group] = total;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (group == 0u) {
        out[0] = simd_sum(lane < 8u ? partial[lane] : 0.0f);
    }
}
