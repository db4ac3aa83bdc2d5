// expect: illegal (B) a kernel returns void
#include <metal_stdlib>
using namespace metal;

kernel float work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    return out[gid];
}
