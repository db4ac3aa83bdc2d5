// expect: illegal (B) a cast changes no space
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    threadgroup float t[32];
    out[gid] = reinterpret_cast<device float2*>(&t[0])[0].x;
}
