// expect: illegal (A) precise:: is float only
#include <metal_stdlib>
using namespace metal;

kernel void work(device half2* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = precise::exp(half2(out[gid]));
}
