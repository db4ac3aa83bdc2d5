// expect: legal
// msl: 3.2
#include <metal_stdlib>
using namespace metal;

#include <metal_logging>
kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    os_log_default.log_info("value %f", out[gid]);
    out[gid] = 1.0f;
}
