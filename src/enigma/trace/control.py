"""Structured control flow on traced conditions: what the rewritten `if`, `and`, `or`, `not` and ternaries call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from enigma.dtypes import Numeric, Vector, b1, literal_dtype, promote
from enigma.errors import EnigmaTypeError
from enigma.source import SourceLoc, caller
from enigma.spec.terms import Effect
from enigma.trace.fragment import Fragment
from enigma.trace.given import describe, literal
from enigma.trace.node import Block, If, Op
from enigma.trace.state import (
    Snapshot,
    common_dtype,
    differing,
    hint,
    is_container,
    is_leaf,
    label,
    leaves,
    of_fewest,
    rearranged,
    rebuild,
    refuse_uncarried,
    same,
    shape,
    undefined_in,
    zeros,
)  # fmt: skip
from enigma.trace.tensor import Tensor
from enigma.trace.tracer import Tracer
from enigma.trace.undefined import Undefined
from enigma.trace.value import Handle, TracedValue, active

_T = TypeVar("_T")


def is_traced(x: Any) -> bool:
    """Return whether a condition is decided only when the kernel runs."""
    if isinstance(x, Undefined):
        x.refuse()
    return isinstance(x, TracedValue)


def truth(x: Any, loc: SourceLoc | None = None) -> Any:
    """Return a traced bool for a condition: numbers are compared with 0, as Python's truth is."""
    loc = loc or caller()
    tracer = active()
    if isinstance(x, Tensor):
        raise EnigmaTypeError(f"the buffer {x.name} has no truth value", loc=loc, help="test an element: A[i] != 0")
    if isinstance(x, Handle):
        raise EnigmaTypeError(
            f"{x.name}, {describe(x)}, has no truth value", loc=loc, help="test a component of a texel"
        )
    if not isinstance(x, TracedValue):
        return tracer.constant(bool(x), b1, loc)
    if isinstance(x.type, Vector):
        raise EnigmaTypeError(
            f"{x.name or 'the condition'} is {x.type.name}, which has no single truth value", loc=loc,
            help="write enigma.any(c) or enigma.all(c), or choose component by component: enigma.where(c, x, y)",
        )  # fmt: skip
    if x.dtype.parts > 1:
        raise EnigmaTypeError(
            f"{x.name or 'the condition'} is {x.dtype.name}, which has no truth value", loc=loc,
            help=f"test a number of it: {x.name or 'm'}[0] != 0",
        )  # fmt: skip
    return x if x.type is b1 else tracer.operator("!=", (x, 0), loc)


def cast_in(tracer: Tracer, block: Block, x: Any, dtype: Any, loc: SourceLoc) -> TracedValue:
    """Return `x` as a value of `dtype`, made at the end of `block` when it is a literal."""
    return x if isinstance(x, TracedValue) else _at_end(tracer, block, lambda: tracer.constant(x, dtype, loc))


def _at_end(tracer: Tracer, block: Block, compute: Callable[[], _T]) -> _T:
    """Return what a function records at the end of a block that was closed."""
    tracer.blocks.append(block)
    try:
        return compute()
    finally:
        tracer.blocks.pop()


