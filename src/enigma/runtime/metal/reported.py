"""What Metal's shader validation writes to standard error, read as findings with Python lines.

A launch with an access outside of a buffer completes all the same, without an error: only this text tells of it, and only where
MTL_SHADER_VALIDATION_REPORT_TO_STDERR asks for it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from enigma.runtime.checking.finding import Finding
from enigma.runtime.diagnostics import PROGRAM
from enigma.runtime.program import Program
from enigma.spec.terms import Fault

BANNER = "Metal GPU Validation Enabled"
"""What a process says whose kernels are checked."""

VARIABLES = {"MTL_DEBUG_LAYER": "1", "MTL_SHADER_VALIDATION": "1", "MTL_SHADER_VALIDATION_REPORT_TO_STDERR": "1"}
"""The environment of such a process; Metal reads it when it starts."""

_HEAD = re.compile(r"Invalid (?P<what>\w+ (?:load|store|atomic\w*)[^\n,]*?)(?= at offset| executing|,|$)", re.MULTILINE)
_KERNEL = re.compile(r'executing kernel function:?\s*"([^"]*)"')
_OFFSET = re.compile(r"at offset (-?\d+)")
_BUFFER = re.compile(r'^\s*buffer: "?(?P<label>.*?)"?, length: ?(?P<size>\d+)', re.MULTILINE)
_PLACE = re.compile(rf"{PROGRAM}:(\d+):(\d+)")
_LABEL = re.compile(r"(?P<name>\w+)(?: from byte (?P<start>\d+))?$")
_REST_OF_BLOCK = re.compile(r"^(\s*buffer:|\s+\* frame #|\s+frame #|\s*\"[^\"]*\"\s*$|\s*encoder:)")


@dataclass(frozen=True, slots=True)
class Reported:
    """One access that Metal did not let happen: by which kernel, at which byte of which buffer, in which line of its source.

    `buffer` is the buffer's label, `line` counts from 1; what the report does not say is "" or None.
    """

    what: str
    kernel: str
    offset: int | None = None
    buffer: str = ""
    length: int | None = None
    line: int | None = None


def parse(said: str) -> list[Reported]:
    """Return the reports in what a process wrote."""
    heads = list(_HEAD.finditer(said))
    starts = [*(head.start() for head in heads), len(said)]
    return [
        _reported(head["what"], said[start:end]) for head, (start, end) in zip(heads, pairwise(starts), strict=True)
    ]


def _reported(what: str, block: str) -> Reported:
    kernel, offset, buffer, place = (pattern.search(block) for pattern in (_KERNEL, _OFFSET, _BUFFER, _PLACE))
    return Reported(
        " ".join(what.split()), "" if kernel is None else kernel[1], None if offset is None else int(offset[1]),
        "" if buffer is None else buffer["label"], None if buffer is None else int(buffer["size"]),
        None if place is None else int(place[1]),
    )  # fmt: skip


def without_reports(said: str) -> str:
    """Return what else a process wrote: lines that are part of no report, and not the banners of Metal's layers."""
    kept: list[str] = []
    inside = False
    for line in said.splitlines():
        begins = _HEAD.search(line) is not None
        inside = begins or (inside and _REST_OF_BLOCK.match(line) is not None)
        if not inside and not line.rstrip().endswith((BANNER, "Metal API Validation Enabled")):
            kept.append(line)
    return "\n".join(kept)


def findings(reports: Sequence[Reported], programs: Sequence[Program]) -> list[Finding]:
    """Return the reports on these kernels as findings, one for each place and kind, in the order in which they came."""
    by_entry = {program.metal.entry: program for program in programs}
    found: dict[tuple[object, ...], Finding] = {}
    counts: Counter[tuple[object, ...]] = Counter()
    for report in reports:
        program = by_entry.get(report.kernel)
        if program is not None:
            made = _finding(report, program)
            key = made.loc, report.what, made.buffer
            counts[key] += 1
            found.setdefault(key, made)
    return [replace(finding, count=counts[key]) for key, finding in found.items()]


def _finding(report: Reported, program: Program) -> Finding:
    lines = program.metal.lines
    place = lines[report.line - 1] if report.line is not None and 1 <= report.line <= len(lines) else None
    name, index = _element(report, program)
    where = "" if report.offset is None else f" at byte {report.offset}"
    size = "" if report.length is None else f" of {report.length} bytes"
    target = f" of {name}" if name else " of a buffer"
    return Finding(
        Fault.OUT_OF_BOUNDS, "error", f"Metal's shader validation saw an invalid {report.what}{where}{target}{size}",
        "run `enigma check`, which names the thread too", program.name, place or program.traced.loc, buffer=name, index=index,
        note="" if place is not None else "Metal did not say in which line of the kernel",
    )  # fmt: skip


def _element(report: Reported, program: Program) -> tuple[str, int | None]:
    """Return the parameter that a buffer was labelled with, and which element of it a report is about."""
    label = _LABEL.match(report.buffer)
    param = next((one for one in program.buffers if label is not None and one.name == label["name"]), None)
    if label is None or param is None:
        return "", None
    if report.offset is None:
        return param.name, None
    return param.name, (report.offset - int(label["start"] or 0)) // param.dtype.element.size
