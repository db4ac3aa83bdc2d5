// expect: illegal (A) pow(half, float) is ambiguous
#include <metal_stdlib>
using namespace metal;

kernel void work(device half* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = pow(out[gid], 2.0f);
}
