#include <metal_stdlib>
using namespace metal;

kernel void scan_blocks(
    device const int* x [[buffer(0)]],
    device int* out [[buffer(1)]],
    device int* totals [[buffer(2)]],
    constant uint& n [[buffer(3)]],
    uint i [[thread_position_in_grid]],
    uint lane [[thread_index_in_simdgroup]],
    uint simdgroup [[simdgroup_index_in_threadgroup]],
    uint lid [[thread_position_in_threadgroup]],
    uint group [[threadgroup_position_in_grid]])
{
    threadgroup int sums[8];

    int scan = simd_prefix_inclusive_sum(i < n ? x[i] : 0);
    if (lane == 31) {
        sums[simdgroup] = scan;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    int before = simd_prefix_exclusive_sum(lane < 8 ? sums[lane] : 0);
    scan += simd_shuffle(before, ushort(simdgroup));
    if (i < n) {
        out[i] = scan;
    }
    if (lid == 255) {
        totals[group] = scan;
    }
}
