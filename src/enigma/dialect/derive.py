"""One operation class per row, made from the row's signature when it is first asked for."""

from __future__ import annotations

from typing import Any, ClassVar

from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, StringAttr
from xdsl.irdl import (
    AnyAttr,
    AnyOf,
    AttrConstraint,
    AttrSetConstraint,
    BaseAttr,
    EqAttrConstraint,
    ParamAttrConstraint,
    VarConstraint,
    attr_def,
    irdl_op_definition,
    operand_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect, OpTrait, Pure

from enigma.dialect.attributes import I64, VALUE, number
from enigma.dialect.operation import IntrinsicOp, Shape, members, shape
from enigma.dialect.types import BY_KIND, BY_SPACE, to_mlir
from enigma.dtypes import Numeric
from enigma.errors import InternalError
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import all_rows, by_algebra
from enigma.spec.terms import (
    Algebra,
    Buffer,
    Choice,
    Derived,
    DTypeArg,
    Effect,
    Element,
    Numbers,
    Static,
    Term,
    Text,
    Texture,
    Var,
    Variadic,
    Vec,
)

__all__ = ["IntrinsicOp", "all_classes", "constant", "op_class"]

_TRAITS: dict[Effect, tuple[OpTrait, ...]] = {
    Effect.PURE: (Pure(),),
    Effect.READ: (MemoryReadEffect(),),
    Effect.WRITE: (MemoryWriteEffect(),),
    Effect.SYNC: (MemoryReadEffect(), MemoryWriteEffect()),  # nothing that touches memory may pass it
}

_TAKEN = frozenset(dir(IntrinsicOp))
"""Names that an accessor for a parameter would hide."""

_classes: dict[str, type[IntrinsicOp]] = {}


def op_class(row: Intrinsic) -> type[IntrinsicOp]:
    """Return the operation class of a row; derived once.

    >>> from enigma.spec.registry import rows
    >>> op_class(rows()["fma"]).name
    'enigma.fma'
    """
    cls = _classes.get(row.name)
    if cls is None or cls.ROW is not row:
        cls = _classes[row.name] = _derive(row)
    return cls


def all_classes() -> list[type[IntrinsicOp]]:
    """Return the operation classes of all rows, in the order of the tables; only parsing needs them all."""
    return [op_class(row) for row in all_rows()]


def constant(value: Any, dtype: Numeric) -> IntrinsicOp:
    """Return a new, unplaced constant: `value` rounded or wrapped to `dtype`."""
    cls = op_class(by_algebra()[Algebra.CONST])
    return cls.create(result_types=[to_mlir(dtype)], attributes={VALUE: number(value, dtype)})


def _derive(row: Intrinsic) -> type[IntrinsicOp]:
    fields: dict[str, Any] = {
        name: (var_operand_def if name == row.variadic else operand_def)(_constraint(term, lifts=row.lifts))
        for name, term in row.operands.items()
    }
    for name, term in row.attributes.items():
        if not isinstance(term, DTypeArg):
            fields[name] = attr_def(_constraint(term))
    if row.algebra is Algebra.CONST:
        fields[VALUE] = attr_def(AnyAttr())
    if clash := fields.keys() & (_TAKEN | {"result"}):
        raise InternalError(f"row {row.name}: a parameter cannot be called {', '.join(sorted(clash))}")
    if row.result is not None:
        fields["result"] = result_def(_constraint(row.result, lifts=row.lifts))
    members = {
        "name": f"enigma.{row.name}",
        "__doc__": row.doc,
        "__module__": __name__,
        "__annotations__": {"ROW": ClassVar[Intrinsic], "SHAPE": ClassVar[Shape]},
        "ROW": row,
        "SHAPE": shape(row),
        "traits": traits_def(*_TRAITS[row.effect]),
        **fields,
    }
    return irdl_op_definition(type(f"{row.name.title().replace('_', '')}Op", (IntrinsicOp,), members))


def _constraint(term: Term, *, lifts: bool = False) -> AttrConstraint:
    match term:
        case Var():
            # AnyOf refuses several types of one class, such as ui32 and si32
            return VarConstraint(term.name, AttrSetConstraint.get(*(to_mlir(dtype) for dtype in term.members())))
        case Vec() | Element() | Derived():
            return AttrSetConstraint.get(*(to_mlir(dtype) for dtype in members(term)))
        case Buffer():
            element = _constraint(term.element)
            spaces: list[AttrConstraint] = [ParamAttrConstraint(BY_SPACE[space], (element,)) for space in term.spaces]
            return spaces[0] if len(spaces) == 1 else AnyOf(tuple(spaces))
        case Texture():
            element = _constraint(term.element)
            access = AttrSetConstraint.get(*(StringAttr(one.value) for one in term.accesses))
            kinds: list[AttrConstraint] = [ParamAttrConstraint(BY_KIND[kind], (element, access)) for kind in term.kinds]
            return kinds[0] if len(kinds) == 1 else AnyOf(tuple(kinds))
        case Numeric():
            every = members(term, lifts=lifts)
            return AttrSetConstraint.get(*map(to_mlir, every)) if len(every) > 1 else EqAttrConstraint(to_mlir(term))
        case Choice():
            return AttrSetConstraint.get(*(StringAttr(member.value) for member in term.enum))
        case Static():
            return ParamAttrConstraint(IntegerAttr, (AnyAttr(), EqAttrConstraint(I64)))
        case Text():
            return BaseAttr(StringAttr)
        case Variadic():
            return AttrSetConstraint.get(*(to_mlir(dtype) for dtype in term.dtypes))
        case Numbers():
            return BaseAttr(ArrayAttr)
        case DTypeArg():
            raise InternalError("a dtype argument is the result's type, not an attribute")
