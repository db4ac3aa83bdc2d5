// expect: illegal (A) there is no atomic<half>
#include <metal_stdlib>
using namespace metal;

kernel void work(device atomic<half>* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    atomic_store_explicit(&out[gid], 1.0h, memory_order_relaxed);
}
