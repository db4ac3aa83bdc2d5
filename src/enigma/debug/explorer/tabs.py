"""What stands below the stages: the launch, how memory is accessed, what a checked run found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from enigma.compile import CompiledKernel
from enigma.debug.advisor import accesses
from enigma.dtypes import BufferType, Space
from enigma.errors import LaunchError
from enigma.runtime.constants import specialised
from enigma.runtime.launch import geometry
from enigma.spec.terms import Effect
from enigma.trace.node import Op

SIMDGROUP = 32
THREADGROUP_BYTES = 32 * 1024

Size = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab: its name, its title, and what it shows as HTML."""

    name: str
    title: str
    html: str


def tabs(
    compiled: CompiledKernel, threads: Size, grid: Any, report: Any, constants: Mapping[Any, Any] | None = None
) -> list[Tab]:
    """Return the tabs of a kernel; `grid`, `report` and `constants` may be None."""
    found = [Tab("launch", "Launch", _launch(compiled, threads, grid)), _memory(compiled, threads, constants)]
    if report is not None:
        count = len(report.findings)
        found.append(Tab("findings", f"Findings ({count})", _findings(report)))
    return found


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], marks: Iterable[str] = ()) -> str:
    """Return a table of escaped cells; `marks` are the attributes of each row."""
    attributes = list(marks)
    body: list[str] = []
    for k, row in enumerate(rows):
        mark = f" {attributes[k]}" if k < len(attributes) and attributes[k] else ""
        body.append(f"<tr{mark}>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>")
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>{''.join(body)}</table>"


def _mark(file: str, line: int, column: int = 0) -> str:
    return f'data-file="{escape(file, quote=True)}" data-line="{line}" data-column="{column}"'


# ---- launch


def _launch(compiled: CompiledKernel, threads: Size, grid: Any) -> str:
    program = compiled.program
    rows: list[Sequence[str]] = []
    for argument in program.arguments:
        param = argument.params[0]
        kind = "scalar" if argument.is_scalar else "texture" if argument.texture is not None else "buffer"
        space = param.value.type.space.value if isinstance(param.value.type, BufferType) else ""
        use = "" if argument.is_scalar else "written" if argument.slot in program.written else "read"
        rows.append((
            str(argument.slot), f"<code>{escape(argument.name)}</code>", kind, escape(argument.type_name), space, use
        ))  # fmt: skip
    facts = [*_geometry(threads, grid), *_facts(compiled)]
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<dl>{listed}</dl>" + _table(("slot", "parameter", "kind", "Metal type", "memory", "use"), rows)


