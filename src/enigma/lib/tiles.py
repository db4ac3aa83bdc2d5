"""How threads move the tiles of a product through threadgroup memory: whole tiles, and what there is of one at the edge."""

# pyright: basic
# a kernel's values have no types that a checker knows

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import enigma as en
from enigma.dtypes import f32


@dataclass(frozen=True, slots=True)
class Mover:
    """The copies of a kernel whose threads multiply as simdgroups, or each for itself as suits a processor.

    There neighbouring threads share a vector, so that each access is of one element; elsewhere it is as wide as it can be.
    """

    dtype: Any
    threads: int
    simdgroups: bool

    @property
    def bits(self) -> int | None:
        """How much one access moves."""
        return None if self.simdgroups else self.dtype.width

    @property
    def tile_dtype(self) -> Any:
        """The dtype of tiles: a processor multiplies in f32, and so converts each element once."""
        return self.dtype if self.simdgroups else f32

    @property
    def pad(self) -> int:
        """How many elements the rows of a tile are longer, so that those of a simdgroup's matrix lie in different banks."""
        return 16 // self.dtype.size if self.simdgroups else 0

    def tiled(self, rows: int, columns: int, *, down: bool) -> Any:
        """Return the copy of a tile in which neighbouring threads have what lies side by side in memory: columns, if `down`."""
        width = 4 if self.simdgroups else 1
        along = min((rows if down else columns) // width, self.threads)
        threads, values, order = (self.threads // along, along), (1, width), (1, 0)
        if down:
            threads, values, order = threads[::-1], values[::-1], (0, 1)
        atom = en.make_copy_atom(en.CopyUniversalOp(), self.dtype, self.bits)
        return en.make_tiled_copy_tv(
            atom, en.make_ordered_layout(threads, order), en.make_ordered_layout(values, order)
        )

    @property
    def shared(self) -> Any:
        """The copy of a tile whose elements may be missing: all threads share out what there is."""
        return en.make_copy_atom(en.CopyCooperativeOp(), self.dtype, self.bits)

    @property
    def each(self) -> Any:
        """The copy that a thread makes for itself."""
        return en.make_copy_atom(en.CopyUniversalOp(), self.dtype, self.bits)

    # ---- in a kernel

    def move(self, tiled: Any, source: Any, target: Any) -> None:
        """Copy this thread's part of a tile that is there as a whole."""
        mine = tiled.get_slice(en.thread_index_in_threadgroup())
        en.copy(tiled, mine.partition_S(source), mine.partition_D(target))

    def move_some(self, source: Any, where: Any, shape: Any, target: Any) -> None:
        """Let all threads copy what there is of a tile; the rest counts as 0."""
        en.copy(self.shared, source, target, pred=en.elem_less(where, shape), fill=0)

    def finish(self, mine: Any, acc: Any, block: Any, where: Any, shape: Any, inside: Any, staged: Any) -> None:
        """Write a block of the result: all of it, or what there is of it.

        Single elements of simdgroup matrices cannot be left out: at the edge they go through the tile that `staged()` gives.
        """
        if not self.simdgroups:
            if inside:
                en.copy(self.each, acc, mine.partition_C(block))
            else:
                en.copy(self.each, acc, mine.partition_C(block), pred=en.elem_less(mine.partition_C(where), shape))
            return
        result = acc.to(self.dtype)
        if inside:
            result.store(mine.partition_C(block))
        else:
            whole = staged()
            result.store(mine.partition_C(whole))
            en.barrier()
            en.copy(self.shared, whole, block, pred=en.elem_less(where, shape))


def tiles(tensor: Any, tile: Any, place: Any) -> tuple[Any, Any]:
    """Return tiles of a matrix, and the coordinates of their elements."""
    return en.local_tile(tensor, tile, place), en.local_tile(en.make_identity_tensor(tensor.shape), tile, place)
