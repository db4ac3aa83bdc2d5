"""Prints the stub of `metal_stdlib` that clang reads instead of Apple's headers.

One header serves both modes: `prelude/types_a.h` or `prelude/types_b.h` gives the value types, the rows of `tables` and
`prelude/library.h` the functions. The text depends on the files of this folder only, so equal sources give equal text.
"""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path

from tests.msl import tables
from tests.msl.tables import FLOATS, INTS, SMALL_INTS, VECTORS, Function

PRELUDE = Path(__file__).with_name("prelude")
ELEMENTS = ("bool", *INTS, *FLOATS, "bfloat")


@cache
def stub_text() -> str:
    """The text of the stub header `metal_stdlib`, for both modes."""
    types_a = (PRELUDE / "types_a.h").read_text(encoding="utf-8").replace("//@lanes", _lanes())
    types_b = (PRELUDE / "types_b.h").read_text(encoding="utf-8")
    parts = [
        "#pragma once",
        "#ifndef __OPENCL_CPP_VERSION__",
        types_a,
        *_vector_aliases(),
        "#else",
        types_b,
        *_vector_typedefs(),
        "#endif",
        (PRELUDE / "library.h").read_text(encoding="utf-8"),
        "namespace metal {",
        "#ifdef MSL_A",
        *_no_bfloat(),
        "#endif",
        *itertools.chain.from_iterable(map(_overloads, tables.FUNCTIONS)),
        *_namespaces(),
        *_lane_functions(),
        *_packing(),
        *_matrix_aliases(),
        *_limits(),
        "}",
        *_macros(),
        f"#pragma GCC poison {' '.join(tables.POISONED)}",
    ]
    return "\n".join(parts) + "\n"


def vector(element: str, width: int) -> str:
    """The name of a type: `vector("float", 3)` is float3, width 1 the scalar."""
    return element if width == 1 else f"{element}{width}"


def _vector_names() -> list[tuple[str, int]]:
    return [(element, width) for element in ELEMENTS for width in VECTORS]


def _lanes() -> str:
    """Storage of a vector in mode A: named elements, and swizzles as properties (no address, no double store)."""
    lines = ["template <class T, int N> struct lanes;"]
    for width in VECTORS:
        lines.append(f"template <class T> struct lanes<T, {width}> {{")
        lines.append(f"  T {', '.join('xyzw'[:width])};")
        choice = "".join(f"i == {i} ? {'xyzw'[i]} : " for i in range(width - 1)) + "xyzw"[width - 1]
        lines.append(f"  constexpr T &operator[](long i) {{ return {choice}; }}")
        lines.append(f"  constexpr const T &operator[](long i) const {{ return {choice}; }}")
        lines.extend(_swizzle("rgba"[i], "xyzw"[i], "T") for i in range(width))
        lines.extend(
            f"  constexpr T get_{c}() const {{ return {c}; }} constexpr void put_{c}(T v) {{ {c} = v; }}"
            for c in "xyzw"[:width]
        )
        for count in VECTORS:
            lines.extend(itertools.chain.from_iterable(_swizzles("xyzw"[:width], count)))
        lines.append("};")
    return "\n".join(lines)


def _swizzles(names: str, count: int) -> list[list[str]]:
    result: list[list[str]] = []
    for letters in itertools.product(names, repeat=count):
        name = "".join(letters)
        kind = f"metal::vec<T, {count}>"
        lines = [f"  constexpr {kind} get_{name}() const {{ return {kind}({', '.join(letters)}); }}"]
        distinct = len(set(letters)) == count
        if distinct:
            stores = " ".join(f"{letter} = v.{'xyzw'[i]};" for i, letter in enumerate(letters))
            lines.append(f"  constexpr void put_{name}({kind} v) {{ {stores} }}")
        lines.append(_swizzle(name, name, kind, writable=distinct))
        lines.append(_swizzle(name.translate(str.maketrans("xyzw", "rgba")), name, kind, writable=distinct))
        result.append(lines)
    return result


def _swizzle(name: str, accessor: str, kind: str, *, writable: bool = True) -> str:
    put = f", put = put_{accessor}" if writable else ""
    return f"  __declspec(property(get = get_{accessor}{put})) {kind} {name};"


