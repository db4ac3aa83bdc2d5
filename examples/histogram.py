"""Histogram of bytes: atomics in threadgroup memory, where they are cheap, then one per bin to the device."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en

BINS = 256


@en.kernel
def histogram(data: en.u8, bins: en.u32, n: en.Scalar(en.u32)):
    """Adds to `bins`; a threadgroup has 256 threads, one per bin, and the grid strides over any n."""
    tid = en.thread_position_in_threadgroup()
    local = en.threadgroup_alloc(en.u32, BINS)
    local[tid] = 0
    en.barrier()
    for i in range(en.thread_position_in_grid, n, en.threads_per_grid()):
        en.atomic_fetch_add(local, data[i], 1)
    en.barrier()
    en.atomic_fetch_add(bins, tid, local[tid])


def main() -> None:
    options = parse(__doc__, size=1_000_000)
    show(histogram)

    rng = np.random.default_rng(0)
    n = options.size
    inputs = {
        "uniform": rng.integers(0, 256, n),
        "bell": np.clip(rng.normal(128, 20, n), 0, 255),
        "all one value": np.full(n, 7),
    }
    rows = []
    for name, values in inputs.items():
        data = values.astype(np.uint8)
        bins = np.zeros(BINS, np.uint32)
        launch = histogram[16 * BINS, BINS]
        launch(data, bins, n)
        check("histogram", bins, np.bincount(data, minlength=BINS))
        scratch = np.zeros_like(bins)
        time = milliseconds(launch, data, scratch, n)
        rows.append((name, n, int(bins.argmax()), int(bins.max()), time))
    table(("input", "bytes", "fullest bin", "holds", "ms"), rows)


if __name__ == "__main__":
    main()
