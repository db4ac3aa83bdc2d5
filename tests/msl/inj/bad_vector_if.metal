// expect: illegal (A) if needs a scalar bool
#include <metal_stdlib>
using namespace metal;

kernel void work(device float2* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    if (out[gid] > 0.0f) {
        out[gid] = float2(1.0f);
    }
}
