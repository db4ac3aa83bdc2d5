// expect: illegal (A) a read texture is not written
#include <metal_stdlib>
using namespace metal;

kernel void work(texture2d<float, access::read> image [[texture(0)]], uint2 gid [[thread_position_in_grid]]) {
    image.write(float4(1.0f), gid);
}
