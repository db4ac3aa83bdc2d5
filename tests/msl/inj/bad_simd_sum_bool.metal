// expect: illegal (A) no lane function on bool
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = simd_sum(gid > 3u) ? 1.0f : 0.0f;
}
