// expect: illegal (any) there is no double
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    double x = out[gid];
    out[gid] = float(x);
}
