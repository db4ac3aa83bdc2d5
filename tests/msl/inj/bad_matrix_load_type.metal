// expect: illegal (A) half memory into a float matrix
#include <metal_stdlib>
using namespace metal;

kernel void work(device const half* in [[buffer(0)]], device float* out [[buffer(1)]]) {
    simdgroup_float8x8 m;
    simdgroup_load(m, in, 8);
    simdgroup_store(m, out, 8);
}
