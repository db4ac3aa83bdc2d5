"""The texts of every stage with the places of their lines, which is what links them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.printer import Printer

from enigma.compile import CompiledKernel
from enigma.debug.explorer.python import python_lines
from enigma.dialect.names import from_location, location_of, place
from enigma.dialect.structure import constant_of
from enigma.errors import EnigmaError
from enigma.runtime.cpu import native_text
from enigma.runtime.program import Program
from enigma.source import SourceLoc
from enigma.trace.dump import dump_lines

Sites = tuple[SourceLoc, ...]
_VALUE = re.compile(r"%[\w$.\-]+(?:#\d+)?")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a stage, the places in the Python source that it comes from, and its number where it has one of its own."""

    text: str
    sites: Sites = ()
    number: int | None = None


@dataclass(slots=True)
class Stage:
    """A stage of the compilation: `kind` is the language for colours; `changes` is the difference to the stage before.

    A change is ("=", line), ("+", line) or ("-", line of the stage before).
    """

    name: str
    title: str
    kind: str
    lines: list[Line]
    changes: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    @property
    def text(self) -> str:
        """The stage as text."""
        return "\n".join(line.text for line in self.lines)


def stages(
    compiled: CompiledKernel, threads: tuple[int, int, int] = (256, 1, 1), constants: Mapping[Any, Any] | None = None
) -> list[Stage]:
    """Return all stages in order: Python, traced IR, MLIR as built and after each pass, Metal, LLVM IR."""
    traced = compiled.program.traced
    ir = [Line(text, () if loc is None else (loc,)) for text, loc in dump_lines(traced)]
    mlir = passes(compiled)
    metal = _metal(compiled)
    llvm = _llvm(compiled, threads, constants)
    places = [
        site for stage in (ir, *(each.lines for each in mlir), metal, llvm) for line in stage for site in line.sites
    ]
    python = [Line(text, sites, number) for text, sites, number in python_lines(compiled.program.traced, places)]
    return [
        Stage("python", "Python", "python", python), Stage("ir", "traced IR", "ir", ir), *mlir,
        Stage("msl", "Metal", "metal", metal), Stage("llvm", "LLVM IR", "llvm", llvm),
    ]  # fmt: skip


# ---- MLIR


class _Counted(StringIO):
    """Text that knows in which line it is."""

    line = 0

    def write(self, text: str, /) -> int:
        self.line += text.count("\n")
        return super().write(text)


class _Recorder(Printer):
    """Prints a module and keeps the line of each operation, and which value each name stands for."""

    def __init__(self) -> None:
        self.out = _Counted()
        super().__init__(stream=self.out)
        self.at: list[tuple[int, Operation]] = []
        self.named: dict[str, SSAValue] = {}

    def print_op(self, op: Operation) -> None:
        self.at.append((self.out.line, op))
        super().print_op(op)

    def print_ssa_value(self, value: SSAValue) -> str:
        name = super().print_ssa_value(value)
        self.named[name] = value
        return name


@dataclass(slots=True)
class _Snapshot:
    """A module as it was after a pass: its lines, and each line with values named by what defines them."""

    name: str
    lines: list[Line]
    plain: list[str]


def _snapshot(name: str, module: ModuleOp) -> _Snapshot:
    recorder = _Recorder()
    recorder.print_op(module)
    texts = recorder.out.getvalue().split("\n")
    sites: dict[int, list[SourceLoc]] = {}
    keys: dict[Operation, str] = {}
    counts: dict[str, int] = {}
    for line, op in recorder.at:
        found = from_location(op.location)
        if found is not None:
            sites.setdefault(line, []).append(found)
        base = f"{op.name}@{found}"
        counts[base] = counts.get(base, 0) + 1
        keys[op] = f"{base}#{counts[base]}"
    names = {name: _key(value, keys) for name, value in recorder.named.items()}
    lines = [Line(text, tuple(sites.get(k, ()))) for k, text in enumerate(texts)]
    plain = [_VALUE.sub(lambda match: names.get(match[0], match[0]), text) for text in texts]
    return _Snapshot(name, lines, plain)


def _key(value: SSAValue, keys: dict[Operation, str]) -> str:
    """Return a name of a value that passes leave alone: what defines it, at which Python line."""
    if isinstance(value, BlockArgument):
        return f"%{value.name_hint or 'arg'}{value.index}@{location_of(value)}"
    owner = value.owner
    known = keys.get(owner) if isinstance(owner, Operation) else None
    return f"%{known or value.name_hint}.{getattr(value, 'index', 0)}"


