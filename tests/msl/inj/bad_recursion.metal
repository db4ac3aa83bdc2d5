// expect: illegal (lint) a function calls itself
#include <metal_stdlib>
using namespace metal;

inline uint fact(uint n) {
    return n < 2u ? 1u : n * fact(n - 1u);
}
kernel void work(device uint* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = fact(gid);
}
