"""Inclusive prefix sum of any length: lanes, then simdgroups, then threadgroups, each level scanned like the one below."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en

THREADS = 256
SIMDGROUPS = THREADS // 32


@en.kernel
def scan_blocks(x: en.i32, out: en.i32, totals: en.i32, n: en.Scalar(en.u32)):
    """Scan every block of 256 by itself, and store each block's total."""
    i = en.thread_position_in_grid
    lane = en.thread_index_in_simdgroup()
    simdgroup = en.simdgroup_index_in_threadgroup()
    sums = en.threadgroup_alloc(en.i32, SIMDGROUPS)

    value = x[i] if i < n else 0
    scan = en.simd_prefix_inclusive_sum(value)
    if lane == 31:
        sums[simdgroup] = scan
    en.barrier()

    before = en.simd_prefix_exclusive_sum(sums[lane] if lane < SIMDGROUPS else 0)
    scan += en.simd_shuffle(before, simdgroup)
    if i < n:
        out[i] = scan
    if en.thread_position_in_threadgroup() == THREADS - 1:
        totals[en.threadgroup_position_in_grid()] = scan


@en.kernel
def add_offsets(out: en.i32, offsets: en.i32, n: en.Scalar(en.u32)):
    """Add to every block but the first the scan of the totals before it."""
    i = en.thread_position_in_grid
    block = en.threadgroup_position_in_grid()
    if block > 0 and i < n:
        out[i] += offsets[block - 1]


def prefix_sum(x: np.ndarray) -> np.ndarray:
    """Return the inclusive prefix sum of an int32 array."""
    blocks = -(-x.size // THREADS)
    out, totals = np.zeros_like(x), np.zeros(blocks, np.int32)
    scan_blocks[blocks * THREADS, THREADS](x, out, totals, x.size)
    if blocks > 1:
        add_offsets[blocks * THREADS, THREADS](out, prefix_sum(totals), x.size)
    return out


def main() -> None:
    options = parse(__doc__, size=1_000_000)
    show(scan_blocks)
    show(add_offsets)

    rng = np.random.default_rng(0)
    rows = []
    for n in sorted({1, 255, 257, 70_000, options.size}):
        x = rng.integers(-1000, 1000, n, dtype=np.int32)
        time = milliseconds(prefix_sum, x)
        got = prefix_sum(x)
        check("prefix_sum", got, np.cumsum(x, dtype=np.int32))
        rows.append((n, int(got[-1]), time))
    table(("elements", "last sum", "ms"), rows)


if __name__ == "__main__":
    main()
