// expect: illegal (B) program scope must be constant
#include <metal_stdlib>
using namespace metal;

float scale = 2.0f;
kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = scale;
}
