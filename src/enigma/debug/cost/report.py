"""What `enigma.explain` returns: the counts of a launch and its estimates for each chip, as an object, text, JSON or a page."""

from __future__ import annotations

import io
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from enigma.debug.cost.model import DISCLAIMER, Estimate

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


@dataclass(frozen=True, slots=True)
class Moved:
    """The bytes of one buffer: `read`, `written` and `atomic` count each access of each lane, `footprint` each byte once.

    A byte that is read and written is in the footprint twice, for it goes to memory both ways; threadgroup memory has none.
    `fetched` are the bytes of all 128-byte lines that are touched, each once; `lines` counts each time a simdgroup asks for one.
    """

    buffer: str
    space: str
    read: int
    written: int
    atomic: int
    footprint: int
    fetched: int
    lines: int


@dataclass(frozen=True, slots=True)
class CostReport:
    """What a launch does, counted, and what it would cost on each Apple chip, estimated by a model.

    - `flops`: float operations, a fused multiply-add being two and a function such as `exp` one; `flops_by_kind` has them by
      dtype, `matrix_flops` of them are done by matrix operations, `functions` are such functions.
    - `integer_ops`: operations on integers, those of indices too; `collectives`, `barriers`: how many threads do one.
    - `work`: instructions of simdgroups, by kind. `unpriced`: what the times leave out, for nobody has published what it takes.
    - `footprint`: bytes of device and constant memory read, and written, each once; `issued`: all that the lanes ask for.
      `fetched` and `lines` are the same in whole lines of 128 bytes.
    - `registers` of 32 bits of a thread, an estimate; `threadgroup_bytes`: memory of a threadgroup.
    - `count_error`: how far off the counts may be where they are samples, as a part of them.
    - `estimates`: one for each chip. `notes`: where counts are not exact, and why.
    """

    kernel: str
    grid: tuple[int, int, int]
    threads: tuple[int, int, int]
    flops: int
    flops_by_kind: dict[str, int]
    matrix_flops: int
    functions: int
    integer_ops: int
    collectives: int
    barriers: int
    work: dict[str, int]
    unpriced: dict[str, int]
    moved: list[Moved]
    footprint: int
    fetched: int
    issued: int
    lines: int
    registers: int
    threadgroup_bytes: int
    count_error: float
    estimates: list[Estimate]
    notes: list[str]

    @property
    def intensity(self) -> float:
        """FLOP per byte of the footprint; infinite for a kernel that touches no memory."""
        return self.flops / self.footprint if self.footprint else float("inf")

    def to_json(self) -> str:
        """Return everything as JSON; an infinite intensity is null."""
        data: dict[str, Any] = {
            "model": DISCLAIMER, **asdict(self), "intensity": self.intensity if self.footprint else None
        }  # fmt: skip
        return json.dumps(data, indent=1)

    def html(self) -> str:
        """Return a page that needs nothing else: the counts, and for each chip the range of times as a bar."""
        from enigma.debug.cost.page import page  # only where it is asked for

        return page(self)

    def _repr_html_(self) -> str:
        from enigma.debug.cost.page import body  # likewise

        return body(self)

    def text(self, width: int = 120) -> str:
        """Return the report as text of lines up to `width`."""
        from rich.console import Console  # heavy
        from rich.table import Table  # likewise

        out = io.StringIO()
        console = Console(file=out, width=width, color_system=None, highlight=False)
        console.print(f"{self.kernel}: grid {self.grid}, threads {self.threads}", *self.sentences(), sep="\n")
        memory = Table("buffer", "space", "read", "written", "atomic", "footprint", "fetched", "lines", box=None)
        for each in self.moved:
            numbers = (each.read, each.written, each.atomic, each.footprint, each.fetched, each.lines)
            memory.add_row(each.buffer, each.space, *(f"{number:,}" for number in numbers))
        chips = Table("chip", "occupancy", "limited by", "bound", "roofline TFLOP/s", "time", "confidence", box=None)
        for est in self.estimates:
            chips.add_row(
                est.chip.name, est.occupancy.shown, est.occupancy.limit, est.bound, f"{est.roofline_tflops:.3g}",
                self.range(est.seconds), est.confidence,
            )  # fmt: skip
        console.print(memory, "", chips, "", *(f"note: {note}" for note in self.notes), DISCLAIMER, sep="\n")
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())

    def sentences(self) -> list[str]:
        """Return the counts in words."""
        kinds = ", ".join(f"{many:,} {kind}" for kind, many in self.work.items())
        texts = [
            f"{self.flops:,} FLOP ({self.functions:,} functions, {self.matrix_flops:,} by matrices), {self.integer_ops:,} integer"
            f" operations; {self.footprint:,} bytes, {self.issued:,} with repeats; {self.intensity:.3g} FLOP per byte",
            f"instructions of simdgroups: {kinds or 'none'}",
            f"about {self.registers} registers a thread, {self.threadgroup_bytes:,} bytes of threadgroup memory",
        ]
        if self.unpriced:
            left_out = ", ".join(f"{many:,} {name}" for name, many in self.unpriced.items())
            texts.insert(2, f"counted, but not in the times: {left_out}")
        return texts

    def range(self, seconds: tuple[float, float]) -> str:
        """Return a range of times in words: `+` says that something is left out of it."""
        unit, name = next((each for each in _UNITS if seconds[1] >= each[0]), _UNITS[-1])
        low, high = (f"{one / unit:.{max(2 - int(math.log10(max(one / unit, 1))), 0)}f}" for one in seconds)
        return f"{low} to {high}{'+' if self.unpriced else ''} {name}"

    def __str__(self) -> str:
        return self.text()
