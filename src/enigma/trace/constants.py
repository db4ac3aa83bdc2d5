"""Function constants: `enigma.function_constant` in a kernel or outside of one, and whether one was given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from enigma.context import current
from enigma.dtypes import Numeric
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra, Static
from enigma.trace.given import check_literal, describe, literal, located_dtype
from enigma.trace.language import PUBLIC as PUBLIC
from enigma.trace.language import public
from enigma.trace.node import Constant, Op
from enigma.trace.value import TracedValue, active


@dataclass(frozen=True, slots=True, eq=False)
class FunctionConstant:
    """A function constant declared outside of kernels; in a kernel, `.value` is its value.

    SCALE = enigma.function_constant(enigma.f32, 0, default=1.0, name="scale")
    """

    index: int
    dtype: Numeric
    default: bool | int | float | None
    name: str | None
    loc: SourceLoc

    @property
    def value(self) -> Any:
        """The value in the kernel being traced. Raises `EnigmaError` outside of one."""
        return _declare(self)


@public
def function_constant(dtype: Any, index: Any, default: Any = None, name: str | None = None) -> Any:
    """Return the function constant `index`: a number given at launch that the kernel is specialised for.

    `index` is from 0 to 65535. At launch `constants={index: value}` gives it, or `{index: (type, value)}`, or its name
    instead of the index: `name`, else the variable it is first assigned to. Without a value it is the `default`; without
    that either, the launch is a `LaunchError`. Outside of a kernel this declares one for several kernels, which read its
    `.value`. One index has one dtype, default and name; two indices cannot share a name.

        tile = enigma.function_constant(enigma.u32, 0, default=16)
    """
    loc = caller()
    kind = located_dtype(dtype, loc)
    term = by_algebra()[Algebra.FUNCTION_CONSTANT].attributes["index"]
    number = literal(index)
    if not isinstance(number, int) or isinstance(number, bool):
        raise EnigmaTypeError(
            f"function_constant: the index must be a Python int, but it is {describe(index)}", loc=loc,
            help="write function_constant(enigma.u32, 0)",
        )  # fmt: skip
    if isinstance(term, Static) and not term.low <= number <= term.high:
        raise EnigmaValueError(
            f"function_constant: the index must be from {term.low} to {term.high}, but it is {number}", loc=loc,
            help="count them from 0",
        )  # fmt: skip
    if kind.parts > 1:
        raise EnigmaTypeError(
            f"function_constant: {kind.name} is a vector, but a function constant is one number", loc=loc,
            help=f"declare one for each component: function_constant(enigma.{kind.element.name}, 0)",
        )  # fmt: skip
    if name is not None and not (isinstance(cast(Any, name), str) and name.isidentifier()):
        raise EnigmaValueError(
            f"function_constant: {name!r} is no name", loc=loc, help="write an identifier, as for a variable"
        )
    declared = FunctionConstant(number, kind, _default(default, kind, loc), name, loc)
    return declared if current.get() is None else _declare(declared)


def _default(default: Any, dtype: Numeric, loc: SourceLoc) -> bool | int | float | None:
    if default is None:
        return None
    number = literal(default)
    if number is None:
        raise EnigmaTypeError(
            f"function_constant: the default must be a Python number, but it is {describe(default)}", loc=loc,
            help="choose in the kernel: enigma.where(enigma.is_function_constant_defined(c), c, x)",
        )  # fmt: skip
    return check_literal(number, dtype, loc)


@public
def is_function_constant_defined(constant: Any) -> Any:
    """Return whether a function constant was given at launch, a bool that the kernel is specialised for.

    `constant` is what `function_constant` returned. Raises `EnigmaTypeError` for other values.

        bias = enigma.function_constant(enigma.f32, 1, default=0.0)
        if enigma.is_function_constant_defined(bias):
            y = y + bias
    """
    loc, tracer = caller(), active()
    value = constant.value if isinstance(constant, FunctionConstant) else constant
    if not isinstance(value, TracedValue) or index_of(value) is None:
        raise EnigmaTypeError(
            f"is_function_constant_defined takes a function constant, but it got {describe(value)}", loc=loc,
            help="pass what enigma.function_constant returned, not something computed from it",
        )  # fmt: skip
    row = by_algebra()[Algebra.IS_GIVEN]
    return tracer.apply(row, dict(zip(row.operands, (value,), strict=True)), loc)


def index_of(value: TracedValue) -> int | None:
    """Return the index of a function constant, or None for any other value."""
    node = value.owner
    if isinstance(node, Op) and node.row.algebra in (Algebra.FUNCTION_CONSTANT, Algebra.FUNCTION_CONSTANT_OR):
        return node.attrs["index"]
    return None


def _declare(declared: FunctionConstant) -> TracedValue:
    """Return the value of a constant in the kernel being traced: one for each index, whatever branch asks first."""
    tracer = active()
    known: dict[int, Declared] = tracer.function_constants
    if declared.index in known:
        _same(known[declared.index].constant, declared)
        return known[declared.index].value
    for other in known.values():
        if declared.name is not None and other.constant.name == declared.name:
            raise _shared_name(declared.name, declared, other.constant)
    nodes: list[Op] = []
    rows, dtype, index = by_algebra(), declared.dtype, declared.index
    result = TracedValue(dtype, declared.name)
    result.scope = tracer.body
    if declared.default is None:
        row, operands = rows[Algebra.FUNCTION_CONSTANT], ()
        attrs: dict[str, Any] = {"dtype": dtype, "index": index}
    else:
        number = TracedValue(dtype)
        nodes.append(Op(rows[Algebra.CONST], (), {"dtype": dtype, "value": declared.default}, number, declared.loc))
        number.owner, number.scope = nodes[0], tracer.body
        row, operands, attrs = rows[Algebra.FUNCTION_CONSTANT_OR], (number,), {"index": index}
    nodes.append(Op(row, operands, attrs, result, declared.loc))
    result.owner = nodes[-1]
    known[index] = Declared(declared, result, tuple(nodes))
    return result


@dataclass(frozen=True, slots=True)
class Declared:
    """A constant in a kernel: what was declared, its value, and the nodes that make it, at the kernel's beginning."""

    constant: FunctionConstant
    value: TracedValue
    nodes: tuple[Op, ...]


