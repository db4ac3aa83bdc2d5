// expect: illegal (A) no lane function on bfloat
#include <metal_stdlib>
using namespace metal;

kernel void work(device bfloat* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = simd_shuffle(out[gid], 1);
}
