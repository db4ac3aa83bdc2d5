"""The functions of layouts that take composed layouts too: as in CuTe they are done to the inner one, before the swizzle."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, Protocol, cast, overload

from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout import algebra, divide, modes, products, recast
from enigma.layout.layout import Layout
from enigma.layout.layout import cosize as plain_cosize
from enigma.layout.swizzle import ComposedLayout, Swizzle, make_composed_layout

P = ParamSpec("P")


class OfLayouts(Protocol[P]):
    """A function that gives a layout for a layout and a composed one for a composed one."""

    @overload
    def __call__(self, layout: Layout, /, *args: P.args, **kwargs: P.kwargs) -> Layout: ...
    @overload
    def __call__(self, layout: ComposedLayout, /, *args: P.args, **kwargs: P.kwargs) -> ComposedLayout: ...


def _of_composed(function: Callable[Concatenate[Layout, P], Layout]) -> OfLayouts[P]:
    def call(layout: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        if isinstance(layout, ComposedLayout):
            return layout.with_inner(function(layout.inner, *args, **kwargs))
        return function(layout, *args, **kwargs)

    return cast("OfLayouts[P]", update_wrapper(call, function))


coalesce = _of_composed(algebra.coalesce)
filtered = _of_composed(algebra.filtered)
logical_divide = _of_composed(divide.logical_divide)
zipped_divide = _of_composed(divide.zipped_divide)
tiled_divide = _of_composed(divide.tiled_divide)
flat_divide = _of_composed(divide.flat_divide)
logical_product = _of_composed(products.logical_product)
zipped_product = _of_composed(products.zipped_product)
tiled_product = _of_composed(products.tiled_product)
flat_product = _of_composed(products.flat_product)
blocked_product = _of_composed(products.blocked_product)
raked_product = _of_composed(products.raked_product)
tile_to_shape = _of_composed(products.tile_to_shape)
flatten = cast("Callable[[Any], Any]", _of_composed(cast("Callable[[Any], Any]", modes.flatten)))
select = cast("Callable[[Any, Any], Any]", _of_composed(cast("Callable[[Any, Any], Any]", modes.select)))
group_modes = cast("Callable[..., Any]", _of_composed(modes.group_modes))
append = cast("Callable[..., Any]", _of_composed(modes.append))
prepend = cast("Callable[..., Any]", _of_composed(modes.prepend))


def cosize(layout: Layout | ComposedLayout) -> int:
    """Return how many elements of memory the offsets of `layout` span; of a composed layout before the swizzle, as CuTe does.

    >>> cosize(Layout((4, 8), (9, 1)))
    35
    """
    return layout.cosize() if isinstance(layout, ComposedLayout) else plain_cosize(layout)


def composition(a: Any, b: Any) -> Any:
    """Return the layout R with `R(c) == a(b(c))`; `a` may be a swizzle or a composed layout too, see `Layout`'s composition.

    >>> composition(Swizzle(3, 0, 3), Layout((8, 8), (8, 1)))
    S<3,0,3> o 0 o (8,8):(8,1)
    """
    if isinstance(b, ComposedLayout):
        raise EnigmaTypeError(
            f"composition of {a!s} with {b}, whose offsets are swizzled already", help="swizzle a plain layout once"
        )
    if isinstance(a, Swizzle):
        return make_composed_layout(a, 0, b)
    if isinstance(a, ComposedLayout):
        return a.with_inner(algebra.composition(a.inner, b))
    return algebra.composition(a, b)


def recast_layout(new_bits: int, old_bits: int, layout: Any) -> Any:
    """Return the layout of the same memory seen as elements of `new_bits` instead of `old_bits`.

    Wider elements take several of the old ones together, which must be neighbours, in a swizzled layout too: raises
    `EnigmaValueError` where the width does not divide a stride, an extent or an offset, where a swizzle would move parts of a
    new element apart, and for widths below 1.

    >>> recast_layout(32, 8, Layout((16, 4))), recast_layout(8, 32, Layout((4, 4)))
    ((4,4):(1,4), (16,4):(1,16))
    >>> recast_layout(32, 8, make_composed_layout(Swizzle(2, 4, 3), 0, Layout((16, 4))))
    S<2,2,3> o 0 o (4,4):(1,4)
    """
    if not isinstance(layout, ComposedLayout):
        return recast.recast_layout(new_bits, old_bits, layout)
    inner = recast.recast_layout(new_bits, old_bits, layout.inner)
    up, down = recast.factors(new_bits, old_bits)
    return ComposedLayout(_recast_swizzle(layout.outer, up, down), _recast_offset(layout.offset, up, down), inner)


def _recast_swizzle(swizzle: Swizzle, up: int, down: int) -> Swizzle:
    if not swizzle.bits or up == down:
        return swizzle
    base = swizzle.base + down.bit_length() - up.bit_length()
    if up & (up - 1) or down & (down - 1) or base < 0:
        raise EnigmaValueError(
            f"recast_layout: {swizzle!s} keeps {1 << swizzle.base} elements side by side, and {up} of them are to be {down}",
            help="choose widths whose ratio is a power of two, up to the elements that the swizzle keeps side by side",
        )
    return Swizzle(swizzle.bits, base, swizzle.shift)


def _recast_offset(offset: Any, up: int, down: int) -> Any:
    if isinstance(offset, int) and offset * down % up:
        raise EnigmaValueError(
            f"recast_layout: {up} elements are to be {down}, and the offset {offset} lies inside of one",
            help="choose a width that divides the offset",
        )
    return offset * down // up