def passes(compiled: CompiledKernel) -> list[Stage]:
    """Return the MLIR as built and after each pass that changed something, each with what it changed."""
    snapshots: list[_Snapshot] = []
    Program(compiled.program.traced).lower(lambda name, module: snapshots.append(_snapshot(name, module)))
    if "\n".join(line.text for line in snapshots[-1].lines) != compiled.mlir_source.rstrip("\n"):
        snapshots.append(_snapshot("for Metal", compiled.module))  # asynchronous copies as Apple's own instructions
    found: list[Stage] = []
    before: _Snapshot | None = None
    for number, now in enumerate(snapshots):
        title = "MLIR as built" if number == 0 else f"MLIR {number}: after {now.name}"
        changes = [("=", k) for k in range(len(now.lines))] if before is None else changed(before.plain, now.plain)
        found.append(Stage(f"mlir{number}", title, "mlir", now.lines, changes))
        before = now
    return found


def changed(before: Sequence[str], now: Sequence[str]) -> list[tuple[str, int]]:
    """Return the difference of two texts, line by line: ("=", line), ("+", line), or ("-", line of the earlier one).

    >>> changed(["a", "b"], ["a", "c"])
    [('=', 0), ('-', 1), ('+', 1)]
    """
    found: list[tuple[str, int]] = []
    for tag, i, j, k, end in difflib.SequenceMatcher(None, before, now, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [("=", n) for n in range(k, end)]
            continue
        found += [("-", n) for n in range(i, j)]
        found += [("+", n) for n in range(k, end)]
    return found


# ---- Metal and LLVM


def _metal(compiled: CompiledKernel) -> list[Line]:
    """Return the lines of Metal, each with all operations that it computes, those nested in its expressions too."""
    texts = compiled.metal_source.rstrip("\n").split("\n")
    places = compiled.places
    own: dict[tuple[str, int, int], list[int]] = {}
    for number, loc in enumerate(places[: len(texts)]):
        if loc is not None:
            own.setdefault((loc.file, loc.line, loc.col), []).append(number)
    sites: dict[int, dict[SourceLoc, None]] = {
        number: {loc: None} for number, loc in enumerate(places[: len(texts)]) if loc is not None
    }
    done: set[tuple[SourceLoc, int]] = set()
    for loc, numbers in _folded(compiled.module, own):
        if (loc, id(numbers)) not in done:  # an unrolled loop has thousands of one place in the same lines
            done.add((loc, id(numbers)))
            for number in numbers:
                sites.setdefault(number, {})[loc] = None
    return [Line(text, tuple(sites.get(number, {}))) for number, text in enumerate(texts)]


def _folded(module: ModuleOp, own: dict[tuple[str, int, int], list[int]]) -> Iterable[tuple[SourceLoc, list[int]]]:
    """Yield each operation without a line of its own, with the lines of what it is used in.

    Of a constant, which all places with the same number share, those of its own Python line are enough if there are any.
    """
    known: dict[Operation, list[int]] = {}
    held: dict[tuple[str, int], set[int]] = {}
    for (file, line, _), numbers in own.items():
        held.setdefault((file, line), set()).update(numbers)

    def lines(op: Operation) -> list[int]:
        if op not in known:
            known[op] = []  # what is used in a circle has no line on that way
            loc = place(op)
            mine = own.get((loc.file, loc.line, loc.col), []) if loc is not None else []
            users = [use.operation for result in op.results for use in result.uses] if not mine else []
            parts = {id(each): each for each in map(lines, users)}
            shared = (
                next(iter(parts.values())) if len(parts) == 1 else sorted({n for each in parts.values() for n in each})
            )
            known[op] = mine or shared
        return known[op]

    for op in reversed(list(module.walk())):  # users first: the recursion stays flat
        loc = from_location(op.location)
        if loc is None or (loc.file, loc.line, loc.col) in own:
            continue
        found = lines(op)
        if len(op.results) == 1 and constant_of(op.results[0]) is not None:
            near = held.get((loc.file, loc.line), set())
            found = [number for number in found if number in near] or found
        yield loc, found


def _llvm(compiled: CompiledKernel, threads: tuple[int, int, int], constants: Mapping[Any, Any] | None) -> list[Line]:
    try:
        native = native_text(compiled.program, threads, constants)
    except EnigmaError as error:  # what the CPU lacks, or what only a launch gives, does not take the other stages away
        return [Line(f"; {text}") for text in f"not made: {error}".split("\n")]
    texts = native.text.rstrip("\n").split("\n")
    return [Line(text, () if loc is None else (loc,)) for text, loc in zip(texts, native.places, strict=False)]
