// expect: illegal (A) a function constant is no constant expression
#include <metal_stdlib>
using namespace metal;

constant uint count [[function_constant(0)]];
kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float t[count];
    t[0] = 1.0f;
    out[gid] = t[0];
}