def _vector_aliases() -> list[str]:
    lines = [f"typedef metal::vec<{e}, {n}> {e}{n};" for e, n in _vector_names()]
    return lines + [f"typedef metal::packed_vec<{e}, {n}> packed_{e}{n};" for e, n in _vector_names() if e != "bool"]


def _vector_typedefs() -> list[str]:
    lines: list[str] = []
    for element, width in _vector_names():
        name = f"{element}{width}"
        # OpenCL has no vector of bool; comparisons give integers there, so bool vectors are those.
        base = {"bool": "int", "bfloat": "float"}.get(element)
        lines.append(
            f"typedef {element} {name} __attribute__((ext_vector_type({width})));"
            if base is None
            else f"typedef {base}{width} {name};"
        )
    # The element types of bool and bfloat vectors repeat those of int and float, which must come first.
    lines.sort(key=lambda line: "ext_vector_type" not in line)
    lines.extend(f"typedef {e}{n} packed_{e}{n};" for e, n in _vector_names() if e != "bool")
    lines.append("namespace metal {")
    lines.extend(
        f"template <> struct vec_of<{e}, {n}> {{ typedef ::{e}{n} type; }};"
        for e, n in _vector_names()
        if e != "bfloat"
    )
    lines.append("}")
    return lines


def _type(letter: str, element: str, width: int) -> str:
    match letter:
        case "T":
            return vector(element, width)
        case "I" | "U" | "B":
            return vector({"I": "int", "U": "uint", "B": "bool"}[letter], width)
        case "E":
            return element
        case "u":
            return "uint"
        case "b":
            return "bool"
        case "&":
            return f"thread {vector(element, width)} &"
        case "j":
            return f"thread {vector('int', width)} &"
        case _:
            raise ValueError(f"unknown parameter letter {letter!r} in a row of tables")


def _overloads(row: Function, elements: tuple[str, ...] | None = None) -> list[str]:
    lines: list[str] = []
    for element in elements or row.types:
        for width in row.widths:
            names = "abcd"[: len(row.params)]
            params = ", ".join(f"{_type(p, element, width)} {n}" for p, n in zip(row.params, names, strict=True))
            result = _type(row.result, element, width)
            runs = row.body is not None or row.whole is not None
            body = f" MSL_BODY({_body(row, element, width, result)})" if runs else ";"
            lines.append(f"{'MSL_INLINE ' if runs else ''}{result} {row.name}({params}){body}")
    return lines


def _body(row: Function, element: str, width: int, result: str) -> str:
    if row.whole is not None and width > 1:
        names = (
            f"using E = {element}; using R = {result}; using W = {vector('float', width)}; constexpr int N = {width};"
        )
        return f"{{ {names} {row.whole} }}"
    if width > 1:
        args = ", ".join(f"{n}[i]" for n in "abcd"[: len(row.params)])
        return f"{{ {result} r; for (int i = 0; i < {width}; ++i) r[i] = {row.name}({args}); return r; }}"
    expression = f"({result})({row.body})"
    if element != "half":
        return f"{{ using T = {element}; return {expression}; }}"
    named = [(p, n) for p, n in zip(row.params, "abcd", strict=False) if p == "T"]
    wide = " ".join(f"float {n}_ = (float){n};" for _, n in named)
    narrow = " ".join(f"float {n} = {n}_;" for _, n in named)
    return f"{{ using T = half; {wide} {{ {narrow} return {expression}; }} }}"


def _no_bfloat() -> list[str]:
    """Deleted overloads that win for a bfloat argument, which would otherwise become a float."""
    names = sorted({row.name for row in tables.FUNCTIONS if "float" in row.types})
    condition = "requires(msl::same<msl::element<A>, bfloat> || ...)"
    return [f"template <class... A> {condition} void {name}(A...) = delete;" for name in names]


def _namespaces() -> list[str]:
    lines: list[str] = []
    for name in ("precise", "fast"):
        lines.append(f"namespace {name} {{")
        for row in tables.MATH:
            lines.extend(_overloads(row, ("float",)))
        lines.append("}")
    return lines


