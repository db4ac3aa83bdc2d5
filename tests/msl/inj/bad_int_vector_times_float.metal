// expect: illegal (A) a float does not become an int silently
#include <metal_stdlib>
using namespace metal;

kernel void work(device int4* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = out[gid] * 1.5f;
}
