// expect: legal
#include <metal_stdlib>
using namespace metal;

kernel void work(device float4* a [[buffer(0)]], device const half4* h [[buffer(1)]], uint gid [[thread_position_in_grid]]) {
    bool4 m = a[gid] < 1.0f;
    bool4 n = (h[gid] < 1.0h) && m;
    m = !n || (a[gid] == 2.0f);
    m.x = true;
    const bool every = all(m) && !any(n);
    a[gid] = select(a[gid], float4(every ? 1.0f : 0.0f), m);
    a[gid] = select(a[gid], float4(0.0f), h[gid] > 1.0h);
}
