#include <metal_stdlib>
using namespace metal;

kernel void rmsnorm(
    device const float* x [[buffer(0)]],
    device const float* weight [[buffer(1)]],
    device float* out [[buffer(2)]],
    constant uint& n [[buffer(3)]],
    constant float& eps [[buffer(4)]],
    uint tid [[thread_position_in_threadgroup]],
    uint lane [[thread_index_in_simdgroup]],
    uint simdgroup [[simdgroup_index_in_threadgroup]],
    uint group [[threadgroup_position_in_grid]])
{
    threadgroup float partial[8];

    uint start = group * n;
    float squares = 0.0f;
    for (uint j = tid; j < n; j += 256) {
        float value = x[start + j];
        squares += value * value;
    }
    squares = simd_sum(squares);
    if (lane == 0) {
        partial[simdgroup] = squares;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    float scale = rsqrt(simd_sum(lane < 8 ? partial[lane] : 0.0f) / float(n) + eps);
    for (uint j = tid; j < n; j += 256) {
        out[start + j] = x[start + j] * scale * weight[j];
    }
}
