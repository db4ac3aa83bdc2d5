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
    """`threads` of them work on a row, each on `steps` runs of `width` elements at a time; `whole` where that is all of it."""

    threads: int
    width: int
    steps: int
    whole: bool

    @classmethod
    def of(cls, columns: int, width: int | None = None) -> Rows:
        """Return how rows of so many elements are shared out.

        Elements that a thread reads at once are `width` side by side: by default 4, 2 or 1, whichever divides the row. On a
        processor neighbouring threads share a vector, so there 1 is best. Raises `LaunchError` for another width.
        """
        fitting = [w for w in (4, 2, 1) if columns % w == 0]
        chosen = fitting[0] if width is None else width
        if chosen not in fitting:
            raise LaunchError(
                f"width is {width!r}, but it must be {' or '.join(map(str, reversed(fitting)))}: what divides rows of {columns} "
                "elements", help="leave it out",
            )  # fmt: skip
        threads = SIMDGROUP if columns <= SIMDGROUP * HELD else THREADS
        steps = min(-(-columns // (threads * chosen)), HELD // chosen)
        return cls(threads, chosen, steps, columns <= steps * threads * chosen)

    @property
    def step(self) -> int:
        """How far the runs of one thread lie apart."""
        return self.threads * self.width

    def grid(self, rows: int) -> Size:
        """Return the threads for so many rows."""
        return rows * self.threads, 1, 1

    # ---- in a kernel

    def row(self) -> Any:
        """Return the number of this thread's row."""
        if self.threads == SIMDGROUP:
            return en.threadgroup_position_in_grid("x") * (THREADS // SIMDGROUP) + en.simdgroup_index_in_threadgroup()
        return en.threadgroup_position_in_grid("x")

    def first(self) -> Any:
        """Return where in a row this thread's first run begins."""
        if self.threads == SIMDGROUP:
            return en.thread_index_in_simdgroup() * self.width
        return en.thread_position_in_threadgroup("x") * self.width

    def run(self, x: Any, place: Any) -> Any:
        """Return the view of one run of a buffer, from element number `place` on."""
        return x.with_layout(en.make_layout(self.width), place)

    def runs(self, x: Any, start: Any, first: Any, columns: Any, beyond: float) -> list[Any]:
        """Return this thread's runs of a row as fragments of f32; elements behind the row's end are `beyond`.

        The row starts at element number `start` of `x` and has `columns` elements; this thread's runs start `first` behind that.
        """
        found: list[Any] = []
        for k in en.range_constexpr(self.steps):
            j = first + k * self.step
            run = en.Fragment.of(self.width, [en.f32(beyond)] * self.width)
            if j < columns:
                run = self.run(x, start + j).load().to(en.f32).apart()
            found.append(run)
        return found

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
