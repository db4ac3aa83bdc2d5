"""What a kernel may read from outside of itself, found by following names from its function through functions and objects."""

from __future__ import annotations

import builtins
import functools
import sys
import types
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import getattr_static
from typing import Any, cast

from enigma.trace.convert import is_foreign
from enigma.trace.fingerprint import GONE, Fingerprint, contents, defaults, frozen
from enigma.trace.state import slots

Scope = Mapping[str, Any]

_SIMPLE = (int, float, complex, str, bytes, bytearray, type(None))
_FOREIGN = frozenset(("enigma", "numpy", "builtins"))
_PARTIAL = ["func", "args", "keywords"]
_WRAPPERS = (
    types.MethodType,
    staticmethod,
    classmethod,
    property,
    functools.cached_property,
    type(functools.cache(int)),
)
_UNDERLYING = ("__wrapped__", "__func__", "func", "fget")
"""Where decorators, methods, descriptors and the like keep the function that they are made of."""


def fingerprint(roots: Sequence[Any]) -> Fingerprint:
    """Return what functions, and all that they may call or read, find in their modules, objects and enclosing functions.

    Which attributes a function reads of which object is not known, so every name that some function uses is looked up in every
    object that is reached; so are the special methods of classes. Packages that are installed are taken not to change, but for the
    roots' own: what they reach has no end.
    """
    search = _Search()
    search.pending += roots
    search.homes = {_package(getattr(root, "__module__", "")) for root in roots}
    search.run()
    return Fingerprint(tuple(search.variables.values()), tuple(search.cells.values()), tuple(search.defaults.values()))


