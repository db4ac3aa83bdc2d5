#include <metal_stdlib>
using namespace metal;

kernel void sdpa(
    device const float* q [[buffer(0)]],
    device const float* k [[buffer(1)]],
    device const float* v [[buffer(2)]],
    device float* out [[buffer(3)]],
    constant uint& keys [[buffer(4)]],
    constant float& scale [[buffer(5)]],
    uint2 lid [[thread_position_in_threadgroup]],
    uint lane [[thread_index_in_simdgroup]],
    uint simdgroup [[simdgroup_index_in_threadgroup]],
    uint2 group [[threadgroup_position_in_grid]])
{
    threadgroup float tops[4];
    threadgroup float totals[4];
    threadgroup float sums[256];

    uint tid = lid.x;
    uint head = group.x;
    uint row = (group.y * 64 + head) * 64;
    float query0 = scale * q[row + lane];
    float query1 = scale * q[row + lane + 32];
    float top = -INFINITY;
    float total = 0.0f;
    float acc0 = 0.0f;
    float acc1 = 0.0f;
    for (uint key = simdgroup; key < keys; key += 4) {
        uint start = (key * 8 + head / 8) * 64 + lane;
        float score = simd_sum(0.0f + query0 * k[start] + query1 * k[start + 32]);
        float higher = fmax(top, score);
        float shrink = exp(top - higher);
        float weight = exp(score - higher);
        total = total * shrink + weight;
        acc0 = acc0 * shrink + weight * v[start];
        acc1 = acc1 * shrink + weight * v[start + 32];
        top = higher;
    }
    if (lane == 0) {
        tops[simdgroup] = top;
        totals[simdgroup] = total;
    }
    sums[simdgroup * 64 + lane] = acc0;
    sums[simdgroup * 64 + lane + 32] = acc1;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (tid < 64) {
        float highest = tops[0];
        float t0 = tops[1];
        float t1 = tops[2];
        float t2 = tops[3];
        float highest_1 = fmax(fmax(fmax(highest, t0), t1), t2);
        float weight = exp(highest - highest_1);
        float element = 0.0f + weight * sums[tid];
        float total_1 = 0.0f + weight * totals[0];
        weight = exp(t0 - highest_1);
        float element_1 = element + weight * sums[64 + tid];
        float total_2 = total_1 + weight * totals[1];
        weight = exp(t1 - highest_1);
        float element_2 = element_1 + weight * sums[128 + tid];
        float total_3 = total_2 + weight * totals[2];
        weight = exp(t2 - highest_1);
        float element_3 = element_2 + weight * sums[192 + tid];
        out[row + tid] = element_3 / (total_3 + weight * totals[3]);
    }
}
