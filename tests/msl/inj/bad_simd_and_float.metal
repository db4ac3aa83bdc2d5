// expect: illegal (A) simd_and is for integers
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = simd_and(out[gid]);
}
