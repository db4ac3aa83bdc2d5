"""Writes `docs/reference/`: a page for each table of rows, one for the rest of the language, one for programs around kernels.

python tools/make_reference.py
"""

from __future__ import annotations

import ast
import importlib
import inspect
import string
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import enigma
from enigma.dtypes import DTYPES, INTEGERS, Numeric, i32, names
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.spelling import Builtin, Call, Infix, Prefix, Printf, Spelling, Structural, Template, Unsupported
from enigma.spec.tables import TABLES
from enigma.spec.terms import (
    NUMBERS,
    Buffer,
    Choice,
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
from enigma.trace import scoped
from enigma.trace.constants import PUBLIC
from enigma.trace.functions import functions, signature
from enigma.trace.texture import spoken

TARGET = Path(__file__).parents[1] / "docs" / "reference"
NOTE = "<!-- written by tools/make_reference.py: edit the rows or docstrings, not this page -->\n"

TITLES = {
    "arithmetic": "Arithmetic", "compare": "Comparison and logic", "convert": "Conversion",
    "geometry": "Geometry", "packing": "Packing into words", "math": "Float functions",
    "integer": "Integer functions", "bits": "Bits", "grid": "Positions and sizes", "memory": "Memory", "textures": "Textures",
    "sync": "Barriers", "simdgroup": "Simdgroup", "quadgroup": "Quadgroup", "atomics": "Atomics", "random": "Random bits",
    "report": "Printing and asserting",
}  # fmt: skip
"""The families users see, in the order of the reference; the rest is the compiler's own."""

SUBSCRIPTS = {
    "load": "buf[i]",
    "store": "buf[i] = x",
    "select": "x if c else y",
    "and": "x and y",
    "or": "x or y",
    "not": "not x",
}
"""How rows without a function or an operator are written in Python."""

CREATED = enigma.KernelDef | enigma.CompiledKernel | enigma.Runtime | enigma.PreparedKernel
"""Classes whose objects come from elsewhere: their constructors are not shown."""

INTERNAL = {
    "Runtime.bind",
    "CpuRuntime.bind",
    "SimRuntime.bind",
    "Runtime.run",
    "KernelDef.constants",
    "KernelDef.trace",
}
"""Public to the package, and not of use to a program."""

PROGRAMS = (
    "kernel", "KernelDef", "Scalar", "Constant", "Texture1D", "Texture2D", "Texture3D", "Texture2DArray", "constexpr", "compile",
    "CompiledKernel", "runtime", "Runtime", "PreparedKernel", "CpuRuntime", "SimRuntime", "MetalRuntime",
    "EnigmaError", "EnigmaTypeError", "EnigmaValueError", "EnigmaSyntaxError",
    "EnigmaIndexError", "EnigmaNameError", "EnigmaAttributeError",
    "LaunchError", "OutOfBoundsError", "ToolchainError", "DeviceError", "InternalError", "KernelAssertionError",
    "ErrorGroup", "EnigmaWarning", "Layout", "make_layout", "make_ordered_layout", "make_identity_layout", "make_layout_tv", "size",
    "show", "draw", "draw_tv", "Drawing",
)  # fmt: skip


def call(row: Intrinsic) -> str:
    """Return how the operation is written in Python: a call, an operator or a subscript."""
    if row.public_name:
        return f"{row.public_name}{_parameters(row)}"
    if row.method:
        return spoken(row)
    return SUBSCRIPTS.get(row.name, "") if row.operator is None else operator(row)


def operator(row: Intrinsic) -> str:
    """Return the operator expression that the row answers."""
    first, *rest = row.operands
    symbol = row.operator or ""
    if rest and not symbol.endswith(")"):
        return f"{first} {symbol} {rest[0]}"
    if symbol.startswith("u"):
        return f"{symbol[1:]}{first}"
    return symbol.replace("()", f"({first})") if symbol.endswith("()") else f"{symbol} {first}"


def _parameters(row: Intrinsic) -> str:
    shown = (
        f"{p.name}={p.default!r}" if p.default is not p.empty else str(p).partition(":")[0]
        for p in signature(row).parameters.values()
    )
    return f"({', '.join(shown).replace(chr(39), chr(34))})"


def _set(dtypes: tuple[Numeric, ...]) -> str:
    for known, words in ((DTYPES, "any dtype"), (NUMBERS, "any number"), (INTEGERS, "any integer")):
        if set(dtypes) == set(known):
            return words
    return names(dtypes)


def takes(term: Term | None) -> str:
    """Return what a parameter accepts or a result is, in words."""
    match term:
        case Var(dtypes=dtypes, widens=True):
            narrow = tuple(dtype for dtype in INTEGERS if dtype.width < i32.width)
            if not any(dtype.is_float for dtype in dtypes):
                return _set((*dtypes, *narrow))
            return f"{_set((*dtypes, *narrow))}; integers below 32 bits count as i32"
        case Var(dtypes=dtypes, lanes=lanes) if 1 not in lanes:
            return f"a vector of {', '.join(map(str, lanes[:-1]))}{' or ' if lanes[1:] else ''}{lanes[-1]} of {_set(dtypes)}"
        case Var(dtypes=dtypes):
            return _set(dtypes)
        case Buffer(element=element, spaces=spaces):
            what = takes(element)
            return f"a buffer of {what} in {' or '.join(space.value for space in spaces)} memory"
        case Texture(element=element, kinds=kinds, accesses=accesses):
            what, legal = " or ".join(kind.title for kind in kinds), " or ".join(f'`"{one.value}"`' for one in accesses)
            return f"the texture `T`: a {what} of {takes(element)}, with the access {legal}"
        case Vec(element=element, lanes=lanes):
            return f"{lanes} components of {takes(element)}"
        case Choice(enum=enum):
            return "one of " + ", ".join(f'`"{member.value}"`' for member in enum)
        case Static(low=low, high=high):
            return f"a Python int from {low} to {high}"
        case DTypeArg(var=var):
            return f"a dtype: {takes(var)}"
        case Vec(element=element, lanes=lanes):
            return f"a vector of {lanes} of {takes(element)}"
        case Element(of=of):
            return f"a number, of the components' dtype: {_set(of.dtypes)}"
        case Text():
            return "a text"
        case Variadic(dtypes=dtypes):
            return f"any number of values of {_set(dtypes)}"
        case Numbers(var=var):
            return f"numbers: {takes(var)}"
        case None:
            return "nothing"
        case dtype:
            return dtype.name


def spelled(row: Intrinsic, spelling: Spelling) -> str:
    """Return the text of one spelling, with the parameters' names in it."""
    operands = list(row.operands)
    match spelling:
        case Infix(symbol=symbol):
            return f"`{operands[0]} {symbol} {operands[1]}`"
        case Prefix(symbol=symbol):
            return f"`{symbol}{operands[0]}`"
        case Call(function=function):
            given = [
                name for name, term in row.params.items() if not isinstance(term, DTypeArg) and name != row.precision
            ]
            return f"`{function}({', '.join(given)})`"
        case Template(text=text):
            fields = string.Formatter().parse(text)
            words = {"W": "N", "S": "sampler"}
            parts = [(before, words.get(field or "", field or ""), own or "{}") for before, field, own, _ in fields]
            return "`" + "".join(before + own.replace("{}", field) for before, field, own in parts) + "`"
        case Printf(function=function):
            return f'`{function}("...", values...)`'
        case Builtin(attribute=attribute, vector=vector):
            return f"parameter `[[{attribute}]]`" + (", `.x`, `.y` or `.z` of it" if vector else "")
        case Structural():
            return "part of the syntax"
        case Unsupported(why=why):
            return f"not there: {why}"


def metal(row: Intrinsic) -> str:
    """Return how Metal spells a row, for each group of dtypes that it spells alike."""
    if not isinstance(row.msl, Mapping):
        return spelled(row, row.msl)
    groups: dict[str, list[str]] = {}
    for key, spelling in row.msl.items():
        name = f"{key[0].name} in {key[1].value} memory" if isinstance(key, tuple) else key.name
        groups.setdefault(spelled(row, spelling), []).append(name)
    if len(groups) == 1:
        return next(iter(groups))
    first, *others = groups.items()
    if isinstance(next(iter(row.msl)), tuple):  # the usual one, and where it is another
        return "; ".join([first[0], *(f"{' and '.join(names)}: {text}" for text, names in others)])
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in groups.items())


