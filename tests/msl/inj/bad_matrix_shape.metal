// expect: illegal (A) simdgroup_matrix is 8x8 only
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    simdgroup_matrix<float, 4, 4> m;
    out[gid] = 1.0f;
}
