// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    device float4* v = reinterpret_cast<device float4*>(out);
    device const float4* c = (device const float4*)(out);
    float t[4] = {0.0f, 1.0f, 2.0f, 3.0f};
    thread float* p = t;
    thread float4& lane = *reinterpret_cast<thread float4*>(p);
    v[gid] = c[gid + 1u] + lane;
    out[gid] = p[2];
}
