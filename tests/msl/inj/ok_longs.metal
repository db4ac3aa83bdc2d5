// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device long* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    long v = out[gid] * 3l + long(gid);
    ulong u = ulong(v) >> 3ul;
    out[gid] = v < 0l ? -v : long(u);
}
