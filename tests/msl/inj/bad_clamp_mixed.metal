// expect: illegal (A) clamp(float, int, int) is ambiguous
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = clamp(out[gid], 0, 1);
}
