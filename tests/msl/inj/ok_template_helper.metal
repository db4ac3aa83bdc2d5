// expect: legal
#include <metal_stdlib>
using namespace metal;

template <typename T>
inline T twice(T x) {
    return x + x;
}

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = twice(out[gid]) + float(twice(3u));
}
