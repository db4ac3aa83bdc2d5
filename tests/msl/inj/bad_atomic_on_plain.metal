// expect: illegal (A) a plain uint is no atomic object
#include <metal_stdlib>
using namespace metal;

kernel void work(device uint* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    atomic_fetch_add_explicit(&out[gid], 1u, memory_order_relaxed);
}
