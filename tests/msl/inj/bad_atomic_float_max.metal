// expect: illegal (A) atomic_float has no max
#include <metal_stdlib>
using namespace metal;

kernel void work(device atomic_float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    atomic_fetch_max_explicit(&out[gid], 1.0f, memory_order_relaxed);
}
