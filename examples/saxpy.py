"""SAXPY, y = a x + y: a number passed by value, and an array updated in place."""

import numpy as np
from report import check, parse, show, table

import enigma as en


@en.kernel
def saxpy(x: en.f32, y: en.f32, a: en.Scalar(en.f32), n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i < n:
        y[i] = a * x[i] + y[i]


def main() -> None:
    options = parse(__doc__, size=1_000_000)
    show(saxpy)

    n = options.size
    rng = np.random.default_rng(0)
    rows = []
    for a in (0.0, 1.0, -2.5, np.float32(np.pi)):
        x, y = rng.standard_normal((2, n), dtype=np.float32)
        want = np.float64(a) * x + y
        # with or without a fused multiply-add: half a unit in the last place of the product, and of the sum
        allowed = 2.0**-24 * (np.abs(np.float64(a) * x) + np.abs(want)) * 1.01
        saxpy[n, 256](x, y, float(a), n)
        rows.append((float(a), n, check("saxpy", y, want, allowed=allowed)))
    table(("a", "elements", "max error"), rows)


if __name__ == "__main__":
    main()
