// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float v = out[gid];
    v += simd_shuffle(v, ushort(gid & 31u)) + simd_shuffle_xor(v, 1) + simd_shuffle_down(v, 16u);
    v += simd_broadcast(v, 0) + simd_broadcast_first(v) + simd_prefix_inclusive_sum(v) + simd_prefix_exclusive_product(v);
    v += simd_shuffle_and_fill_up(v, 0.0f, 1) + quad_sum(v) + quad_shuffle_xor(v, 2);
    uint n = simd_and(gid) | simd_or(gid) ^ quad_xor(gid);
    ulong mask = (simd_vote::vote_t)simd_ballot(v > 1.0f);
    if (simd_is_first() && simd_any(v > 1.0f) && !simd_all(n > 3u)) {
        out[gid] = v + float(mask);
    }
}
