// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    if (gid > 3u) {
        threadgroup float inner[16];
        inner[gid % 16u] = 1.0f;
        out[gid] = inner[0];
    }
    threadgroup float4 rows[2][512];
    rows[0][0] = float4(1.0f);
    out[gid] += rows[1][3].x;
}
