"""The type rule: from a row and the arguments of a call to operands of exact types, conversions included.

Literals are weak: they take the dtype of the other operands. Source: Metal specification 2.21, and `docs/design/semantics.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from enigma.dtypes import (
    BufferType,
    Numeric,
    TextureType,
    Type,
    Vector,
    b1,
    bf16,
    f16,
    f32,
    i32,
    names,
    promote,
    widened,
)
from enigma.errors import EnigmaTypeError, EnigmaValueError, InternalError
from enigma.source import SourceLoc
from enigma.spec.intrinsic import Compiled, Intrinsic
from enigma.spec.terms import (
    Algebra,
    Buffer,
    Choice,
    DTypeArg,
    Numbers,
    Static,
    Text,
    Texture,
    Var,
    Variadic,
    Vec,
    concrete,
)
from enigma.trace.given import (
    Literal,
    check_assignable,
    check_literal,
    describe,
    literal,
    located_dtype,
    number_dtype,
    part_of,
)
from enigma.trace.value import TracedValue


@dataclass(frozen=True, slots=True)
class Signature:
    """What a call was resolved to: the dtype of each value operand, the compile-time arguments and the result's type."""

    operands: tuple[Type, ...]
    attrs: dict[str, Any]
    result: Numeric | BufferType | None


_resolved: dict[tuple[Any, ...], Signature] = {}


def resolve(row: Intrinsic, arguments: Mapping[str, Any], loc: SourceLoc) -> Signature:
    """Return the types of a call. Raises located errors for wrong dtypes, literals, choices and address spaces."""
    key = (row.name, *[arguments[name] if name in row.attributes else _kind(arguments[name]) for name in row.params])
    if any(not isinstance(arguments[name], str | Enum | Numeric) for name in row.attributes):
        return _resolve(row, arguments, loc)
    known = _resolved.get(key)
    if known is None:
        known = _resolve(row, arguments, loc)
        if None not in key:
            _resolved[key] = known
    return known


_SMALL = 1 << 31


def _kind(x: Any) -> Any:
    """All that the types of a call depend on in one argument; None for what they may depend on in other ways."""
    if isinstance(x, TracedValue):
        return x.type
    if type(x) is float or type(x) is bool:
        return type(x)
    if type(x) is int:
        return int if -_SMALL <= x < _SMALL else None
    return None


def _resolve(row: Intrinsic, arguments: Mapping[str, Any], loc: SourceLoc) -> Signature:
    attrs = {name: _attribute(row, name, term, arguments[name], loc) for name, term in row.attributes.items()}
    lanes = lanes_of(row, arguments, loc) if row.lifts else 1
    bound: dict[Var, Numeric] = {}
    for name, term in row.attributes.items():
        if isinstance(term, DTypeArg):
            attrs[name] = bound[term.var] = _asked_for(row, attrs[name], arguments, lanes, loc)
    fixed: set[Var] = set()
    textured: set[Var] = set()
    for name, term in row.operands.items():
        if isinstance(term, Buffer):
            element = _buffer(row, name, term, arguments[name], loc)
            if isinstance(term.element, Var):
                bound[term.element] = element
                fixed.add(term.element)
        elif isinstance(term, Texture):
            bound[term.element] = _texture(row, term, arguments[name], loc)
            textured.add(term.element)
    for name, term in row.operands.items():
        var = term.element if isinstance(term, Vec) else term
        if isinstance(var, Var) and var.exact:
            _whole(row, var, name, arguments[name], bound, loc)
        elif isinstance(var, Var) and var not in bound:
            bound[var] = _unify(row, var, {n: arguments[n] for n, t in row.operands.items() if t == term}, loc, lanes)
        elif isinstance(var, Var) and var in fixed:
            check_assignable(arguments[name], bound[var], _element(row, name, arguments), loc)
    operands: list[Type] = []
    for name, term in row.operands.items():
        if isinstance(term, Buffer | Texture):
            operands.append(arguments[name].type)
        elif isinstance(term, Variadic):
            if len(arguments[name]) > term.most:
                raise EnigmaValueError(
                    f"{_title(row)} shows at most {term.most} values, but it got {len(arguments[name])}", loc=loc,
                    help="write two of them; a vector is as many values as it has components",
                )  # fmt: skip
            operands += [_one_of_many(row, term, value, loc) for value in arguments[name]]
        else:
            wanted = concrete(term, bound, attrs, lanes if row.lifts else 1)
            if isinstance(term, Vec) and term.element in textured:
                _texel(row, name, wanted, arguments[name], loc)
            elif not isinstance(term, Var):
                _fixed(row, name, wanted, arguments[name], loc, exact=isinstance(term, Vec))
            operands.append(wanted)
    if row.check is not None and (wrong := row.check(bound, attrs)) is not None:
        example = row.example if row.method else f"enigma.{row.example}"
        raise EnigmaTypeError(f"{_title(row)}: {wrong}", loc=loc, help=f"for example: {example}")
    result = row.result
    if result is None or isinstance(result, Buffer):
        return Signature(tuple(operands), attrs, _buffer_result(result, bound))
    return Signature(tuple(operands), attrs, concrete(result, bound, attrs, lanes))


