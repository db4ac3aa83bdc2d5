"""What stands before a kernel in Metal: the types of its struct parameters, and its function constants (specification, 5.8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, SSAValue

from enigma.dialect.build import PART
from enigma.dialect.names import place, user_name
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import constant_of
from enigma.dialect.types import dtype_of
from enigma.dtypes import Numeric, b1
from enigma.emit.base import Line, Names
from enigma.emit.expr import Expr, literal
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
        given = names.fresh(user_name(op.results[0]) or f"fc{op.attr('index')}", file_scope=True)
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


@dataclass(slots=True)
class _Struct:
    """A struct parameter in the signature: its name, its type's name, and the text of each member's type and name."""

    parameter: str
    type: str
    members: list[tuple[str, str]]


class Structs:
    """The struct parameters of a kernel. Two of them that have one type share its declaration."""

    def __init__(self, function: func.FuncOp, names: Names, type_name: Callable[[Numeric], str]) -> None:
        self._names, self._type_name = names, type_name
        self._of: dict[SSAValue, tuple[_Struct, str]] = {}
        self._by_parameter: dict[str, _Struct] = {}
        found: dict[str, list[tuple[SSAValue, str, str]]] = {}
        for arg, attributes in zip(function.body.block.args, function.arg_attrs or (), strict=False):
            parameter, type, member = (_text(attributes.data.get(key)) for key in PART)
            if parameter:
                found.setdefault(parameter, []).append((arg, type, member))
        declared: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
        for parameter, members in found.items():
            self._add(parameter, members, declared)

    def _add(
        self, parameter: str, members: list[tuple[SSAValue, str, str]], declared: dict[tuple[str, tuple[tuple[str, str], ...]], str]
    ) -> None:  # fmt: skip
        inner = Names({members[0][1]})  # no member may have the name of its own struct
        texts = [(self._type_name(dtype_of(arg.type)), inner.fresh(member)) for arg, _, member in members]
        key = members[0][1], tuple(texts)
        if key not in declared:
            declared[key] = self._names.fresh(members[0][1], file_scope=True)
        struct = _Struct(self._names.fresh(parameter), declared[key], texts)
        self._by_parameter[parameter] = struct
        for (arg, _, _), (_, name) in zip(members, texts, strict=True):
            self._of[arg] = struct, name

    def member(self, arg: SSAValue) -> str | None:
        """Return how the kernel writes an argument that is a member of a struct, None for any other."""
        if arg not in self._of:
            return None
        struct, name = self._of[arg]
        return f"{struct.parameter}.{name}"

    def signature(self, arg: SSAValue) -> tuple[str, str] | None:
        """Return the type and name of the parameter that an argument is a member of; None for any other argument."""
        if arg not in self._of:
            return None
        struct, _ = self._of[arg]
        return struct.type, struct.parameter

    def lines(self) -> list[Line]:
        """Return the declarations of the types."""
        lines: list[Line] = []
        for type, struct in {struct.type: struct for struct in self._by_parameter.values()}.items():
            lines.append(Line(f"struct {type} {{"))
            lines += [Line(f"{kind} {name};", 1) for kind, name in struct.members]
            lines += [Line("};"), Line("")]
        return lines


def _text(attribute: Attribute | None) -> str:
    return attribute.data if isinstance(attribute, StringAttr) else ""
