"""The tracer: records nodes into the block that is open, one kernel at a time."""

from __future__ import annotations

import math
import warnings
import weakref
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType
from typing import Any

from enigma.context import current
from enigma.dtypes import (
    BufferType,
    Matrix,
    Numeric,
    SimdgroupMatrix,
    Space,
    TextureType,
    Type,
    Vector,
    promote,
    widened,
)
from enigma.errors import EnigmaNameError, EnigmaTypeError, EnigmaValueError, InternalError
from enigma.source import SourceLoc, caller
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import by_algebra, by_operator, rows
from enigma.spec.terms import INDEX, MAKES, Algebra, Effect
from enigma.trace import access, fragment, matrices, small, swizzle
from enigma.trace.fragment import Fragment
from enigma.trace.given import check_assignable, check_literal, describe, literal, located_dtype, number_dtype, part_of
from enigma.trace.infer import lanes_apart, resolve
from enigma.trace.node import Block, Node, Op, Value, walk
from enigma.trace.tensor import Tensor, View
from enigma.trace.value import TracedValue

_MAX_POWER = 8  # x ** n up to here is multiplications, as a person would write it


_DIVISIONS = (Algebra.DIV, Algebra.FLOOR_DIV, Algebra.FLOOR_MOD)


def _is_fraction(x: Any) -> bool:
    return isinstance(literal(x), float) or (
        isinstance(x, TracedValue) and isinstance(x.type, Numeric) and x.type.is_float
    )


def _is_whole(x: Any) -> bool:
    return isinstance(x, TracedValue) and isinstance(x.type, Numeric) and not x.type.is_float


class EnigmaWarning(UserWarning):
    """Something legal that is probably not meant, with its Python line."""


def warn(message: str, loc: SourceLoc, help: str | None = None) -> None:
    """Warn at a line of a kernel."""
    snippet = loc.snippet()
    text = f"{loc}: warning: {message}" + (f"\n{snippet}" if snippet else "") + (f"\n  help: {help}" if help else "")
    warnings.warn(EnigmaWarning(text), stacklevel=2)


