"""A picture in another size: blurred along both axes, then sampled between its texels."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en

WEIGHTS = (0.0625, 0.25, 0.375, 0.25, 0.0625)


@en.kernel
def blur(
    image: en.Texture2D(en.f32, "sample"),
    out: en.Texture2D(en.f32, "write"),
    dx: en.Scalar(en.f32),
    dy: en.Scalar(en.f32),
):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    total = en.f32x4(0.0)
    for k in range(5):
        # in texels: the edge goes on outside of the picture
        total += WEIGHTS[k] * image.sample(
            x.to(en.f32) + 0.5 + dx * (k - 2), y.to(en.f32) + 0.5 + dy * (k - 2), normalized=False
        )
    out.write(total, x, y)


@en.kernel
def resize(image: en.Texture2D(en.f32, "sample"), out: en.Texture2D(en.f32, "write")):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    u = (x.to(en.f32) + 0.5) / out.width().to(en.f32)
    v = (y.to(en.f32) + 0.5) / out.height().to(en.f32)
    out.write(image.sample(u, v, filter="linear"), x, y)


def blurred(image: np.ndarray, axis: int) -> np.ndarray:
    """Return a picture with each texel and two neighbours on both sides weighted, edges repeated."""
    padding = [(2, 2) if a == axis else (0, 0) for a in range(image.ndim)]
    padded, size = np.pad(image, padding, mode="edge"), image.shape[axis]
    return sum(w * np.take(padded, np.arange(k, k + size), axis) for k, w in enumerate(WEIGHTS))


def stretched(image: np.ndarray, axis: int, size: int) -> np.ndarray:
    """Return a picture in another size along one axis, by linear interpolation."""
    place = np.clip((np.arange(size) + 0.5) * image.shape[axis] / size - 0.5, 0, image.shape[axis] - 1)
    first = np.floor(place).astype(int)
    after = np.minimum(first + 1, image.shape[axis] - 1)
    near = np.expand_dims(place - first, tuple(a for a in range(image.ndim) if a != axis))
    return (1 - near) * np.take(image, first, axis) + near * np.take(image, after, axis)


def main() -> None:
    options = parse(__doc__, size=512)
    show(blur)
    show(resize)

    rng = np.random.default_rng(0)
    rows = []
    for side in sorted({1, 7, options.size}):
        height, width = side, side + 5
        image = rng.uniform(0, 1, (height, width, 4)).astype(np.float32)
        half, smooth = np.empty_like(image), np.empty_like(image)
        blur[(width, height), (16, 16)](image, half, 1.0, 0.0)
        blur[(width, height), (16, 16)](half, smooth, 0.0, 1.0)
        want = blurred(blurred(image.astype(np.float64), 1), 0)
        # ten products and sums of numbers up to 1
        blur_error = check("resize", smooth, want, allowed=10 * 2.0**-24)

        out = np.empty((height * 3 // 2 + 1, width * 2, 4), np.float32)
        launch = resize[(out.shape[1], out.shape[0]), (16, 16)]
        time = milliseconds(launch, image, out)
        want = stretched(stretched(image.astype(np.float64), 1, out.shape[1]), 0, out.shape[0])
        # a coordinate is off by an ulp of the size, and neighbours differ by up to 1
        error = check("resize", out, want, allowed=2 * (height + width) * 2.0**-23 + 8 * 2.0**-24)
        rows.append((f"{width} x {height}", blur_error, error, time))
    table(("picture", "blur error", "resize error", "ms"), rows)


if __name__ == "__main__":
    main()
