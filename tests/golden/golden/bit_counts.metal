#include <metal_stdlib>
using namespace metal;

kernel void bit_counts(
    device const uint* x [[buffer(0)]],
    device uint* counts [[buffer(1)]],
    constant uint& rows [[buffer(2)]],
    constant uint& columns [[buffer(3)]],
    uint row [[thread_position_in_grid]])
{
    uint found[4];

    if (row < rows) {
        found[0] = 0;
        found[1] = 0;
        found[2] = 0;
        found[3] = 0;
        for (uint j = 0; j < columns; j++) {
            uint t0 = (31 - clz(x[row * columns + j] | 1)) / 8;
            found[t0] += 1;
        }
        for (int k = 0; k < 4; k++) {
            counts[row * 4 + k] = found[k];
        }
    }
}
