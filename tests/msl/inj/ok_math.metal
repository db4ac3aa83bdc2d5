// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    float x = out[gid];
    float y = precise::exp(x) + fast::sin(x) + sinpi(x) + rsqrt(x) + fma(x, x, 1.0f) + pow(x, 2.0f) + atan2(x, 2.0f);
    int e;
    float f = frexp(y, e);
    float c;
    float s = sincos(x, c);
    float w;
    float r = modf(x, w);
    y = ldexp(f, e) + s + c + r + w + clamp(x, 0.0f, 1.0f) + mix(x, y, 0.5f) + smoothstep(0.0f, 1.0f, x) + M_PI_F;
    out[gid] = isnan(y) || isinf(y) ? INFINITY : fmedian3(x, y, FLT_MAX);
}
