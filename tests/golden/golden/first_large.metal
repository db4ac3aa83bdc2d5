#include <metal_stdlib>
using namespace metal;

kernel void first_large(
    device const int* x [[buffer(0)]],
    device int* where [[buffer(1)]],
    constant uint& rows [[buffer(2)]],
    constant uint& n [[buffer(3)]],
    constant int& limit [[buffer(4)]],
    uint row [[thread_position_in_grid]])
{
    if (row >= rows) return;
    int found = -1;
    for (uint j = 0; j < n; j++) {
        int value = x[row * n + j];
        if (value >= 0) {
            if (value == 0) {
                where[row] = -2;
                return;
            }
            if (value > limit) {
                found = int(j);
                break;
            }
        }
    }
    where[row] = found;
}