def entry(row: Intrinsic) -> Iterator[str]:
    """Yield the lines that describe one row."""
    yield f"## `{call(row)}`\n\n{row.doc}\n"
    lines = [f"- `{name}`: {takes(term)}" for name, term in row.params.items()]
    if row.reports is not None:
        yield _as_markdown((inspect.getdoc(functions()[row.public_name]) or "").partition("\n\n")[2]) + "\n"
        lines = ["- values: any dtype"]
    if row.result is not None:
        shared = isinstance(row.result, Var) and row.result in row.params.values()
        pair = "whether (b1), and a value of " if row.outcome is not None else ""
        lines.append(f"- gives {pair}{'the same dtype' if shared else takes(row.result)}")
    lines.append(
        f"- Metal: {metal(row)}"
        + (f", from version {row.msl_version[0]}.{row.msl_version[1]}" if row.msl_version > (2, 4) else "")
    )
    if row.family:
        lines.append(f"- Apple GPUs have it from family {row.family} on")
    if row.is_method and row.public_name:
        lines.append(
            "- also a method of the buffer: `" + call(row).partition("(")[0].replace("enigma.", "buf.") + "(...)`"
        )
    if row.precision is not None:
        lines.append('- for f32 also in Metal\'s fast and precise versions: `precision="fast"`, `precision="precise"`')
    if row.public_name and row.operator is not None:
        lines.append(f"- in Python also: `{operator(row)}`")
    if row.effect is Effect.SYNC:
        lines.append("- it talks to other threads: the compiler never moves it")
    if row.arch is not None:
        lines.append(f"- all axes at once: `enigma.arch.{row.arch}()`")
    if row.level is not None and row.public_name != row.name:
        lines.append(f"- along x: `enigma.{row.name}`, without parentheses")
    if row.aliases:
        lines.append("- also called " + ", ".join(f"`{alias}`" for alias in row.aliases))
    ulp = sorted({int(u) for u in row.ulp.values()}, reverse=True)
    if ulp and ulp[0]:
        lines.append(
            f"- CPU: at most {ulp[0]} ulp from the exact result"
            if row.effect is Effect.PURE
            else f"- CPU: at most {ulp[0]} ulp from the simulator"
        )
    if row.example:
        lines.append(f"- example: `{row.example if row.method else f'enigma.{row.example}'}`")
    yield "\n".join(lines) + "\n"


