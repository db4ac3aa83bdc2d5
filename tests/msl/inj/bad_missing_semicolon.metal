// expect: illegal (A) statement not closed
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float x = 1.0f
    out[gid] = x;
}
