"""Writes docs/reference/support.md: every operation, the dtypes it takes, and on which targets it runs.

python tools/support_table.py           write the page
python tools/support_table.py --check   exit with 1 if it is not current
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "support.md"
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))

from enigma.dtypes import DTYPES, FLOATS, INTEGERS, SIGNED, UNSIGNED, Numeric  # noqa: E402 - found after the line above
from enigma.spec.intrinsic import Intrinsic  # noqa: E402
from enigma.spec.spelling import Builtin, Call, Infix, Prefix, Printf, Spelling, Structural, Template, Unsupported  # noqa: E402
from enigma.spec.tables import TABLES  # noqa: E402
from enigma.spec.terms import Algebra, Buffer, DTypeArg, Role, Term, Texture, Var, Variadic  # noqa: E402
from enigma.trace.functions import signature  # noqa: E402
from enigma.trace.texture import spoken  # noqa: E402

_GROUPS: dict[frozenset[Numeric], str] = {
    frozenset(DTYPES): "all",
    frozenset((*FLOATS, *INTEGERS)): "all but b1",
    frozenset(FLOATS): "floats",
    frozenset(INTEGERS): "integers",
    frozenset(SIGNED): "signed integers",
    frozenset(UNSIGNED): "unsigned integers",
}
_RAW = (Role.RAW_COPY_1D_D2T, Role.RAW_COPY_1D_T2D, Role.RAW_COPY_2D_D2T, Role.RAW_COPY_2D_T2D, Role.RAW_WAIT)
_SYNTAX = {
    Algebra.LOAD: "A[i]", Algebra.STORE: "A[i] = x", Algebra.ALLOC: "threadgroup_alloc(dtype, size)",
    Algebra.LOCAL: "thread_alloc(dtype, size)", Algebra.TABLE: "constant(values, dtype)",
    Algebra.SELECT: "where(c, x, y)", Algebra.CONST: "f32(2)", Algebra.REM: "", Algebra.TO_INDEX: "for", Algebra.FROM_INDEX: "for",
}  # fmt: skip
_HEAD = "| write | meaning | dtypes | Metal | CPU | CUDA | tolerance |\n|---|---|---|---|---|---|---|"
_INTRO = """\
# What runs where

Made from the table of operations by `tools/support_table.py`; do not edit. Every operation runs on the simulator and on the
CPU. Narrow integers widen to 32 bits in Python's operators, as in C. "Tolerance" is how far the CPU may be from the
correctly rounded result, in units of the last place of f32; an empty cell means exact, up to a fused multiply-add.
"""


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
            return text.replace("{", "").replace("}", "")
        case Printf(function=function):
            return f"{function}()"
        case Builtin(attribute=attribute):
            return f"[[{attribute}]]"
        case Structural():
            return "syntax"
        case Unsupported(why=why):
            return f"no: {why}"


def metal(row: Intrinsic) -> str:
    """Return the Metal spelling; where it differs by dtype, that of the first that has one, and those that have none."""
    if not isinstance(row.msl, Mapping):
        return f"`{spelled(row.msl)}`"
    lacking = tuple(dtype for dtype, spelling in row.msl.items() if isinstance(spelling, Unsupported))
    first = next((dtype for dtype in row.msl if dtype not in lacking), next(iter(row.msl)))
    return f"`{spelled(row.msl[first])}`" + (f", not {group(lacking)}" if lacking else "")


def _row(row: Intrinsic) -> str:
    single = max((ulp for dtype, ulp in row.ulp.items() if dtype.name == "f32"), default=0.0)
    cuda = "later" if isinstance(row.cuda, Unsupported) else "yes"
    cpu = f"no: {row.llvm.why}" if isinstance(row.llvm, Unsupported) else "yes"
    cells = [
        f"`{written(row)}`" if written(row) else f"({row.name})", row.doc, takes(row), metal(row), cpu, cuda,
        f"{single:g}" if single else "",
    ]  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def support_table() -> str:
    """Return the whole page as Markdown."""
    parts = [_INTRO]
    for family, rows in TABLES.items():
        parts.append(f"\n## {family.capitalize()}\n\n{_HEAD}\n")
        parts.append("\n".join(_row(row) for row in rows) + "\n")
    return "".join(parts)


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` say whether it is current."""
    text = support_table()
    if "--check" in arguments:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        print("docs/reference/support.md is current" if current else "run: python tools/support_table.py")
        return 0 if current else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
