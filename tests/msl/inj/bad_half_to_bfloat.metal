// expect: illegal (A) bfloat needs a cast
#include <metal_stdlib>
using namespace metal;

kernel void work(device const half* in [[buffer(0)]], device bfloat* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = in[gid];
}
