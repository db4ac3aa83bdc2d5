// expect: illegal (A) bfloat needs a cast
#include <metal_stdlib>
using namespace metal;

kernel void work(device bfloat* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float x = 1.5f;
    out[gid] = x;
}
