// expect: illegal (A) comparison gives bool4, not int4
#include <metal_stdlib>
using namespace metal;

kernel void work(device const float4* in [[buffer(0)]], device int4* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    int4 m = in[gid] < 1.0f;
    out[gid] = m;
}
