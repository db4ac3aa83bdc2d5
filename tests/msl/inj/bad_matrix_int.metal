// expect: illegal (A) simdgroup_matrix holds floats only
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    simdgroup_matrix<int, 8, 8> m;
    out[gid] = 1.0f;
}