class _Search:
    """Collects what is read. Everything reached is held, so that its id stays its own."""

    def __init__(self) -> None:
        self.homes: set[str] = set()
        self.variables: dict[tuple[int, str], tuple[Scope, str, Any]] = {}
        self.cells: dict[int, tuple[types.CellType, Any]] = {}
        self.defaults: dict[int, tuple[types.FunctionType, Any]] = {}
        self.pending: list[Any] = []
        self.seen: dict[int, Any] = {}
        self.names: set[str] = set()
        self.things: list[list[Scope]] = []
        self.classes: dict[type[Any], Scope] = {}

    def run(self) -> None:
        """Reach everything there is to reach."""
        while self.pending:
            while self.pending:
                self._reach(self.pending.pop())
            for scopes in self.things:
                self._look_up(scopes)

    def _reach(self, value: Any) -> None:
        if isinstance(value, _SIMPLE) or id(value) in self.seen:
            return
        self.seen[id(value)] = value
        if isinstance(value, types.FunctionType):
            self._function(value)
            return
        if isinstance(value, dict):
            self.pending += cast(dict[Any, Any], value).values()
        elif isinstance(value, list | tuple | set | frozenset | deque):
            self.pending += cast(Iterable[Any], value)
        elif isinstance(value, functools.partial):
            self._thing([_Slots(value, _PARTIAL)], _PARTIAL)
        if scopes := self._scopes(value):
            self._thing(scopes, _special(value) if isinstance(value, type) else ())
            if not isinstance(value, type | types.ModuleType):
                self.pending.append(type(cast(Any, value)))
        self._follow(value)

    def _scopes(self, value: Any) -> list[Scope]:
        """Return the dictionaries behind `value.name`, nearest first: a module's, an object's own and its classes'."""
        if isinstance(value, types.ModuleType):
            return [] if self._is_foreign(value.__name__) else [vars(value)]
        cls = cast("type[Any]", value if isinstance(value, type) else type(value))
        if _package(cls.__module__) in _FOREIGN and not _is_library(cls.__module__):
            return []
        if self._is_installed(cls.__module__):
            return []
        # one object for each class: its __dict__ is a new one each time
        classes = [
            self.classes.setdefault(base, base.__dict__)
            for base in cls.__mro__
            if not self._is_foreign(base.__module__)
        ]
        if isinstance(value, type):
            return classes
        own: list[Scope] = [value.__dict__] if cls.__dictoffset__ else []
        names = slots(cls) if classes else []
        return [*own, *([_Slots(value, names)] if names else []), *classes]

    def _follow(self, value: Any) -> None:
        """Reach the function that a decorated one, a method or a property is made of, and the object of a method."""
        if isinstance(value, types.MethodType):
            self.pending.append(value.__self__)
        if isinstance(value, type | types.ModuleType):
            return
        for name in _UNDERLYING:
            # statically, for an object may make up attributes when it is asked
            held = cast(Any, value)
            inner = getattr(held, name, None) if isinstance(value, _WRAPPERS) else getattr_static(held, name, None)
            if isinstance(inner, types.FunctionType | types.MethodType | functools.partial):
                self.pending.append(inner)

    def _function(self, function: types.FunctionType) -> None:
        """Note the globals, the closure and the defaults of one function."""
        if is_foreign(function) or self._is_installed(function.__module__):
            return
        names = [name for code in _codes(function.__code__) for name in code.co_names]
        self.names.update(names)
        for name in names:
            if name in function.__globals__ or name in vars(builtins):  # a builtin may get a namesake
                self._note(function.__globals__, name)
        for cell in function.__closure__ or ():
            self.cells[id(cell)] = cell, frozen(contents(cell))
            self.pending.append(contents(cell))
        found = defaults(function)
        if any(found):
            self.defaults[id(function)] = function, frozen(found)
            self.pending += [*(found[0] or ()), *found[1]]
        if function.__dict__:
            self._thing([function.__dict__], ())

    def _is_installed(self, module: Any) -> bool:
        package = _package(module)
        return package not in self.homes and not _is_library(module) and _is_in_site_packages(package)

    def _is_foreign(self, module: Any) -> bool:
        return _is_foreign(module) or self._is_installed(module)

    def _thing(self, scopes: list[Scope], names: Iterable[str]) -> None:
        """Note an object's dictionaries, in the order in which its attributes are looked up, and some of its attributes."""
        self.things.append(scopes)
        for name in names:
            self._note(scopes[0], name)

    def _look_up(self, scopes: Sequence[Scope]) -> None:
        """Note every name that an object has, and that no nearer dictionary has it."""
        for name in self.names:
            holders = [number for number, scope in enumerate(scopes) if name in scope]
            for scope in scopes[: holders[0] + 1] if holders else ():
                self._note(scope, name)

    def _note(self, scope: Scope, name: str) -> None:
        if (id(scope), name) in self.variables:
            return
        value = scope.get(name, GONE)
        self.variables[id(scope), name] = scope, name, frozen(value)
        if value is not GONE:
            self.pending.append(value)


def _package(module: Any) -> str:
    return str(module or "").partition(".")[0]


@functools.cache
def _is_in_site_packages(package: str) -> bool:
    """Return whether a package was installed, rather than being part of the program."""
    file = str(getattr(sys.modules.get(package), "__file__", None) or "")
    return "site-packages" in file or "dist-packages" in file


def _is_foreign(module: Any) -> bool:
    """Return whether a module belongs to Python, NumPy or enigma, none of which change."""
    name = str(module or "").partition(".")[0]
    return (name in _FOREIGN or name in sys.stdlib_module_names) and name != "__main__" and not _is_library(module)


def _is_library(module: Any) -> bool:
    return str(module).startswith("enigma.lib")


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _codes(const)


def _special(cls: type[Any]) -> list[str]:
    """Return the special methods that a class itself defines: Python calls them without a name."""
    return [
        name for name, value in cls.__dict__.items() if name.startswith("__") and isinstance(value, types.FunctionType)
    ]


class _Slots(Mapping[str, Any]):
    """Attributes that an object holds outside of a dictionary, as they are now."""

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
