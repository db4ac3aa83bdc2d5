// expect: illegal (A) no implicit conversion between vectors
#include <metal_stdlib>
using namespace metal;

kernel void work(device const int4* in [[buffer(0)]], device float4* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    float4 v = in[gid];
    out[gid] = v;
}
