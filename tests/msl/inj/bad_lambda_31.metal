// expect: illegal (lint) lambdas need 3.2
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    auto twice = [](float x) { return x * 2.0f; };
    out[gid] = twice(out[gid]);
}
