"""The Python variables that a branch or loop may change: taken apart into leaves, merged, and put back.

A leaf is a traced value or a Python number; lists, tuples and dicts are taken apart; anything else must stay the same.
"""

from __future__ import annotations

import copy
import sys
from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import groupby
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any, cast

from enigma.dtypes import Numeric, promote
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc
from enigma.trace.arrangement import Chunk, Places, is_exact, single, spread, widths
from enigma.trace.exits import RESULT
from enigma.trace.fragment import Fragment
from enigma.trace.given import check_literal, describe, literal, number_dtype, plural
from enigma.trace.node import Op
from enigma.trace.register_tensor import RegisterTensor
from enigma.trace.registers import Registers
from enigma.trace.undefined import Undefined
from enigma.trace.value import Handle, TracedValue

Path = tuple[Any, ...]
Leaves = list[tuple[Path, Any]]

_OPAQUE = (type, ModuleType, FunctionType, MethodType, BuiltinFunctionType, Enum, BaseException, TracedValue, Undefined)
_FOREIGN = frozenset(sys.stdlib_module_names - {"__main__"}) | {"enigma", "numpy", "ml_dtypes", "torch", "mlx"}


def is_leaf(x: Any) -> bool:
    """Return whether `x` is a traced scalar or a Python number."""
    return (isinstance(x, TracedValue) and not isinstance(x, Handle)) or literal(x) is not None


def is_container(x: Any) -> bool:
    """Return whether `x` is taken apart: a list, tuple, dict or named tuple, or an object of one of the program's classes."""
    if type(x) is tuple or isinstance(x, list | dict | Registers | RegisterTensor):
        return True
    if isinstance(x, Fragment):
        return x.is_carried
    return _is_named_tuple(x) or is_record(x)


def refuse_uncarried(name: str, old: Any, new: Any, what: str, loc: SourceLoc) -> None:
    """Raise `EnigmaTypeError` if a variable is two values of a kind that `what`, a branch or a loop, cannot choose between."""
    for x in (old, new):
        if old is not new and isinstance(x, Fragment) and not x.is_carried:
            raise EnigmaTypeError(
                f"{what} gives {name} another predicate, but it can choose only between numbers",
                loc=loc,
                help=x.instead,
            )


def is_record(x: Any) -> bool:
    """Return whether `x` is an object whose attributes a kernel may change: of a class written in Python by the user."""
    cls = cast(type[Any], type(x))
    if cls is SimpleNamespace:
        return True
    if cls.__module__ in ("builtins", "enigma.trace.value", "enigma.trace.tensor"):
        return False
    if not hasattr(x, "__dict__") and not slots(cls):
        return False
    return not isinstance(x, _OPAQUE) and cls.__module__.split(".")[0] not in _FOREIGN


def _is_named_tuple(x: Any) -> bool:
    return isinstance(x, tuple) and hasattr(cast(Any, x), "_fields")


class Attribute(str):
    """A step of a path that is an attribute."""

    __slots__ = ()


def slots(cls: type[Any]) -> list[str]:
    """Return the attributes that have a slot in the objects of a class."""
    found: list[str] = []
    for base in cls.__mro__:
        names: Any = base.__dict__.get("__slots__", ())
        found += [names] if isinstance(names, str) else list(names)
    return [name for name in found if name not in ("__dict__", "__weakref__")]


def _attributes(x: Any) -> dict[str, Any]:
    """Return the attributes that an object holds by itself."""
    in_slots = {name: getattr(x, name) for name in slots(cast(type[Any], type(x))) if hasattr(x, name)}
    return {**in_slots, **getattr(x, "__dict__", {})}


def items(x: Any) -> list[tuple[Any, Any]]:
    """Return the parts of a container, each with its key, index or attribute."""
    if isinstance(x, RegisterTensor):
        x = x.cells
    if isinstance(x, Registers):
        return list(zip(x.keys(), x.values, strict=True))
    if isinstance(x, Fragment):
        return list(zip(x.keys(), x.chunks, strict=True))
    if isinstance(x, dict):
        return list(cast(dict[Any, Any], x).items())
    if isinstance(x, list | tuple):
        return list(enumerate(cast(Sequence[Any], x)))
    return [(Attribute(name), value) for name, value in _attributes(x).items()]


def leaves(x: Any, path: Path = (), inside: tuple[int, ...] = ()) -> list[tuple[Path, Any]]:
    """Return the leaves of `x` and any other objects in it, each with its path; an object inside of itself ends a path."""
    if is_container(x) and id(x) not in inside:
        return [leaf for key, item in items(x) for leaf in leaves(item, (*path, key), (*inside, id(x)))]
    return [(path, x)]