def lanes_of(row: Intrinsic, arguments: Mapping[str, Any], loc: SourceLoc) -> int:
    """Return how many components the vectors among the operands have; 1 where there is none."""
    found: dict[int, str] = {}
    for name in row.operands:
        value = arguments[name]
        if isinstance(value, TracedValue) and isinstance(value.type, Vector):
            found.setdefault(value.type.lanes, f"{_operand_name(row, name, value)} is {value.type.name}")
    if len(found) > 1:
        raise EnigmaTypeError(
            f"{_title(row)}: {' and '.join(found.values())}, but the vectors of one operation have one length", loc=loc,
            help="take the components that are meant, such as v.xyz, or make a longer vector: enigma.f32x4(v, 0.0)",
        )  # fmt: skip
    return next(iter(found), 1)


def _asked_for(row: Intrinsic, dtype: Numeric, arguments: Mapping[str, Any], lanes: int, loc: SourceLoc) -> Numeric:
    """Return the dtype that a dtype argument means, which is the one given where nothing is done for each component."""
    if row.lifts:
        return _dtype_at(row, dtype, lanes, loc)
    given = [arguments[name].type for name in row.operands if isinstance(arguments[name], TracedValue)]
    if row.whole and dtype.parts == 1 and given and isinstance(given[0], Vector) and given[0].width == dtype.width:
        return widened(dtype, given[0].lanes)
    return dtype


def lanes_apart(row: Intrinsic, arguments: Mapping[str, Any], loc: SourceLoc) -> int:
    """Return the components of the vectors that a row takes one by one only; 1 where it takes whatever is given."""
    if not row.by_component or row.lifts:
        return 1
    (var,) = row.variables
    given = {name: arguments[name] for name, term in row.operands.items() if term == var}
    lanes = lanes_of(row, {**dict.fromkeys(row.operands), **given}, loc)
    return 1 if lanes == 1 or var.allows(widened(_unify_elements(row, var, given, loc), lanes)) else lanes


def _dtype_at(row: Intrinsic, dtype: Numeric, lanes: int, loc: SourceLoc) -> Numeric:
    """Return the dtype that an operation at a width is asked for: a scalar one is meant for each component."""
    if dtype.parts == 1:
        return widened(dtype, lanes)
    if dtype.lanes != lanes:
        what = f"a vector of {lanes}" if lanes > 1 else "a single number"
        raise EnigmaTypeError(
            f"{_title(row)}: {what} cannot become {dtype.name}", loc=loc,
            help="take the components that are meant, such as v.xy, or make a longer vector: enigma.f32x4(v, 0.0)"
            if lanes > 1 else "make a vector: enigma.f32x4(x, y, z, w)",
        )  # fmt: skip
    return dtype


