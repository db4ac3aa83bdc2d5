"""Which thread holds which elements of a tile."""

from __future__ import annotations

from enigma.errors import EnigmaValueError
from enigma.layout.algebra import composition, right_inverse
from enigma.layout.int_tuple import IntTuple, modes_of, product_each
from enigma.layout.layout import Layout, as_layout
from enigma.layout.products import raked_product


def make_layout_tv(thr: Layout, val: Layout) -> tuple[tuple[IntTuple, ...], Layout]:
    """Return (tiler, tv): the shape of the tile, and the layout (thread, value) -> offset in the column-major tile.

    `thr` numbers the threads over the tile, `val` the values of one thread, both from 0 without gaps; mode i of the tile has
    as many elements as mode i of `thr` times mode i of `val`, each thread's values next to each other. A layout of lower rank
    is extended by modes of one element. Raises `EnigmaValueError` for numbers with gaps or repetitions.

    >>> make_layout_tv(Layout((4, 64), (64, 1)), Layout((4, 4), (4, 1)))
    ((16, 256), ((64,4),(4,4)):((64,4),(16,1)))
    """
    for layout, what in ((thr, "threads"), (val, "values")):
        if right_inverse(as_layout(layout, "make_layout_tv")).size() != layout.size():
            raise EnigmaValueError(
                f"make_layout_tv: {layout} does not number {layout.size()} {what} from 0 without gaps",
                help="make_ordered_layout gives such a layout for any shape",
            )
    tile = raked_product(thr, val)
    tv = composition(right_inverse(tile), Layout((thr.size(), val.size())))
    return modes_of(product_each(tile.shape)), tv
