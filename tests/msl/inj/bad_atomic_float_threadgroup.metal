// expect: illegal (B) atomic_float is device only
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    threadgroup atomic_float sum;
    atomic_fetch_add_explicit(&sum, 1.0f, memory_order_relaxed);
    out[gid] = 1.0f;
}
