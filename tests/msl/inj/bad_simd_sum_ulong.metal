// expect: illegal (A) no lane function on 64 bits
#include <metal_stdlib>
using namespace metal;

kernel void work(device ulong* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = simd_sum(out[gid]);
}
