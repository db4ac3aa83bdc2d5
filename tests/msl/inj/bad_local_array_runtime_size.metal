// expect: illegal (A) array size must be constant
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float t[gid + 1u];
    t[0] = 1.0f;
    out[gid] = t[0];
}
