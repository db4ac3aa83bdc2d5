"""The Mandelbrot set: every thread leaves its loop when its point escapes, neighbours at different times."""

import numpy as np
from png import colours, write_png
from report import milliseconds, parse, show, table

import enigma as en

LIMIT = 200


@en.kernel
def mandelbrot(
    out: en.u16, width: en.Scalar(en.u32), height: en.Scalar(en.u32), left: en.Scalar(en.f32), top: en.Scalar(en.f32),
    step: en.Scalar(en.f32),
):  # fmt: skip
    px = en.thread_position_in_grid_xyz("x")
    py = en.thread_position_in_grid_xyz("y")
    if px >= width or py >= height:
        return
    cx = left + px * step
    cy = top + py * step
    x, y = 0.0, 0.0
    count = 0
    while count < LIMIT:
        xx, yy = x * x, y * y
        if xx + yy > 4.0:
            break
        x, y = xx - yy + cx, 2 * x * y + cy
        count += 1
    out[py * width + px] = en.u16(count)


def numpy_mandelbrot(width: int, height: int, left: float, top: float, step: float) -> np.ndarray:
    """Return the same counts, all points at once, in f32."""
    step32 = np.float32(step)
    cx = np.float32(left) + np.arange(width, dtype=np.float32) * step32
    cy = (np.float32(top) + np.arange(height, dtype=np.float32) * step32)[:, None]
    x = np.zeros((height, width), np.float32)
    y, count = x.copy(), np.zeros(x.shape, np.uint16)
    inside = np.ones(x.shape, bool)
    for _ in range(LIMIT):
        xx, yy = x * x, y * y
        inside &= xx + yy <= 4
        count += inside
        x, y = np.where(inside, xx - yy + cx, x), np.where(inside, 2 * x * y + cy, y)
    return count


def main() -> None:
    options = parse(__doc__, size=480)
    show(mandelbrot)

    width, height = options.size, options.size * 2 // 3 + 1
    view = (-2.2, -1.1, 3.3 / width)  # left, top, step
    out = np.zeros((height, width), np.uint16)
    launch = mandelbrot[(width, height), (16, 16)]
    time = milliseconds(launch, out, width, height, *view)

    # at the edge of the set the last bit decides, and a fused multiply-add changes it: few points may differ
    differ = float((out != numpy_mandelbrot(width, height, *view)).mean())
    table(
        ("size", "in the set", "differ from NumPy", "ms"),
        [(f"{width} x {height}", f"{(out == LIMIT).mean():.1%}", f"{differ:.2%}", time)],
    )
    if differ > 0.01:
        raise SystemExit("mandelbrot: more points differ from NumPy than rounding explains")

    night = [(0, 7, 40), (32, 107, 203), (237, 255, 255), (255, 170, 0), (0, 2, 0)]
    shade = np.log1p(out) / np.log1p(LIMIT)
    print("wrote", write_png(options.out / "mandelbrot.png", colours(shade, night)))


if __name__ == "__main__":
    main()
