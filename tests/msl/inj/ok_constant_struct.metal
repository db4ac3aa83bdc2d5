// expect: legal
#include <metal_stdlib>
using namespace metal;

struct Params {
    uint count;
    float4 scale;
};

kernel void work(device float4* out [[buffer(0)]], constant Params& p [[buffer(1)]], device Params* log [[buffer(2)]], uint gid [[thread_position_in_grid]]) {
    Params q = p;
    if (gid < q.count) {
        out[gid] = p.scale * q.scale;
        log[gid] = q;
        q = log[gid];
    }
}
