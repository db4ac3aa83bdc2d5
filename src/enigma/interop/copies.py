"""`enigma.explain_copies`: which arguments of launches were copied, why, and how to avoid it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from enigma.markup import line, table
from enigma.runtime import copies
from enigma.runtime.copies import Copied

_HEADS = ("kernel", "argument", "device", "bytes", "direction", "times", "because")


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What launches copied since the last report that forgot: `copies` are the different ones with how often each happened.

    It prints as text; `to_json()` has the same as data.
    """

    copies: tuple[tuple[Copied, int], ...]

    def __bool__(self) -> bool:
        return bool(self.copies)

    def __len__(self) -> int:
        return len(self.copies)

    @property
    def nbytes(self) -> int:
        """All bytes that were copied; what went in and out counts twice."""
        return sum(one.nbytes * times * (2 if one.direction == "in and out" else 1) for one, times in self.copies)

    @property
    def summary(self) -> str:
        """One line about all of it."""
        if not self.copies:
            return "nothing was copied: every argument was used where it is"
        count, arguments = sum(times for _, times in self.copies), len(self.copies)
        return (
            f"{arguments} argument{'s were' if arguments > 1 else ' was'} copied, {self.nbytes:,} bytes in {count} "
            f"cop{'ies' if count > 1 else 'y'}"
        )

    def __str__(self) -> str:
        lines = [self.summary]
        for one, times in self.copies:
            often = "once" if times == 1 else f"{times} times"
            lines.append(
                f"  {one.kernel}: {one.argument}, {one.nbytes:,} bytes {one.direction}, {often} on {one.device}: {one.reason}"
            )
            lines.append(f"    help: {one.remedy}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the copies as JSON: a list of objects with the fields of `Copied`, and `times`."""
        return json.dumps(
            {"nbytes": self.nbytes, "copies": [{**asdict(one), "times": times} for one, times in self.copies]}, indent=1
        )

    def _repr_html_(self) -> str:
        if not self.copies:
            return line(self.summary)
        rows = [
            (one.kernel, one.argument, one.device, f"{one.nbytes:,}", one.direction, str(times), one.reason)
            for one, times in self.copies
        ]
        return table(_HEADS, rows, [one.remedy for one, _ in self.copies], self.summary)


def explain_copies(*, forget: bool = False) -> CopyReport:
    """Return which arguments launches copied, where to, how many bytes, how often, why, and what avoids it.

    Launches use arrays where they are, as far as memory allows. An array that is only read and not contiguous is copied for each
    run; Metal copies what does not lie in memory that the GPU shares; an array that ends within a vector of the kernel is filled
    up. Only such copies are noted, the latest 256 different ones: a launch without any costs nothing for it. With `forget` the next
    report begins anew.

    >>> import enigma, numpy as np
    >>> @enigma.kernel
    ... def doubled(A: enigma.f32, Out: enigma.f32):
    ...     i = enigma.thread_position_in_grid
    ...     Out[i] = A[i] * 2
    >>> _ = enigma.explain_copies(forget=True)
    >>> doubled[8, 8](np.arange(16, dtype=np.float32)[::2], np.empty(8, np.float32))
    >>> print(enigma.explain_copies().summary)
    1 argument was copied, 32 bytes in 1 copy
    """
    report = CopyReport(tuple(copies.noted()))
    if forget:
        copies.forget()
    return report
