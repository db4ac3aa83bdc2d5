// expect: illegal (A) select needs one type
#include <metal_stdlib>
using namespace metal;

kernel void work(device float4* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = select(out[gid], int4(1), out[gid] < 1.0f);
}
