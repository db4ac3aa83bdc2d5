// expect: illegal (A) max has no bfloat overload
#include <metal_stdlib>
using namespace metal;

kernel void work(device bfloat* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = max(out[gid], out[gid + 1u]);
}
