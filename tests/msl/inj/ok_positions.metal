// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint2 gid [[thread_position_in_grid]], uint2 size [[threads_per_grid]], ushort2 lid [[thread_position_in_threadgroup]], ushort2 threads [[threads_per_threadgroup]], uint2 group [[threadgroup_position_in_grid]], uint2 groups [[threadgroups_per_grid]]) {
    const uint i = gid.y * size.x + gid.x;
    out[i] = float(lid.x + group.y + threads.x + groups.x);
}
