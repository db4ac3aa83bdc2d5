"""The Python values a kernel reads from outside: when one changes, the kernel is traced again."""

from __future__ import annotations

import operator
import types
from array import array
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, cast

from enigma.trace.tables import is_array

_SIMPLE = (int, float, bool, str, bytes, type(None), tuple)
_MOST_BYTES = 1 << 19  # a longer array fits no constant memory: its digest is kept rather than a copy


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Where the values were found, and what they were: variables of modules and objects, and of enclosing functions."""

    variables: tuple[tuple[Mapping[str, Any], str, Any], ...]
    cells: tuple[tuple[types.CellType, Any], ...]
    defaults: tuple[tuple[types.FunctionType, Any], ...] = ()

    def is_current(self) -> bool:
        """Return whether every value is still the same."""
        return (
            all(_same(scope.get(name, GONE), value) for scope, name, value in self.variables)
            and all(_same(contents(cell), value) for cell, value in self.cells)
            and all(_same(defaults(function), value) for function, value in self.defaults)
        )


GONE: Any = object()
"""What a variable holds that is not there."""


@dataclass(frozen=True, slots=True)
class _Array:
    """The contents of an array of NumPy's or Python's, or of a bytearray, which may be changed in place."""

    array: Any
    layout: Any
    content: bytes


@dataclass(frozen=True, slots=True)
class _Items:
    """The contents of one of Python's collections, of which some may be changed in place."""

    kind: type
    keys: tuple[Any, ...]
    items: tuple[Any, ...]


def _same(now: Any, before: Any) -> bool:
    if now is before:
        return True
    if isinstance(before, _Array):
        return now is before.array and _layout(now) == before.layout and _content(now) == before.content
    if isinstance(before, _Items):
        if type(now) is not before.kind or len(_parts(now)[1]) != len(before.items):
            return False
        keys, items = _parts(now)
        return keys == before.keys and all(map(_same, items, before.items))
    if type(now) is float is type(before):
        return now.hex() == before.hex()  # 0.0 equals -0.0, and a NaN nothing
    return type(now) is type(before) and isinstance(now, _SIMPLE) and now == before


def _layout(value: Any) -> Any:
    return (value.dtype, value.shape) if hasattr(value, "dtype") else len(value)


def _content(value: Any) -> bytes:
    data = bytes(value) if isinstance(value, bytearray) else value.tobytes()
    return data if len(data) <= _MOST_BYTES else blake2b(data).digest()


def _parts(value: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    if isinstance(value, dict):
        held = cast(dict[Any, Any], value)
        return tuple(held), tuple(held.values())
    if isinstance(value, set | frozenset):
        return (frozenset(cast(Iterable[Any], value)),), ()
    return (), tuple(cast(Iterable[Any], value))


def defaults(function: types.FunctionType) -> Any:
    """Return the defaults of a function's parameters."""
    return function.__defaults__, tuple((function.__kwdefaults__ or {}).values())


def contents(cell: types.CellType) -> Any:
    """Return what a variable of an enclosing function holds."""
    try:
        return cell.cell_contents
    except ValueError:
        return GONE


def frozen(value: Any) -> Any:
    """Return what a value is compared with later: a copy of what may be changed in place, else the value."""
    kind = cast(Any, type(value))
    if isinstance(value, list | dict | tuple | set | deque):
        keys, items = _parts(value)
        copies = tuple(frozen(item) for item in items)
        fixed = isinstance(value, tuple) and all(map(operator.is_, items, copies))
        return cast(Any, value) if fixed else _Items(kind, keys, copies)
    if isinstance(value, bytearray | array) or is_array(value):
        return _Array(value, _layout(value), _content(value))
    return value
