#include <metal_stdlib>
using namespace metal;

    uint t = thread_index_in_threadgroup;
    uint gid = thread_position_in_grid.x;

    threadgroup float tile[64];

    tile[t] = A[gid];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    Out[gid] = simd_sum(tile[63 - t]);
