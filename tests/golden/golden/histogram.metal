#include <metal_stdlib>
using namespace metal;

kernel void histogram(
    device const uchar* data [[buffer(0)]],
    device atomic_uint* bins [[buffer(1)]],
    constant uint& n [[buffer(2)]],
    uint tid [[thread_position_in_threadgroup]],
    uint gid [[thread_position_in_grid]],
    uint grid_size [[threads_per_grid]])
{
    threadgroup atomic_uint local[256];

    atomic_store_explicit(&local[tid], 0u, memory_order_relaxed);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint i = gid; i < n; i += grid_size) {
        atomic_fetch_add_explicit(&local[data[i]], 1u, memory_order_relaxed);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    atomic_fetch_add_explicit(&bins[tid], atomic_load_explicit(&local[tid], memory_order_relaxed), memory_order_relaxed);
}
