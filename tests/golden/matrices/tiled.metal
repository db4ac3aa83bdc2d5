#include <metal_stdlib>
using namespace metal;

kernel void tiled(
    device const half* A [[buffer(0)]],
    device const half* B [[buffer(1)]],
    device float* C [[buffer(2)]],
    constant uint& M [[buffer(3)]],
    constant uint& N [[buffer(4)]],
    constant uint& K [[buffer(5)]],
    uint2 group [[threadgroup_position_in_grid]],
    uint simdgroup [[simdgroup_index_in_threadgroup]])
{
    uint row = group.y * 32 + simdgroup / 2 * 16;
    uint column = group.x * 32 + simdgroup % 2 * 16;
    simdgroup_float8x8 acc0_0 = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
    simdgroup_float8x8 acc0_1 = acc0_0;
    simdgroup_float8x8 acc1_0 = acc0_0;
    simdgroup_float8x8 acc1_1 = acc0_0;
    for (uint k = 0; k < K; k += 8) {
        uint t0 = k * M + row;
        simdgroup_half8x8 a0_0;
        simdgroup_load(a0_0, A + t0, M, ulong2(0), true);
        simdgroup_half8x8 a1_0;
        simdgroup_load(a1_0, A + (t0 + 8), M, ulong2(0), true);
        uint t1 = k * N + column;
        simdgroup_half8x8 b0_0;
        simdgroup_load(b0_0, B + t1, N);
        simdgroup_half8x8 b0_1;
        simdgroup_load(b0_1, B + (t1 + 8), N);
        simdgroup_multiply_accumulate(acc0_0, a0_0, b0_0, acc0_0);
        simdgroup_multiply_accumulate(acc0_1, a0_0, b0_1, acc0_1);
        simdgroup_multiply_accumulate(acc1_0, a1_0, b0_0, acc1_0);
        simdgroup_multiply_accumulate(acc1_1, a1_0, b0_1, acc1_1);
        if (k == 0) {
            acc1_0.thread_elements()[0] = acc1_0.thread_elements()[0] * 2.0f;
            acc1_0.thread_elements()[1] = acc1_0.thread_elements()[1] * 2.0f;
        }
    }
    uint t0 = row * N + column;
    uint t1 = t0 + N * 8;
    simdgroup_store(acc0_0, C + t0, N);
    simdgroup_store(acc0_1, C + (t0 + 8), N);
    simdgroup_store(acc1_0, C + t1, N);
    simdgroup_store(acc1_1, C + (t1 + 8), N);
}