class Tracer:
    """Records one kernel. `blocks[-1]` is the block being filled; nodes get the user's line as they are made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.blocks: list[Block] = [Block()]
        self.threadgroup_bytes = 0
        self.thread_bytes = 0
        self.buffers: dict[str, Tensor] = {}  # the parameters, by name
        self.raw_copies = False  # whether asynchronous copies are Apple's own instructions
        self.copies_to_device = False  # whether waiting for copies must order device memory too
        self.tables: dict[Any, Tensor] = {}  # constant memory by its dtype and numbers
        self.registers: list[weakref.ref[Any]] = []  # what holds values that loops must carry: see registers.py
        self.changes: dict[SourceLoc, set[tuple[str, tuple[Any, ...]]]] = {}  # what a loop was seen to change in place
        self.reports = 0  # places that report something, those of discarded passes over a loop counted
        self.function_constants: dict[int, Any] = {}  # by index: what trace/constants.py knows of each
        self.depth: dict[CodeType, int] = {}  # how deep each Python function is in calls of itself

    @property
    def body(self) -> Block:
        """The kernel's outermost block."""
        return self.blocks[0]

    @contextmanager
    def active(self) -> Generator[Tracer]:
        """Make this the tracer of the kernel operations called inside; an outer one is restored afterwards."""
        token = current.set(self)
        try:
            yield self
        finally:
            current.reset(token)

    @contextmanager
    def block(self, args: Sequence[Value] = ()) -> Generator[Block]:
        """Open a new block for the nodes recorded inside."""
        block = Block(list(args))
        self.blocks.append(block)
        try:
            yield block
        finally:
            self.blocks.pop()

    def add(self, node: Node) -> None:
        """Append a node to the open block."""
        self.blocks[-1].nodes.append(node)

    def constant(self, value: bool | int | float, dtype: Numeric, loc: SourceLoc | None = None) -> TracedValue:
        """Return a new constant; the value must fit the dtype. All components of a vector have it."""
        loc = loc or caller()
        if isinstance(dtype, Vector):
            return self.splat(self.constant(value, dtype.element, loc), dtype, loc)
        if isinstance(dtype, SimdgroupMatrix):
            return matrices.filled(value, dtype, loc)
        if isinstance(dtype, Matrix):
            return small.made(dtype, (value,), loc)
        result = TracedValue(dtype)
        node = Op(
            by_algebra()[Algebra.CONST], (), {"dtype": dtype, "value": check_literal(value, dtype, loc)}, result, loc
        )
        result.owner, result.scope = node, self.blocks[-1]
        self.add(node)
        return result

    def value(self, x: Any, loc: SourceLoc | None = None) -> TracedValue:
        """Return `x` as a traced value; a bare literal becomes i32, f32 or b1."""
        if isinstance(x, TracedValue):
            return x
        number = literal(x)
        if number is None:
            raise EnigmaTypeError(
                f"a kernel cannot compute with {describe(x)}",
                loc=loc or caller(),
                help="use a traced value or a Python number",
            )
        return self.constant(number, number_dtype(number, loc or caller()), loc)

    def convert(self, x: Any, dtype: Any, loc: SourceLoc | None = None) -> TracedValue:
        """Return `x` converted to `dtype`; a value that has it already is returned as it is.

        The components of a vector are converted to a scalar dtype, and a number becomes a vector of equal components.
        """
        loc = loc or caller()
        target = located_dtype(dtype, loc)
        if isinstance(x, TracedValue) and isinstance(x.type, SimdgroupMatrix):
            return x if target in (x.type, x.type.element) else matrices.converted(x, target, loc)
        if isinstance(target, SimdgroupMatrix):
            return matrices.filled(x, target, loc)
        if small.kind_of(x) is not None:
            return small.converted(x, target, loc)
        if isinstance(target, Matrix):
            return small.made(target, (x,), loc)
        if isinstance(target, Vector) and not (isinstance(x, TracedValue) and isinstance(x.type, Vector)):
            return self.splat(self.convert(x, target.element, loc), target, loc)
        number = literal(x)
        if number is not None:
            if target.is_integer and isinstance(number, float):
                raise (
                    EnigmaTypeError(
                        f"{target.name}({number!r}) would drop the fraction",
                        loc=loc,
                        help=f"write a whole number: {int(number)}",
                    )
                    if not number.is_integer()
                    else EnigmaTypeError(
                        f"{target.name}({number!r}): a float literal for an integer",
                        loc=loc,
                        help=f"write {int(number)}",
                    )
                )
            return self.constant(number, target, loc)
        if not isinstance(x, TracedValue) or not isinstance(x.type, Numeric):
            raise EnigmaTypeError(
                f"{target.name}(...) takes a value or a number, but it got {describe(x)}", loc=loc,
                help=part_of(x, "A") if isinstance(x, TracedValue) else "pass a traced value or a Python number",
            )  # fmt: skip
        self.check_scope(x, loc)
        if target.parts == 1 and x.type.lanes == x.type.parts:
            target = widened(target, x.type.lanes)
        if x.type is target:
            return x
        return self.apply(by_algebra()[Algebra.CONVERT], {"x": x, "dtype": target}, loc)

    def assigned(self, x: Any, dtype: Numeric, what: str, loc: SourceLoc) -> TracedValue:
        """Return `x` as something of `dtype` is set to it; raises `EnigmaTypeError` where that would lose its kind."""
        check_assignable(x, dtype, what, loc)
        return self._operand(x, dtype, loc)

    # ---- vectors

    def splat(self, x: TracedValue, dtype: Vector, loc: SourceLoc) -> TracedValue:
        """Return the vector whose components are all `x`, which has the dtype of a component."""
        return self._emit(by_algebra()[Algebra.SPLAT], (x,), {"lanes": dtype.lanes}, dtype, loc)

    def vector(self, dtype: Vector, values: Sequence[Any], loc: SourceLoc | None = None) -> TracedValue:
        """Return a vector put together from numbers and the components of vectors, each converted to its element."""
        loc = loc or caller()
        if len(values) == 1:
            only = values[0]
            if not isinstance(only, TracedValue) or not isinstance(only.type, Vector) or only.type.lanes == dtype.lanes:
                return self.convert(only, dtype, loc)
        parts: list[Any] = []
        for value in values:
            parts += self.components(value, loc) if _is_vector(value) else [value]
        if len(parts) != dtype.lanes:
            raise EnigmaTypeError(
                f"{dtype.name} has {dtype.lanes} components, but it got {len(parts)}", loc=loc,
                help=f"give {dtype.lanes} numbers, vectors with so many components in all, or one number for all of them",
            )  # fmt: skip
        return self.made([self.convert(part, dtype.element, loc) for part in parts], loc)

    def matrix(self, dtype: Matrix, values: Sequence[Any], loc: SourceLoc | None = None) -> TracedValue:
        """Return a small matrix of columns or numbers."""
        return small.made(dtype, values, loc or caller())

    def made(self, components: Sequence[TracedValue], loc: SourceLoc) -> TracedValue:
        """Return the vector of these components, which have one dtype; a single one is returned as it is."""
        if len(components) == 1:
            return components[0]
        dtype = widened(components[0].dtype, len(components))
        if all(component is components[0] for component in components):
            return self.convert(components[0], dtype, loc)
        return self._emit(by_algebra()[MAKES[len(components)]], tuple(components), {}, dtype, loc)

    def components(self, v: TracedValue, loc: SourceLoc) -> list[TracedValue]:
        """Return the components of a vector."""
        return [self.component(v, lane, loc) for lane in range(v.dtype.lanes)]

    # several elements in a row
    load_vector = access.load
    load_limited = access.load_limited
    store_vector = access.store

    # what a value's own attributes and brackets mean; a value does not know these modules
    named_components = staticmethod(swizzle.read)
    numbered_component = staticmethod(swizzle.item)
    matrix_elements = staticmethod(matrices.elements)
    matrix_column = staticmethod(small.column)
    matrix_columns = staticmethod(small.columns_of)
    matrix_element = staticmethod(matrices.element)
    replaced_components = staticmethod(swizzle.replaced)
    refuse_attribute = staticmethod(swizzle.refuse)

    def component(self, v: TracedValue, lane: int, loc: SourceLoc) -> TracedValue:
        """Return the component of a vector with this number."""
        self.check_scope(v, loc)
        return self._emit(by_algebra()[Algebra.EXTRACT], (v,), {"lane": lane}, v.dtype.element, loc)

    def apply(self, row: Intrinsic, arguments: Mapping[str, Any], loc: SourceLoc | None = None) -> Any:
        """Record a call of `row`: check and convert its arguments, and return the result or None."""
        loc = loc or caller()
        if any(isinstance(x, Fragment) for x in arguments.values()):
            if row.folds is not None:
                folded = {
                    name: x.folded(row.folds, loc) if isinstance(x, Fragment) else x for name, x in arguments.items()
                }
                return self.apply(row, folded, loc)
            if not row.by_component:
                fragment.refuse(row.public_name or row.name, loc)
            return fragment.named(arguments, lambda given: self.apply(row, given, loc), loc)
        if len(arguments) < len(row.params):
            arguments = {**row.defaults, **arguments}
        if row.effect is not Effect.PURE and any(isinstance(x, View) for x in arguments.values()):
            arguments = _in_whole(row, arguments, loc)
        if (lanes := lanes_apart(row, arguments, loc)) > 1:
            return self._by_component(row, arguments, lanes, loc)
        signature = resolve(row, arguments, loc)
        given = [arguments[name] for name in row.operands if name != row.variadic]
        if row.variadic is not None:
            given += arguments[row.variadic]
        operands = [self._operand(x, dtype, loc) for x, dtype in zip(given, signature.operands, strict=True)]
        return self._emit(row, tuple(operands), signature.attrs.copy(), signature.result, loc)

    def _by_component(self, row: Intrinsic, arguments: Mapping[str, Any], lanes: int, loc: SourceLoc) -> TracedValue:
        """Record the operation on each component of the vectors, and return the vector of what they give."""
        parts = {name: self.components(x, loc) if _is_vector(x) else [x] * lanes for name, x in arguments.items()}
        return self.made([self.apply(row, {name: parts[name][k] for name in parts}, loc) for k in range(lanes)], loc)

    def call(self, row: Intrinsic, arguments: dict[str, Any]) -> Any:
        """Record a user's call of a row's public function: the index may be a coordinate, the result more than a value."""
        loc = caller()
        if row.indexed is not None:
            buffer, index = row.indexed
            memory = arguments[buffer]
            if isinstance(memory, Tensor):
                arguments[buffer], arguments[index] = memory.memory, memory.offset(arguments[index], loc)
        result = self.apply(row, arguments, loc)
        if row.outcome is None:
            return result
        operands = dict(zip(row.operands, result.owner.operands, strict=True))

        def call(name: str, **others: Any) -> Any:
            return self.apply(rows()[name], others, loc)

        return row.outcome(call, result, operands)

    def _operand(self, x: Any, dtype: Type, loc: SourceLoc) -> TracedValue:
        if isinstance(dtype, Vector) and not (isinstance(x, TracedValue) and isinstance(x.type, Vector)):
            return self.splat(self._operand(x, dtype.element, loc), dtype, loc)
        if isinstance(dtype, SimdgroupMatrix) and not (isinstance(x, TracedValue) and x.type is dtype):
            return matrices.filled(x, dtype, loc)
        if not isinstance(x, TracedValue) and isinstance(dtype, Numeric):
            return self.constant(x if (number := literal(x)) is None else number, dtype, loc)
        self.check_scope(x, loc)
        return (
            x
            if x.type is dtype or isinstance(dtype, BufferType | TextureType)
            else self._emit(by_algebra()[Algebra.CONVERT], (x,), {"dtype": dtype}, dtype, loc, implied=True)
        )

    def _emit(
        self,
        row: Intrinsic,
        operands: tuple[Value, ...],
        attrs: dict[str, Any],
        type: Numeric | BufferType | None,
        loc: SourceLoc,
        *,
        implied: bool = False,
    ) -> Any:
        result = TracedValue(type) if type is not None else None
        node = Op(row, operands, attrs, result, loc, implied)
        if result is not None:
            result.owner, result.scope = node, self.blocks[-1]
        self.add(node)
        return result

    def select(self, condition: TracedValue, x: TracedValue, y: TracedValue, loc: SourceLoc) -> Any:
        """Record a choice between two computed values of one dtype."""
        return self._emit(by_algebra()[Algebra.SELECT], (condition, x, y), {}, x.dtype, loc)

    def check_scope(self, x: TracedValue, loc: SourceLoc) -> None:
        """Refuse a value that was made inside a block that is closed, or in another kernel: it does not exist here."""
        scope = x.scope
        if scope is None or scope is self.blocks[-1] or any(scope is block for block in self.blocks):
            return
        made = x.owner.loc if x.owner is not None else None
        if made is None:
            raise EnigmaNameError(
                f"{x.name or 'this value'} belongs to a loop that has ended, or to another kernel", loc=loc,
                help="keep it in a variable that the loop carries, or make it a parameter of this kernel",
            )  # fmt: skip
        raise EnigmaNameError(
            f"{x.name or 'this value'} was made in a branch or loop that has ended, or in another kernel: it does not exist here",
            loc=loc, notes=[("made here", made)],
            help="carry it: `for_range(..., init=[x]) as (i, carry)`, or write a native `for` or `if`",
        )  # fmt: skip

    def operator(self, symbol: str, operands: Sequence[Any], loc: SourceLoc | None = None) -> Any:
        """Record a Python operator."""
        loc = loc or caller()
        if any(
            isinstance(x, Fragment) for x in operands
        ):  # on the right: a fragment's own operators come here with its parts
            return fragment.each(lambda *parts: self.operator(symbol, parts, loc), tuple(operands), loc)
        if any(small.kind_of(x) is not None for x in operands):
            return small.operator(symbol, operands, loc)
        if symbol == "@" or any(matrices.kind_of(x) is not None for x in operands):
            return matrices.operator(symbol, operands, loc)
        if symbol == "**" and (product := self._small_power(operands, loc)) is not None:
            return product
        row = by_operator().get(f"{symbol} of floats") if any(map(_is_fraction, operands)) else None
        row = row or by_operator().get(symbol)
        if row is None:
            raise InternalError(f"no row answers {symbol}", loc=loc)
        for operand in operands:
            if not isinstance(operand, TracedValue) and literal(operand) is None:
                other = next(x for x in operands if isinstance(x, TracedValue))
                help = "write `x is None`" if operand is None else "both sides must be traced values or Python numbers"
                raise EnigmaTypeError(
                    f"`{symbol.removeprefix('u')}` of {describe(other)} with {describe(operand)}", loc=loc, help=help
                )
        self._warn_if_decided(row, operands, loc)
        return self.apply(row, dict(zip(row.operands, operands, strict=True)), loc)

    def _small_power(self, operands: Sequence[Any], loc: SourceLoc) -> Any:
        base, exponent = operands
        whole = literal(exponent)
        integer_base = isinstance(base, TracedValue) and isinstance(base.type, Numeric) and not base.type.is_float
        if integer_base and whole == 0:
            return self.constant(1, promote(base.dtype, base.dtype) or base.dtype, loc)
        if (
            isinstance(base, TracedValue)
            and isinstance(whole, int)
            and not isinstance(whole, bool)
            and 1 <= whole <= _MAX_POWER
        ):
            result = base
            for _ in range(whole - 1):
                result = self.operator("*", (result, base), loc)
            return result
        if integer_base:
            raise EnigmaValueError(
                "`**` of an integer needs a literal exponent from 0 to 8", loc=loc,
                help="convert the base: x.to(enigma.f32) ** y, or shift: 1 << n",
            )  # fmt: skip
        return None

    def _warn_if_decided(self, row: Intrinsic, operands: Sequence[Any], loc: SourceLoc) -> None:
        if row.algebra in _DIVISIONS and literal(operands[1]) == 0 and _is_whole(operands[0]):
            warn(
                f"`{row.operator}` by the literal 0: Metal leaves it undefined, here it gives "
                + ("0" if row.algebra is Algebra.FLOOR_MOD else "the dividend"), loc, "divide by a number that is not 0",
            )  # fmt: skip
        if row.algebra not in (Algebra.GE, Algebra.LT) or len(operands) != 2:
            return
        left, right = operands
        if (
            isinstance(left, TracedValue)
            and isinstance(left.type, Numeric)
            and left.type.kind == "u"
            and literal(right) == 0
        ):
            always = "true" if row.algebra is Algebra.GE else "false"
            warn(
                f"`{row.operator} 0` is always {always} here: {left.name or 'the left side'} is {left.type.name}, "
                "which wraps below 0", loc,
                "compare before subtracting (i > 0), or convert to a signed dtype: i.to(enigma.i32)",
            )  # fmt: skip

    def allocate(self, dtype: Numeric, shape: tuple[int, ...], space: Space, loc: SourceLoc) -> Tensor:
        """Return new memory of a shape, shared by the threadgroup or a thread's own."""
        row = by_algebra()[Algebra.LOCAL if space is Space.THREAD else Algebra.ALLOC]
        result = Tensor.of(BufferType(dtype, space), None, shape)
        result.owner = Op(row, (), {"dtype": dtype, "size": math.prod(shape)}, result, loc)
        result.scope = self.body
        # before the statement that is open: it is declared in the kernel's outermost block
        self.body.nodes.append(result.owner)
        return result

    def table(self, dtype: Numeric, values: tuple[bool | int | float, ...], name: str | None, loc: SourceLoc) -> Tensor:
        """Return the constant memory that holds these numbers, the same one for equal numbers."""
        key = dtype, repr(values)  # 0.0 and -0.0 are equal, True and 1 too
        if key not in self.tables:
            result = self.tables[key] = Tensor.of(BufferType(dtype, Space.CONSTANT), name, (len(values),))
            result.owner = Op(by_algebra()[Algebra.TABLE], (), {"dtype": dtype, "values": values}, result, loc)
            result.scope = self.body
        return self.tables[key]

    def place_tables(self) -> None:
        """Put the tables that are used before everything else."""
        used = {id(value) for node in walk(self.body) if isinstance(node, Op) for value in node.operands}
        self.body.nodes[:0] = [table.owner for table in self.tables.values() if id(table) in used and table.owner]


def _is_vector(x: Any) -> bool:
    return isinstance(x, TracedValue) and isinstance(x.type, Vector)


def _in_whole(row: Intrinsic, arguments: Mapping[str, Any], loc: SourceLoc) -> dict[str, Any]:
    """Return the arguments with each view replaced by the memory it is a part of, and its index moved."""
    found = dict(arguments)
    for name, value in arguments.items():
        if not isinstance(value, View):
            continue
        places = [key for key, term in row.operands.items() if term == INDEX]
        if len(places) != 1:
            raise EnigmaTypeError(
                f"{row.public_name or row.name}: {name} is a part of {value.name or 'a buffer'}, and it takes whole buffers only",
                loc=loc, help="pass the buffer itself, and where the part begins",
            )  # fmt: skip
        found[name], found[places[0]] = value.memory, value.offset(arguments[places[0]], loc)
    return found
