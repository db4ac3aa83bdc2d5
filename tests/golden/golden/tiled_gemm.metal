#include <metal_stdlib>
using namespace metal;

kernel void tiled_gemm(
    device const float* A [[buffer(0)]],
    device const float* B [[buffer(1)]],
    device float* C [[buffer(2)]],
    constant uint& M [[buffer(3)]],
    constant uint& N [[buffer(4)]],
    constant uint& K [[buffer(5)]],
    uint2 lid [[thread_position_in_threadgroup]],
    uint2 group [[threadgroup_position_in_grid]])
{
    threadgroup float tile_a[1024];
    threadgroup float tile_b[1024];

    uint tx = lid.x;
    uint ty = lid.y;
    uint rows0 = group.y * 64 + ty;
    uint rows1 = rows0 + 16;
    uint rows2 = rows0 + 32;
    uint rows3 = rows0 + 48;
    uint columns0 = group.x * 64 + tx;
    uint columns1 = columns0 + 16;
    uint columns2 = columns0 + 32;
    uint columns3 = columns0 + 48;
    uint t0 = (ty + 16) * 16;
    uint t1 = (ty + 32) * 16;
    uint t2 = (ty + 48) * 16;
    float acc0_0 = 0.0f;
    float acc0_1 = 0.0f;
    float acc0_2 = 0.0f;
    float acc0_3 = 0.0f;
    float acc1_0 = 0.0f;
    float acc1_1 = 0.0f;
    float acc1_2 = 0.0f;
    float acc1_3 = 0.0f;
    float acc2_0 = 0.0f;
    float acc2_1 = 0.0f;
    float acc2_2 = 0.0f;
    float acc2_3 = 0.0f;
    float acc3_0 = 0.0f;
    float acc3_1 = 0.0f;
    float acc3_2 = 0.0f;
    float acc3_3 = 0.0f;
    for (uint k0 = 0; k0 < K; k0 += 16) {
        bool t3 = k0 + tx < K;
        tile_a[ty * 16 + tx] = (rows0 < M && t3) ? A[rows0 * K + k0 + tx] : 0.0f;
        tile_a[t0 + tx] = (rows1 < M && t3) ? A[rows1 * K + k0 + tx] : 0.0f;
        tile_a[t1 + tx] = (rows2 < M && t3) ? A[rows2 * K + k0 + tx] : 0.0f;
        tile_a[t2 + tx] = (rows3 < M && t3) ? A[rows3 * K + k0 + tx] : 0.0f;
        bool t4 = k0 + ty < K;
        tile_b[ty * 64 + tx] = (t4 && columns0 < N) ? B[(k0 + ty) * N + columns0] : 0.0f;
        tile_b[ty * 64 + tx + 16] = (t4 && columns1 < N) ? B[(k0 + ty) * N + columns1] : 0.0f;
        tile_b[ty * 64 + tx + 32] = (t4 && columns2 < N) ? B[(k0 + ty) * N + columns2] : 0.0f;
        tile_b[ty * 64 + tx + 48] = (t4 && columns3 < N) ? B[(k0 + ty) * N + columns3] : 0.0f;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        for (int k = 0; k < 16; k++) {
            float a0 = tile_a[ty * 16 + k];
            float a1 = tile_a[t0 + k];
            float a2 = tile_a[t1 + k];
            float a3 = tile_a[t2 + k];
            uint t5 = uint(k * 64);
            float b0 = tile_b[t5 + tx];
            float b1 = tile_b[t5 + tx + 16];
            float b2 = tile_b[t5 + tx + 32];
            float b3 = tile_b[t5 + tx + 48];
            acc0_0 += a0 * b0;
            acc0_1 += a0 * b1;
            acc0_2 += a0 * b2;
            acc0_3 += a0 * b3;
            acc1_0 += a1 * b0;
            acc1_1 += a1 * b1;
            acc1_2 += a1 * b2;
            acc1_3 += a1 * b3;
            acc2_0 += a2 * b0;
            acc2_1 += a2 * b1;
            acc2_2 += a2 * b2;
            acc2_3 += a2 * b3;
            acc3_0 += a3 * b0;
            acc3_1 += a3 * b1;
            acc3_2 += a3 * b2;
            acc3_3 += a3 * b3;
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    if (rows0 < M && columns0 < N) {
        C[rows0 * N + columns0] = acc0_0;
    }
    if (rows0 < M && columns1 < N) {
        C[rows0 * N + columns1] = acc0_1;
    }
    if (rows0 < M && columns2 < N) {
        C[rows0 * N + columns2] = acc0_2;
    }
    if (rows0 < M && columns3 < N) {
        C[rows0 * N + columns3] = acc0_3;
    }
    if (rows1 < M && columns0 < N) {
        C[rows1 * N + columns0] = acc1_0;
    }
    if (rows1 < M && columns1 < N) {
        C[rows1 * N + columns1] = acc1_1;
    }
    if (rows1 < M && columns2 < N) {
        C[rows1 * N + columns2] = acc1_2;
    }
    if (rows1 < M && columns3 < N) {
        C[rows1 * N + columns3] = acc1_3;
    }
    if (rows2 < M && columns0 < N) {
        C[rows2 * N + columns0] = acc2_0;
    }
    if (rows2 < M && columns1 < N) {
        C[rows2 * N + columns1] = acc2_1;
    }
    if (rows2 < M && columns2 < N) {
        C[rows2 * N + columns2] = acc2_2;
    }
    if (rows2 < M && columns3 < N) {
        C[rows2 * N + columns3] = acc2_3;
    }
    if (rows3 < M && columns0 < N) {
        C[rows3 * N + columns0] = acc3_0;
    }
    if (rows3 < M && columns1 < N) {
        C[rows3 * N + columns1] = acc3_1;
    }
    if (rows3 < M && columns2 < N) {
        C[rows3 * N + columns2] = acc3_2;
    }
    if (rows3 < M && columns3 < N) {
        C[rows3 * N + columns3] = acc3_3;
    }
}
