// expect: illegal (lint) atomic_thread_fence needs 3.2
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = 1.0f;
    atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
}
