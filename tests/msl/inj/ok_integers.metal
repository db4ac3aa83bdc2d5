// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device uint* out [[buffer(0)]], uint gid [[thread_position_in_grid]]) {
    uint u = out[gid];
    int i = int(u);
    u = popcount(u) + clz(u) + ctz(u) + reverse_bits(u) + rotate(u, 3u) + mulhi(u, u) + absdiff(u, 3u) + addsat(u, 1u);
    u += extract_bits(u, 3u, 4u) + insert_bits(u, 1u, 2u, 3u) + madsat(u, u, u) + hadd(u, 1u);
    i = abs(min(i, 3)) + clamp(i, -1, 1) + (-2147483647 - 1);
    short s = max(short(i), short(1));
    char4 c = char4(1, 2, 3, 4) * char4(2);
    out[gid] = u + uint(i) + uint(s) + uint(c.x) + (u << 3u) / max(u, 1u);
}
