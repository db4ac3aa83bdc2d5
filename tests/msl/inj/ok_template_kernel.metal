// expect: legal
#include <metal_stdlib>
using namespace metal;

template <typename T>
kernel void fill(device T* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    out[gid] = T(1);
}
template [[host_name("fill_float")]] kernel void fill<float>(device float*, uint);
template [[host_name("fill_half")]] [[kernel]] decltype(fill<half>) fill<half>;
