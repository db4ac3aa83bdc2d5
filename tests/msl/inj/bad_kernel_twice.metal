// expect: illegal (lint) kernels are not overloaded
#include <metal_stdlib>
using namespace metal;

kernel void one(device float* out [[buffer(0)]]) {
    out[0] = 1.0f;
}
kernel void one(device half* out [[buffer(0)]]) {
    out[0] = 1.0h;
}
