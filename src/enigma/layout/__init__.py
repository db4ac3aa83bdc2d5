"""The layout algebra, equal to NVIDIA's CuTe: functions from coordinates to offsets, and how to tile and combine them."""

from enigma.layout.algebra import complement, right_inverse
from enigma.layout.compact import compact_col_major, compact_order
from enigma.layout.composed import (
    append,
    blocked_product,
    coalesce,
    composition,
    cosize,
    flat_divide,
    flat_product,
    flatten,
    group_modes,
    logical_divide,
    logical_product,
    prepend,
    raked_product,
    recast_layout,
    select,
    tile_to_shape,
    tiled_divide,
    tiled_product,
    zipped_divide,
    zipped_product,
)
from enigma.layout.composed import filtered as filter
from enigma.layout.composed import group_modes as group
from enigma.layout.coordinates import crd2idx, idx2crd
from enigma.layout.int_tuple import (
    IntTuple,
    ceil_div,
    depth,
    elem_scale,
    gcd,
    inner_product,
    is_congruent,
    is_int,
    is_tuple,
    is_weakly_congruent,
    prefix_product,
    product,
    product_each,
    rank,
    repeat_like,
    shape_div,
    size,
)
from enigma.layout.layout import Layout, make_identity_layout, make_layout, make_ordered_layout
from enigma.layout.recast import left_inverse, max_common_layout, max_common_vector
from enigma.layout.slicing import dice, local_partition, local_tile, slice_
from enigma.layout.slicing import slice_ as slice
from enigma.layout.swizzle import ComposedLayout, Swizzle, SwizzledLayout, make_composed_layout, swizzle
from enigma.layout.thread_value import make_layout_tv

__all__ = [
    "Layout", "make_layout", "make_ordered_layout", "make_identity_layout", "make_layout_tv",
    "size", "rank", "depth", "cosize",
    "coalesce", "filter", "composition", "complement", "right_inverse", "left_inverse",
    "logical_divide", "zipped_divide", "tiled_divide", "flat_divide",
    "logical_product", "zipped_product", "tiled_product", "flat_product", "blocked_product", "raked_product",
    "Swizzle", "SwizzledLayout", "ComposedLayout", "make_composed_layout", "swizzle",
    "recast_layout", "max_common_layout", "max_common_vector", "local_tile", "local_partition",
    "group", "group_modes", "append", "prepend", "slice", "slice_", "dice", "tile_to_shape",
    "IntTuple", "is_int", "is_tuple", "flatten", "product", "product_each", "inner_product", "prefix_product", "ceil_div",
    "shape_div", "gcd", "elem_scale", "select", "repeat_like", "is_congruent", "is_weakly_congruent",
    "crd2idx", "idx2crd", "compact_col_major", "compact_order",
]  # fmt: skip
