// expect: illegal (A) min(int, uint) is ambiguous
#include <metal_stdlib>
using namespace metal;

kernel void work(device uint* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    int limit = 3;
    out[gid] = min(limit, out[gid]);
}
