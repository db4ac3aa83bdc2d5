// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    const float local = out[gid];
    float global = local;
    uint read_only = gid;
    out[read_only] = global + local;
}
