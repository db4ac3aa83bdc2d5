// expect: illegal (A) half must be widened
// msl: 3.2
#include <metal_stdlib>
#include <metal_logging>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    os_log_default.log("value %f", half(out[gid]));
    out[gid] = 1.0f;
}
