// expect: illegal (any) template is a C++ keyword
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float template = 1.0f;
    out[gid] = template;
}