def rebuild(x: Any, new: Sequence[Any], *, fresh: bool = False, arranged: Mapping[Path, Places] | None = None) -> Any:
    """Return `x` with its leaves replaced in order by `new`; the fragments at some paths are `arranged` otherwise by them.

    Lists, dicts and objects are changed in place, for others may hold them; when `fresh`, copies of them are.
    """
    stream, places = iter(new), arranged or {}

    def put(item: Any, inside: tuple[int, ...], path: Path = ()) -> Any:
        if not is_container(item) or id(item) in inside:
            return next(stream)
        if path in places:
            return _arranged(item, [next(stream) for _ in widths(places[path])], places[path], fresh)
        parts = [put(part, (*inside, id(item)), (*path, key)) for key, part in items(item)]
        if isinstance(item, Fragment):
            return item.with_chunks(parts)
        if isinstance(item, tuple):
            made = cast(Any, item)
            return made._make(parts) if _is_named_tuple(made) else tuple(parts)
        target = copy.copy(item) if fresh else item
        _fill(target, [(key, part) for (key, _), part in zip(items(item), parts, strict=True)])
        return target

    return put(x, ())


def _arranged(item: Any, values: list[Any], places: Places, fresh: bool) -> Any:
    """Return a fragment or a register tensor with other values, arranged as `places` say."""
    if isinstance(item, Fragment):
        return Fragment(item.shape, values, places)
    target = copy.copy(item) if fresh else item
    target.cells.hold(values, places)
    return target


def _fill(target: Any, parts: Sequence[tuple[Any, Any]]) -> None:
    if isinstance(target, RegisterTensor):
        target.cells.hold([part for _, part in parts], parts[0][0].places)
    elif isinstance(target, Registers):
        target.values[:] = [part for _, part in parts]
    elif isinstance(target, list):
        cast(list[Any], target)[:] = [part for _, part in parts]
    elif isinstance(target, dict):
        held = cast(dict[Any, Any], target)
        held.clear()
        held.update(parts)
    else:
        for name in set(_attributes(target)) - {str(key) for key, _ in parts}:
            object.__delattr__(target, name)
        for name, part in parts:  # as a frozen dataclass does it in its own __init__
            object.__setattr__(target, str(name), part)


def _content(x: Any) -> Any:
    """Return what a changeable object that is not taken apart holds, in a form that can be compared; None for others."""
    if isinstance(x, set | deque):
        return [id(part) for part in cast(Iterable[Any], x)]
    if isinstance(x, bytearray | array):
        return bytes(cast(Any, x))
    if type(x).__module__ == "numpy" and hasattr(x, "tobytes") and getattr(x, "shape", ()):
        return x.tobytes()
    return None


