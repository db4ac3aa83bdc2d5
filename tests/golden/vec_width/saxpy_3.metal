#include <metal_stdlib>
using namespace metal;

kernel void saxpy(
    device const packed_float3* X [[buffer(0)]],
    device packed_float3* Y [[buffer(1)]],
    constant float& a [[buffer(2)]],
    uint i [[thread_position_in_grid]])
{
    Y[i] = a * float3(X[i]) + float3(Y[i]);
}
