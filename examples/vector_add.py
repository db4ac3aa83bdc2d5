"""Vector add: one thread per element, and a guard for the threads beyond the end."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en


@en.kernel
def vector_add(a: en.f32, b: en.f32, out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i < n:
        out[i] = a[i] + b[i]


def main() -> None:
    options = parse(__doc__, size=1_000_000)
    show(vector_add)

    rng = np.random.default_rng(0)
    rows = []
    for n in sorted({1, 31, 1000, options.size}):
        a, b = rng.standard_normal((2, n), dtype=np.float32)
        out = np.full_like(a, np.nan)
        launch = vector_add[n, 256]
        time = milliseconds(launch, a, b, out, n)
        error = check("vector_add", out, a + b)  # one rounding, so every bit is right
        rows.append((n, error, time, 3 * a.nbytes / time / 1e6))
    table(("elements", "max error", "ms", "GB/s"), rows)


if __name__ == "__main__":
    main()
