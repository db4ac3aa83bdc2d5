"""Vector add: a thread per element, guarded beyond the end; and a thread per four elements, read and written at once."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en


@en.kernel
def vector_add(a: en.f32, b: en.f32, out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i < n:
        out[i] = a[i] + b[i]


@en.kernel
def vector_add_float4(a: en.f32, b: en.f32, out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid * 4
    x = a.load(i, 4, limit=n)
    y = b.load(i, 4, limit=n)
    out.store(i, x + y, limit=n)


def main() -> None:
    options = parse(__doc__, size=1_000_000)
    show(vector_add)
    show(vector_add_float4)

    rng = np.random.default_rng(0)
    rows = []
    for n in sorted({1, 31, 1000, options.size}):
        a, b = rng.standard_normal((2, n), dtype=np.float32)
        row: list[object] = [n]
        for kernel, threads in ((vector_add, n), (vector_add_float4, -(-n // 4))):
            out = np.full_like(a, np.nan)
            time = milliseconds(kernel[threads, 256], a, b, out, n)
            row += [
                check("vector_add", out, a + b),
                time,
                3 * a.nbytes / time / 1e6,
            ]  # one rounding: every bit is right
        rows.append(row)
    table(("elements", "max error", "ms", "GB/s", "float4: max error", "ms", "GB/s"), rows)


if __name__ == "__main__":
    main()
