// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(texture2d<float, access::read> src [[texture(0)]], texture2d<float> img [[texture(1)]], texture2d<float, access::write> dst [[texture(2)]], uint2 gid [[thread_position_in_grid]]) {
    constexpr sampler linear(coord::normalized, filter::linear, address::clamp_to_edge);
    float4 c = src.read(gid) + img.sample(linear, float2(gid) * 0.5f, level(0.0f));
    if (gid.x < dst.get_width()) {
        dst.write(c, gid);
    }
}
