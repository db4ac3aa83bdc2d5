// expect: illegal (A) the buffer is const
#include <metal_stdlib>
using namespace metal;

kernel void work(device const float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = 1.0f;
}
