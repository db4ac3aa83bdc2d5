"""What all operations of the dialect have in common: their row, typed access to attributes, and the short form.

    %x = enigma.load %X, %i : !enigma.buffer<f32>, ui32
    %y = enigma.convert %x : f32 -> si32
    %i = enigma.thread_position_in_grid {dim = "x"} : ui32

The short form shows the types of the operands that bind a type variable, and the result's where no operand decides it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import Attribute, SSAValue, TypedAttribute
from xdsl.irdl import IRDLOperation
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from enigma.dialect.attributes import SEGMENTS, VALUE, decode, segments
from enigma.dialect.types import dtype_of, is_memory, space_of, to_mlir
from enigma.dtypes import WIDTHS, Numeric, Space, widened
from enigma.errors import InternalError
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.spelling import Spelling
from enigma.spec.terms import (
    ANY_LANES,
    Algebra,
    Buffer,
    Derived,
    DTypeArg,
    Element,
    Numbers,
    Static,
    Term,
    Texture,
    Var,
    Vec,
    concrete,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What the short form prints, worked out once per row.

    `terms` are the operands' terms, `shown` the operands whose types are printed, `arrow` is whether the result's is;
    `first` is the row's first type variable, which names the operation's dtype. `hidden` is an attribute that is printed only
    where it is another one. `many` is whether any number of further operands follow, whose types are all printed.
    """

    terms: tuple[Term, ...]
    shown: tuple[int, ...]
    arrow: bool
    first: Var | None
    hidden: tuple[str, Attribute] | None = None
    many: bool = False

    def types(self, count: int) -> tuple[int, ...]:
        """Return which of `count` operands have their types printed."""
        return (*self.shown, *range(len(self.terms), count))


def members(term: Term, *, lifts: bool = False) -> tuple[Numeric, ...]:
    """Return every type of the language that a value of this term may have; a fixed dtype is widened where a row lifts."""
    match term:
        case Var():
            return term.members()
        case Element(of=of):
            return of.dtypes
        case Derived(among=among):
            return among
        case Vec(element=element, lanes=lanes):
            dtypes = element.dtypes if isinstance(element, Var) else (element,)
            return tuple(
                widened(dtype, n) for dtype in dtypes for n in (WIDTHS if isinstance(lanes, str) else (lanes,))
            )
        case Numeric():
            return tuple(widened(term, n) for n in ANY_LANES) if lifts and term.parts == 1 else (term,)
        case _:
            raise InternalError(f"{term!r} is not the type of a value")


def variable(term: Term | None) -> Var | None:
    """Return the type variable that a value of this term binds: its own or its elements'."""
    match term:
        case Var():
            return term
        case Buffer(element=Var() as var) | Vec(element=Var() as var) | Texture(element=var):
            return var
        case _:
            return None


def shape(row: Intrinsic) -> Shape:
    """Return what the short form of a row's operation shows."""
    terms, bound, shown = tuple(row.terms(0).values()), set[Var](), list[int]()
    for i, term in enumerate(terms):
        var = variable(term)
        if isinstance(term, Buffer | Texture) or (var is not None and var not in bound):
            shown.append(i)
        if var is not None:
            bound.add(var)
    var = variable(row.result)
    decided = not isinstance(row.result, Buffer) and (var is None or var in bound)
    if terms and not shown:
        shown.append(0)
    arrow = row.result is not None and (not terms or not decided)
    hidden = None if row.precision is None else (row.precision, StringAttr(row.defaults[row.precision].value))
    first = row.variables[0] if row.variables else None
    return Shape(terms, tuple(shown), arrow, first, hidden, row.variadic is not None)


