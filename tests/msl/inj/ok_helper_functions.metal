// expect: legal
#include <metal_stdlib>
using namespace metal;

inline float first(device const float* p) {
    return p[0];
}
inline void bump(thread float& x, float by) {
    x += by;
}
inline float stage(threadgroup float* t, uint i) {
    return t[i];
}

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    threadgroup float t[32];
    t[gid % 32u] = 1.0f;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    float v = first(out) + stage(t, 3u);
    bump(v, 1.0f);
    out[gid] = v;
}
