#include <metal_stdlib>
using namespace metal;

kernel void softmax(
    device const float* x [[buffer(0)]],
    device float* out [[buffer(1)]],
    constant uint& n [[buffer(2)]],
    uint tid [[thread_position_in_threadgroup]],
    uint group [[threadgroup_position_in_grid]],
    uint lane [[thread_index_in_simdgroup]],
    uint simdgroup [[simdgroup_index_in_threadgroup]])
{
    threadgroup float partial[8];
    threadgroup float partial_1[8];

    uint start = group * n;
    float top = -INFINITY;
    for (uint j = tid; j < n; j += 256) {
        top = fmax(top, x[start + j]);
    }
    float value = simd_max(top);
    if (lane == 0) {
        partial[simdgroup] = value;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    top = simd_max(lane < 8 ? partial[lane] : -INFINITY);
    float total = 0.0f;
    for (uint j = tid; j < n; j += 256) {
        total += exp(x[start + j] - top);
    }
    value = simd_sum(total);
    if (lane == 0) {
        partial_1[simdgroup] = value;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    total = simd_sum(lane < 8 ? partial_1[lane] : 0.0f);
    for (uint j = tid; j < n; j += 256) {
        out[start + j] = exp(x[start + j] - top) / total;
    }
}
