#include <metal_stdlib>
using namespace metal;

kernel void bytes_both_ways(
    device const uint* A [[buffer(0)]],
    device const int* S [[buffer(1)]],
    device uint* Parts [[buffer(2)]],
    device uint* Again [[buffer(3)]],
    device uint* Signed [[buffer(4)]],
    uint i [[thread_position_in_grid]])
{
    uint t0 = A[i];
    uint a = t0 & 255;
    uint b = (t0 >> 8) & 255;
    uint c = (t0 >> 16) & 255;
    uint d = t0 >> 24;
    Parts[4 * i] = a;
    Parts[4 * i + 1] = b;
    Parts[4 * i + 2] = c;
    Parts[4 * i + 3] = d;
    Again[i] = d | (c << 8) | (b << 16) | (a << 24);
    int t1 = S[i];
    uint t2 = uint(t1) & 255;
    Signed[i] = (t2 | ((uint(t1 >> 8) & 255) << 8) | 16711680 | 738197504) + (t2 >> 8);
}