def family(name: str) -> str:
    """Return the page of one table."""
    rows = [row for row in TABLES[name] if call(row)]
    module = importlib.import_module(f"enigma.spec.tables.{name}")
    page = [f"# {TITLES[name]}\n", NOTE, (inspect.getdoc(module) or "").partition("\n")[0] + "\n"]
    page.append(f"Which targets have them, and how exactly: [what runs where](support.md#{name}).\n")
    for row in rows:
        page += entry(row)
    if name in enigma._MODULES:
        functions = importlib.import_module(f"enigma.{name}")
        page += [f"# `enigma.{name}`\n", _as_markdown(inspect.getdoc(functions) or "") + "\n"]
        for public in functions.__all__:
            page += _documented(f"{name}.{public}", getattr(functions, public))
    return "\n".join(page)


def _documented(name: str, thing: Any, level: str = "##") -> Iterator[str]:
    shown = name
    if callable(thing):
        try:
            shown += _short(inspect.signature(thing))
        except ValueError:
            pass  # a built-in class: its name says enough
    yield f"{level} `{shown}`\n\n{_as_markdown(inspect.getdoc(thing) or '')}\n"


def _short(parameters: inspect.Signature) -> str:
    """Return a signature without its annotations."""
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in parameters.parameters.values() if p.name != "self"]
    return str(inspect.Signature(bare))


