// expect: illegal (lint) two functions call each other
#include <metal_stdlib>
using namespace metal;

uint odd(uint n);
uint even(uint n) {
    return n == 0u ? 1u : odd(n - 1u);
}
uint odd(uint n) {
    return n == 0u ? 0u : even(n - 1u);
}
kernel void work(device uint* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = odd(gid);
}
