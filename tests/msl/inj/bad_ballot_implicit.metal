// expect: illegal (A) simd_vote converts explicitly only
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    ulong mask = simd_ballot(gid > 3u);
    out[gid] = float(mask);
}