class Branches:
    """One `if` statement: yields True for the branch to run now, and merges the variables of both."""

    def __init__(self, condition: Any, names: Sequence[str], values: Sequence[Any], extra: Mapping[str, Any]) -> None:
        self.loc = caller()
        self.names, self.start, self.extra = names, tuple(values), tuple(extra.values())
        self.all_names = (*names, *extra)
        self.traced = is_traced(condition)
        self.condition: Any = truth(condition, self.loc) if self.traced else bool(condition)
        self.taken = Snapshot((*self.start, *self.extra) if self.traced else ())
        self.ends: list[tuple[Any, ...]] = []
        self.contents: list[Snapshot] = []
        self.final: tuple[Any, ...] = self.start

    def __iter__(self) -> Iterator[bool]:
        if not self.traced:
            yield self.condition
            return
        tracer = active()
        with tracer.block() as then:
            yield True
        with tracer.block() as orelse:
            yield False
        self.final = self._merge(tracer, then, orelse)

    def leave(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Take the variables at the end of a branch; return those the next branch starts with."""
        if not self.traced:
            self.final = values
            return values
        self.taken.refuse_changes("a branch of the kernel", self.loc)
        self.ends.append(values)
        self.contents.append(Snapshot((*values, *self.extra)))
        self.taken.restore()  # the other branch starts from the same contents of the same lists
        return self.start

    def result(self) -> tuple[Any, ...]:
        """Return the variables after the statement."""
        return self.final

    def _merge(self, tracer: Tracer, then: Block, orelse: Block) -> tuple[Any, ...]:
        node = If(self.condition, then, orelse, [], self.loc)
        ends = [(*end, *self.extra) for end in self.ends]
        first, second = self.contents
        first.restore()
        merged = [
            self._merge_variable(tracer, node, name, ends[0][k], ends[1][k], first.leaves[k], second.leaves[k])
            for k, name in enumerate(self.all_names)
        ]
        tracer.add(node)
        return tuple(merged[: len(self.names)])

    def _merge_variable(self, tracer: Tracer, node: If, name: str, a: Any, b: Any, in_a: Any, in_b: Any) -> Any:
        if undefined_in(a) or undefined_in(b):
            if not name.startswith("__") or (undefined_in(a) and undefined_in(b)):
                return self._one_sided(name, a, b)
            # our own: the returned value, read only where a flag says it is there
            a, in_a = (zeros(b), leaves(zeros(b))) if undefined_in(a) else (a, in_a)
            b, in_b = (zeros(a), leaves(zeros(a))) if undefined_in(b) else (b, in_b)
        arranged = {path: of_fewest(*both) for path, both in differing(in_a, in_b).items()}
        if arranged:
            in_a = _at_end(tracer, node.then, lambda: rearranged(in_a, arranged, self.loc))
            in_b = _at_end(tracer, node.orelse, lambda: rearranged(in_b, arranged, self.loc))
        if len(in_a) != len(in_b) or [path for path, _ in in_a] != [path for path, _ in in_b]:
            raise EnigmaTypeError(
                f"{label(name, ())} is {shape(a, in_a)} after the `if` branch and {shape(b, in_b)} after the other", loc=self.loc,
                help="a branch decided when the kernel runs cannot change how many values a variable holds",
            )  # fmt: skip
        new = [self._merge_leaf(tracer, node, name, path, x, y) for (path, x), (_, y) in zip(in_a, in_b, strict=True)]
        if not is_container(a):
            return new[0]
        return rebuild(a, new, fresh=a is not b, arranged=arranged)

    def _one_sided(self, name: str, a: Any, b: Any) -> Any:
        if undefined_in(a) and undefined_in(b):
            return a
        branch = "else" if undefined_in(a) else "if"
        return Undefined(
            name,
            f"only the `{branch}` branch assigns it",
            self.loc,
            f"give {name} a value before the `if` or in both branches",
        )

    def _merge_leaf(self, tracer: Tracer, node: If, name: str, path: Any, x: Any, y: Any) -> Any:
        refuse_uncarried(label(name, path), x, y, "a branch decided when the kernel runs", self.loc)
        if same(x, y):
            return x
        if not is_leaf(x) or not is_leaf(y):
            raise EnigmaTypeError(
                f"{label(name, path)} is {describe(x)} after the `if` branch and {describe(y)} after the other", loc=self.loc,
                help="a branch decided when the kernel runs can only merge numbers and traced values",
            )  # fmt: skip
        x, y = self._widened(tracer, node, x, y)
        dtype = common_dtype(label(name, path), x, y, self.loc, what="after the `if` branch|after the other")
        result = TracedValue(dtype, hint(name, path) or None, node)
        result.scope = tracer.blocks[-1]
        node.results.append(result)
        node.then.yields.append(cast_in(tracer, node.then, x, dtype, self.loc))
        node.orelse.yields.append(cast_in(tracer, node.orelse, y, dtype, self.loc))
        return result

    def _widened(self, tracer: Tracer, node: If, x: Any, y: Any) -> tuple[Any, Any]:
        """A loop variable that started as a literal takes the dtype of the other branch; its loop is recorded again."""
        for weak, other in ((x, y), (y, x)):
            if not isinstance(weak, TracedValue) or weak.weak is None or not is_leaf(other):
                continue
            number = literal(other)
            dtype = other.dtype if number is None else literal_dtype(number)
            common = promote(weak.dtype, dtype) if b1 not in (weak.dtype, dtype) else None
            if common is not None and common is not weak.dtype:
                weak.weak(common)
                return self._converted(tracer, node.then, x, common), self._converted(tracer, node.orelse, y, common)
        return x, y

    def _converted(self, tracer: Tracer, block: Block, x: Any, dtype: Numeric) -> Any:
        number = x if literal(x) is None or not dtype.is_float else float(x)
        return _at_end(tracer, block, lambda: tracer.convert(number, dtype, self.loc))


def captured(tracer: Tracer, compute: Callable[[], Any]) -> tuple[Block, Any]:
    """Return a new block with the nodes that `compute` records, and its value."""
    with tracer.block() as block:
        value = compute()
    return block, value


def is_plain(block: Block) -> bool:
    """Return whether a block only computes: its nodes may run even where its value is not wanted."""
    return all(isinstance(node, Op) and node.row.effect is Effect.PURE for node in block.nodes)


def splice(tracer: Tracer, block: Block) -> None:
    """Append a captured block's nodes to the open block."""
    here = tracer.blocks[-1]
    for node in block.nodes:
        for value in [node.result] if isinstance(node, Op) else node.results:
            if isinstance(value, TracedValue):
                value.scope = here
    here.nodes.extend(block.nodes)


def either(tracer: Tracer, condition: Any, then: tuple[Block, Any], orelse: tuple[Block, Any], loc: SourceLoc) -> Any:
    """Return one of two computed values: a select when both only compute, else an `If` so that only one is computed."""
    (then_block, x), (else_block, y) = then, orelse
    if x is y:
        splice(tracer, then_block)
        return x
    in_x, in_y, made = _parts(tracer, then, orelse, loc)
    dtypes = [
        common_dtype("the value", p, q, loc, what="if the condition holds|if not")
        for p, q in zip(in_x, in_y, strict=True)
    ]
    if is_plain(then_block) and is_plain(else_block):
        splice(tracer, then_block)
        splice(tracer, else_block)
        here = tracer.blocks[-1]
        results: list[Any] = [
            tracer.select(condition, cast_in(tracer, here, p, dtype, loc), cast_in(tracer, here, q, dtype, loc), loc)
            for p, q, dtype in zip(in_x, in_y, dtypes, strict=True)
        ]
    else:
        node = If(condition, then_block, else_block, [], loc)
        for p, q, dtype in zip(in_x, in_y, dtypes, strict=True):
            result = TracedValue(dtype, None, node)
            result.scope = tracer.blocks[-1]
            node.results.append(result)
            then_block.yields.append(cast_in(tracer, then_block, p, dtype, loc))
            else_block.yields.append(cast_in(tracer, else_block, q, dtype, loc))
        tracer.add(node)
        results = cast("list[Any]", list(node.results))
    return made(results)


def _parts(
    tracer: Tracer, then: tuple[Block, Any], orelse: tuple[Block, Any], loc: SourceLoc
) -> tuple[list[Any], list[Any], Callable[[list[Any]], Any]]:
    """Return the values to choose between, and what makes the result of the chosen ones: two numbers, or fragments of one shape."""
    (then_block, x), (else_block, y) = then, orelse
    if isinstance(x, Fragment) and isinstance(y, Fragment) and x.shape == y.shape:
        places = x.places if x.places == y.places else of_fewest(x.keys()[0], y.keys()[0])
        in_x = _at_end(tracer, then_block, lambda: x.arranged(places, loc))
        in_y = _at_end(tracer, else_block, lambda: y.arranged(places, loc))
        return in_x, in_y, lambda chosen: Fragment(x.shape, chosen, places)
    if is_leaf(x) and is_leaf(y):
        return [x], [y], lambda chosen: chosen[0]
    either_fragment = isinstance(x, Fragment) or isinstance(y, Fragment)
    raise EnigmaTypeError(
        f"`x if c else y` chooses between {describe(x)} and {describe(y)}", loc=loc,
        help="both must be fragments of one shape; enigma.where(c, x, y) takes a number for all elements too"
        if either_fragment else "both must be numbers: A[i] if c else B[i]",
    )  # fmt: skip


def if_expression(condition: Any, then: Callable[[], Any], orelse: Callable[[], Any]) -> Any:
    """`then if condition else orelse`."""
    if not is_traced(condition):
        return then() if condition else orelse()
    loc, tracer = caller(), active()
    condition = truth(condition, loc)
    return either(tracer, condition, captured(tracer, then), captured(tracer, orelse), loc)


def and_(left: Any, right: Callable[[], Any]) -> Any:
    """`left and right`: the right side is computed only where the left holds, if it reads memory."""
    if not is_traced(left):
        return right() if left else left
    return _short_circuit(left, right, decided=False)


def or_(left: Any, right: Callable[[], Any]) -> Any:
    """`left or right`: the right side is computed only where the left does not hold, if it reads memory."""
    if not is_traced(left):
        return left if left else right()
    return _short_circuit(left, right, decided=True)


def _short_circuit(left: Any, right: Callable[[], Any], *, decided: bool) -> Any:
    loc, tracer = caller(), active()
    left = truth(left, loc)
    block, value = captured(tracer, lambda: _as_truth(right(), loc))
    if not isinstance(value, TracedValue):
        return left if value is not decided else value
    if is_plain(block):
        splice(tracer, block)
        return tracer.operator("or" if decided else "and", (left, value), loc)
    shortcut = (Block(), decided)
    branches = (shortcut, (block, value)) if decided else ((block, value), shortcut)
    return either(tracer, left, *branches, loc)


def _as_truth(x: Any, loc: SourceLoc) -> Any:
    if isinstance(x, Undefined):
        x.refuse()
    return truth(x, loc) if isinstance(x, TracedValue) else bool(x)


def not_(x: Any) -> Any:
    """`not x`."""
    if not is_traced(x):
        return not x
    loc = caller()
    return active().operator("not", (truth(x, loc),), loc)


def compare(left: Any, tests: Sequence[tuple[Callable[[Any, Any], Any], Callable[[], Any]]]) -> Any:
    """A chained comparison `a < b < c`: each operand once, all comparisons joined by `and`."""
    test, operand = tests[0]
    right = operand()
    first = test(left, right)
    if len(tests) == 1:
        return first
    return and_(first, lambda: compare(right, tests[1:]))


def contains(x: Any, items: Any) -> Any:
    """`x in items` for a traced x and a Python collection: equal to any of them."""
    if not is_traced(x):
        return x in items
    if isinstance(items, TracedValue):
        raise EnigmaTypeError(
            f"`in` needs a Python collection, not {describe(items)}",
            loc=caller(),
            help="loop over indices: for i in range(n): A[i]",
        )
    found: Any = False
    for item in items:
        found = or_(found, lambda item=item: x == item)
    return found
