"""Checks of a Metal text that clang cannot do for us: attributes, indices, limits, versions, reserved words."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator

from tests.msl import words
from tests.msl.diagnostic import Diagnostic
from tests.msl.layout import StructSizes, threadgroup_variables
from tests.msl.tokens import Attribute, Function, Parameter, Token, Unit, attributes, parse, without_attributes

THREADGROUP_BYTES = 32768
MAX_THREADS = 1024
# What may stand between an address space and the type it qualifies.
_QUALIFIERS = frozenset(("const", "volatile", "struct", "unsigned", "signed", "::", "metal", "typename"))
Found = Iterator[tuple[Token, str]]


def run_lints(text: str, *, msl_version: tuple[int, int] = (3, 1)) -> list[Diagnostic]:
    """The defects of a text that its tokens show, in the order of their places.

    >>> [d.message for d in run_lints("#include <metal_stdlib>\\nusing namespace metal;\\nconstant uint n = 5LL;\\n")]
    ['5LL: Metal has no long long literals']
    """
    unit = parse(text)
    found = {Diagnostic("lint", t.line, t.col, message) for lint in _LINTS for t, message in lint(unit)}
    found |= {Diagnostic("lint", t.line, t.col, message) for t, message in _versions(unit, msl_version)}
    if not re.search(r"^[ \t]*#include <metal_stdlib>", text, re.MULTILINE):
        found.add(Diagnostic("lint", 1, 1, "the text does not include <metal_stdlib>"))
    return sorted(found, key=lambda d: d.order)


def _literals(unit: Unit) -> Found:
    for token, after in zip(unit.tokens, (*unit.tokens[1:], None), strict=True):
        if token.kind == "number":
            text = token.text.lower()
            if re.search(r"ll", text):
                yield token, f"{token.text}: Metal has no long long literals"
            elif text.startswith("0x") and ("p" in text or "." in text):
                yield token, f"{token.text}: hexadecimal floats are not used"
            elif re.fullmatch(r"[\d.]+(e[+-]?\d+)?l", text) and ("." in text or "e" in text):
                yield token, f"{token.text}: Metal has no long double"
        elif token.text == "double":
            yield token, "'double' is not supported in Metal"
        elif token.text == "long" and after is not None and after.text == "long":
            yield token, "Metal has no long long"


def _known_attributes(unit: Unit) -> Found:
    for attribute in attributes(unit.tokens):
        name = attribute.name.text
        if name not in words.ATTRIBUTES:
            yield attribute.name, f"unknown attribute '{name}'"
        elif (
            name == "max_total_threads_per_threadgroup"
            and attribute.index is not None
            and not 1 <= attribute.index <= MAX_THREADS
        ):
            yield attribute.name, f"'{name}' must be between 1 and {MAX_THREADS}, not {attribute.index}"


def _kernel_parameters(unit: Unit) -> Found:
    for kernel in _kernels(unit):
        for param in kernel.params:
            if [t for t in param.type if t.text != "void"]:
                yield from _parameter(kernel, param)


def _parameter(kernel: Function, param: Parameter) -> Found:
    place = param.name or param.type[0]
    name, names = place.text, {a.name.text for a in param.attributes}
    builtin = names & (words.POSITIONS | words.INDICES)
    type_words = [w for w in param.words if w not in {"const", "metal", "::", "volatile"}]
    if builtin:
        yield from _builtin(param, next(a for a in param.attributes if a.name.text in builtin), type_words)
        return
    for resource in words.RESOURCES:
        if resource in names and resource != (wanted := _resource(type_words, kernel)):
            yield (
                place,
                f"'{name}' cannot have the attribute '{resource}'" + (f", it needs '{wanted}'" if wanted else ""),
            )
            return
    resource = _resource(type_words, kernel)
    if resource is None:
        yield place, f"invalid type '{' '.join(type_words)}' for input declaration in a kernel function ('{name}')"
    elif resource not in names:
        yield place, f"'{name}' parameter must have {resource} attribute"
    if resource == "buffer" and {"size_t", "ptrdiff_t"} & set(type_words):
        yield place, f"'{name}': size_t and ptrdiff_t may not be kernel arguments"


def _resource(type_words: list[str], kernel: Function) -> str | None:
    """The attribute that a parameter of this type needs, None where none makes it legal."""
    if any(re.match(r"texture|depth", word) for word in type_words):
        return "texture"
    if "sampler" in type_words:
        return "sampler"
    if {"*", "&"} & set(type_words):
        return "threadgroup" if "threadgroup" in type_words else "buffer"
    # A parameter of a template type may turn out to be any of them.
    return "buffer" if kernel.is_template and len(type_words) == 1 and type_words[0] not in words.TYPES else None


def _builtin(param: Parameter, attribute: Attribute, type_words: list[str]) -> Found:
    name = attribute.name.text
    allowed = words.POSITION_TYPES if name in words.POSITIONS else words.INDEX_TYPES
    if " ".join(type_words) not in allowed:
        wanted = "uint or ushort, or a vector of 2 or 3 of them" if name in words.POSITIONS else "uint or ushort"
        yield attribute.name, f"type '{' '.join(type_words)}' is not valid for attribute '{name}' (must be {wanted})"


def _position_types(unit: Unit) -> Found:
    for kernel in _kernels(unit):
        types: dict[str, str] = {}
        for param in kernel.params:
            for attribute in param.attributes:
                if attribute.name.text in words.POSITIONS:
                    kind = " ".join(w for w in param.words if w != "const")
                    width = kind[-1] if kind[-1:].isdecimal() else "1"
                    others = {t[-1] if t[-1:].isdecimal() else "1" for t in types.values()}
                    if others - {width}:
                        yield (
                            attribute.name,
                            f"'{attribute.name.text}': the positions of a kernel must have one width",
                        )
                    types[attribute.name.text] = kind
        for first, second in words.SAME_TYPE:
            if types.get(first, "") and types.get(second, "") and types[first] != types[second]:
                yield (
                    kernel.name,
                    f"'{first}' and '{second}' must have the same type, not {types[first]} and {types[second]}",
                )


def _resource_indices(unit: Unit) -> Found:
    for kernel in _kernels(unit):
        taken: set[tuple[str, int]] = set()
        for attribute in (a for p in kernel.params for a in p.attributes):
            name, index = attribute.name.text, attribute.index
            if name in words.RESOURCES and index is None and not attribute.args:
                yield attribute.name, f"'{name}' needs an index"
            if name not in words.RESOURCES or index is None:
                continue
            if index > words.RESOURCES[name]:
                yield (
                    attribute.name,
                    f"'{name}' attribute parameter is out of bounds: must be between 0 and {words.RESOURCES[name]}",
                )
            if (name, index) in taken:
                yield attribute.name, f"cannot reserve '{name}' resource location at index {index}"
            taken.add((name, index))


def _repeated_inputs(unit: Unit) -> Found:
    for kernel in _kernels(unit):
        seen: set[str] = set()
        used = {t.text for t in kernel.body if t.kind == "name"}
        for param in kernel.params:
            for attribute in param.attributes:
                name = attribute.name.text
                if name not in words.POSITIONS | words.INDICES:
                    continue
                if name in seen:
                    yield attribute.name, f"'{name}' is given twice"
                seen.add(name)
                if param.name is not None and param.name.text not in used:
                    yield param.name, f"kernel input '{param.name.text}' is never used"


def _kernel_names(unit: Unit) -> Found:
    seen: set[str] = set()
    for function in unit.functions:
        if function.name.text == "main":
            yield function.name, "no function may be called 'main'"
        if function.is_kernel:
            if function.name.text in seen:
                yield function.name, f"kernel '{function.name.text}' is defined twice"
            seen.add(function.name.text)
    for function in unit.functions:
        for name in sorted(_called(function) & seen - {function.name.text}):
            yield function.name, f"'{function.name.text}' calls the kernel '{name}'"


def _pointer_spaces(unit: Unit) -> Found:
    tokens = without_attributes(unit.tokens)
    types = words.TYPES | {s.name.text for s in unit.structs} | _type_parameters(tokens)
    for i, token in enumerate(tokens[:-2]):
        following = tokens[i + 1].text
        if following not in {"*", "&"}:
            continue
        start = _template_start(tokens, i) if token.text == ">" else i if token.text in types else None
        if start is None:
            continue
        while start > 0 and tokens[start - 1].text in _QUALIFIERS:
            start -= 1
        if start == 0 or tokens[start - 1].text not in words.SPACES:
            kind = "pointer" if following == "*" else "reference"
            yield token, f"{kind} type must have explicit address space qualifier"


def _type_parameters(tokens: list[Token]) -> set[str]:
    pairs = itertools.pairwise(tokens)
    return {name.text for word, name in pairs if word.text in {"typename", "class"} and name.kind == "name"}


def _template_start(tokens: list[Token], close: int) -> int | None:
    depth = 0
    for i in range(close, -1, -1):
        depth += {">": 1, "<": -1}.get(tokens[i].text, 0)
        if depth == 0:
            return i - 1 if i > 0 and tokens[i - 1].text in words.TEMPLATES else None
        if tokens[i].text in {";", "{", "}"}:
            return None
    return None


def _declared_names(unit: Unit) -> Found:
    types = words.TYPES | {s.name.text for s in unit.structs} | {"auto"}
    tokens = without_attributes(unit.tokens)
    for i, token in enumerate(tokens):
        if token.kind != "name":
            continue
        label = [after.text for after in tokens[i + 1 : i + 3]]
        if token.text == "__asm" and label[:1] == ["("] and label[-1].startswith('"air.'):
            continue  # the name of a function in the compiler's intermediate code
        if re.match(r"__|_[A-Z]", token.text) and token.text not in {"__METAL_VERSION__", "_Pragma"}:
            yield token, f"'{token.text}' is reserved: it begins with an underscore"
        if 0 < i < len(tokens) - 1 and token.text in words.RESERVED and _is_declared(tokens, i, types):
            yield token, f"'{token.text}' is a reserved word"
    scope = (
        [f.name for f in unit.functions]
        + [s.name for s in unit.structs]
        + list(filter(None, map(_variable, unit.declarations)))
    )
    for name in scope:
        if name.text in words.FILE_SCOPE:
            yield name, f"'{name.text}' at file scope is ambiguous with metal::{name.text}"


def _is_declared(tokens: list[Token], i: int, types: frozenset[str] | set[str]) -> bool:
    """Whether the name at `i` follows a type and is followed by what may follow a declared name."""
    if tokens[i + 1].text not in {"=", ";", ",", ")", "[", "(", "{"}:
        return False
    before = i - 1
    if tokens[before].text in {"*", "&"}:
        before -= 1
    # `unsigned int`, `(uint)x` and `sizeof(float)` have no declared name.
    integers = {"unsigned", "signed", "int", "long", "short", "char"}
    if tokens[before].text in integers and tokens[i].text in integers:
        return False
    return before >= 0 and tokens[before].text in types


def _variable(declaration: tuple[Token, ...]) -> Token | None:
    """The variable that a `constant` declaration at namespace scope names."""
    plain = without_attributes(declaration)
    if not any(t.text == "constant" for t in plain) or any(t.text in {"using", "typedef", "("} for t in plain[:3]):
        return None
    end = next((i for i, t in enumerate(plain) if t.text in {"=", "[", "(", "{"}), len(plain))
    return plain[end - 1] if end > 1 else None


def _recursion(unit: Unit) -> Found:
    count = Counter(f.name.text for f in unit.functions)
    calls: dict[str, set[str]] = {name: set() for name in count}
    for f in unit.functions:
        # one overload may call another of its name
        calls[f.name.text] |= {name for name in _called(f) & set(count) if name != f.name.text or count[name] == 1}
    for function in unit.functions:
        reached: set[str] = set()
        todo = set(calls[function.name.text])
        while todo:
            reached |= todo
            todo = set().union(*(calls[n] for n in todo)) - reached
        if function.name.text in reached:
            yield function.name, f"'{function.name.text}' calls itself"


def _called(function: Function) -> set[str]:
    """The names that a body calls, members left out."""
    body = function.body
    calls = (i for i in range(len(body) - 1) if body[i].kind == "name" and body[i + 1].text == "(")
    return {body[i].text for i in calls if i == 0 or body[i - 1].text not in {".", "->"}}


def _local_declarations(unit: Unit) -> Found:
    for function in unit.functions:
        for token in function.body:
            if token.text == "static":
                yield token, "variables in function scope cannot be declared static"
        for variable in () if function.is_kernel else threadgroup_variables(function.body, unit):
            yield variable.name, f"threadgroup variable '{variable.name.text}' outside a kernel"


def _threadgroup_memory(unit: Unit) -> Found:
    sizes = StructSizes(unit)
    for kernel in _kernels(unit):
        total = 0
        for variable in threadgroup_variables(kernel.body, unit):
            size = sizes.of(variable.type)
            if size is not None and variable.count is not None:
                total += -(-size[0] * variable.count // 16) * 16
        if total > THREADGROUP_BYTES:
            yield kernel.name, f"threadgroup memory of {total} bytes exceeds the maximum of {THREADGROUP_BYTES}"


def _versions(unit: Unit, version: tuple[int, int]) -> Found:
    tokens = unit.tokens
    for i, token in enumerate(tokens):
        need = words.NEEDS_VERSION.get(token.text)
        what = f"'{token.text}'"
        if token.kind == "number" and token.text.endswith("bf") and not token.text.startswith("0x"):
            need = (3, 1)
        elif token.text == "[" and 0 < i < len(tokens) - 1 and _opens_lambda(tokens[i - 1], tokens[i + 1]):
            need, what = (3, 2), "a lambda"
        if need is not None and version < need:
            yield (
                token,
                f"{what} requires Metal language {need[0]}.{need[1]} (the text is for {version[0]}.{version[1]})",
            )


def _opens_lambda(before: Token, after: Token) -> bool:
    return before.text in {"=", "(", ",", "return", "{"} and after.text in {"&", "=", "]"}


def _kernels(unit: Unit) -> Iterator[Function]:
    return (f for f in unit.functions if f.is_kernel)


_LINTS: tuple[Callable[[Unit], Found], ...] = (
    _literals,
    _known_attributes,
    _kernel_parameters,
    _position_types,
    _resource_indices,
    _repeated_inputs,
    _kernel_names,
    _pointer_spaces,
    _declared_names,
    _recursion,
    _local_declarations,
    _threadgroup_memory,
)
