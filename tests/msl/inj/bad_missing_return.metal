// expect: illegal (A) a path of a function returns nothing
#include <metal_stdlib>
using namespace metal;

inline float pick(uint i) {
    if (i > 3u) {
        return 1.0f;
    }
}
kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = pick(gid);
}
