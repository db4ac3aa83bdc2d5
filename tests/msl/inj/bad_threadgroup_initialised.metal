// expect: illegal (B) threadgroup variables have no initialiser
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    threadgroup float t = 0.0f;
    out[gid] = t;
}
