#include <metal_stdlib>
using namespace metal;

kernel void reduction(
    device const float* x [[buffer(0)]],
    device float* sums [[buffer(1)]],
    constant uint& n [[buffer(2)]],
    uint tid [[thread_position_in_threadgroup]],
    uint i [[thread_position_in_grid]],
    uint group [[threadgroup_position_in_grid]])
{
    threadgroup float partial[256];

    partial[tid] = i < n ? x[i] : 0.0f;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    uint stride = 128;
    while (stride > 0) {
        if (tid < stride) {
            partial[tid] += partial[tid + stride];
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
        stride >>= 1;
    }
    if (tid == 0) {
        sums[group] = partial[0];
    }
}
