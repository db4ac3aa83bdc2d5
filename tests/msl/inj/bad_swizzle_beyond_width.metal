// expect: illegal (A) float2 has no z
#include <metal_stdlib>
using namespace metal;

kernel void work(device float2* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = out[gid].xz;
}
