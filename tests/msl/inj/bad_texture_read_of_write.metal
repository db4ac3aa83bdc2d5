// expect: illegal (A) a write texture is not read
#include <metal_stdlib>
using namespace metal;

kernel void work(device float* out [[buffer(0)]], texture2d<float, access::write> image [[texture(0)]], uint2 gid [[thread_position_in_grid]]) {
    out[gid.x] = image.read(gid).x;
}
