#include <metal_stdlib>
using namespace metal;

kernel void spelled(
    device long* a [[buffer(0)]],
    device bfloat* b [[buffer(1)]],
    device bool* p [[buffer(2)]],
    device uint* out [[buffer(3)]],
    uint i [[thread_position_in_grid]])
{
    a[i] = as_type<long>(simd_shuffle_xor(as_type<uint2>(a[i]), ushort(1)));
    b[i] = as_type<bfloat>(quad_broadcast(as_type<ushort>(b[i]), ushort(0)));
    p[i] = bool(simd_shuffle_and_fill_up(ushort(p[i]), ushort(false), ushort(1)));
    out[i] = uint((quad_vote::vote_t)quad_ballot(simd_all(p[i])));
    long t0 = as_type<long>(quad_shuffle_and_fill_down(as_type<uint2>(a[i]), as_type<uint2>(7l), ushort(i), 2));
    out[i + 1] = uint(t0);
}