def _title(row: Intrinsic) -> str:
    if row.operator is not None and "()" not in row.operator:
        return f"`{row.operator.removeprefix('u')}`"
    return "where" if row.algebra is Algebra.SELECT else row.public_name or row.method or row.name


def _element(row: Intrinsic, name: str, arguments: Mapping[str, Any]) -> str:
    """How a message names what is stored: the element of a buffer."""
    buffer = next((arguments[n] for n, term in row.operands.items() if isinstance(term, Buffer)), None)
    of = f"an element of {buffer.name or 'the buffer'}" if isinstance(buffer, TracedValue) else name
    return of if row.algebra is Algebra.STORE else f"{_title(row)}: {of}"


def _operand_name(row: Intrinsic, name: str, value: Any) -> str:
    """How a message names an operand: the variable's name, else the side of the operator it stands on, else the parameter's."""
    if isinstance(value, TracedValue) and value.name is not None:
        return value.name
    if not _title(row).startswith("`"):
        return name
    sides = tuple(row.operands)
    return "the operand" if len(sides) == 1 else f"the {'left' if name == sides[0] else 'right'} side"


def _buffer_result(term: Buffer | None, bound: Mapping[Var, Numeric]) -> BufferType | None:
    if term is None:
        return None
    return BufferType(bound[term.element] if isinstance(term.element, Var) else term.element, term.spaces[0])


def _one_of_many(row: Intrinsic, term: Variadic, value: Any, loc: SourceLoc) -> Numeric:
    """Return the dtype of one of any number of values."""
    if not isinstance(value, TracedValue) or value.type not in term.dtypes:
        raise EnigmaTypeError(
            f"{_title(row)} cannot show {describe(value)}", loc=loc,
            help="read an element: A[i]" if isinstance(value, TracedValue) else "pass values, numbers and texts: str(x)",
        )  # fmt: skip
    return value.dtype


def _attribute(row: Intrinsic, name: str, term: Compiled, value: Any, loc: SourceLoc) -> Any:
    match term:
        case Text():
            return str(value)
        case DTypeArg(var=var):
            dtype = located_dtype(value, loc)
            if not var.allows(dtype):
                raise EnigmaTypeError(
                    f"{_title(row)} takes a dtype among {names(var.dtypes)}, but it got {dtype.name}", loc=loc,
                    help=f"for example: enigma.{row.example}",
                )  # fmt: skip
            return dtype
        case Choice(enum=enum):
            if isinstance(value, enum):
                return value
            for member in enum:
                if isinstance(value, str) and member.value == value:
                    return member
            shown = describe(value) if isinstance(value, TracedValue) else repr(value)
            raise EnigmaValueError(
                f"{_title(row)}: {name} cannot be {shown}", loc=loc, help=f"write one of {_listed(enum)}"
            )
        case Static(low=low, high=high):
            number = literal(value)
            if isinstance(value, TracedValue) or not isinstance(number, int) or isinstance(number, bool):
                raise EnigmaTypeError(
                    f"{_title(row)}: {name} must be a Python int, but it is {describe(value)}", loc=loc,
                    help="it is fixed when the kernel is compiled: use a number or an enigma.constexpr parameter",
                )  # fmt: skip
            if not low <= number <= high:
                raise EnigmaValueError(
                    f"{_title(row)}: {name} must be from {low} to {high}, but it is {number}", loc=loc,
                    help=f"for example: enigma.{row.example}",
                )  # fmt: skip
            return number
        case Numbers():
            return value


def _listed(enum: type[Enum]) -> str:
    return ", ".join(repr(member.value) for member in enum)