def _as_markdown(doc: str) -> str:
    """Return a docstring with its examples indented: `getdoc` takes the indent away where nothing else follows it."""
    return "\n\n".join(
        textwrap.indent(part, "    ") if _is_code(part) else part for part in doc.strip("\n").split("\n\n")
    )


def _is_code(paragraph: str) -> bool:
    if paragraph.startswith(">>>"):
        return True
    try:
        ast.parse(paragraph)
    except SyntaxError:
        return False
    return "(" in paragraph or "=" in paragraph


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    for name, member in vars(cls).items():
        function = member.fget if isinstance(member, property) else member
        if not name.startswith("_") and inspect.isfunction(function):
            yield name, member


def language() -> str:
    """Return the page of the functions that are more than one row."""
    page = [
        "# Language functions\n",
        NOTE,
        "What the language has beside Python's own statements and the operations of the tables.\n",
    ]
    functions: dict[str, Callable[..., Any]] = {
        **PUBLIC,
        **{n: getattr(scoped, n) for n in ("for_range", "if_", "while_")},
    }
    for name, function in {**functions, "range": enigma.range}.items():
        page += _documented(name, function)
    return "\n".join(page)


def programs() -> str:
    """Return the page of what is used outside of kernels."""
    page = [
        "# Programs\n",
        NOTE,
        "What a program uses around its kernels: parameters, compiling, running, errors, layouts.\n",
    ]
    for name in PROGRAMS:
        thing = getattr(enigma, name)
        if not callable(thing):
            page += [f"## `{name}`\n\n{_as_markdown(inspect.getdoc(type(thing)) or '')}\n"]
            continue
        if inspect.isclass(thing) and issubclass(thing, Exception | CREATED):
            page += [f"## `{name}`\n\n{_as_markdown(inspect.getdoc(thing) or '')}\n"]
        else:
            page += _documented(name, thing)
        if inspect.isclass(thing):
            for member_name, member in _members(thing):
                if f"{name}.{member_name}" in INTERNAL:
                    continue
                page += _documented(f"{name}.{member_name}", member, "###")
    return "\n".join(page)


def index() -> str:
    """Return the page that lists the others."""
    lines = [
        "# Reference\n",
        NOTE,
        "Generated from the rows of `src/enigma/spec/tables` and from docstrings; a test checks that it is current.\n",
    ]
    table = ["| page | operations |", "| --- | --- |"]
    for name, title in TITLES.items():
        table.append(
            f"| [{title}]({name}.md) | {', '.join(f'`{row.public_name or call(row)}`' for row in TABLES[name] if call(row))} |"
        )
    spoken = ", ".join(f"`{name}`" for name in (*PUBLIC, "for_range", "if_", "while_", "range"))
    table.append(f"| [Language functions](language.md) | {spoken} |")
    table.append("| [Programs](programs.md) | compiling, running, errors, layouts |")
    table.append("| [What runs where](support.md) | all operations in one table, with dtypes and tolerances |")
    return "\n".join([*lines, "\n".join(table).replace("`x | y`", "`x \\| y`"), ""])


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    made = {f"{name}.md": family(name) for name in TITLES}
    return {**made, "language.md": language(), "programs.md": programs(), "README.md": index()}


if __name__ == "__main__":
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (TARGET / name).write_text(text.rstrip("\n") + "\n", encoding="utf-8")
