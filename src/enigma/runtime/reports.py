"""What a kernel said during a launch: collected by the runtime, shown when the launch is over.

The order is that of the threads: threadgroups with x fastest, the threads of one likewise, and for each thread as it spoke. So it
is the same on every runtime, however they run threads side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from enigma import config
from enigma.dtypes import Numeric
from enigma.errors import InternalError, KernelAssertionError
from enigma.source import SourceLoc
from enigma.spec.formats import Piece, parse, rendered
from enigma.spec.terms import Report
from enigma.trace.node import Op, Traced

Position = tuple[int, int, int]

FAILURES = 256
"""Failed assertions of a launch that are kept; more are counted."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place of a kernel that reports: what kind of report, its text, the dtypes of its values, its Python line."""

    kind: Report
    pieces: tuple[Piece, ...]
    dtypes: tuple[Numeric, ...]
    loc: SourceLoc


def sites(traced: Traced) -> dict[int, Site]:
    """Return the places of a kernel that report, by the number that their operations have."""
    found: dict[int, Site] = {}
    for node in traced.nodes():
        if isinstance(node, Op) and node.row.reports is not None:
            dtypes = tuple(value.type for value in node.operands if isinstance(value.type, Numeric))
            found[node.attrs["site"]] = Site(node.row.reports, parse(node.attrs["text"]), dtypes, node.loc)
    return found


def capacity(kind: Report) -> int:
    """Return how many reports of a kind a launch keeps."""
    return config.print_lines() if kind is Report.LINE else FAILURES


@dataclass(frozen=True, slots=True)
class Said:
    """One report of one thread: the site's number, the thread's position in the grid, and the values."""

    site: int
    thread: Position
    values: tuple[Any, ...]


@dataclass(slots=True)
class Log:
    """What the threads of one launch said, in any order that keeps each thread's own.

    `kept` and `lost` count the reports of each kind that were and were not kept. `threads` is the size of a threadgroup.
    """

    kernel: str
    sites: Mapping[int, Site]
    threads: Position
    said: list[Said] = field(default_factory=list[Said])
    kept: dict[Report, int] = field(default_factory=lambda: dict.fromkeys(Report, 0))
    lost: dict[Report, int] = field(default_factory=lambda: dict.fromkeys(Report, 0))

    def note(self, kind: Report, count: int, said: Iterable[Said]) -> None:
        """Keep the first of `count` reports of a kind, as many as there is room for, and count the others."""
        new = list(islice(said, min(count, capacity(kind) - self.kept[kind])))
        self.said += new
        self.kept[kind] += len(new)
        self.lost[kind] += count - len(new)

    def deliver(self, stopped: Exception | None = None) -> None:
        """Print the lines, then raise `KernelAssertionError` if a condition did not hold.

        `stopped` is the error that ended the launch early, which a failed condition then explains.
        """
        self.said.sort(key=self._order)
        lines = [*self._lines()]
        if lines:
            print("\n".join(lines))
        failed = [each for each in self.said if self.sites[each.site].kind is Report.FAILURE]
        if failed:
            raise self._failure(failed) from stopped
        if self.lost[Report.FAILURE]:
            raise InternalError(f"kernel {self.kernel} failed an assertion that was not kept")

    def _order(self, each: Said) -> tuple[int, ...]:
        pairs = [divmod(place, size) for place, size in zip(each.thread, self.threads, strict=True)]
        return (*(group for group, _ in reversed(pairs)), *(local for _, local in reversed(pairs)))

    def _thread(self, each: Said) -> str:
        group = tuple(place // size for place, size in zip(each.thread, self.threads, strict=True))
        return f"thread {each.thread} of threadgroup {group}"

    def _text(self, each: Said) -> str:
        return rendered(self.sites[each.site].pieces, each.values)

    def _lines(self) -> Iterator[str]:
        for each in self.said:
            site = self.sites[each.site]
            if site.kind is Report.LINE:
                yield f"{site.loc.short_file}:{site.loc.line}: {self._thread(each)}: {self._text(each)}"
        if (more := self.lost[Report.LINE]) > 0:
            plural = "line" if more == 1 else "lines"
            yield f"... {more} more {plural} of kernel {self.kernel} not kept (ENIGMA_PRINT_LINES={capacity(Report.LINE)})"

    def _failure(self, failed: list[Said]) -> KernelAssertionError:
        first, *rest = failed
        site, text = self.sites[first.site], self._text(first)
        again = sum(each.site == first.site for each in rest)
        kept = "" if not self.lost[Report.FAILURE] else f"; {self.lost[Report.FAILURE]} more failures were not kept"
        more = "" if not again else f", and {again} more time{'s' if again > 1 else ''}"
        notes: list[tuple[str, SourceLoc | None]] = [(f"in {self._thread(first)}{more}{kept}", None)]
        others = {each.site: each for each in reversed(rest) if each.site != first.site}
        for each in reversed(others.values()):
            said = self._text(each)
            notes.append(
                (f"also failed{': ' if said else ''}{said}, in {self._thread(each)}", self.sites[each.site].loc)
            )
        return KernelAssertionError(
            f"assertion failed in kernel {self.kernel}{': ' if text else ''}{text}", loc=site.loc, notes=notes,
            help="the kernel ran on to its end, so its outputs are written",
        )  # fmt: skip