class Snapshot:
    """What variables held at one moment: the leaves of each, and the contents of every list, dict and object in them."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.leaves = [leaves(value) for value in values]
        self._contents: list[tuple[Any, list[tuple[Any, Any]]]] = []
        self._whole: list[tuple[Any, Any, Any]] = []
        seen: set[int] = set()
        for value in values:
            self._keep(value, seen)

    def _keep(self, x: Any, seen: set[int]) -> None:
        if id(x) in seen:
            return
        if not is_container(x):
            if (content := _content(x)) is not None:
                seen.add(id(x))
                parts = (
                    list(cast(Iterable[Any], x)) if isinstance(x, set | deque) else None
                )  # held: content is their ids
                self._whole.append((cast(Any, x), content, parts))
            return
        seen.add(id(x))
        held = items(x)
        if not isinstance(x, tuple | Fragment):
            self._contents.append((x, held))
        for _, part in held:
            self._keep(part, seen)

    def refuse_changes(self, statement: str, loc: SourceLoc) -> None:
        """Raise where a set, deque or array was changed in place since: it is not taken apart, so nothing would carry that."""
        for target, content, _ in self._whole:
            if _content(target) != content:
                raise EnigmaTypeError(
                    f"this {type(target).__name__} is changed in place in {statement}, which happens once, in Python", loc=loc,
                    help="use a list of a fixed length, which the kernel carries, or enigma.thread_alloc",
                )  # fmt: skip

    def restore(self) -> None:
        """Put back the contents of every list, dict and object."""
        for target, held in self._contents:
            _fill(target, held)


def shape(x: Any, found: Sequence[Any]) -> str:
    """Return how a message names a variable: its dtype, or what kind of container it is and of how many leaves."""
    if isinstance(x, Fragment):
        return f"a fragment of shape {x.shape}"
    return f"a {type(x).__name__} of {plural(len(found), 'value')}" if is_container(x) else describe(x)


def _fragments(found: Leaves) -> dict[Path, Chunk]:
    """Return the fragments among leaves: the path to each, and how it is arranged."""
    return {path[:-1]: path[-1] for path, _ in found if path and isinstance(path[-1], Chunk)}


def differing(x: Leaves, y: Leaves) -> dict[Path, tuple[Chunk, Chunk]]:
    """Return how fragments and register tensors are arranged that are so otherwise in `x` than in `y`, by their paths."""
    one, other = _fragments(x), _fragments(y)
    return {
        path: (chunk, other[path])
        for path, chunk in one.items()
        if path in other and chunk.shape == other[path].shape and chunk.places != other[path].places
    }


def of_fewest(x: Chunk, y: Chunk) -> Places:
    """Return the arrangement of two that has fewer values, in which no two elements are one."""
    exact = [places for chunk in (x, y) if is_exact(places := spread(chunk.places))]
    return min(exact, key=lambda places: len(widths(places)), default=single(len(x.places)))


def rearranged(found: Leaves, to: Mapping[Path, Places], loc: SourceLoc) -> Leaves:
    """Return leaves with the fragments at some paths arranged otherwise; what that takes is recorded here."""
    result: Leaves = []
    for path, group in groupby(found, key=lambda leaf: leaf[0][:-1] if leaf[0][:-1] in to else None):
        parts = list(group)
        if path is None:
            result += parts
            continue
        chunk, places = cast(Chunk, parts[0][0][-1]), to[path]
        values = [value for _, value in parts]
        if literal(values[0]) is not None:  # the zeros of what has no value yet
            new = [values[0]] * len(widths(places))
        else:
            new = Fragment(chunk.shape, values, chunk.places).arranged(places, loc)
        result += [((*path, Chunk(k, chunk.shape, places)), value) for k, value in enumerate(new)]
    return result


def zeros(x: Any) -> Any:
    """Return `x` with every traced leaf replaced by the literal 0 of its kind: what a value not computed yet starts as."""
    return rebuild(x, [_zero(leaf) for _, leaf in leaves(x)], fresh=True)


def _zero(leaf: Any) -> Any:
    if not isinstance(leaf, TracedValue) or not is_leaf(leaf):
        return leaf
    return {"f": 0.0, "b": False}.get(leaf.dtype.kind, 0)


def same(x: Any, y: Any) -> bool:
    """Return whether two leaves are one object or equal numbers of one type."""
    return x is y or (literal(x) is not None and type(x) is type(y) and (x == y or (x != x and y != y)))


def label(name: str, path: Path) -> str:
    """Return how a message names a leaf: `acc[0]`."""
    start = "the returned value" if name == RESULT else name
    return start + "".join(f".{key}" if isinstance(key, Attribute) else f"[{key!r}]" for key in path)


def hint(name: str, path: Path) -> str:
    """Return the name of the SSA value of a leaf: `acc0` for `acc[0]`; our own flags lose their underscores."""
    if name.startswith("__"):
        name = "" if name == RESULT else name.strip("_").rstrip("0123456789")
    return name + "_".join(str(key) for key in path) if name else ""


def where_made(x: Any) -> SourceLoc | None:
    """Return the line at which a traced value was made, or None."""
    return x.owner.loc if isinstance(x, TracedValue) and isinstance(x.owner, Op) else None


def common_dtype(name: str, a: Any, b: Any, loc: SourceLoc, *, what: str) -> Numeric:
    """Return the dtype that the two values of a merged variable share; literals are weak, traced values must agree."""
    number_a, number_b = literal(a), literal(b)
    if number_a is not None and number_b is not None:
        first, second = number_dtype(number_a, loc), number_dtype(number_b, loc)
        common = first if first is second else promote(first, second)
        return common if common is not None else first
    if number_a is not None or number_b is not None:
        number = number_a if number_a is not None else number_b
        dtype = (b if number_a is not None else a).dtype
        if (isinstance(number, float) and not dtype.is_float) or (dtype.kind == "b") != isinstance(number, bool):
            raise _differ(name, a, b, loc, what)
        if number is not None:
            _check_merged(name, number, dtype, b if number_a is not None else a, loc)
        return dtype
    if a.type is not b.type:
        raise _differ(name, a, b, loc, what)
    return a.type


def _check_merged(name: str, number: bool | int | float, dtype: Numeric, other: Any, loc: SourceLoc) -> None:
    try:
        check_literal(number, dtype, loc)
    except EnigmaValueError as error:
        made = where_made(other)
        raise EnigmaValueError(
            f"{name}: {error.message}",
            loc=loc,
            help=error.help,
            notes=[(f"{dtype.name} here", made)] if made is not None else [],
        ) from None


def _differ(name: str, a: Any, b: Any, loc: SourceLoc, what: str) -> EnigmaTypeError:
    notes = [(f"{describe(x)} here", place) for x in (a, b) if (place := where_made(x)) is not None]
    kinds = [number_dtype(x, loc) if isinstance(x, bool | int | float) else x.dtype for x in (a, b)]
    wide = max(kinds, key=lambda kind: (kind.is_float, kind.width))
    dtype = wide.name if wide.parts == wide.lanes else wide.element.name
    return EnigmaTypeError(
        f"{name} is {describe(a)} {what.split('|')[0]} and {describe(b)} {what.split('|')[1]}", loc=loc, notes=notes,
        help=f"convert one of them, for example enigma.{dtype}(...)",
    )  # fmt: skip


def undefined_in(value: Any) -> bool:
    """Return whether the variable has no value."""
    return isinstance(value, Undefined)
