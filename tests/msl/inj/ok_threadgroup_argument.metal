// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], threadgroup float* t [[threadgroup(0)]], uint lid [[thread_index_in_threadgroup]]) {
    t[lid] = out[lid];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    out[lid] = t[0];
}
