// expect: illegal (A) atomics are read by atomic_load_explicit
#include <metal_stdlib>
using namespace metal;

kernel void work(device atomic_uint* count [[buffer(0)]], device uint* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = count[0];
}