def _lane_functions() -> list[str]:
    any_type = ", ".join(("float", "half", *SMALL_INTS))
    ints = ", ".join(SMALL_INTS)
    lines: list[str] = []

    def add(name: str, params: str, allowed: str) -> None:
        check = f'MSL_CHECK(msl::one_of<msl::element<T>, {allowed}>, "{name} does not take this type");'
        lines.append(f"template <class T> T {name}({params}) {{ {check} return x; }}")

    for group in ("simd", "quad"):
        for name in (*tables.LANE_UNARY, *tables.LANE_PREFIX):
            add(f"{group}_{name}", "T x", any_type)
        for name in tables.LANE_BITS:
            add(f"{group}_{name}", "T x", ints)
        for name in tables.LANE_MOVES:
            add(f"{group}_{name}", "T x, ushort lane", any_type)
        for name in tables.LANE_FILLS:
            add(f"{group}_{name}", "T x, T fill, ushort delta", any_type)
            add(f"{group}_{name}", "T x, T fill, ushort delta, ushort modulo", any_type)
    return lines


def _packing() -> list[str]:
    lines: list[str] = []
    for form, unpacked, lanes, packed in tables.PACKED_FORMATS:
        for element in FLOATS:
            kind, bits = f"{element}{lanes}", ", ".join(map(str, tables.PACKED_BITS[form]))
            signed, srgb = ("true" if part in form else "false" for part in ("snorm", "srgb"))
            packing = f"const int bits[] = {{{bits}}}; return ({packed})msl::pack<{signed}, {srgb}>(x, bits, {lanes});"
            unpacking = (
                f"const int bits[] = {{{bits}}}; return msl::unpack<{kind}, {signed}, {srgb}>(x, bits, {lanes});"
            )
            lines.append(f"MSL_INLINE {packed} pack_{element}_to_{form}({kind} x) MSL_BODY({{ {packing} }})")
            lines.append(f"MSL_INLINE {kind} unpack_{unpacked}_to_{element}({packed} x) MSL_BODY({{ {unpacking} }})")
    return lines


def _matrix_aliases() -> list[str]:
    names = [(e, c, r) for e in FLOATS for c in VECTORS for r in VECTORS]
    lines = [f"typedef matrix<{e}, {c}, {r}> {e}{c}x{r};" for e, c, r in names]
    return lines + ["}"] + [f"using metal::{e}{c}x{r};" for e, c, r in names] + ["namespace metal {"]


def _limits() -> list[str]:
    rows = {
        "float": ("__FLT_MAX__", "-__FLT_MAX__", "__FLT_MIN__"),
        "half": ("(half)65504.0f", "(half)-65504.0f", "(half)6.103515625e-05f"),
        **{e: (f"{_limit(e)}_MAX", "0" if e.startswith("u") else f"{_limit(e)}_MIN", "0") for e in INTS},
    }
    lines = [*_limit_macros(), "template <class T> struct numeric_limits;"]
    for element, (top, lowest, least) in rows.items():
        low = least if element in FLOATS else lowest
        body = f"static constexpr {element} max() {{ return {top}; }}"
        body += f" static constexpr {element} lowest() {{ return {lowest}; }}"
        body += f" static constexpr {element} min() {{ return {low}; }}"
        if element in FLOATS:
            body += f" static constexpr {element} infinity() {{ return __builtin_inff(); }}"
            body += f' static constexpr {element} quiet_NaN() {{ return __builtin_nanf(""); }}'
        lines.append(f"template <> struct numeric_limits<{element}> {{ {body} }};")
    return lines


def _limit(element: str) -> str:
    return {"short": "SHRT", "ushort": "USHRT"}.get(element, element.upper())


def _limit_macros() -> list[str]:
    return [f"#define {name} {value}" for name, value in tables.MACROS.items()]


def _macros() -> list[str]:
    lines = [f"#define {name}_F {value!r}f" for name, value in tables.CONSTANTS.items()]
    lines += [f"#define {name}_H ((half){value!r}f)" for name, value in tables.CONSTANTS.items()]
    lines.append("#ifdef __OPENCL_CPP_VERSION__")
    # Native vectors have no constructor syntax of several parts; a macro of the type's name gives them one.
    lines += [f"#define {e}{n}(...) ::msl::make<::{e}{n}>(__VA_ARGS__)" for e, n in _vector_names()]
    lines += [
        f"#define packed_{e}{n}(...) ::msl::make<::{e}{n}>(__VA_ARGS__)" for e, n in _vector_names() if e != "bool"
    ]
    lines.append("#endif")
    return lines
