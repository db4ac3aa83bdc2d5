// expect: illegal (A) shift by the width
#include <metal_stdlib>
using namespace metal;

kernel void work(device uint* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = out[gid] << 32;
}
