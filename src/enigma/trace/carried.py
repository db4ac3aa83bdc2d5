"""What a loop carries from one round to the next: each leaf of the variables that its body changes.

The body is recorded with a block argument for each. Where it changes more than was planned, or gives a literal another dtype,
what was recorded is dropped and the body is recorded once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from enigma.dtypes import Numeric, b1, literal_dtype, promote
from enigma.errors import EnigmaTypeError
from enigma.source import caller
from enigma.trace.arrangement import Chunk, Places, is_exact, single
from enigma.trace.exits import RESULT
from enigma.trace.given import describe, literal
from enigma.trace.node import Block, For, While
from enigma.trace.state import (
    Leaves,
    Path,
    Snapshot,
    differing,
    hint,
    is_container,
    is_leaf,
    label,
    leaves,
    rearranged,
    rebuild,
    refuse_uncarried,
    same,
    shape,
    undefined_in,
    where_made,
    zeros,
)  # fmt: skip
from enigma.trace.tracer import Tracer
from enigma.trace.undefined import Undefined
from enigma.trace.value import TracedValue, active

_TRIES = 2
"""How often a fragment that a body arranges otherwise may start otherwise: as the body left it, then in single values."""


@dataclass(slots=True)
class Carried:
    """A variable's leaf that the loop carries: where it stands, its dtype and its first value."""

    variable: int
    position: int
    path: Path
    dtype: Numeric
    init: TracedValue


class Retry(Exception):
    """The body gave a carried variable another dtype than it started with, and the start was a literal."""


