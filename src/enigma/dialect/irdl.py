"""The dialect as IRDL text, for foreign tools: `mlir-opt --irdl-file=` (LLVM 19) then knows and checks every operation.

A type variable is one SSA value that its uses share: that is how IRDL says that they are equal. What IRDL cannot say
(the range of an int, a row's own rule, that a constant's number has the constant's type) only our verifier checks.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects.builtin import StringAttr

from enigma.dialect.attributes import VALUE
from enigma.dialect.operation import members
from enigma.dialect.types import BY_KIND, BY_SPACE, to_mlir
from enigma.dtypes import Numeric
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import all_rows
from enigma.spec.terms import (
    Algebra,
    Buffer,
    Choice,
    Derived,
    DTypeArg,
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


def irdl_text(rows: Iterable[Intrinsic] | None = None) -> str:
    """Return the IRDL definition of the dialect: its types of memory, and an operation of each row (default: all rows)."""
    lines = ["irdl.dialect @enigma {"]
    for cls in BY_SPACE.values():
        lines += [f"  irdl.type @{_leaf(cls.name)} {{", "    %0 = irdl.any", "    irdl.parameters(%0)", "  }"]
    for cls in BY_KIND.values():
        parameters = ["    %0 = irdl.any", "    %1 = irdl.any", "    irdl.parameters(%0, %1)"]
        lines += [f"  irdl.type @{_leaf(cls.name)} {{", *parameters, "  }"]
    for row in all_rows() if rows is None else rows:
        lines += [f"  irdl.operation @{row.name} {{", *(f"    {line}" for line in _Writer().operation(row)), "  }"]
    return "\n".join([*lines, "}"]) + "\n"


def _leaf(name: str) -> str:
    return name.partition(".")[2]


class _Writer:
    """Writes one operation; a constraint that was written is used again under its number."""

    __slots__ = ("_known", "_lifts", "_lines")

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._known: dict[str, str] = {}
        self._lifts = False

    def operation(self, row: Intrinsic) -> list[str]:
        """Return the lines of a row's operation."""
        variables: dict[Var, str] = {}
        self._lifts = row.lifts
        operands: list[str] = []
        for term in row.operands.values():
            if isinstance(term, Variadic):  # a variadic operand would be of one type
                operands += [f"optional {self._term(term, variables)}" for _ in range(term.most)]
            else:
                operands.append(self._term(term, variables))
        attributes = [
            f'"{name}" = {self._term(term, variables)}'
            for name, term in row.attributes.items()
            if not isinstance(term, DTypeArg)
        ]
        if row.algebra is Algebra.CONST:
            attributes.append(f'"{VALUE}" = {self._define("irdl.any")}')
        results = [] if row.result is None else [self._term(row.result, variables)]
        if attributes:
            self._lines.append(f"irdl.attributes {{{', '.join(attributes)}}}")
        if operands:
            self._lines.append(f"irdl.operands({', '.join(operands)})")
        if results:
            self._lines.append(f"irdl.results({', '.join(results)})")
        return self._lines

    def _define(self, constraint: str) -> str:
        name = f"%{len(self._known)}"
        self._known[f"{constraint} {name}"] = name
        self._lines.append(f"{name} = {constraint}")
        return name

    def _any_of(self, choices: list[str]) -> str:
        return choices[0] if len(choices) == 1 else self._define(f"irdl.any_of({', '.join(choices)})")

    def _term(self, term: Term, variables: dict[Var, str]) -> str:
        match term:
            case Var():
                if term not in variables:
                    variables[term] = self._any_of([self._define(f"irdl.is {to_mlir(d)}") for d in term.members()])
                return variables[term]
            case Vec() | Element() | Derived():
                return self._any_of([self._define(f"irdl.is {to_mlir(d)}") for d in members(term)])
            case Buffer():
                element = self._term(term.element, variables)
                classes = [BY_SPACE[space] for space in term.spaces]
                return self._any_of(
                    [self._define(f"irdl.parametric @enigma::@{_leaf(cls.name)}<{element}>") for cls in classes]
                )
            case Texture():
                element = self._term(term.element, variables)
                access = self._any_of([self._define(f"irdl.is {StringAttr(one.value)}") for one in term.accesses])
                leaves = [_leaf(BY_KIND[kind].name) for kind in term.kinds]
                return self._any_of(
                    [self._define(f"irdl.parametric @enigma::@{leaf}<{element}, {access}>") for leaf in leaves]
                )
            case Choice():
                return self._any_of([self._define(f"irdl.is {StringAttr(member.value)}") for member in term.enum])
            case Text():
                return self._define('irdl.base "#builtin.string"')
            case Variadic():
                return self._any_of([self._define(f"irdl.is {to_mlir(dtype)}") for dtype in term.dtypes])
            case Static():
                return self._define('irdl.base "#builtin.integer"')
            case Numbers():
                return self._define('irdl.base "#builtin.array"')
            case DTypeArg():
                return self._term(term.var, variables)
            case Numeric():
                return self._any_of([self._define(f"irdl.is {to_mlir(d)}") for d in members(term, lifts=self._lifts)])
