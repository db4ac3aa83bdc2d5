#include <metal_stdlib>
using namespace metal;

kernel void packing_srgb_unorm4x8(
    device const float4* A [[buffer(0)]],
    device const half4* H [[buffer(1)]],
    device const uint* P [[buffer(2)]],
    device uint* Words [[buffer(3)]],
    device float4* Out [[buffer(4)]],
    device half4* Halves [[buffer(5)]],
    uint i [[thread_position_in_grid]])
{
    Words[2 * i] = pack_float_to_srgb_unorm4x8(A[i]);
    Words[2 * i + 1] = pack_half_to_srgb_unorm4x8(H[i]);
    Out[i] = unpack_unorm4x8_srgb_to_float(P[i]);
    Halves[i] = unpack_unorm4x8_srgb_to_half(P[i]);
}
