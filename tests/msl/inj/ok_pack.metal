// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device uint* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float4 v = unpack_unorm4x8_to_float(out[gid]);
    out[gid] = pack_float_to_snorm4x8(v) + pack_half_to_unorm2x16(half2(v.xy));
}
