// expect: illegal (A) bfloat to half needs a cast
#include <metal_stdlib>
using namespace metal;

kernel void work(device const bfloat* in [[buffer(0)]], device half* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = in[gid];
}
