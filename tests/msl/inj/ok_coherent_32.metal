// expect: legal
// msl: 3.2
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* a [[buffer(0)]], coherent(device) device float* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    a[gid] = out[gid];
}
