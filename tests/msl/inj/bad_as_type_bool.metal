// expect: illegal (A) as_type does not take bool
#include <metal_stdlib>
using namespace metal;

kernel void work(device uchar* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = as_type<uchar>(gid > 3u);
}
