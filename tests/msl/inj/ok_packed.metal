// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device packed_float3* p [[buffer(0)]], device float* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    float3 v = p[gid];
    p[gid] = v * 2.0f;
    p[gid] = packed_float3(v + p[gid]);
    out[gid] = p[gid].x + p[gid][1];
}
