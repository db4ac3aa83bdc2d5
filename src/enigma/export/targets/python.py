"""What the Python files of several targets have in common: names, sizes, literals, what a tensor must hold."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from enigma.export.bundle import Parameter
from enigma.export.vectors import number
from enigma.runtime.launch import Size

WHOLE_SIMDGROUPS = '''
def _whole(grid, threads):
    """Refuse sizes with which some threadgroup would not have a multiple of 32 threads."""
    total, group = _extents("grid", grid), _extents("threads", threads)
    sides = [{min(size, extent), extent % size or min(size, extent)} for size, extent in zip(group, total)]
    if any(math.prod(sizes) % 32 for sizes in itertools.product(*sides)):
        raise ValueError(f"every threadgroup needs a multiple of 32 threads, but grid is {grid} and threads {threads}")
'''
"""A function for kernels whose simdgroups hold matrices."""


def local(name: str, *taken: Collection[str]) -> str:
    """Return a name like this one that is none of those taken.

    >>> local("grid", ["grid", "grid_"]), local("_x", [])
    ('grid__', 'x_')
    """
    while any(name in names for names in taken) or name.startswith("_"):
        name = f"{name.lstrip('_')}_"
    return name


def size(of: Size) -> str:
    """Return a size without the axes at its end that are 1.

    >>> size((64, 1, 1)), size((64, 32, 1))
    ('64', '(64, 32)')
    """
    kept = list(of)
    while len(kept) > 1 and kept[-1] == 1:
        kept.pop()
    return str(kept[0]) if len(kept) == 1 else str(tuple(kept))


def literal(value: Any) -> str:
    """Return a number as Python writes it.

    >>> literal(2.5), literal(float("inf"))
    ('2.5', 'float("inf")')
    """
    plain = number(value)
    return f'float("{plain}")' if isinstance(plain, str) else repr(plain)


def counts(parameter: Parameter) -> list[str]:
    """Return what says how many numbers an array must have, as arguments of the function that checks it."""
    parts, extents, form = parameter.dtype.parts, parameter.extents, parameter.argument.params[0].form
    if extents is not None and extents[0] is not None:
        return [f"exactly={math.prod(e or 1 for e in extents) * parts}"]
    rows = math.prod(extent or 1 for extent in extents or ()) * parts
    said = [f"rows={rows}"] if rows > 1 else []
    if form is not None and form.extents is None:
        said.append(f"least={form.layout.span() * parts}")
    return said


def held(parameter: Parameter, element: str) -> str:
    """Return what a buffer holds, as a person reads it; `element` is Metal's name of an element."""
    dtype, extents = parameter.dtype, parameter.extents
    shape = ""
    if extents is not None:
        shape = f" of the shape ({', '.join('...' if extent is None else str(extent) for extent in extents)})"
    vectors = f", {dtype.parts} numbers for each {element}" if dtype.parts > 1 else ""
    return f"{dtype.element.numpy_name}{shape}{vectors}"
