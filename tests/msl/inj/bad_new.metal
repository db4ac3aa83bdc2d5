// expect: illegal (A) Metal has no new
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    thread float* p = new float(1.0f);
    out[gid] = *p;
}
