// expect: illegal (lint) a group has at most 1024 threads
#include <metal_stdlib>
using namespace metal;

[[max_total_threads_per_threadgroup(2048)]]
kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = 1.0f;
}