def _geometry(threads: Size, grid: Any) -> list[tuple[str, str]]:
    count = threads[0] * threads[1] * threads[2]
    simdgroups = -(-count // SIMDGROUP)
    idle = simdgroups * SIMDGROUP - count
    spare = f", {idle} lanes of the last one idle" if idle else ""
    found = [("threadgroup", f"{_times(threads)} = {count} threads, {simdgroups} simdgroups of {SIMDGROUP}{spare}")]
    if grid is None:
        return [("grid", "not given: explore(path, grid=..., threads=...)"), *found]
    size = geometry(grid, threads).grid
    groups = [-(-n // t) for n, t in zip(size, threads, strict=True)]
    partial = [
        f"{axis}: the last one has {n % t} of {t}" for axis, n, t in zip("xyz", size, threads, strict=True) if n % t
    ]
    total = groups[0] * groups[1] * groups[2]
    text = f"{_times(groups)} = {total} threadgroups{'; partial along ' + ', '.join(partial) if partial else ', all whole'}"
    return [("grid", f"{_times(size)} = {size[0] * size[1] * size[2]} threads"), *found, ("threadgroups", text)]


def _times(sizes: Sequence[int]) -> str:
    return " x ".join(str(n) for n in sizes)


def _facts(compiled: CompiledKernel) -> list[tuple[str, str]]:
    traced = compiled.program.traced
    memory = barriers = 0
    for node in traced.nodes():
        if not isinstance(node, Op):
            continue
        if node.result is not None and isinstance(node.result.type, BufferType) and "size" in node.attrs:
            held = node.result.type
            memory += held.element.size * node.attrs["size"] if held.space is Space.THREADGROUP else 0
        barriers += node.row.effect is Effect.SYNC and not node.operands and node.result is None
    fit = f", so {THREADGROUP_BYTES // memory} threadgroups fit beside one another" if memory else ""
    found = [
        ("threadgroup memory", f"{memory} of {THREADGROUP_BYTES} bytes{fit}"), ("barriers in the text", str(barriers)),
        ("math", traced.math.value),
    ]  # fmt: skip
    for constant in traced.function_constants:
        default = "must be given" if constant.default is None else f"default {constant.default}"
        found.append((f"function constant {constant.index}", f"{constant.name}: {constant.dtype.name}, {default}"))
    return found


# ---- memory


def _memory(compiled: CompiledKernel, threads: Size, constants: Mapping[Any, Any] | None) -> Tab:
    try:
        ready = specialised(compiled.program, constants)
    except LaunchError as error:  # a function constant without a value
        return Tab("memory", "Memory", f"<p>not analysed: {escape(error.message)}</p>")
    report = accesses(ready.traced, threads)
    rows: list[Sequence[str]] = []
    marks: list[str] = []
    for each in report.accesses:
        good = "good" if each.verdict == "good" else "bad"
        lines = "" if each.lines is None else "-".join(str(n) for n in dict.fromkeys(each.lines))
        used = "" if each.bytes_per_line is None else f"{each.bytes_per_line} of 128"
        banks = "" if each.conflict is None else f"{each.conflict}-way" if each.conflict > 1 else "free"
        help = f'<div class="help">{escape(each.help)}</div>' if each.help else ""
        rows.append((
            f"{escape(each.file)}:{each.line}", f"{each.kind} <code>{escape(each.buffer)}</code> ({each.space})",
            escape(each.dtype), escape(each.pattern), lines, used, banks,
            f'<span class="{good}">{escape(each.verdict)}</span>{help}',
        ))  # fmt: skip
        marks.append(_mark(each.file, each.line, each.column))
    head = ("line", "access", "type", "lanes", "128-byte lines", "used", "banks", "verdict")
    note = "".join(f"<p>not analysed: {escape(text)}</p>" for text in report.skipped)
    text = _table(head, rows, marks) if rows else "<p>No access to device, constant or threadgroup memory.</p>"
    bad = sum(each.verdict != "good" for each in report.accesses)
    return Tab("memory", f"Memory ({bad} to look at)" if bad else "Memory", text + note)


# ---- findings


def _findings(report: Any) -> str:
    """Return the findings of a checked run (`enigma.check`)."""
    rows: list[Sequence[str]] = []
    marks: list[str] = []
    for each in report.findings:
        file = str(each.file).replace("\\", "/").rpartition("/")[2]
        where = f"{escape(file)}:{each.line}" + (f" and {each.other_line}" if getattr(each, "other_line", None) else "")
        buffer = "" if not each.buffer else f"<code>{escape(str(each.buffer))}</code>"
        kind = str(getattr(each.kind, "value", each.kind))
        index = "" if each.index is None else escape(str(each.index))
        who = "" if each.thread is None else f"thread {each.thread} of threadgroup {each.threadgroup}"
        help = f'<div class="help">{escape(str(each.help))}</div>' if each.help else ""
        rows.append((
            where, f'<span class="bad">{escape(kind)}</span>', f"{escape(str(each.message))}{help}", buffer, index,
            escape(who), str(each.count),
        ))  # fmt: skip
        marks.append(_mark(file, each.line, getattr(each, "column", 0)))
    orders = "".join(f"<p>{escape(str(each))}</p>" for each in getattr(report, "order_differences", ()))
    if not rows:
        return f'<p class="good">The checked run found nothing.</p>{orders}'
    return _table(("line", "kind", "what", "buffer", "index", "first seen", "times"), rows, marks) + orders
