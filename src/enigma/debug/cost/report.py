"""What `enigma.explain` returns: the counts of a launch and its estimates for each chip, as an object, text or JSON."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from typing import Any

from enigma.debug.cost.model import Estimate
from enigma.markup import heading, line, table

DISCLAIMER = (
    "This is a model, not a measurement: counts follow the traced kernel, registers and times are estimates, "
    "and the chips' numbers are priors of varying confidence."
)

MEMORY = ("buffer", "space", "read", "written", "atomic", "footprint")
CHIPS = ("chip", "occupancy", "limited by", "bound", "roofline TFLOP/s", "time", "confidence")


@dataclass(frozen=True, slots=True)
class Moved:
    """The bytes of one buffer: `read`, `written` and `atomic` count each access of each lane, `footprint` each byte once.

    A byte that is read and written is in the footprint twice, for it goes to memory both ways; threadgroup memory has none.
    """

    buffer: str
    space: str
    read: int
    written: int
    atomic: int
    footprint: int


@dataclass(frozen=True, slots=True)
class CostReport:
    """What a launch does, counted, and what it would cost on each Apple chip, estimated by a model.

    - `flops`: float operations, a fused multiply-add being two and a function such as `exp` one; `matrix_flops` of them are
      done by matrix operations, `functions` are such functions. `integer_ops`: operations on integers, those of indices too.
    - `footprint`: bytes of device and constant memory read, and written, each once; `issued`: all that the lanes ask for.
    - `registers` of 32 bits of a thread, an estimate; `threadgroup_bytes`: memory of a threadgroup.
    - `estimates`: one for each chip. `notes`: where counts are not exact, and why.
    """

    kernel: str
    grid: tuple[int, int, int]
    threads: tuple[int, int, int]
    flops: int
    matrix_flops: int
    functions: int
    integer_ops: int
    moved: list[Moved]
    footprint: int
    issued: int
    registers: int
    threadgroup_bytes: int
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

    def text(self, width: int = 120) -> str:
        """Return the report as text of lines up to `width`."""
        from rich.console import Console  # heavy
        from rich.table import Table  # likewise

        out = io.StringIO()
        console = Console(file=out, width=width, color_system=None, highlight=False)
        console.print(f"{self.kernel}: grid {self.grid}, threads {self.threads}")
        for text in self._counts():
            console.print(text)
        memory, chips = Table(*MEMORY, box=None), Table(*CHIPS, box=None)
        for row in self._memory():
            memory.add_row(*row)
        for row in self._chips():
            chips.add_row(*row)
        console.print(memory, "", chips, "", *(f"note: {note}" for note in self.notes), DISCLAIMER, sep="\n")
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())

    def _repr_html_(self) -> str:
        return "".join([
            heading(f"{self.kernel}: grid {self.grid}, threads {self.threads}"), *map(line, self._counts()),
            table(MEMORY, self._memory()), table(CHIPS, self._chips()),
            *(line(f"note: {note}") for note in self.notes), line(DISCLAIMER),
        ])  # fmt: skip

    def __str__(self) -> str:
        return self.text()

    def _counts(self) -> tuple[str, str]:
        return (
            f"{self.flops:,} FLOP ({self.functions:,} functions, {self.matrix_flops:,} by matrices), {self.integer_ops:,} integer"
            f" operations; {self.footprint:,} bytes, {self.issued:,} with repeats; {self.intensity:.3g} FLOP per byte",
            f"about {self.registers} registers a thread, {self.threadgroup_bytes:,} bytes of threadgroup memory",
        )

    def _memory(self) -> list[list[str]]:
        return [
            [
                each.buffer,
                each.space,
                *(f"{number:,}" for number in (each.read, each.written, each.atomic, each.footprint)),
            ]
            for each in self.moved
        ]

    def _chips(self) -> list[list[str]]:
        found: list[list[str]] = []
        for est in self.estimates:
            held = f"{est.occupancy.fraction:.0%}" + ("+" if est.occupancy.dynamic else "")
            low, high = est.seconds
            found.append([
                est.chip.name, held, est.occupancy.limit, est.bound, f"{est.roofline_tflops:.3g}",
                f"{low * 1e6:.3g} to {high * 1e6:.3g} us", est.chip.confidence,
            ])  # fmt: skip
        return found
