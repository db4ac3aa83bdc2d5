// expect: legal
#include <metal_stdlib>
using namespace metal;

constant uint count [[function_constant(0)]];
constant bool wide [[function_constant(1)]];
constant uint width = is_function_constant_defined(count) ? count : 4u;

kernel void work(device float* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = wide ? float(width) : 1.0f;
}