class Loop:
    """The common part: the variables, Python's way of running, and the recording of a real loop."""

    def __init__(self, names: Sequence[str], values: Sequence[Any], extra: Mapping[str, Any], stop: int | None) -> None:
        self.loc = caller()
        self.names, self.values, self.extra, self.stop = (*names,), tuple(values), tuple(extra.values()), stop
        self.all_names = (*names, *extra)
        self.start = self.values
        self.tracer: Tracer = active()
        self.mark = len(self.tracer.blocks[-1].nodes)
        self.allocated = len(self.tracer.body.nodes), self.tracer.threadgroup_bytes, self.tracer.thread_bytes
        self.taken = Snapshot((*self.start, *self.extra))
        self.dynamic = False
        self.wanted: dict[tuple[int, int], Numeric] = {}
        self.changed: set[tuple[int, int]] = set()
        self.carried: list[Carried] = []
        self.widened = False
        self.arranged: dict[int, dict[Path, Places]] = {}
        self.tried: dict[tuple[int, Path], int] = {}

    def result(self) -> tuple[Any, ...]:
        """Return the variables after the loop."""
        return self.values

    def stopped(self, values: Sequence[Any]) -> Any:
        """Return the flag that `break` set: a Python bool or a traced one."""
        return values[self.stop] if self.stop is not None else False

    def rewind(self) -> None:
        """Drop what was recorded since the loop began and put the variables back."""
        del self.tracer.blocks[-1].nodes[self.mark :]
        kept, self.tracer.threadgroup_bytes, self.tracer.thread_bytes = self.allocated
        del self.tracer.body.nodes[kept:]
        self.taken.restore()
        self.values = self.start

    # ---- a real loop

    def plan(self) -> None:
        """Decide what the loop carries: every leaf of a variable that is assigned, and those of others that are changed."""
        self.carried = []
        self._arrange()
        known: set[tuple[str, Path]] = self.tracer.changes.get(self.loc, set())
        for variable, value in enumerate((*self.start, *self.extra)):
            name = self.all_names[variable]
            assigned = variable < len(self.names)
            for position, (path, leaf) in enumerate(self.taken.leaves[variable]):
                key = variable, position
                seen = key in self.changed or ((name, path) in known and isinstance(leaf, TracedValue))
                if not is_leaf(leaf) or not (assigned or (is_container(value) and seen)):
                    continue
                number = literal(leaf)
                dtype = self.wanted.get(key) or (literal_dtype(number) if number is not None else leaf.dtype)
                if number is None:
                    self.tracer.check_scope(leaf, self.loc)
                init = (
                    self.tracer.constant(number, dtype, self.loc)
                    if number is not None
                    else self.tracer.convert(leaf, dtype, self.loc)
                )
                init.name = init.name or hint(name, path) or None
                self.carried.append(Carried(variable, position, path, dtype, init))

    def _arranged(self, ends: list[Leaves]) -> list[Leaves]:
        """Return the leaves at the end of the body arranged as at its start; raises `Retry` where it is to start otherwise.

        First it starts as the body left it, so that what is stored whole stays in vectors; then in single values.
        """
        found: list[Leaves] = []
        for variable, (before, after) in enumerate(zip(self.taken.leaves, ends, strict=True)):
            to: dict[Path, Places] = {}
            for path, (start, end) in differing(before, after).items():
                tries = self.tried[variable, path] = self.tried.get((variable, path), 0) + 1
                alone = single(len(start.places))
                wanted = end.places if tries == 1 and is_exact(end.places) else alone
                if start.places != wanted and tries <= _TRIES:
                    self.arranged.setdefault(variable, {})[path] = wanted
                to[path] = start.places
            found.append(rearranged(after, to, self.loc) if to else after)
        if self.arranged:
            raise Retry
        return found

    def _arrange(self) -> None:
        """Let fragments that the body arranges otherwise start so too; that is computed before the loop."""
        for variable, places in self.arranged.items():
            new = rearranged(self.taken.leaves[variable], places, self.loc)
            value = (*self.start, *self.extra)[variable]
            own = variable < len(self.names)
            made = rebuild(value, [leaf for _, leaf in new], fresh=own, arranged=places)
            if own:
                self.start = (*self.start[:variable], made, *self.start[variable + 1 :])
            self.changed = {key for key in self.changed if key[0] != variable}  # its leaves have other numbers now
            self.wanted = {key: dtype for key, dtype in self.wanted.items() if key[0] != variable}
        if self.arranged:
            self.arranged = {}
            self.taken = Snapshot((*self.start, *self.extra))
            self.mark = len(self.tracer.blocks[-1].nodes)
            self.allocated = len(self.tracer.body.nodes), *self.allocated[1:]

    def arguments(self, scope: Block) -> list[TracedValue]:
        """Return fresh block arguments for the carried leaves, and put them into the variables."""
        new: list[TracedValue] = []
        for item in self.carried:
            name = self.all_names[item.variable]
            value = TracedValue(item.dtype, hint(name, item.path) or None)
            value.scope = scope
            if self._is_weak(item):
                value.weak = partial(self._widen, item)
            new.append(value)
        scope.args.extend(new)
        self.values = self._with(new)
        return new

    def _is_weak(self, item: Carried) -> bool:
        """A literal start takes the dtype that the body gives it, also when another loop carries it in here."""
        leaf = self.taken.leaves[item.variable][item.position][1]
        return (item.variable, item.position) not in self.wanted and (
            literal(leaf) is not None or (isinstance(leaf, TracedValue) and leaf.weak is not None)
        )

    def _widen(self, item: Carried, dtype: Numeric) -> None:
        """Note that a literal start needs another dtype: the body is recorded once more."""
        self.wanted[item.variable, item.position] = dtype
        self.widened = True
        leaf = self.taken.leaves[item.variable][item.position][1]
        if isinstance(leaf, TracedValue) and leaf.weak is not None:
            leaf.weak(dtype)

    def _with(self, new: Sequence[Any]) -> tuple[Any, ...]:
        """Return the variables with the carried leaves replaced."""
        replaced = {(item.variable, item.position): value for item, value in zip(self.carried, new, strict=True)}
        result: list[Any] = []
        for variable, value in enumerate((*self.start, *self.extra)):
            old = self.taken.leaves[variable]
            parts = [replaced.get((variable, position), leaf) for position, (_, leaf) in enumerate(old)]
            # what the body assigns anew leaves other holders of the old list alone
            result.append(rebuild(value, parts, fresh=variable < len(self.names)) if is_container(value) else parts[0])
        return tuple(result[: len(self.names)])

    def close(self, values: Sequence[Any], body: Block) -> list[TracedValue]:
        """Return what the body yields for the carried leaves. Raises `Retry` when a literal start had the wrong dtype."""
        self.taken.refuse_changes("a loop of the kernel", self.loc)
        if self.widened:
            self.widened = False
            raise Retry
        yields: list[TracedValue] = []
        ends = self._arranged(Snapshot((*values, *self.extra)).leaves)
        self._check_returned(values)
        self._check_shapes((*values, *self.extra), ends)
        for item in self.carried:
            leaf = ends[item.variable][item.position][1]
            name = label(self.all_names[item.variable], item.path)
            yields.append(self._yielded(item, leaf, name))
        body.yields = list(yields)
        return yields

    def _check_returned(self, values: Sequence[Any]) -> None:
        """A value that a `return` in the body gives is carried, from a 0 that is never read: record the body once more."""
        for variable, value in enumerate(values):
            if (
                self.names[variable] == RESULT
                and undefined_in(self.start[variable])
                and not undefined_in(value)
                and value is not None
            ):
                for position, (_, leaf) in enumerate(leaves(value)):
                    if isinstance(leaf, TracedValue) and is_leaf(leaf):
                        self.wanted[variable, position] = leaf.dtype
                start = zeros(value)
                self.taken.restore()
                self.start = (*self.start[:variable], start, *self.start[variable + 1 :])
                self.taken = Snapshot((*self.start, *self.extra))
                raise Retry

    def _yielded(self, item: Carried, leaf: Any, name: str) -> TracedValue:
        started = self.taken.leaves[item.variable][item.position][1]
        number = literal(leaf)
        if number is not None:
            if isinstance(number, float) and not item.dtype.is_float:
                return self._wrong(item, started, leaf, name, literal_dtype(number))
            return self.tracer.constant(number, item.dtype, self.loc)
        if undefined_in(leaf):
            leaf.refuse()
        if not is_leaf(leaf):
            raise EnigmaTypeError(
                f"{name} is {describe(started)} before the loop and {describe(leaf)} after its body", loc=self.loc,
                help="a loop of the kernel can change numbers and traced values only",
            )  # fmt: skip
        if leaf.type is not item.dtype:
            return self._wrong(item, started, leaf, name, leaf.dtype)
        self.tracer.check_scope(leaf, self.loc)
        return leaf

    def _wrong(self, item: Carried, started: Any, leaf: Any, name: str, dtype: Numeric) -> TracedValue:
        common = promote(item.dtype, dtype) if b1 not in (item.dtype, dtype) else None
        if self._is_weak(item) and common is not None and common is not item.dtype:
            self._widen(item, common)
            self.widened = False
            raise Retry
        if literal(started) is not None and common is item.dtype:
            return self.tracer.convert(leaf, item.dtype, self.loc)
        notes = [(f"{describe(x)} here", place) for x in (started, leaf) if (place := where_made(x)) is not None]
        in_fragment = bool(item.path) and isinstance(item.path[-1], Chunk)
        start = "True or False" if dtype is b1 else f"enigma.{dtype.name}(...)"
        raise EnigmaTypeError(
            f"{name} is {describe(started)} before the loop and {describe(leaf)} after its body", loc=self.loc, notes=notes,
            help=f"give it one dtype: convert before the loop, or in the body: f.to(enigma.{item.dtype.element.name})"
            if in_fragment else
            f"give it one dtype: start with {start}, or convert in the body: x.to(enigma.{item.dtype.name})",
        )  # fmt: skip

    def _check_shapes(self, values: Sequence[Any], ends: list[list[tuple[Path, Any]]]) -> None:
        """Refuse a body that changes what cannot be carried; one that changes more than was planned is recorded once more."""
        carried = {(item.variable, item.position) for item in self.carried}
        found: set[tuple[int, int]] = set()
        for variable, (before, after) in enumerate(zip(self.taken.leaves, ends, strict=True)):
            name = self.all_names[variable]
            if variable < len(self.names) and undefined_in(self.start[variable]):
                continue
            if [path for path, _ in before] != [path for path, _ in after]:
                held = (*self.start, *self.extra)[variable]
                raise EnigmaTypeError(
                    f"{label(name, ())} is {shape(held, before)} before the loop and {shape(values[variable], after)} "
                    "after its body", loc=self.loc,
                    help="a loop of the kernel cannot change how many values a variable holds; make it its full length first",
                )  # fmt: skip
            for position, ((path, old), (_, new)) in enumerate(zip(before, after, strict=True)):
                refuse_uncarried(label(name, path), old, new, "a loop of the kernel", self.loc)
                if (variable, position) in carried or same(old, new) or undefined_in(old):
                    continue
                if (
                    not is_leaf(old)
                    or variable < len(self.names)
                    or not is_container(self.extra[variable - len(self.names)])
                ):
                    raise EnigmaTypeError(
                        f"{label(name, path)} is {describe(old)} before the loop and {describe(new)} after its body", loc=self.loc,
                        help="a loop of the kernel can change numbers and traced values only",
                    )  # fmt: skip
                found.add((variable, position))
                self.tracer.changes.setdefault(self.loc, set()).add((name, path))
        if found:
            self.changed |= found
            raise Retry

    def finish(self, node: For | While) -> None:
        """Add the loop and make its results the variables."""
        scope = self.tracer.blocks[-1]
        for item in self.carried:
            name = self.all_names[item.variable]
            value = TracedValue(item.dtype, hint(name, item.path) or None, node)
            value.scope = scope
            node.results.append(value)
        self.tracer.add(node)
        ended = self._with(node.results)
        self.values = tuple(self._after(variable, value) for variable, value in enumerate(ended))

    def _after(self, variable: int, value: Any) -> Any:
        if not undefined_in(value):
            return value
        name = self.names[variable]
        return Undefined(
            name,
            "it is assigned only inside a loop, which may not run at all",
            self.loc,
            f"give {name} a value before the loop",
        )
