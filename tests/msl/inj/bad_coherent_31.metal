// expect: illegal (lint) coherent needs 3.2
// msl: 3.1
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* a [[buffer(0)]], coherent(device) device float* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    a[gid] = out[gid];
}
