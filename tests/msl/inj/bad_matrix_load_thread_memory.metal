// expect: illegal (B) no load from thread memory
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]]) {
    float t[64] = {};
    simdgroup_float8x8 m;
    simdgroup_load(m, t, 8);
    simdgroup_store(m, out, 8);
}
