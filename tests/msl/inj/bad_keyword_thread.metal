// expect: illegal (any) thread is an address space
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float thread = 1.0f;
    out[gid] = thread;
}
