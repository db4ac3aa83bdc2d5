// expect: illegal (B) constant is not device
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], constant float* table [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    device const float* p = table;
    out[gid] = p[gid];
}
