// expect: illegal (A) exp has no bfloat overload
#include <metal_stdlib>
using namespace metal;

kernel void work(device bfloat* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = bfloat(exp(out[gid]));
}
