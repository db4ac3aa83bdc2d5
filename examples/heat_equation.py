"""Heat flows through a plate: a 2-D stencil, stepped between two arrays, and a picture of the result."""

import numpy as np
from png import colours, write_png
from report import check, parse, show, table

import enigma as en


@en.kernel
def heat_step(u: en.f32, v: en.f32, width: en.Scalar(en.u32), height: en.Scalar(en.u32), k: en.Scalar(en.f32)):
    """One step of du/dt = k laplace(u); the border keeps its temperature."""
    x = en.thread_position_in_grid_xyz("x")
    y = en.thread_position_in_grid_xyz("y")
    if x >= width or y >= height:
        return
    i = y * width + x
    if 0 < x < width - 1 and 0 < y < height - 1:
        v[i] = u[i] + k * (u[i - 1] + u[i + 1] + u[i - width] + u[i + width] - 4 * u[i])
    else:
        v[i] = u[i]


def numpy_step(u: np.ndarray, k: float) -> np.ndarray:
    """Return the plate one step later, in u's precision."""
    v = u.copy()
    v[1:-1, 1:-1] += k * (u[1:-1, :-2] + u[1:-1, 2:] + u[:-2, 1:-1] + u[2:, 1:-1] - 4 * u[1:-1, 1:-1])
    return v


def plate(width: int, height: int) -> np.ndarray:
    """Return a cold plate with a hot upper edge, a warm left edge and a hot disc."""
    y, x = np.mgrid[:height, :width]
    u = np.zeros((height, width), np.float32)
    u[np.hypot(x - width / 2, y - height / 2) < min(width, height) / 5] = 100
    u[:, 0], u[0, :] = 50, 100
    return u


def main() -> None:
    options = parse(__doc__, size=512)
    show(heat_step)

    k, steps, rows = 0.2, 100, []
    for width, height in ((67, 50), (options.size, options.size)):
        u = plate(width, height)
        v, want = np.full_like(u, np.nan), u.astype(np.float64)
        step = heat_step[(width, height), (16, 16)]
        for done in range(1, steps + 1):
            step(u, v, width, height, k)
            u, v = v, u
            want = numpy_step(want, np.float64(np.float32(k)))
            if done % 50 == 0:
                # a step averages, so errors do not grow: each adds a rounding or two of values up to 100
                error = check("heat_equation", u, want, allowed=2.0**-23 * 100 * np.sqrt(done))
                rows.append((f"{width} x {height}", done, float(u.mean()), error))
    table(("plate", "step", "mean temperature", "max error"), rows)

    heat = [(0, 0, 30), (90, 0, 110), (220, 50, 50), (255, 170, 30), (255, 255, 220)]
    print("wrote", write_png(options.out / "heat_equation.png", colours(u / 100, heat)))


if __name__ == "__main__":
    main()
