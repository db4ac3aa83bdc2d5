#include <metal_stdlib>
using namespace metal;

kernel void laplacian(
    device const float* x [[buffer(0)]],
    device float* out [[buffer(1)]],
    constant uint& n [[buffer(2)]],
    uint i [[thread_position_in_grid]])
{
    if (i >= n) return;
    float right = i + 1 < n ? x[i + 1] : 0.0f;
    out[i] = (i > 0 ? x[i - 1] : 0.0f) - 2.0f * x[i] + right;
}
