#include <metal_stdlib>
using namespace metal;

kernel void mandelbrot(
    device ushort* out [[buffer(0)]],
    constant uint& width [[buffer(1)]],
    constant uint& height [[buffer(2)]],
    constant float& left [[buffer(3)]],
    constant float& top [[buffer(4)]],
    constant float& step [[buffer(5)]],
    uint2 gid [[thread_position_in_grid]])
{
    uint px = gid.x;
    uint py = gid.y;
    if (px >= width || py >= height) return;
    float cx = left + float(px) * step;
    float cy = top + float(py) * step;
    int count = 0;
    float x = 0.0f;
    float y = 0.0f;
    while (count < 200) {
        float xx = x * x;
        float yy = y * y;
        if (xx + yy > 4.0f) break;
        y = 2.0f * x * y + cy;
        x = xx - yy + cx;
        count++;
    }
    out[py * width + px] = ushort(count);
}
