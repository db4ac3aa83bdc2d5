// expect: illegal (any) no acquire before 4.1
#include <metal_stdlib>
using namespace metal;

kernel void work(device atomic_uint* count [[buffer(0)]], device uint* out [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = atomic_load_explicit(&count[gid], memory_order_acquire);
}
