// expect: illegal (lint) kernels are not called
#include <metal_stdlib>
using namespace metal;

kernel void one(device float* out [[buffer(0)]]) {
    out[0] = 1.0f;
}
kernel void two(device float* out [[buffer(0)]]) {
    one(out);
}
