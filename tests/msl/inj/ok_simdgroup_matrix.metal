// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device const half* in [[buffer(0)]], device float* out [[buffer(1)]]) {
    simdgroup_half8x8 a;
    simdgroup_half8x8 b;
    simdgroup_float8x8 c = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
    threadgroup half tile[64];
    tile[0] = 0.0h;
    simdgroup_load(a, in, 8);
    simdgroup_load(b, tile, 8, ulong2(0, 0), true);
    simdgroup_multiply_accumulate(c, a, b, c);
    c.thread_elements()[0] *= 2.0f;
    simdgroup_store(c, out, 8);
}
