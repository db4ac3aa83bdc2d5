"""The Python values a kernel reads from outside: when one changes, the kernel is traced again."""

from __future__ import annotations

import operator
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from enigma.trace.state import slots

_SIMPLE = (int, float, bool, str, bytes, type(None), tuple)
_MOST_BYTES = 1 << 19  # a longer array fits no constant memory, and is compared by identity


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Where the values were found, and what they were: variables of modules and objects, and of enclosing functions."""

    variables: tuple[tuple[Mapping[str, Any], str, Any], ...]
    cells: tuple[tuple[types.CellType, Any], ...]
    defaults: tuple[tuple[types.FunctionType, Any], ...] = ()

    def is_current(self) -> bool:
        """Return whether every value is still the same."""
        return (
            all(_same(scope.get(name, _GONE), value) for scope, name, value in self.variables)
            and all(_same(_contents(cell), value) for cell, value in self.cells)
            and all(_same(_defaults(function), value) for function, value in self.defaults)
        )


_GONE: Any = object()


@dataclass(frozen=True, slots=True)
class _Array:
    """The contents of a NumPy array, which may be changed in place."""

    array: Any
    layout: Any
    content: bytes


@dataclass(frozen=True, slots=True)
class _Items:
    """The contents of a list, dict or tuple, of which some may be changed in place."""

    kind: type
    keys: tuple[Any, ...]
    items: tuple[Any, ...]


def _same(now: Any, before: Any) -> bool:
    if now is before:
        return True
    if isinstance(before, _Array):
        return now is before.array and (now.dtype, now.shape) == before.layout and now.tobytes() == before.content
    if isinstance(before, _Items):
        if type(now) is not before.kind or len(now) != len(before.items):
            return False
        keys, items = _parts(now)
        return keys == before.keys and all(map(_same, items, before.items))
    if type(now) is float is type(before):
        return now.hex() == before.hex()  # 0.0 equals -0.0, and a NaN nothing
    return type(now) is type(before) and isinstance(now, _SIMPLE) and now == before


def _parts(value: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    if isinstance(value, dict):
        held = cast(dict[Any, Any], value)
        return tuple(held), tuple(held.values())
    return (), tuple(cast(Iterable[Any], value))


def _defaults(function: types.FunctionType) -> Any:
    return function.__defaults__, tuple((function.__kwdefaults__ or {}).values())


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _GONE


def _frozen(value: Any) -> Any:
    """Lists, dicts and small arrays are kept as copies: they may be changed in place."""
    kind = cast(Any, type(value))
    if isinstance(value, list | dict | tuple):
        keys, items = _parts(value)
        frozen = tuple(_frozen(item) for item in items)
        fixed = isinstance(value, tuple) and all(map(operator.is_, items, frozen))
        return cast(Any, value) if fixed else _Items(kind, keys, frozen)
    if type(value).__module__ == "numpy" and 0 < getattr(value, "nbytes", 0) <= _MOST_BYTES:
        return _Array(value, (value.dtype, value.shape), value.tobytes())
    return value


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _codes(const)


class _Search:
    """Collects what a function, and those it may call, read from outside."""

    def __init__(self) -> None:
        self.variables: dict[tuple[int, str], tuple[Mapping[str, Any], str, Any]] = {}
        self.cells: dict[int, tuple[types.CellType, Any]] = {}
        self.defaults: dict[int, tuple[types.FunctionType, Any]] = {}
        self.pending: list[types.FunctionType] = []
        self.seen: set[types.FunctionType] = set()

    def function(self, function: types.FunctionType) -> None:
        """Note the globals and closure of one function, and the attributes it may read of them."""
        names = [name for code in _codes(function.__code__) for name in code.co_names]
        values: list[Any] = []
        for name in names:
            if name in function.__globals__:
                values.append(self.note(function.__globals__, name))
        for cell in function.__closure__ or ():
            values.append(_contents(cell))
            self.cells[id(cell)] = cell, _frozen(values[-1])
        defaults, named = _defaults(function)
        if defaults or named:
            self.defaults[id(function)] = function, _frozen((defaults, named))
            values += [*(defaults or ()), *named]
        known: set[int] = set()
        while values:
            value = values.pop()
            self.follow(value)
            for scope in _attributes(value) if id(value) not in known else ():
                values += [self.note(scope, name) for name in names if name in scope]
            known.add(id(value))

    def note(self, scope: Mapping[str, Any], name: str) -> Any:
        """Note one variable; returns its value."""
        self.variables[id(scope), name] = scope, name, _frozen(scope[name])
        return scope[name]

    def follow(self, value: Any) -> None:
        """Search the functions that a value is or wraps."""
        while callable(inner := getattr(value, "__wrapped__", None) or getattr(value, "func", None)):
            value = cast(Any, inner)
        if isinstance(value, types.MethodType):
            value = value.__func__
        own = isinstance(value, types.FunctionType) and not (value.__module__ or "").startswith("enigma.")
        if own and value not in self.seen:
            self.seen.add(value)
            self.pending.append(value)


def _attributes(value: Any) -> list[Mapping[str, Any]]:
    """The dictionaries behind `value.name`: a module's, an object's and its class's."""
    if isinstance(value, types.ModuleType):
        name = value.__name__.split(".")[0]
        return [] if name in sys.stdlib_module_names or name in ("enigma", "numpy") else [vars(value)]
    if isinstance(value, type):
        return [value.__dict__] if value.__module__ != "builtins" else []
    if isinstance(value, types.FunctionType):
        return []
    cls = cast(type[Any], type(value))
    own: list[Mapping[str, Any]] = [value.__dict__] if hasattr(value, "__dict__") else []
    if slots(cls):
        own.append(_Slots(value, slots(cls)))
    return [*own, cls.__dict__] if own else []


class _Slots(Mapping[str, Any]):
    """The attributes that an object holds in slots, as they are now."""

    def __init__(self, of: Any, names: list[str]) -> None:
        self.of, self.names = of, names

    def _now(self) -> dict[str, Any]:
        return {name: getattr(self.of, name) for name in self.names if hasattr(self.of, name)}

    def __getitem__(self, name: str) -> Any:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())


def fingerprint(fn: types.FunctionType) -> Fingerprint:
    """Return what `fn`, and the Python functions it may call, read from their modules, objects and enclosing functions."""
    search = _Search()
    search.follow(fn)
    while search.pending:
        search.function(search.pending.pop())
    return Fingerprint(tuple(search.variables.values()), tuple(search.cells.values()), tuple(search.defaults.values()))
