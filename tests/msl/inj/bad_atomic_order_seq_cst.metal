// expect: illegal (A) only relaxed on objects
#include <metal_stdlib>
using namespace metal;

kernel void work(device atomic_uint* count [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    atomic_fetch_add_explicit(&count[gid], 1u, memory_order_seq_cst);
}
