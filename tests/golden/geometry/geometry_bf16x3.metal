#include <metal_stdlib>
using namespace metal;

kernel void geometry_bf16x3(
    device const packed_bfloat3* A [[buffer(0)]],
    device const packed_bfloat3* B [[buffer(1)]],
    device const bfloat* E [[buffer(2)]],
    device bfloat* Numbers [[buffer(3)]],
    device packed_bfloat3* Vectors [[buffer(4)]],
    uint i [[thread_position_in_grid]])
{
    bfloat3 a = A[i];
    bfloat3 b = B[i];
    bfloat eta = E[i];
    Numbers[5 * i] = bfloat(dot(float3(a), float3(b)));
    uint t0 = 5 * i + 1;
    Numbers[t0] = bfloat(length(float3(a)));
    uint t1 = 5 * i + 2;
    Numbers[t1] = bfloat(length_squared(float3(a)));
    uint t2 = 5 * i + 3;
    Numbers[t2] = bfloat(distance(float3(a), float3(b)));
    uint t3 = 5 * i + 4;
    Numbers[t3] = bfloat(distance_squared(float3(a), float3(b)));
    bfloat3 n = bfloat3(normalize(float3(b)));
    Vectors[5 * i] = n;
    Vectors[t0] = bfloat3(reflect(float3(a), float3(n)));
    Vectors[t1] = bfloat3(refract(float3(bfloat3(normalize(float3(a)))), float3(n), float(eta)));
    Vectors[t2] = bfloat3(faceforward(float3(a), float3(b), float3(n)));
    Vectors[t3] = bfloat3(cross(float3(a), float3(b)));
}
