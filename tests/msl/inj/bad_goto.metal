// expect: illegal (A) Metal has no goto
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    if (gid > 3u) goto done;
    out[gid] = 1.0f;
    done:
    return;
}
