#include <metal_stdlib>
using namespace metal;

kernel void sobel(
    device const float* src [[buffer(0)]],
    device float* dst [[buffer(1)]],
    constant uint& width [[buffer(2)]],
    constant uint& height [[buffer(3)]],
    uint2 gid [[thread_position_in_grid]])
{
    uint x = gid.x;
    uint y = gid.y;
    if (x >= width || y >= height) return;
    uint i = y * width + x;
    uint n = i - width;
    uint s = i + width;
    if (x > 0 && x < width - 1 && y > 0 && y < height - 1) {
        float t0 = src[n + 1];
        float t1 = src[s + 1];
        float t2 = src[n - 1];
        float t3 = src[s - 1];
        float gx = t0 + 2.0f * src[i + 1] + t1 - (t2 + 2.0f * src[i - 1] + t3);
        float gy = t3 + 2.0f * src[s] + t1 - (t2 + 2.0f * src[n] + t0);
        dst[i] = sqrt(gx * gx + gy * gy);
    } else {
        dst[i] = 0.0f;
    }
}
