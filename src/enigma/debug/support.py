"""What each operation of the language takes, and where it runs: read from the rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from enigma.dtypes import DTYPES, FLOATS, INTEGERS, SIGNED, UNSIGNED, Numeric
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.spelling import Builtin, Call, Infix, Into, Prefix, Printf, Spelling, Structural, Template, Unsupported
from enigma.spec.tables import TABLES
from enigma.spec.terms import Algebra, Buffer, DTypeArg, Role, Term, Texture, Var, Variadic
from enigma.trace.functions import signature
from enigma.trace.texture import spoken

_GROUPS: dict[frozenset[Numeric], str] = {
    frozenset(DTYPES): "all",
    frozenset((*FLOATS, *INTEGERS)): "all but b1",
    frozenset(FLOATS): "floats",
    frozenset(INTEGERS): "integers",
    frozenset(SIGNED): "signed integers",
    frozenset(UNSIGNED): "unsigned integers",
}
_OPTIONAL = re.compile(r"\{(\w+):((?:[^{}]|\{\})*)\}")
_RAW = (Role.RAW_COPY_1D_D2T, Role.RAW_COPY_1D_T2D, Role.RAW_COPY_2D_D2T, Role.RAW_COPY_2D_T2D, Role.RAW_WAIT)
_SYNTAX = {
    Algebra.LOAD: "A[i]", Algebra.STORE: "A[i] = x", Algebra.ALLOC: "threadgroup_alloc(dtype, size)",
    Algebra.LOCAL: "thread_alloc(dtype, size)", Algebra.TABLE: "constant(values, dtype)",
    Algebra.SELECT: "where(c, x, y)", Algebra.CONST: "f32(2)", Algebra.REM: "", Algebra.TO_INDEX: "for", Algebra.FROM_INDEX: "for",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Support:
    """One operation: how a kernel writes it, what it means, its dtypes, its Metal, and whether the other targets have it.

    `tolerance` is how far the CPU may be from the correctly rounded result, in units of the last place of f32.
    """

    family: str
    name: str
    write: str
    meaning: str
    dtypes: str
    metal: str
    cpu: str
    cuda: str
    tolerance: float


def support() -> list[Support]:
    """Return what is known of every operation, family by family."""
    return [_support(family, row) for family, rows in TABLES.items() for row in rows]


def _support(family: str, row: Intrinsic) -> Support:
    single = max((ulp for dtype, ulp in row.ulp.items() if dtype.name == "f32"), default=0.0)
    cuda = "later" if isinstance(row.cuda, Unsupported) else "yes"
    cpu = f"no: {row.llvm.why}" if isinstance(row.llvm, Unsupported) else "yes"
    return Support(family, row.name, written(row), row.doc, takes(row), metal(row), cpu, cuda, single)


def dtypes_of(term: Term | None) -> tuple[Numeric, ...]:
    """Return the dtypes that a term stands for."""
    match term:
        case Var(dtypes=dtypes) | Variadic(dtypes=dtypes):
            return dtypes
        case Buffer(element=element) | Texture(element=element):
            return dtypes_of(element)
        case DTypeArg(var=var):
            return var.dtypes
        case Numeric():
            return (term,)
        case _:
            return ()


def group(dtypes: tuple[Numeric, ...]) -> str:
    """Return the shortest name of a set of dtypes."""
    return _GROUPS.get(frozenset(dtypes)) or " ".join(dtype.name for dtype in dtypes)


def written(row: Intrinsic) -> str:
    """Return how a kernel says it: a function, an operator, or syntax."""
    if row.algebra in _SYNTAX:
        return _SYNTAX[row.algebra]
    if row.public_name:
        given = (p for name, p in signature(row).parameters.items() if name != row.precision)
        call = f"{row.public_name}({', '.join(str(p).partition(':')[0].partition('=')[0] for p in given)})"
        return f"{call}, {row.operator}" if row.operator else call
    if row.method:
        return spoken(row).partition(", filter=")[0].rstrip(")") + ")"
    if row.role in _RAW:
        return 'compile(kernel, async_copy="raw")'
    symbol = row.operator or ""
    if not symbol:
        return ""
    return f"{symbol.removeprefix('u')}x" if len(row.operands) == 1 else f"x {symbol} y"


def takes(row: Intrinsic) -> str:
    """Return the dtypes of the operands, those of each type variable once."""
    seen: dict[str, None] = {}
    for term in row.params.values():
        if names := dtypes_of(term):
            seen[group(names)] = None
    return ", ".join(seen)


def spelled(spelling: Spelling) -> str:
    """Return a spelling in a few characters."""
    match spelling:
        case Infix(symbol=symbol):
            return f"x {symbol} y"
        case Prefix(symbol=symbol):
            return f"{symbol}x"
        case Call(function=function):
            return f"{function}()"
        case Template(text=text):
            return _plain(text)
        case Printf(function=function):
            return f"{function}()"
        case Builtin(attribute=attribute):
            return f"[[{attribute}]]"
        case Structural():
            return "syntax"
        case Into(lines=lines):
            return "; ".join(map(_plain, lines))
        case Unsupported(why=why):
            return f"no: {why}"


def _plain(text: str) -> str:
    """Return a template with the operands' names in it; parts that are there for some values only are shown."""
    whole = _OPTIONAL.sub(lambda part: part[2].replace("{}", part[1]), text)
    return whole.replace("{", "").replace("}", "")


def metal(row: Intrinsic) -> str:
    """Return the Metal spelling; where it differs by dtype, that of the first that has one, and those that have none."""
    if not isinstance(row.msl, Mapping):
        return f"`{spelled(row.msl)}`"
    spellings = list(row.msl.items())
    lacking = [key for key, spelling in spellings if isinstance(spelling, Unsupported)]
    first = next((spelling for _, spelling in spellings if not isinstance(spelling, Unsupported)), spellings[0][1])
    without = tuple(key for key in lacking if isinstance(key, Numeric))
    places = [f"{key[0].name} in {key[1].value} memory" for key in lacking if isinstance(key, tuple)]
    named = ", ".join([*([group(without)] if without else []), *places])
    return f"`{spelled(first)}`" + (f", not {named}" if named else "")
