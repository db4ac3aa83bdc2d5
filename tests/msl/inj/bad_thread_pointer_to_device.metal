// expect: illegal (B) address of a local is thread
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float x = 1.0f;
    device float* p = &x;
    out[gid] = *p;
}