def _buffer(row: Intrinsic, name: str, term: Buffer, value: Any, loc: SourceLoc) -> Numeric:
    if not isinstance(value, TracedValue) or not isinstance(value.type, BufferType):
        raise EnigmaTypeError(
            f"{_title(row)}: {name} must be a buffer, but it is {describe(value)}", loc=loc,
            help="pass a buffer parameter or threadgroup memory itself, not an element of it",
        )  # fmt: skip
    kind = value.type
    if kind.space not in term.spaces:
        legal = " or ".join(space.value for space in term.spaces)
        raise EnigmaTypeError(
            f"{_title(row)} works on {legal} memory, but {value.name} is {kind.space.value} memory", loc=loc,
            help="copy it to memory of that kind first",
        )  # fmt: skip
    if isinstance(term.element, Var) and not term.element.allows(kind.element):
        raise EnigmaTypeError(
            f"{_title(row)} works on buffers of {names(term.element.dtypes)}, but {value.name} holds {kind.element.name}", loc=loc,
            help=row.instead.get(kind.element) or f"declare {value.name} as one of them, or use another operation",
        )  # fmt: skip
    return kind.element


def _texture(row: Intrinsic, term: Texture, value: Any, loc: SourceLoc) -> Numeric:
    """Return the dtype of a texture's components; raises where it is declared for something else."""
    if not isinstance(value, TracedValue) or not isinstance(value.type, TextureType):
        raise InternalError(f"{_title(row)} is applied to {describe(value)}", loc=loc)
    kind = value.type
    if kind.access not in term.accesses:
        legal = " or ".join(repr(access.value) for access in term.accesses)
        name = f"Texture{kind.kind.axes}D{'Array' if kind.kind.is_array else ''}"
        raise EnigmaTypeError(
            f"{_title(row)} needs a texture with the access {legal}, but {value.name} has {kind.access.value!r}", loc=loc,
            help=f'declare {value.name}: enigma.{name}(enigma.{kind.element.name}, "{term.accesses[-1].value}")',
        )  # fmt: skip
    return kind.element


def _unify(row: Intrinsic, var: Var, arguments: Mapping[str, Any], loc: SourceLoc, lanes: int) -> Numeric:
    """Return the dtype of a variable: the common one of its arguments, at the operation's width or their own."""
    if not row.lifts:
        lanes = lanes_of(row, {n: arguments.get(n) for n in row.operands}, loc)
    element = _unify_elements(row, var, arguments, loc)
    dtype = widened(element, lanes) if lanes in var.lanes else widened(element, max(lanes, 1))
    if element in var.dtypes and not var.allows(dtype):
        raise _wrong_width(row, var, arguments, dtype, loc)
    return dtype


def _whole(row: Intrinsic, var: Var, name: str, value: Any, bound: dict[Var, Numeric], loc: SourceLoc) -> None:
    """Bind a variable that stands for whole composites: the operand is of such a dtype, and all of them of the same."""
    dtype = value.type if isinstance(value, TracedValue) else None
    if not isinstance(dtype, Numeric) or not var.allows(dtype):
        raise EnigmaTypeError(
            f"{_title(row)} takes a matrix, but {_operand_name(row, name, value)} is {describe(value)}", loc=loc,
            help=f"for example: enigma.{row.example}" if row.example else None,
        )  # fmt: skip
    if bound.setdefault(var, dtype) is not dtype:
        raise EnigmaTypeError(
            f"{_title(row)}: {_operand_name(row, name, value)} is {dtype.name}, but it must be {bound[var].name}", loc=loc,
            help="both must be of one dtype: m.to(enigma.f32)",
        )  # fmt: skip


