"""The layout algebra, equal to NVIDIA's CuTe: functions from coordinates to offsets, and how to tile and combine them."""

from enigma.layout.algebra import coalesce, complement, composition, right_inverse
from enigma.layout.compact import compact_col_major, compact_order
from enigma.layout.coordinates import crd2idx, idx2crd
from enigma.layout.divide import logical_divide, zipped_divide
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
from enigma.layout.layout import Layout, cosize, make_identity_layout, make_layout, make_ordered_layout
from enigma.layout.modes import flatten, select
from enigma.layout.products import logical_product, raked_product
from enigma.layout.thread_value import make_layout_tv

__all__ = [
    "Layout", "make_layout", "make_ordered_layout", "make_identity_layout", "make_layout_tv",
    "size", "rank", "depth", "cosize",
    "coalesce", "composition", "complement", "right_inverse",
    "logical_divide", "zipped_divide", "logical_product", "raked_product",
    "IntTuple", "is_int", "is_tuple", "flatten", "product", "product_each", "inner_product", "prefix_product", "ceil_div",
    "shape_div", "gcd", "elem_scale", "select", "repeat_like", "is_congruent", "is_weakly_congruent",
    "crd2idx", "idx2crd", "compact_col_major", "compact_order",
]  # fmt: skip
