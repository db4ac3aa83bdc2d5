"""The second difference of a signal: a 3-point stencil that sees zeros beyond both ends."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en


@en.kernel
def laplacian(x: en.f32, out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i >= n:
        return
    left = x[i - 1] if i > 0 else 0.0
    right = x[i + 1] if i + 1 < n else 0.0
    out[i] = left - 2 * x[i] + right


def main() -> None:
    options = parse(__doc__, size=4096)
    show(laplacian)

    rng = np.random.default_rng(0)
    rows = []
    for n in sorted({1, 2, 33, options.size}):
        x = rng.standard_normal(n, dtype=np.float32)
        out = np.full_like(x, np.nan)
        launch = laplacian[n, 256]
        time = milliseconds(launch, x, out, n)
        padded = np.pad(x.astype(np.float64), 1)
        half = padded[:-2] - 2 * padded[1:-1]
        want = half + padded[2:]
        # twice x is exact; a difference and a sum round, each by half a unit in its last place
        error = check("laplacian", out, want, allowed=2.0**-24 * (np.abs(half) + np.abs(want)) * (1 + 2.0**-23))
        rows.append((n, error, time))
    table(("elements", "max error", "ms"), rows)


if __name__ == "__main__":
    main()
