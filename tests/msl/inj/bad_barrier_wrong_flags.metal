// expect: illegal (A) no such flag
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    threadgroup_barrier(mem_flags::mem_shared);
    out[gid] = 1.0f;
}
