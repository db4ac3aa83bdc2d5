// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device atomic_uint* count [[buffer(0)]], device atomic_float* sum [[buffer(1)]], device atomic_ulong* top [[buffer(2)]], uint gid [[thread_position_in_grid]]) {
    threadgroup atomic_int seen;
    atomic_store_explicit(&seen, 0, memory_order_relaxed);
    threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
    atomic_fetch_max_explicit(&seen, int(gid), memory_order_relaxed);
    atomic_fetch_add_explicit(count, 1u, memory_order_relaxed);
    atomic_fetch_add_explicit(&sum[gid], 1.0f, memory_order_relaxed);
    uint old = atomic_load_explicit(&count[1], memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&count[1], &old, old + 1u, memory_order_relaxed, memory_order_relaxed)) {
    }
    atomic_max_explicit(top, ulong(gid), memory_order_relaxed);
}
