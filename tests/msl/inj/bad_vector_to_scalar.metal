// expect: illegal (A) a vector is no scalar
#include <metal_stdlib>
using namespace metal;

kernel void work(device const float4* in [[buffer(0)]], device float* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = in[gid];
}
