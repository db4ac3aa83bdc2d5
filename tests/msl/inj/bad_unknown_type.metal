// expect: illegal (A) float8 is a reserved name, not a type
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float8 v;
    out[gid] = 1.0f;
}
