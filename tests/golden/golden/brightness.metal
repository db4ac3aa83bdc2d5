#include <metal_stdlib>
using namespace metal;

constant float LUMA[3] = {0.299f, 0.587f, 0.114f};

kernel void brightness(
    device const uchar* pixels [[buffer(0)]],
    device float* out [[buffer(1)]],
    constant uint& n [[buffer(2)]],
    uint i [[thread_position_in_grid]])
{
    if (i >= n) return;
    float total = 0.0f;
    for (int c = 0; c < 3; c++) {
        total += LUMA[c] * pixels[i * 3 + c];
    }
    out[i] = total / 255.0f;
}
