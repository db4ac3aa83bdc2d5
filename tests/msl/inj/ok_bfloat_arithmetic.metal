// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device bfloat* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    bfloat x = out[gid] * out[gid] + 1.0bf;
    x += out[gid];
    float y = x;
    half h = half(x);
    out[gid] = x < bfloat(2.0f) ? bfloat(exp(float(x)) + y) : bfloat(h);
}