def _wrong_width(
    row: Intrinsic, var: Var, arguments: Mapping[str, Any], dtype: Numeric, loc: SourceLoc
) -> EnigmaTypeError:
    name = next(
        (n for n, v in arguments.items() if isinstance(v, TracedValue) and v.type is dtype), next(iter(arguments))
    )
    shown = _operand_name(row, name, arguments[name])
    legal = _counts(var.lanes)
    if dtype.lanes == 1:
        return EnigmaTypeError(
            f"{_title(row)} takes a vector of {legal} components, but {shown} is {dtype.name}", loc=loc,
            help="make one: enigma.f32x4(x, y, z, w)",
        )  # fmt: skip
    if 1 not in var.lanes:
        least = var.lanes[0]
        longer = (
            f"make a longer one: enigma.{dtype.element.name}x{least}({shown if shown.isidentifier() else 'v'}, 0.0)"
        )
        return EnigmaTypeError(
            f"{_title(row)} takes a vector of {legal} components, but {shown} is {dtype.name}",
            loc=loc,
            help=longer if dtype.lanes < least else f"take some: v.{'xyzw'[:least]}",
        )
    return EnigmaTypeError(
        f"{_title(row)} takes a single number, but {shown} is the vector {dtype.name}", loc=loc,
        help=f"take a component: {shown if shown.isidentifier() else 'v'}.x",
    )  # fmt: skip


def _counts(lanes: tuple[int, ...]) -> str:
    *most, last = (str(count) for count in lanes)
    return f"{', '.join(most)} or {last}" if most else last


def _unify_elements(row: Intrinsic, var: Var, arguments: Mapping[str, Any], loc: SourceLoc) -> Numeric:
    dtype: Numeric | None = None
    first = ""
    for name, value in arguments.items():
        if literal(value) is not None:
            continue
        own = _scalar_dtype(row, name, value, var, loc)
        if dtype is None:
            dtype, first = own, name
        elif own is not dtype:
            common = promote(dtype, own)
            if common is None:
                both = (_operand_name(row, first, arguments[first]), _operand_name(row, name, value))
                raise EnigmaTypeError(
                    f"{_title(row)}: {both[0]} is {dtype.name} and {both[1]} is {own.name}, and Metal has no common type for "
                    f"{names((bf16, f16))}",
                    loc=loc, help="convert one of them: x.to(enigma.f32)",
                )  # fmt: skip
            dtype = common
    if dtype is not None and var.widens and dtype not in var.dtypes and not dtype.is_float:
        dtype = promote(dtype, dtype) or dtype
    dtype = _with_literals(var, dtype, [x for v in arguments.values() if (x := literal(v)) is not None], loc)
    if dtype not in var.dtypes:
        raise _outside(row, var, arguments, dtype, loc)
    return dtype


def _scalar_dtype(row: Intrinsic, name: str, value: Any, var: Var, loc: SourceLoc) -> Numeric:
    if isinstance(value, TracedValue) and isinstance(value.type, Numeric) and value.type.parts == value.type.lanes:
        return value.type.element
    shown = _operand_name(row, name, value)
    if isinstance(value, TracedValue) and isinstance(value.type, Numeric):
        raise EnigmaTypeError(
            f"{_title(row)} takes {names(var.dtypes)}, but {shown} is {describe(value)}", loc=loc,
            help=f"take an element of the matrix: {shown}[0]",
        )  # fmt: skip
    help = part_of(value, shown) if isinstance(value, TracedValue) else "pass a traced value or a Python number"
    raise EnigmaTypeError(
        f"{_title(row)} takes {names(var.dtypes)}, but {shown} is {describe(value)}", loc=loc, help=help
    )


def _with_literals(var: Var, dtype: Numeric | None, numbers: list[Literal], loc: SourceLoc) -> Numeric:
    has_float = any(isinstance(number, float) for number in numbers)
    if dtype is None:
        if has_float or not any(not d.is_float for d in var.dtypes):
            return f32
        dtypes = [number_dtype(number, loc) for number in numbers]
        wide = dtypes[0]
        for other in dtypes[1:]:
            wide = wide if other is wide else (promote(wide, other) or wide)
        return wide if wide in var.dtypes else (promote(wide, wide) or wide)
    if has_float and not dtype.is_float:
        return f32
    if dtype is b1 and any(not isinstance(number, bool) for number in numbers):
        return i32
    return dtype


