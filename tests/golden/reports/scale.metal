#include <metal_stdlib>
#include <metal_logging>
using namespace metal;

kernel void scale(
    device const half* x [[buffer(0)]],
    device half* out [[buffer(1)]],
    constant float& factor [[buffer(2)]],
    constant uint& n [[buffer(3)]],
    uint i [[thread_position_in_grid]])
{
    if (i < n) {
        half t0 = x[i];
        float y = t0 * factor;
        os_log_default.log("test_reports.py:0: x[%u] = %f, 100%% of %.2f", i, float(t0), y);
        if (!isfinite(y)) {
            os_log_default.log_error("test_reports.py:0: assertion failed: overflow: %f * %f", float(x[i]), factor);
        }
        out[i] = half(y);
    }
}
