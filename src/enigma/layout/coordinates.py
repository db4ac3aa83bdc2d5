"""From coordinates to offsets and back, in colexicographic order: the first mode runs fastest."""

from __future__ import annotations

from functools import reduce
from numbers import Integral
from typing import Any, Protocol, cast

from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout.int_tuple import IntTuple, int_tuple, is_tuple, leaves, need_congruent, prefix_product, product
from enigma.layout.leaf import Leaf, added, is_number, scaled


class Strided(Protocol):
    """Anything with a shape and strides: a layout."""

    @property
    def shape(self) -> IntTuple:
        """An integer or a nested tuple of integers."""
        ...

    @property
    def stride(self) -> IntTuple:
        """An integer or a nested tuple of integers, nested like the shape."""
        ...


def crd2idx(crd: Any, shape: IntTuple | Strided, stride: IntTuple | None = None) -> Any:
    """Return the offset of a coordinate: each part of it times its stride.

    `shape` may be a layout, which brings its strides; the default strides of a shape are column-major.
    An integer where `shape` has a tuple is split over its modes, first mode first; the last mode takes all that remains, so
    nothing wraps: past the end, the offset goes on in the last mode, as in CuTe. Integers may be traced values
    or NumPy arrays, then not below 0.
    Raises `EnigmaTypeError` or `EnigmaValueError` for a coordinate that does not fit the shape.

    >>> crd2idx((1, 2), (4, 8), (8, 1)), crd2idx(9, (4, 8), (8, 1)), crd2idx((1, (0, 3)), (4, (2, 8)))
    (10, 10, 25)
    """
    if not isinstance(shape, int | tuple) and hasattr(shape, "stride"):
        return offset(crd, shape.shape, shape.stride)
    sizes = int_tuple(shape, "shape")
    steps = prefix_product(sizes) if stride is None else int_tuple(stride, "stride")
    need_congruent("crd2idx", sizes, steps)
    return offset(crd, sizes, steps)


def idx2crd(idx: Any, shape: IntTuple) -> Any:
    """Return the coordinate in `shape` that an integer stands for, first mode first; the last mode takes all that remains.

    A tuple is converted mode by mode. `crd2idx(idx2crd(i, shape), shape)` is `i`.

    >>> idx2crd(11, (5, 4)), idx2crd(11, (5, (2, 2))), idx2crd(25, (5, 4))
    ((1, 2), (1, (0, 1)), (0, 5))
    """
    return _split(idx, int_tuple(shape, "shape"))


def _split(idx: Any, shape: IntTuple) -> Any:
    if is_tuple(idx):
        if not is_tuple(shape) or len(idx) != len(shape):
            raise _misfit(idx, shape)
        return tuple(_split(part, mode) for part, mode in zip(idx, shape, strict=True))
    idx = _integer(idx)
    if not is_tuple(shape):
        return idx
    parts: list[Any] = []
    for mode in shape[:-1]:
        idx, rest = _divide(idx, product(mode))
        parts.append(_split(rest, mode))
    return (*parts, *(_split(idx, mode) for mode in shape[-1:]))


def offset(crd: Any, shape: IntTuple, stride: IntTuple) -> Any:
    """Return the offset of a coordinate in a shape and strides that are known to be nested alike; see `crd2idx`."""
    if is_tuple(crd):
        if not is_tuple(shape) or not is_tuple(stride) or len(crd) != len(shape):
            raise _misfit(crd, shape)
        parts = zip(crd, shape, stride, strict=True)
        return reduce(added, (offset(c, s, d) for c, s, d in parts), 0)
    if type(crd) is int and crd >= 0:
        return _of_number(crd, shape, stride)
    crd = _integer(crd)
    if not is_tuple(shape) or not is_tuple(stride):
        return scaled(crd, stride) if isinstance(crd, int | Leaf) else crd * stride
    total: Any = 0
    for mode, step in zip(shape[:-1], stride[:-1], strict=True):
        crd, rest = _divide(crd, product(mode))
        total = added(total, offset(rest, mode, step))
    return added(total, offset(crd, shape[-1], stride[-1])) if shape else total


def _of_number(crd: int, shape: IntTuple, stride: IntTuple) -> Any:
    """Return the offset of a number that is not negative: split over all integers of a nested shape, the last takes the rest."""
    if not isinstance(shape, tuple) or not isinstance(stride, tuple):
        return scaled(crd, stride)
    sizes, steps = leaves(shape), leaves(stride)
    total: Any = 0
    for size, step in zip(sizes[:-1], steps[:-1], strict=True):
        if type(size) is int and size > 0 and type(step) is int:
            total += crd % size * step
            crd //= size
        else:
            crd, rest = _divide(crd, size)
            total = added(total, scaled(rest, step))
    return added(total, scaled(crd, steps[-1])) if sizes else total


def has_none(coordinate: Any) -> bool:
    """Return whether a coordinate has a None in it, and so leaves modes open."""
    if not isinstance(coordinate, tuple):
        return coordinate is None
    return any(map(has_none, cast("tuple[Any, ...]", coordinate)))


def kept(coordinate: Any, modes: Any) -> tuple[Any, ...]:
    """Return what stands in `modes` where the coordinate has None, one after another whatever the nesting, as CuTe does."""
    if coordinate is None:
        return (modes,)
    if not is_tuple(coordinate):
        return ()
    if not is_tuple(modes) or len(modes) != len(coordinate):
        raise EnigmaValueError(
            f"coordinate {coordinate} does not fit {modes}", help="give one part for each mode, None to keep a mode"
        )
    return tuple(one for part, mode in zip(coordinate, modes, strict=True) for one in kept(part, mode))


def _divide(a: Any, b: int) -> tuple[Any, Any]:
    """Return quotient and remainder, rounded towards zero: negative coordinates go as in CuTe's C++."""
    if is_number(a, 0) and not is_number(b, 0):
        return 0, 0
    if is_number(b, 0):
        raise EnigmaValueError(f"coordinate {a} of an empty shape", help="a shape with a 0 in it has no elements")
    if isinstance(a, int) and a < 0:
        return -(-a // b), -(-a % b)
    return a // b, a % b


def _integer(crd: Any) -> Any:
    if isinstance(crd, bool | float | str) or not hasattr(crd, "__floordiv__"):
        raise EnigmaTypeError(
            f"a coordinate is an integer or a nested tuple of integers, but here is {crd!r}",
            help="for example 13, (1, 2) or ((1, 0), 2)",
        )
    return int(crd) if isinstance(crd, Integral) else crd


def _misfit(crd: Any, shape: IntTuple) -> EnigmaValueError:
    return EnigmaValueError(
        f"coordinate {crd} does not fit the shape {shape}",
        help="give an integer, or a tuple with as many parts as the shape has modes",
    )
