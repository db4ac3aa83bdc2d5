// expect: illegal (A) a block is left open
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    if (gid < 4u) {
        out[gid] = 1.0f;
}
