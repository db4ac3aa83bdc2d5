"""A short digest of what functions do, for names under which another program keeps what it made of them.

`torch.compile` keeps graphs on disk by the names of the operations in them, and a backward pass with them: an operation whose vjp
was edited must not have the old one's name.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from enigma.dtypes import Numeric
from enigma.runtime.jit import JitDef
from enigma.trace.kernel import KernelDef

_DEEPEST = 8
_PLAIN = (int, float, bool, str, bytes, complex, type(None), type(...))


class Named:
    """Something whose `name` is all that a digest needs to know of it: another program looks it up by that name, too."""

    name: str


def digest(*values: Any) -> str:
    """Return eight hexadecimal digits that depend on functions' code, what they refer to, and plain values.

    Of modules and classes it is the file that counts. What cannot be looked into makes the digest another one in every process.

    >>> digest(lambda x: x + 1) == digest(lambda x: x + 1), digest(lambda x: x + 1) == digest(lambda x: x + 2)
    (True, False)
    """
    found = hashlib.blake2b(digest_size=4)
    seen: set[int] = set()
    for value in values:
        for part in _parts(value, seen, _DEEPEST):
            found.update(part.encode())
            found.update(b"\0")
    return found.hexdigest()


_process = os.urandom(8).hex()


def _parts(value: Any, seen: set[int], depth: int) -> Iterator[str]:
    if isinstance(value, _PLAIN):
        yield repr(value)
    elif id(value) in seen:
        yield "again"
    elif depth == 0:
        yield _process
    else:
        seen.add(id(value))
        yield from _inside(value, seen, depth - 1)


def _inside(value: Any, seen: set[int], depth: int) -> Iterator[str]:
    match value:
        case types.FunctionType():
            yield from _parts(value.__code__, seen, depth)
            yield from _parts(value.__defaults__, seen, depth)
            yield from _parts(value.__kwdefaults__, seen, depth)
            for name in _names(value.__code__):
                if name in value.__globals__:
                    yield from _parts(value.__globals__[name], seen, depth)
            for cell in value.__closure__ or ():
                try:
                    yield from _parts(cell.cell_contents, seen, depth)
                except ValueError:  # not bound yet
                    yield "empty"
        case types.CodeType():
            yield value.co_code.hex()
            yield repr((value.co_names, value.co_varnames))
            for constant in value.co_consts:
                yield from _parts(constant, seen, depth)
        case types.MethodType():
            yield from _parts(value.__func__, seen, depth)
            yield from _parts(value.__self__, seen, depth)
        case functools.partial():
            yield from _parts((value.func, value.args, value.keywords), seen, depth)
        case tuple() | list() | frozenset() | set():
            yield type(cast("Any", value)).__name__
            for item in cast("tuple[Any, ...]", value):
                yield from _parts(item, seen, depth)
        case dict():
            for key, item in cast("dict[Any, Any]", value).items():
                yield from _parts((key, item), seen, depth)
        case types.BuiltinFunctionType():
            yield value.__name__
        case types.ModuleType():
            yield value.__name__
            yield _file(value)
        case type():
            yield f"{value.__module__}.{value.__qualname__}"
            yield _file(sys.modules.get(value.__module__))
        case KernelDef() | JitDef():
            yield from _parts(value.fn, seen, depth)
        case Named() | Numeric():
            yield f"{type(value).__qualname__} {value.name}"
        case _:
            yield _process


def _file(module: types.ModuleType | None) -> str:
    """Return what the file of a module holds, in short; of one that is built in there is nothing to know."""
    path = getattr(module, "__file__", None)
    if path is None:
        return ""
    try:
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=8).hexdigest()
    except OSError:
        return _process


def _names(code: types.CodeType) -> Iterator[str]:
    """Yield the names that code and the functions in it may look up among globals."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
