"""Layouts of the same memory in elements of another width, and what two layouts have in common."""

from __future__ import annotations

from math import gcd

from enigma.errors import EnigmaValueError
from enigma.layout.algebra import coalesce, composition, from_pairs, pairs, right_inverse
from enigma.layout.int_tuple import IntTuple, is_int, is_tuple, need_static
from enigma.layout.layout import Layout, as_layout


def recast_layout(new_bits: int, old_bits: int, layout: Layout) -> Layout:
    """Return the layout of the same memory seen as elements of another width; see `composed.recast_layout`."""
    need_static("recast_layout", as_layout(layout, "recast_layout"))
    up, down = factors(new_bits, old_bits)
    shape, stride = _each(layout.shape, layout.stride, up, down)
    return Layout.unchecked(shape, stride)


def factors(new_bits: int, old_bits: int) -> tuple[int, int]:
    """Return how many old elements become how many new ones, in lowest terms."""
    for bits in (new_bits, old_bits):
        if not is_int(bits) or bits < 1:
            raise EnigmaValueError(
                f"recast_layout to {new_bits} from {old_bits} bits", help="widths are integers of at least 1 bit"
            )
    common = gcd(new_bits, old_bits)
    return new_bits // common, old_bits // common


def _each(shape: IntTuple, stride: IntTuple, up: int, down: int) -> tuple[IntTuple, IntTuple]:
    if is_tuple(shape) and is_tuple(stride):
        found = [_each(s, d, up, down) for s, d in zip(shape, stride, strict=True)]
        return tuple(s for s, _ in found), tuple(d for _, d in found)
    if not is_int(shape) or not is_int(stride):
        raise EnigmaValueError(f"{shape}:{stride} is no layout", help="both need the same parentheses")
    if up > 1:
        shape, stride = _wider(shape, stride, up)
    if down > 1:
        return (shape * down, stride) if abs(stride) == 1 else (shape, stride * down)
    return shape, stride


def _wider(shape: int, stride: int, times: int) -> tuple[int, int]:
    """Return a mode whose elements are taken together, `times` at a time."""
    if stride == 0:
        return shape, 0
    step = abs(stride)
    if shape > 1 and step % times and times % step:
        raise EnigmaValueError(
            f"recast_layout: {times} elements become one, and in the mode {shape}:{stride} neither of {times} and the stride "
            "divides the other",
            help=f"make the stride a multiple of {times}, or recast by a factor that divides {step}",
        )
    together = max(-(-times // step), 1)
    if shape > 1 and shape % together and together % shape:
        raise EnigmaValueError(
            f"recast_layout: {together} elements of the mode {shape}:{stride} become one, and {together} does not divide {shape}",
            help=f"pad the mode to {-(-shape // together) * together} elements, or choose a width that divides it",
        )
    return -(-shape // together), -(-step // times) * (1 if stride > 0 else -1)


def left_inverse(layout: Layout) -> Layout:
    """Return a layout L with `L(layout(i)) == i` for every integer i below the size of an injective layout.

    Raises `EnigmaValueError` where no layout is that function.

    >>> left_inverse(Layout((4, 8), (8, 1))), left_inverse(Layout(4, 2))
    ((8,4):(4,1), (2,4):(0,1))
    """
    need_static("left_inverse", as_layout(layout, "left_inverse"))
    flat = pairs(coalesce(layout))
    reached = 1
    found: list[tuple[int, int, int]] = []
    for size, stride in flat:
        if stride != 0 and size != 1:
            found.append((stride, size, reached))
        reached *= size
    if any(stride < 0 for stride, _, _ in found):
        raise EnigmaValueError(f"{layout} has a negative stride and no left inverse", help="strides must be positive")
    found.sort(key=lambda mode: mode[0])  # of equal strides the later mode counts, as in CuTe
    modes: list[tuple[int, int]] = []
    before, place = 1, 0
    for stride, _, number in found:
        if stride % before:
            raise EnigmaValueError(
                f"{layout} has no left inverse: the stride {before} does not divide the stride {stride}",
                help="a left inverse needs strides of which each divides the next larger one",
            )
        modes.append((stride // before, place))
        before, place = stride, number
    if found:
        modes.append((found[-1][1], place))
    return coalesce(from_pairs(modes))


def max_common_layout(a: Layout, b: Layout) -> Layout:
    """Return the layout of the integers that both layouts number alike from 0 on, one after another in memory; or `1:0`.

    >>> max_common_layout(Layout((4, 8)), Layout((4, 8), (1, 16)))
    4:1
    """
    inverse = right_inverse(as_layout(b, "max_common_layout"))
    common = coalesce(composition(as_layout(a, "max_common_layout"), inverse))
    size, stride = pairs(common)[0]
    return composition(inverse, Layout(size)) if stride == 1 else Layout.unchecked(1, 0)


def max_common_vector(a: Layout, b: Layout) -> int:
    """Return how many elements two layouts number alike, one after another in memory: what can be copied as one vector.

    >>> max_common_vector(Layout((4, 8)), Layout((4, 8), (1, 16)))
    4
    """
    return max_common_layout(a, b).size()
