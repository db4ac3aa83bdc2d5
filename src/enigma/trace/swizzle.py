"""Components of vectors by name and number: `v.x`, `v.wzyx`, `v[k]`, and vectors with some of them replaced."""

from __future__ import annotations

from typing import Any, NoReturn

from enigma.dtypes import Vector
from enigma.errors import EnigmaAttributeError, EnigmaIndexError, EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra
from enigma.trace.given import describe, literal, plural
from enigma.trace.value import TracedValue, active

ALPHABETS = ("xyzw", "rgba")
"""The names of the components, in order; the two ways are not mixed."""


def lanes_named(name: str) -> tuple[int, ...] | None:
    """Return the numbers of the components that a name such as `x`, `wz` or `rgb` stands for, None for another name.

    >>> lanes_named("wzx"), lanes_named("rg"), lanes_named("xr"), lanes_named("shape")
    ((3, 2, 0), (0, 1), None, None)
    """
    for letters in ALPHABETS:
        if 1 <= len(name) <= 4 and all(letter in letters for letter in name):
            return tuple(letters.index(letter) for letter in name)
    return None


def read(v: TracedValue, name: str) -> TracedValue:
    """Return the components of a vector that a name stands for: one number, or a vector of them.

    Raises `EnigmaAttributeError` for a name that is none, `EnigmaTypeError` for a value that is no vector or too short.
    """
    lanes = lanes_named(name)
    if lanes is None:
        what = f"{v.name or 'a value'} is {describe(v)}, which has no attribute {name!r}"
        raise EnigmaAttributeError(what, loc=caller(), help="components are named x, y, z and w, or r, g, b and a")
    loc, tracer = caller(), active()
    _check(v, name, lanes, loc)
    return tracer.made([tracer.component(v, lane, loc) for lane in lanes], loc)


def refuse(v: TracedValue, name: str) -> NoReturn:
    """Raise `EnigmaAttributeError` for `v.name = ...` where no variable can be given the vector with the component replaced."""
    loc, shown = caller(), v.name or "a value"
    lanes = lanes_named(name)
    if lanes is None:
        what = f"{shown} is {describe(v)}, whose attribute {name!r} cannot be set"
        raise EnigmaAttributeError(what, loc=loc, help="components are named x, y, z and w, or r, g, b and a")
    _check(v, name, lanes, loc)
    raise EnigmaAttributeError(
        f".{name} of {shown} cannot be set here: a vector is a value, and no variable of this function holds it", loc=loc,
        help=f"write v = v.replace({name}=...); in an inner function, declare the variable: nonlocal v",
    )  # fmt: skip


def _check(v: TracedValue, name: str, lanes: tuple[int, ...], loc: SourceLoc) -> None:
    if not isinstance(v.type, Vector):
        raise EnigmaTypeError(
            f".{name} of {v.name or 'a value'}, which is {describe(v)}: only vectors have components", loc=loc,
            help=v.along() or "make a vector: enigma.f32x4(x, y, z, w), or load one: A.load(i, 4)",
        )  # fmt: skip
    if max(lanes) >= v.type.lanes:
        letters = next(letters for letters in ALPHABETS if name[0] in letters)
        what = f".{name} of {v.name or 'a value'}, which is {v.type.name}"
        raise EnigmaTypeError(
            f"{what}: it has only the components {letters[: v.type.lanes]}", loc=loc,
            help="make a longer vector: enigma.f32x4(v, 0.0)",
        )  # fmt: skip


def item(v: TracedValue, index: Any) -> TracedValue:
    """Return the component of a vector with this number, a Python int or a traced integer."""
    loc, tracer = caller(), active()
    number = literal(index)
    if number is None and isinstance(index, TracedValue):
        return tracer.apply(by_algebra()[Algebra.AT], {"v": v, "i": index}, loc)
    if not isinstance(number, int) or isinstance(number, bool):
        raise EnigmaTypeError(
            f"the number of a component must be an integer, but it is {describe(index)}",
            loc=loc,
            help="write v[0] or v.x",
        )
    if not 0 <= number < v.dtype.lanes:
        raise EnigmaIndexError(
            f"component {number} of {v.name or 'a value'}, which is {v.dtype.name}", loc=loc,
            help=f"components are numbered from 0 to {v.dtype.lanes - 1}",
        )  # fmt: skip
    return tracer.component(v, number, loc)


def replaced(v: TracedValue, name: str, value: Any, loc: SourceLoc | None = None) -> TracedValue:
    """Return the vector with the components that a name stands for set to `value`: a number, or a vector of so many."""
    loc, tracer = loc or caller(), active()
    lanes = lanes_named(name)
    if lanes is None:
        raise EnigmaTypeError(f"{name!r} names no components", loc=loc, help="write a name such as x, yz or rgb")
    _check(v, name, lanes, loc)
    if len(set(lanes)) < len(lanes):
        raise EnigmaValueError(f".{name} sets a component twice", loc=loc, help="name each component once")
    if isinstance(value, TracedValue) and isinstance(value.type, Vector):
        if value.type.lanes != len(lanes):
            raise EnigmaTypeError(
                f".{name} takes {plural(len(lanes), 'component')}, but {value.name or 'the value'} is {value.type.name}", loc=loc,
                help="give as many components as are set",
            )  # fmt: skip
        given = tracer.components(value, loc)
    else:
        given = [value] * len(lanes)
    parts = tracer.components(v, loc)
    for lane, one in zip(lanes, given, strict=True):
        parts[lane] = tracer.assigned(one, v.dtype.element, f"component {name}", loc)
    return tracer.made(parts, loc)
