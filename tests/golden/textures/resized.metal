#include <metal_stdlib>
using namespace metal;

constexpr sampler linear_repeat(filter::linear, address::repeat);
constexpr sampler nearest_clamp_to_edge(filter::nearest, address::clamp_to_edge);

kernel void resized(
    texture2d<float, access::sample> Source [[texture(0)]],
    texture2d_array<half, access::sample> Stack [[texture(1)]],
    texture2d<float, access::read_write> Out [[texture(2)]],
    device const float* Scale [[buffer(0)]],
    constant uint& layer [[buffer(1)]],
    uint2 gid [[thread_position_in_grid]])
{
    uint x = gid.x;
    uint y = gid.y;
    if (x < Out.get_width() && y < Out.get_height()) {
        float v = (float(y) + 0.5f) / float(Out.get_height());
        float2 t0 = float2((float(x) + 0.5f) / float(Out.get_width()), v);
        half4 nearest = Stack.sample(nearest_clamp_to_edge, t0, min(layer, Stack.get_array_size() - 1), level(0));
        float4 linear_repeat_1 = Source.sample(linear_repeat, t0, level(0)) * Scale[0];
        uint2 t1 = uint2(x, y);
        Out.write(linear_repeat_1 + float4(nearest), t1);
        Out.fence();
        Out.write(Out.read(t1) * 0.5f + Source.sample(linear_repeat, t0, level(0)), t1);
    }
}
