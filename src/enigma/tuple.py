"""`enigma.tuple`: integers, nested tuples of them, and coordinates."""

from enigma.layout import (
    ceil_div,
    compact_col_major,
    compact_order,
    crd2idx,
    depth,
    elem_scale,
    flatten,
    gcd,
    idx2crd,
    inner_product,
    is_congruent,
    is_int,
    is_tuple,
    prefix_product,
    product,
    rank,
    repeat_like,
    select,
    shape_div,
)
from enigma.layout.int_tuple import is_compatible

__all__ = [
    "is_int", "is_tuple", "rank", "depth", "flatten", "product", "inner_product", "crd2idx", "idx2crd", "compact_col_major",
    "compact_order", "prefix_product", "ceil_div", "gcd", "shape_div", "elem_scale", "select", "repeat_like", "is_congruent",
    "is_compatible",
]  # fmt: skip