def _same(first: FunctionConstant, second: FunctionConstant) -> None:
    """Refuse a second declaration of an index that says something else than the first."""
    if first.dtype is not second.dtype:
        raise EnigmaTypeError(
            f"function constant {first.index} is {first.dtype.name} at one place and {second.dtype.name} at another",
            loc=second.loc, notes=[("declared here first", first.loc)], help="give the second one an index of its own",
        )  # fmt: skip
    named = first.name if second.name is None else second.name  # no name is no other name
    for what, one, other in (("default", first.default, second.default), ("name", first.name or named, named)):
        if repr(one) != repr(other):
            raise EnigmaValueError(
                f"function constant {first.index} has the {what} {one} at one place and {other} at another",
                loc=second.loc, notes=[("declared here first", first.loc)],
                help="declare it once, outside of the kernel, and read its .value",
            )  # fmt: skip


def _shared_name(name: str, second: FunctionConstant, first: FunctionConstant) -> EnigmaValueError:
    return EnigmaValueError(
        f"the function constants {first.index} and {second.index} are both called {name}", loc=second.loc,
        notes=[("the other one", first.loc)], help='give it a name of its own: function_constant(..., name="...")',
    )  # fmt: skip


def finish(tracer: Any, parameters: tuple[str, ...]) -> tuple[Constant, ...]:
    """Put the kernel's constants at its beginning and return them by index. Raises for two of one name."""
    named: dict[str, FunctionConstant] = {}
    found: list[Constant] = []
    nodes: list[Op] = []
    for index, declared in sorted(tracer.function_constants.items()):
        value, constant = declared.value, declared.constant
        value.name = value.name or f"fc{index}"
        if value.name in named:
            raise _shared_name(value.name, constant, named[value.name])
        if value.name in parameters:
            raise EnigmaValueError(
                f"function constant {index} is called {value.name}, as a parameter of the kernel is", loc=constant.loc,
                help="use another name for one of them",
            )  # fmt: skip
        named[value.name] = replace(constant, name=value.name)
        found.append(Constant(index, value.name, constant.dtype, constant.default, constant.loc))
        nodes += declared.nodes
    tracer.body.nodes[:0] = nodes
    return tuple(found)