class IntrinsicOp(IRDLOperation):
    """An operation of the dialect: `ROW` is the row it was derived from, and all that is known of it."""

    ROW: ClassVar[Intrinsic]
    SHAPE: ClassVar[Shape]

    @property
    def row(self) -> Intrinsic:
        """The row of the tables."""
        return self.ROW

    def attr(self, key: str) -> Any:
        """Return a compile-time argument as the row knows it: an enum's member, an int, a dtype, a number."""
        term = self.ROW.params.get(key)
        if isinstance(term, DTypeArg):
            return dtype_of(self.results[0].type)
        return decode(term, self.attributes.get(key))

    def attrs(self) -> dict[str, Any]:
        """Return all compile-time arguments by name, a constant's `value` among them: what the row's functions take."""
        found = {key: self.attr(key) for key in self.ROW.attributes}
        if self.ROW.algebra is Algebra.CONST:
            found[VALUE] = self.attr(VALUE)
        return found

    def bound(self) -> dict[Var, Numeric]:
        """Return the dtype of each type variable of the row."""
        found: dict[Var, Numeric] = {}
        for term, value in zip(self.SHAPE.terms, self.operands, strict=not self.SHAPE.many):
            if (var := variable(term)) is not None:
                found.setdefault(var, _bound_by(term, value.type))
        if self.results and (var := variable(self.ROW.result)) is not None:
            found.setdefault(var, _bound_by(self.ROW.result, self.results[0].type))
        return found

    @property
    def dtype(self) -> Numeric | None:
        """The dtype of the row's first type variable, which decides its spelling; None for a row without any."""
        return None if self.SHAPE.first is None else self.bound()[self.SHAPE.first]

    @property
    def space(self) -> Space | None:
        """The address space of the first buffer among the operands; None for an operation without one."""
        return next((space_of(operand.type) for operand in self.operands if is_memory(operand.type)), None)

    def spelling(self, target: str) -> Spelling:
        """Return how `target` writes this operation."""
        return self.ROW.spelling(target, self.dtype, self.space)

    def verify_(self) -> None:
        """Check what constraints on single types cannot say: a constant's number, ranges, the row's own rule."""
        if self.ROW.algebra is Algebra.CONST:
            held, type = self.attributes[VALUE], self.result_types[0]
            if not isinstance(held, TypedAttribute) or held.get_type() != type:
                raise VerifyException(f"the value {held} is no {type}")
        for key, term in self.ROW.attributes.items():
            if isinstance(term, Static) and not term.low <= self.attr(key) <= term.high:
                raise VerifyException(f"{key} = {self.attr(key)} is not in {term.low}..{term.high}")
            if isinstance(term, Numbers):
                self._verify_numbers(key, to_mlir(self.bound()[term.var]))
        if self.SHAPE.many and self.attributes.get(SEGMENTS) != segments(self.ROW, len(self.operands)):
            raise VerifyException(f"{SEGMENTS} does not fit {len(self.operands)} operands")
        if (wrong := self.broken_rule()) is not None:
            raise VerifyException(wrong)
        self._check_types()

    def _check_types(self) -> None:
        """Check the relations between types that constraints do not state: components, and the width of what lifts."""
        bound, lanes, attrs = self.bound(), lanes_of(self), self.attrs()
        pairs = [*zip(self.SHAPE.terms, self.operands, strict=not self.SHAPE.many)]
        pairs += [(self.ROW.result, result) for result in self.results if self.ROW.result is not None]
        for term, value in pairs:
            if not isinstance(term, Buffer | Texture) and value.type != (
                right := to_mlir(concrete(term, bound, attrs, lanes))
            ):
                raise VerifyException(f"{value.type} where {right} is expected")

    def _verify_numbers(self, key: str, type: Attribute) -> None:
        held = self.attributes[key]
        items: Sequence[Attribute] = tuple(cast(ArrayAttr[Attribute], held)) if isinstance(held, ArrayAttr) else ()
        if not items:
            raise VerifyException(f"{key} must be numbers of {type}")
        for item in items:
            if not isinstance(item, TypedAttribute) or item.get_type() != type:
                raise VerifyException(f"{key}: {item} is no {type}")

    def broken_rule(self) -> str | None:
        """Return what the row's own rule over dtypes and arguments says is wrong, or None."""
        return None if self.ROW.check is None else self.ROW.check(self.bound(), self.attrs())

    def print(self, printer: Printer) -> None:
        """Print the short form."""
        if len(self.operands):
            printer.print_string(" ")
            printer.print_list(self.operands, printer.print_operand)
        attributes = self.attributes
        if (hidden := self.SHAPE.hidden) is not None:
            attributes = {key: attr for key, attr in attributes.items() if (key, attr) != hidden}
        printer.print_op_attributes(attributes, reserved_attr_names=(SEGMENTS,))
        if shown := self.SHAPE.types(len(self.operands)):
            types: Sequence[Attribute] = self.operand_types
            printer.print_string(" : ")
            printer.print_list([types[i] for i in shown], printer.print_attribute)
        if self.SHAPE.arrow:
            printer.print_string(" -> " if self.SHAPE.shown else " : ")
            printer.print_attribute(self.result_types[0])

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the short form."""
        operands = cls._parse_operands(parser)
        terms = tuple(cls.ROW.terms(len(operands)).values())
        shown = cls.SHAPE.types(len(operands))
        attributes = parser.parse_optional_attr_dict()
        if cls.SHAPE.many:
            attributes[SEGMENTS] = segments(cls.ROW, len(operands))
        if cls.SHAPE.hidden is not None:
            attributes = dict([cls.SHAPE.hidden]) | attributes
        types: dict[int, Attribute] = {}
        for n, i in enumerate(shown):
            parser.parse_punctuation("," if n else ":")
            types[i] = parser.parse_type()
        bound = {v: _bound_by(terms[i], t) for i, t in types.items() if (v := variable(terms[i])) is not None}
        lanes = max((dtype_of(attr).lanes for attr in types.values()), default=1) if cls.ROW.lifts else 1
        numbers = [key for key, term in cls.ROW.attributes.items() if isinstance(term, Static)]
        attrs = {key: decode(None, attributes[key]) for key in numbers if key in attributes}
        values: list[SSAValue] = []
        for i, (term, operand) in enumerate(zip(terms, operands, strict=True)):
            values.append(
                parser.resolve_operand(
                    operand, types[i] if i in types else to_mlir(concrete(term, bound, attrs, lanes))
                )
            )
        results: list[Attribute] = []
        if cls.SHAPE.arrow:
            parser.parse_punctuation("->" if shown else ":")
            results = [parser.parse_type()]
        elif cls.ROW.result is not None:
            results = [to_mlir(concrete(cls.ROW.result, bound, attrs, lanes))]
        return cls.create(operands=values, result_types=results, attributes=attributes)

    @classmethod
    def _parse_operands(cls, parser: Parser) -> list[UnresolvedOperand]:
        operands = list[UnresolvedOperand]()
        for i in range(len(cls.SHAPE.terms)):
            if i:
                parser.parse_punctuation(",")
            operands.append(parser.parse_unresolved_operand())
        if cls.SHAPE.many and not operands and (first := parser.parse_optional_unresolved_operand()) is not None:
            operands.append(first)
        while cls.SHAPE.many and operands and parser.parse_optional_punctuation(",") is not None:
            operands.append(parser.parse_unresolved_operand())
        return operands


def lanes_of(op: IntrinsicOp) -> int:
    """Return the components of the vectors that an operation which lifts works on; 1 where it works on scalars."""
    values = (*op.operands, *op.results) if op.ROW.lifts else ()
    return max((dtype_of(value.type).lanes for value in values), default=1)


def width_of(op: IntrinsicOp) -> int:
    """Return the components of the vectors that an operation is done on one by one; 1 where there are none."""
    return op.dtype.lanes if op.ROW.by_component and not op.ROW.lifts and op.dtype is not None else lanes_of(op)


def _bound_by(term: Term | None, attr: Attribute) -> Numeric:
    """Return the dtype that a value of type `attr` binds the variable of its term to."""
    return dtype_of(attr).element if isinstance(term, Vec) else dtype_of(attr)