def _outside(row: Intrinsic, var: Var, arguments: Mapping[str, Any], dtype: Numeric, loc: SourceLoc) -> EnigmaTypeError:
    name, value = next(((n, v) for n, v in arguments.items() if literal(v) is None), next(iter(arguments.items())))
    shown = _operand_name(row, name, value)
    what = f"{shown} is {dtype.name}" if literal(value) is None else f"{name} is the literal {value!r}"
    wanted = "i32" if dtype.is_float and not all(d.is_float for d in var.dtypes) else var.dtypes[0].name
    it = shown if shown.isidentifier() else "x"
    help = f"compare: {it} != 0" if var.dtypes == (b1,) else f"convert it first: {it}.to(enigma.{wanted})"
    return EnigmaTypeError(f"{_title(row)} takes {names(var.dtypes)}, but {what}", loc=loc, help=help)


def _texel(row: Intrinsic, name: str, wanted: Numeric, value: Any, loc: SourceLoc) -> None:
    """Refuse to set a texel to what has another number of components, or would lose its kind."""
    if not isinstance(value, TracedValue) or not isinstance(value.type, Vector) or value.type.lanes != wanted.lanes:
        is_texture = isinstance(value, TracedValue) and isinstance(value.type, TextureType)
        raise EnigmaTypeError(
            f"{_title(row)}: {name} must be {wanted.name}, but it is {describe(value)}", loc=loc,
            help="write what is read of it" if is_texture else f"make a vector: enigma.{wanted.name}(x, y, z, w)",
        )  # fmt: skip
    check_assignable(value, wanted, f"{_title(row)}: {name}", loc)


def _fixed(row: Intrinsic, name: str, wanted: Numeric, value: Any, loc: SourceLoc, *, exact: bool) -> None:
    dtype = wanted.element
    if (number := literal(value)) is not None and not exact:
        check_literal(number, dtype, loc)
        return
    if not isinstance(value, TracedValue) or not isinstance(value.type, Numeric):
        raise EnigmaTypeError(
            f"{_title(row)}: {name} must be {wanted.name}, but it is {describe(value)}", loc=loc,
            help=part_of(value, "A") if isinstance(value, TracedValue) else "pass a traced value or a Python number",
        )  # fmt: skip
    widths = (wanted.parts,) if exact else (1, wanted.parts)
    if value.type.parts not in widths or value.type.parts != value.type.lanes:
        parts = ", ".join("xyzw"[: wanted.parts])
        hint = f"make a vector: enigma.{wanted.name}({parts})" if wanted.parts > 1 else "take a component: v.x"
        raise EnigmaTypeError(
            f"{_title(row)}: {name} must be {wanted.name}, but {value.name or 'it'} is {value.type.name}", loc=loc, help=hint
        )  # fmt: skip
    if exact and value.type.element is not dtype and not _holds(dtype, value.type.element):
        raise EnigmaTypeError(
            f"{_title(row)}: {name} must be {wanted.name}, but {value.name or 'it'} is {value.type.name}", loc=loc,
            help=f"convert it: {value.name or 'x'}.to(enigma.{dtype.name})",
        )  # fmt: skip
    if dtype is b1 and value.type.element is not b1:
        raise EnigmaTypeError(
            f"{_title(row)}: {name} must be a bool, but {value.name or 'it'} is {value.type.name}",
            loc=loc,
            help="compare it: x != 0",
        )
    if value.type.is_float and not dtype.is_float:
        raise EnigmaTypeError(
            f"{_title(row)}: {name} must be an integer, but {value.name or 'it'} is {value.type.name}", loc=loc,
            help=f"convert it: {value.name or 'x'}.to(enigma.{dtype.name})",
        )  # fmt: skip


def _holds(wide: Numeric, dtype: Numeric) -> bool:
    """Return whether every float of a dtype is one of another."""
    return dtype.is_float and wide is f32
