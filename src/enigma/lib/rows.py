"""How rows are shared out: a threadgroup for each, or a simdgroup for each where they are short; and sums and maxima of them."""

# pyright: basic
# a kernel's values have no types that a checker knows

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import enigma as en
from enigma.errors import LaunchError
from enigma.lib.launch import Size

SIMDGROUP, THREADS = 32, 256
HELD = 16
"""Elements that a thread holds in registers at a time."""


@dataclass(frozen=True, slots=True)
class Rows:
    """`threads` of them work on a row. A run is `width` elements side by side, and a thread holds `held` of those at a time."""

    threads: int
    width: int
    held: int

    @classmethod
    def of(cls, columns: int, width: int | None = None) -> Rows:
        """Return how rows of so many elements are shared out.

        A run, which is read at once, has 4, 2 or 1 elements by default, whichever divides the row. On a processor neighbouring
        threads share a vector, so there 1 is best. Raises `LaunchError` for a width that does not divide the row.
        """
        fitting = [w for w in (4, 2, 1) if columns % w == 0]
        chosen = fitting[0] if width is None else width
        if chosen not in fitting:
            raise LaunchError(
                f"width is {width!r}, but it must be {' or '.join(map(str, reversed(fitting)))}: what divides rows of {columns} "
                "elements", help="leave it out",
            )  # fmt: skip
        threads = SIMDGROUP if columns <= SIMDGROUP * HELD else THREADS
        return cls(threads, chosen, min(-(-columns // (threads * chosen)), HELD // chosen))

    def are_held(self, columns: int) -> bool:
        """Return whether the threads of a row hold all of it at a time."""
        return columns <= self.held * self.threads * self.width

    def grid(self, rows: int) -> Size:
        """Return the threads for so many rows."""
        return rows * self.threads, 1, 1

    # ---- in a kernel

    def place(self) -> tuple[Any, Any]:
        """Return the number of this thread's row, and its own number among the threads of that."""
        if self.threads == SIMDGROUP:
            group = en.threadgroup_position_in_grid("x") * (THREADS // SIMDGROUP)
            return group + en.simdgroup_index_in_threadgroup(), en.thread_index_in_simdgroup()
        return en.threadgroup_position_in_grid("x"), en.thread_position_in_threadgroup("x")

    def tensor(self, x: Any, runs: Any) -> Any:
        """Return a buffer as rows of so many runs: `T[row, run, None]` is one of them."""
        rows = en.threads_per_grid("x") // self.threads
        return en.make_tensor(x, en.make_layout((rows, runs, self.width), (runs * self.width, self.width, 1)))

    def hold(self, row: Any, first: Any, runs: Any, beyond: float) -> list[Any]:
        """Return the runs that a thread holds of a row, from run `first` on, in f32; behind the row's end they are `beyond`."""
        numbers = [first + k * self.threads for k in range(self.held)]
        return [row[j, None].load(pred=j < runs, default=beyond).to(en.f32) for j in numbers]

    def combined(self, value: Any, across: Callable[[Any], Any], combine: Callable[[Any, Any], Any]) -> Any:
        """Return what `combine` makes of the values of a row's threads, in each of them; `across` does it in a simdgroup."""
        found = across(value)
        if self.threads == SIMDGROUP:
            return found
        partial = en.threadgroup_alloc(en.f32, self.threads // SIMDGROUP)
        if en.thread_index_in_simdgroup() == 0:
            partial[en.simdgroup_index_in_threadgroup()] = found
        en.barrier()
        total = partial[0]
        for k in en.range_constexpr(1, self.threads // SIMDGROUP):
            total = combine(total, partial[k])
        return total

    def sum(self, value: Any) -> Any:
        """Return the sum of the values of a row's threads, in each of them."""
        return self.combined(value, en.simd_sum, lambda a, b: a + b)

    def max(self, value: Any) -> Any:
        """Return the greatest value of a row's threads, in each of them; NaN does not count."""
        return self.combined(value, en.simd_max, en.fmax)


def best_width() -> int | None:
    """Return the width of runs that suits the default runtime: what divides the row on Metal, 1 on a processor."""
    return None if en.runtime().name == "metal" else 1
