// expect: illegal (A) dot is for float vectors only
#include <metal_stdlib>
using namespace metal;

kernel void work(device const int4* in [[buffer(0)]], device int* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = dot(in[gid], in[gid]);
}
