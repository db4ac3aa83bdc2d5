#include <metal_stdlib>
using namespace metal;

kernel void saxpy(
    device const float4* X [[buffer(0)]],
    device float4* Y [[buffer(1)]],
    constant float& a [[buffer(2)]],
    uint i [[thread_position_in_grid]])
{
    Y[i] = a * X[i] + Y[i];
}
