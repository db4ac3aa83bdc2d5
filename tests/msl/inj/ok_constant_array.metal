// expect: legal
#include <metal_stdlib>
using namespace metal;

constant float weights[3] = {1.0f, 2.0f, 3.0f};
constexpr constant uint count = 3u;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = weights[gid % count];
}
