"""Tensors laid over memory, and divided as layouts are: what is said of a layout's coordinates holds for a tensor's."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from enigma import layout as algebra
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout.int_tuple import modes_of, product
from enigma.layout.layout import as_layout
from enigma.layout.leaf import is_static
from enigma.layout.slicing import projected, thread_part
from enigma.source import caller
from enigma.trace.given import describe
from enigma.trace.identity import IdentityTensor
from enigma.trace.tensor import Tensor


def _of_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of layouts take a tensor too: the result is a view with the layout that the function gives."""

    @wraps(function)
    def call(layout: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layout, Tensor | IdentityTensor):
            return layout.with_layout(function(layout.layout, *args, **kwargs))
        return function(layout, *args, **kwargs)

    return call


composition = _of_tensors(algebra.composition)
coalesce = _of_tensors(algebra.coalesce)
filter = _of_tensors(algebra.filter)
flatten = _of_tensors(algebra.flatten)
group_modes = group = _of_tensors(algebra.group_modes)
logical_divide = _of_tensors(algebra.logical_divide)
zipped_divide = _of_tensors(algebra.zipped_divide)
tiled_divide = _of_tensors(algebra.tiled_divide)
flat_divide = _of_tensors(algebra.flat_divide)


def local_partition(x: Any, threads: Any, index: Any, proj: Any = 1) -> Any:
    """Return what the thread `index` has of a tensor or layout that the tile of threads is laid over again and again.

    With `proj`, modes of `threads` for which it has None are left out: threads that differ only there have the same elements.

        mine = enigma.local_partition(tile, enigma.make_layout((4, 8), (8, 1)), tid)
    """
    if not isinstance(x, Tensor | IdentityTensor):
        return algebra.local_partition(x, threads, index, proj)
    tiler, coordinate = thread_part(as_layout(threads, "local_partition"), index, proj)
    return zipped_divide(x, tiler)[coordinate]


def make_tensor(memory: Any, layout: Any) -> Tensor:
    """Return a tensor over the elements of `memory`, a buffer or a tensor, from its start on, at the offsets of `layout`.

        T = enigma.make_tensor(A, enigma.make_layout((M, N), (N, 1)))

    Raises `EnigmaTypeError` for what is no memory or no layout.
    """
    if not isinstance(memory, Tensor):
        raise EnigmaTypeError(
            f"make_tensor takes a buffer, but it got {describe(memory)}",
            loc=caller(),
            help="pass a parameter itself: A",
        )
    if not hasattr(layout, "stride") and not hasattr(layout, "inner"):
        raise EnigmaTypeError(
            f"make_tensor takes a layout, but it got {describe(layout)}", loc=caller(),
            help="make one: enigma.make_layout(shape, stride)",
        )  # fmt: skip
    return memory.with_layout(layout)


def local_tile(x: Any, tiler: Any, coord: Any, proj: Any = None) -> Any:
    """Return one tile of a tensor: that at `coord` among the tiles, all of those for which `coord` has None.

    A tile at the edge counts as whole: what it has beyond the tensor must not be accessed. With `proj`, entries of `tiler` and
    `coord` for which it has None are left out: one tiler of (M, N, K) divides a matrix of (M, K) by `proj=(1, None, 1)`.
    Of a layout it gives the layout of a tile.

        tile = enigma.local_tile(A, (16, 32), (row, column))
        tiles = enigma.local_tile(A, (64, 64, 16), (row, column, None), proj=(1, None, 1))
    """
    if hasattr(x, "sliced"):
        return algebra.local_tile(x, tiler, coord, proj)
    if not isinstance(x, Tensor | IdentityTensor):
        raise EnigmaTypeError(
            f"local_tile takes a tensor, but it got {describe(x)}",
            loc=caller(),
            help="write local_tile(A, (16, 32), (i, j))",
        )
    part, place = projected(proj, tiler), projected(proj, coord)
    inside = (None,) * len(cast("tuple[Any, ...]", part)) if isinstance(part, tuple) else None
    return zipped_divide(x, part)[inside, place]


def tensor_zipped_divide(tensor: Tensor, tiler: Any) -> Tensor:
    """Return a tensor divided into tiles: a view of shape ((inside of a tile), (which tile)).

        tiles = enigma.tensor_zipped_divide(A, (16, 256))
        tile = tiles[(None, None), block]

    Raises `EnigmaValueError`, naming the mode, for a tile larger than the tensor.
    """
    tiles: tuple[Any, ...] = cast("tuple[Any, ...]", tiler) if isinstance(tiler, tuple) else (tiler,)
    for mode, (whole, tile) in enumerate(zip(modes_of(tensor.layout.shape), tiles, strict=False)):
        count = tile.size() if hasattr(tile, "stride") else product(tile)
        if is_static(whole) and count > product(whole):
            raise EnigmaValueError(
                f"tensor_zipped_divide: the tile has {count} elements in mode {mode}, and {tensor.name or 'the tensor'} has "
                f"{product(whole)}", loc=caller(), help="use a smaller tile, or a larger tensor",
            )  # fmt: skip
    return zipped_divide(tensor, tiler)


def tensor_composition(tensor: Tensor, tv: Any, tiler: Any = None) -> Tensor:
    """Return a tile seen as (thread, value): `tv` numbers the column-major offsets in it, as `make_layout_tv` gives it.

        mine = enigma.tensor_composition(tile, tv, tiler)[tid, None]

    Raises `EnigmaValueError` for a tile that is not of the tiler's shape.
    """
    wanted = tensor.layout.shape if tiler is None else tiler
    found = tuple(product(mode) for mode in modes_of(tensor.layout.shape))
    if tuple(product(mode) for mode in modes_of(wanted)) != found:
        raise EnigmaValueError(
            f"tensor_composition: the tile has the shape {tensor.layout.shape}, but the tiler is {tiler}", loc=caller(),
            help="divide by the same tiler first: enigma.tensor_zipped_divide(A, tiler)[(None, None), block]",
        )  # fmt: skip
    return composition(tensor, tv)
