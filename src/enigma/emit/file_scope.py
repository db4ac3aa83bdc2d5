"""What stands before a kernel in Metal: its function constants (Metal specification, 5.8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from enigma.dialect.names import place, user_name
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import constant_of
from enigma.dialect.types import dtype_of
from enigma.dtypes import Numeric, b1
from enigma.emit.base import Line, Names
from enigma.emit.expr import Expr, literal
from enigma.emit.reserved import legal
from enigma.errors import InternalError
from enigma.source import SourceLoc
from enigma.spec.terms import Algebra

_DECLARED = (Algebra.FUNCTION_CONSTANT, Algebra.FUNCTION_CONSTANT_OR)


@dataclass(frozen=True, slots=True)
class _Constant:
    """A function constant: what Metal is given under `given`, and `used`, the name of it or of the default instead."""

    given: str
    used: str
    dtype: Numeric
    default: str | None
    loc: SourceLoc | None


class FileConstants:
    """The function constants of a kernel, by index."""

    def __init__(self, ops: Sequence[IntrinsicOp], names: Names) -> None:
        self._by_index: dict[int, _Constant] = {}
        for op in ops:
            if op.ROW.algebra in _DECLARED and op.attr("index") not in self._by_index:
                self._by_index[op.attr("index")] = self._declare(op, names)

    def _declare(self, op: IntrinsicOp, names: Names) -> _Constant:
        dtype = dtype_of(op.results[0].type)
        given = names.fresh(legal(user_name(op.results[0]) or f"fc{op.attr('index')}", file_scope=True))
        if op.ROW.algebra is Algebra.FUNCTION_CONSTANT:
            return _Constant(given, given, dtype, None, place(op))
        value = constant_of(op.operands[0])
        if value is None:
            raise InternalError("the default of a function constant is no constant", loc=place(op))
        return _Constant(given, names.fresh(f"{given}_or_default"), dtype, literal(value, dtype).text, place(op))

    def expression(self, op: IntrinsicOp) -> Expr | None:
        """Return what an operation on function constants is in the kernel; None for any other operation."""
        if op.ROW.algebra in _DECLARED:
            constant = self._by_index[op.attr("index")]
            return Expr(constant.used, constant.dtype, trivial=True)
        if op.ROW.algebra is not Algebra.IS_GIVEN:
            return None
        owner = op.operands[0].owner
        if not isinstance(owner, IntrinsicOp) or owner.ROW.algebra not in _DECLARED:
            raise InternalError("only a function constant is given at launch", loc=place(op))
        return Expr(f"is_function_constant_defined({self._by_index[owner.attr('index')].given})", b1)

    def lines(self, type_name: Callable[[Numeric], str]) -> list[Line]:
        """Return the declarations in the order of the indices, then what is used where one has a default."""
        constants = sorted(self._by_index.items())
        lines = [
            Line(f"constant {type_name(c.dtype)} {c.given} [[function_constant({index})]];", 0, c.loc)
            for index, c in constants
        ]
        for _, c in constants:
            if c.default is not None:
                value = f"is_function_constant_defined({c.given}) ? {c.given} : {c.default}"
                lines.append(Line(f"constant {type_name(c.dtype)} {c.used} = {value};", 0, c.loc))
        return lines
