// expect: illegal (A) fma takes three
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = fma(out[gid], 2.0f);
}
