#include <metal_stdlib>
using namespace metal;

kernel void heat_step(
    device const float* u [[buffer(0)]],
    device float* v [[buffer(1)]],
    constant uint& width [[buffer(2)]],
    constant uint& height [[buffer(3)]],
    constant float& k [[buffer(4)]],
    uint2 gid [[thread_position_in_grid]])
{
    uint x = gid.x;
    uint y = gid.y;
    if (x >= width || y >= height) return;
    uint i = y * width + x;
    if (x > 0 && x < width - 1 && y > 0 && y < height - 1) {
        float t0 = u[i];
        v[i] = t0 + k * (u[i - 1] + u[i + 1] + u[i - width] + u[i + width] - 4.0f * t0);
    } else {
        v[i] = u[i];
    }
}
