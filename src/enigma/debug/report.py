"""What the access advisor found: one `Access` for each place of a kernel, and the report of all of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from enigma.markup import heading, line, table


@dataclass(frozen=True, slots=True)
class Access:
    """One access to memory, as the 32 lanes of a simdgroup make it together.

    - `file`, `line`, `column`, `source`: where it stands in Python, and the text of that line.
    - `buffer`, `space` ("device", "constant", "threadgroup"), `kind` ("read", "write", "atomic").
    - `dtype`: what one lane moves; `width`: its bytes. `count`: how many operations of this kind stand at this place.
    - `pattern`: "uniform", "stride K" (elements from lane to lane), "stride K in runs of N" (lanes), "one lane",
      "some lanes", "stride varies", "varies" (between simdgroups, rounds of a loop or samples) or "irregular".
      `stride`: K, or None.
    - `depends`: "" where the index is exact, "sample" where the pattern rests on sample values of scalar parameters, the grid
      or a loop that was not run to its end, "data" where the index comes from memory.
    - `lines`: the fewest and most 128-byte lines that a simdgroup touches; `bytes_per_line`: how many bytes of each it uses in
      the worst case. Both are None for threadgroup memory.
    - `conflict`: in threadgroup memory how many turns the 32 banks of 4 bytes take, 1 being none; None elsewhere.
    - `packed`: whether a vector is read or written packed, because nothing shows that its index is a multiple of its length.
    - `verdict`: "good", or what is wrong in a word or two; `help`: what that means and what to write instead, or "".
    """

    file: str
    line: int
    column: int
    source: str
    buffer: str
    space: str
    kind: str
    dtype: str
    width: int
    count: int
    pattern: str
    stride: int | None
    depends: str
    lines: tuple[int, int] | None
    bytes_per_line: int | None
    conflict: int | None
    packed: bool
    verdict: str
    help: str


_HEADS = ("line", "access", "type", "bytes", "lanes", "lines", "used", "banks", "verdict")


@dataclass(frozen=True, slots=True)
class AccessReport:
    """How a kernel accesses memory: `.accesses` in order of the kernel; printed, a table with help below.

    `.kernel` is its name, `.threads` the threadgroup's size, `.skipped` says which operations on memory are not analysed.
    """

    kernel: str
    threads: tuple[int, int, int]
    accesses: list[Access]
    skipped: list[str]

    def __str__(self) -> str:
        rows = [_HEADS, *map(_cells, self.accesses)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(_HEADS))]
        texts = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines = [self._title(), texts[0], "-" * max(map(len, texts)), *texts[1:]]
        if not self.accesses:
            lines = [self._title(), "no access to device, constant or threadgroup memory"]
        said: set[tuple[int, str, str]] = set()
        for each in self.accesses:
            if each.help and (each.line, each.buffer, each.help) not in said:
                said.add((each.line, each.buffer, each.help))
                lines += ["", f"{each.file}:{each.line}: {each.source.strip()}", f"  {each.buffer}: {each.help}"]
        lines += [f"\nnot analysed: {text}" for text in self.skipped]
        return "\n".join(lines)

    def _title(self) -> str:
        return f"memory of {self.kernel}, threadgroups of {self.threads}, for the 32 lanes of a simdgroup"

    def to_json(self) -> str:
        """Return the report as JSON: an object with `kernel`, `threads`, `accesses` (a list of `Access`) and `skipped`."""
        return json.dumps(asdict(self), indent=2)

    def _repr_html_(self) -> str:
        if not self.accesses:
            return heading(self._title()) + line("no access to device, constant or threadgroup memory")
        shown = table(_HEADS, [*map(_cells, self.accesses)], [each.help for each in self.accesses], self._title())
        return shown + "".join(line(f"not analysed: {text}") for text in self.skipped)


def _cells(each: Access) -> tuple[str, ...]:
    lines = ""
    if each.lines is not None:
        low, high = each.lines
        lines = str(low) if low == high else f"{low}-{high}"
    note = {"": "", "sample": "?", "data": " (data)"}[each.depends]
    times = f" x{each.count}" if each.count > 1 else ""
    return (
        str(each.line), f"{each.kind} {each.buffer}{times}", each.dtype, str(each.width), f"{each.pattern}{note}", lines,
        "" if each.bytes_per_line is None else f"{each.bytes_per_line}/128",
        "" if each.conflict is None else f"{each.conflict}-way" if each.conflict > 1 else "free", each.verdict,
    )  # fmt: skip
