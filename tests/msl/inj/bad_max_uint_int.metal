// expect: illegal (A) max(uint, int) is ambiguous
#include <metal_stdlib>
using namespace metal;

kernel void work(device uint* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = max(out[gid], 0);
}
