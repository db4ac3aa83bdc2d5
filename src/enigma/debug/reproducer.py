"""Writes a failing launch as a program that runs alone: the kernel, what it uses of its file and beside it, the data, the check."""

from __future__ import annotations

import base64
import textwrap
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, cast

import numpy as np

from enigma.debug.sources import Beside, beside, needed
from enigma.errors import EnigmaTypeError

_LISTED = 64
"""Elements up to which an array is written as numbers."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the program does: compares `targets`, with the function `oracle` if it is given, or checks the run."""

    kernel: str
    oracle: str | None
    targets: Sequence[str]
    checks: bool
    max_rounds: int | None = None


def program(
    source: str, wanted: Wanted, arguments: Mapping[str, Any], grid: tuple[int, ...], threads: tuple[int, ...],
    constants: Mapping[str, Any], failure: str,
) -> str:  # fmt: skip
    """Return the text of the program. Modules of the user's that the source imports come along.

    The arguments are local names: a parameter may be called as something that the kernel's own functions use.
    """
    roots = {wanted.kernel, *([wanted.oracle] if wanted.oracle else [])}
    structs = {type(value).__name__ for value in arguments.values() if is_dataclass(value)}
    future, kept = needed(source, roots | structs)
    modules = beside(kept)
    names = ", ".join(arguments)
    kernel, oracle_name = (
        f"globals()[{name!r}]" if name in arguments else name for name in (wanted.kernel, wanted.oracle or "")
    )
    given = f", constants={dict(constants)!r}" if constants else ""
    sizes = f"grid={grid!r}, threads={threads!r}{given}"
    if wanted.checks:
        rounds = f", max_rounds={wanted.max_rounds}" if wanted.max_rounds is not None else ""
        run = f"found = enigma.check({kernel}, {names}, {sizes}{rounds})"
    else:
        oracle = f", oracle={oracle_name}" if wanted.oracle else ""
        given = f"{sizes}, targets={tuple(wanted.targets)!r}{oracle}"
        run = f"found = enigma.compare({kernel}, [{names}], {given})"
    data = [f"{name} = {_literal(value)}" for name, value in arguments.items()]
    packed = any("_unpack(" in line for line in data)
    body = [
        "import numpy as np",
        "",
        "import enigma",
        "",
        *data,
        run,
        "print(found)",
        "raise SystemExit(0 if found.ok else 1)",
    ]
    inner = textwrap.indent("\n".join(body), "    ", lambda line: bool(line.strip()))
    parts = [
        f'"""Fails: {_spoken(failure)}. Made by `enigma reduce`; run it with Python."""', *future, _modules(modules), kept,
        _UNPACK if packed else "", f"def _reproduce():\n{inner}", "_reproduce()",
    ]  # fmt: skip
    return "\n\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _spoken(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', "'''").rstrip('"')


def _modules(found: Sequence[Beside]) -> str:
    """Return the text that makes modules of what stood beside the kernel's file, in the order in which they need one another."""
    if not found:
        return ""
    texts = {each.name: each.text for each in found}
    packages = sorted(each.name for each in found if each.is_package)
    listed = "".join(f"    {name!r}: {_quoted(text)},\n" for name, text in texts.items())
    return f"{_BESIDE}\n\n_add_modules({{\n{listed}}}, {packages!r})"


def _quoted(text: str) -> str:
    """Return a text as a literal that keeps its lines, where that can be."""
    plain = "\\" not in text and "'''" not in text and not text.endswith("'")
    return f"r'''{text}'''" if plain and "\r" not in text and "\0" not in text else repr(text)


_BESIDE = '''
def _add_modules(texts, packages):
    """Modules that stood beside the kernel's file, made when they are imported."""
    import importlib.abc
    import importlib.util
    import linecache
    import sys

    class Beside(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
        def find_spec(self, name, path=None, target=None):
            return importlib.util.spec_from_loader(name, self, origin=f"<{name}>") if name in texts else None

        def is_package(self, name):
            return name in packages

        def get_source(self, name):
            return texts[name]

        def exec_module(self, module):
            text, file = texts[module.__name__], f"<{module.__name__}>"
            linecache.cache[file] = (len(text), None, text.splitlines(True), file)
            exec(compile(text, file, "exec"), module.__dict__)

    sys.meta_path.insert(0, Beside())
'''

_UNPACK = """
def _unpack(dtype, shape, text):
    import base64
    import zlib

    import numpy as np

    return np.frombuffer(zlib.decompress(base64.b85decode(text)), np.dtype(dtype)).reshape(shape).copy()
"""


def _literal(value: Any) -> str:
    """Return Python that makes a value again. Raises `EnigmaTypeError` for one that a program cannot hold."""
    if isinstance(value, np.generic):
        number = cast(Any, value.item())  # a long double is its own
        return repr(cast(Any, number)) if isinstance(number, np.generic) else _literal(number)
    if isinstance(value, np.ndarray):
        return _array(cast("np.ndarray[Any, Any]", value))
    if is_dataclass(value) and not isinstance(value, type):
        given = ", ".join(f"{each.name}={_literal(getattr(value, each.name))}" for each in fields(value))
        return f"{type(value).__name__}({given})"
    if isinstance(value, float) and repr(value) in ("nan", "inf", "-inf"):
        return f"float({repr(value)!r})"
    if isinstance(value, bool | int | float | dict | tuple | list):
        return repr(cast(Any, value))
    raise EnigmaTypeError(
        f"a program cannot hold a {type(value).__name__}", help="give numbers, structs and NumPy arrays as arguments"
    )


def _array(array: np.ndarray[Any, Any]) -> str:
    plain = array.dtype.kind in "biuf"
    if plain and not array.any():
        return f"np.zeros({array.shape!r}, np.{array.dtype.name})"
    if plain and array.size <= _LISTED and bool(np.isfinite(array.astype(np.float64)).all()):
        return f"np.array({array.tolist()!r}, np.{array.dtype.name})"
    packed = base64.b85encode(zlib.compress(array.tobytes(), 9)).decode()
    if plain:
        return f"_unpack({array.dtype.name!r}, {array.shape!r}, {packed!r})"
    bits = f"u{array.dtype.itemsize}"
    return f"_unpack({bits!r}, {array.shape!r}, {packed!r}).view(enigma.{_SHORT[array.dtype.name]}.numpy)"


_SHORT = {"bfloat16": "bf16"}
