// expect: legal
#include <metal_stdlib>
using namespace metal;

struct Ray {
    float3 origin;
    float3 direction;
    float at(float t) const { return origin.x + t * direction.x; }
};

struct Scene {
    device const Ray* rays;
    uint count;
};

inline float travel(Ray ray, float t) {
    return ray.at(t);
}

inline Ray pick(device const Ray* rays, uint i) {
    return rays[i];
}

inline float total(thread const Scene& scene) {
    float sum = 0.0f;
    for (uint i = 0u; i < scene.count; ++i) {
        sum += scene.rays[i].origin.x;
    }
    return sum;
}

inline float4x4 scaled(float4x4 m, float by) {
    return m * by;
}

kernel void work(device Ray* rays [[buffer(0)]], constant Ray& eye [[buffer(1)]], device float4x4* views [[buffer(2)]], device float* out [[buffer(3)]], uint gid [[thread_position_in_grid]]) {
    threadgroup Ray shared_rays[4];
    threadgroup float tile[8][33];
    Ray ray = pick(rays, gid);
    ray = gid > 3u ? ray : eye;
    shared_rays[gid % 4u] = ray;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    rays[gid] = shared_rays[0];
    device Ray& here = rays[gid];
    here.origin = float3(0.0f);
    Scene scene = {rays, 4u};
    threadgroup float* row = tile[gid % 8u];
    row[0] = travel(rays[gid], 2.0f) + travel(eye, 1.0f) + total(scene);
    device float* target = gid > 3u ? out : out + 4;
    views[gid] = scaled(views[gid], 2.0f);
    target[gid] = row[0] + tile[0][1];
    const float4x4 view = float4x4(float4(1.0f), float4(2.0f), float4(3.0f), float4(4.0f));
    out[gid] += view[0][1] + as_type<float>(as_type<uint>(out[gid]) ^ 0x80000000u);
}
