// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device half* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    half x = 1.5h;
    out[gid] = max(x, 2.0h) + as_type<half>(ushort(15360));
}
