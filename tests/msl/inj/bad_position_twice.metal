// expect: illegal (lint) one input under two names
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]], uint again [[thread_position_in_grid]]) {
    out[gid] = float(again);
}
