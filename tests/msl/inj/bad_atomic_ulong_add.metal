// expect: illegal (A) atomic_ulong has min and max only
#include <metal_stdlib>
using namespace metal;

kernel void work(device atomic_ulong* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    atomic_fetch_add_explicit(&out[gid], 1ul, memory_order_relaxed);
}
