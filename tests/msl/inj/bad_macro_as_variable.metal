// expect: illegal (any) INFINITY is a macro
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float INFINITY = 1.0f;
    out[gid] = INFINITY;
}
