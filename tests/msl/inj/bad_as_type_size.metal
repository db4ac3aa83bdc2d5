// expect: illegal (A) 16 bits to 32 bits
#include <metal_stdlib>
using namespace metal;

kernel void work(device const half* in [[buffer(0)]], device uint* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = as_type<uint>(in[gid]);
}
