"""Matrices of simdgroups: each is two vectors over the 32 lanes, which `SimdgroupMatrix.place` lays out.

A product stays in that layout: for each k a permutation spreads a column of `a` along the rows, one spreads a row of `b` along the
columns, and a fused multiply-add follows. Permutations stay within a chunk, so that those of one operand are made once for
all products that it takes part in. Rows of memory are read and written whole, as vectors of eight.
"""

from __future__ import annotations

from collections.abc import Sequence

from enigma.dtypes import Numeric, SimdgroupMatrix, b1, f32, i64
from enigma.emit.simt.crosslane import CrossLane
from enigma.emit.simt.lanes import SIMDGROUP, Chunk, Lanes, Memory, Scalar, Vector, constant, lanes
from enigma.errors import InternalError

SIZE = 8

PLACES = tuple(SimdgroupMatrix.place(lane) for lane in range(SIMDGROUP))
LANE = {(row, column + part): (part, lane) for lane, (row, column) in enumerate(PLACES) for part in (0, 1)}
"""Where an element is: in the first or second vector, and in which lane."""

Tile = tuple[Lanes, ...]
Pick = tuple[str, int]
"""The text of a vector, and the number of an element in it."""


class TileOps(CrossLane):
    """Writes loads, stores and products of matrices. In a simdgroup that does not run nothing is written to memory."""

    # ---- products

    def multiply_tiles(self, a: Tile, b: Tile, c: Tile | None = None) -> Tile:
        """Return a b + c in the dtype of c, or of a if there is no c; added up in f32."""
        dtype = (a if c is None else c)[0].dtype
        left, right = ([self._tile_vectors(part) for part in tile] for tile in (a, b))
        total = [self._tile_vectors(part) for part in c] if c is not None else None
        made: tuple[list[str], list[str]] = ([], [])
        for group in range(len(left[0]) // self.group):
            own = slice(group * self.group, (group + 1) * self.group)
            for chunk in range(self.group):
                start = [part[own][chunk] for part in total] if total is not None else [None, None]
                for part, text in enumerate(
                    self._row_products([x[own] for x in left], [x[own] for x in right], chunk, start)
                ):
                    made[part].append(text)
        parts = [lanes(f32, [Vector(text) for text in texts], self.context.first) for texts in made]
        return tuple(self.from_f32(part, dtype) for part in parts)

    def _tile_vectors(self, part: Lanes) -> list[str]:
        """Return one half of the matrices of all simdgroups as vectors of f32."""
        wide = self.to_f32(part)
        return [self.vector(f32, chunk) for group in self.groups(wide) for chunk in group]

    def _row_products(
        self, a: Sequence[Sequence[str]], b: Sequence[Sequence[str]], chunk: int, start: Sequence[str | None]
    ) -> list[str]:
        """Return both halves of one chunk of a product; `start` is what they are added to."""
        width, totals = self.width, list(start)
        places = PLACES[chunk * width : (chunk + 1) * width]
        for k in range(SIZE):
            left = self._spread_element(a, [LANE[row, k] for row, _ in places])
            for part in (0, 1):
                right = self._spread_element(b, [LANE[k, column + part] for _, column in places])
                totals[part] = self._tile_multiply_add(left, right, totals[part])
        return [text for text in totals if text is not None]

    def _spread_element(self, tile: Sequence[Sequence[str]], sources: Sequence[tuple[int, int]]) -> str:
        """Return a vector of elements that all lie in one chunk of one half of a matrix."""
        part, chunk = sources[0][0], sources[0][1] // self.width
        if any(p != part or lane // self.width != chunk for p, lane in sources):
            raise InternalError("the elements of a row of a matrix are not in one chunk")
        text, order = tile[part][chunk], tuple(lane % self.width for _, lane in sources)
        return self.w.once(("spread element", text, order), lambda: self.permuted(f32, text, order))

    def _tile_multiply_add(self, x: str, y: str, total: str | None) -> str:
        type = self.w.vector(f32)
        if total is None:
            return self.w.emit(f"fmul {type} {x}, {y}")
        name = f"llvm.fmuladd.v{self.width}f32"
        return self.w.call(type, name, (type, x), (type, y), (type, total))

    # ---- memory

    def load_tile(self, buffer: Memory, index: Lanes, step: Lanes, *, transposed: bool) -> Tile:
        """Return the matrices whose first elements are at `index`, rows (or columns) `step` apart."""
        dtype, made = buffer.dtype, (list[Chunk](), list[Chunk]())
        for pointers in self._tile_rows(buffer, index, step):
            type = f"<{SIZE} x {self.stored(dtype)}>"
            rows = [self.w.emit(f"load {type}, ptr {pointer}, align {dtype.size}") for pointer in pointers]
            for start in range(0, SIMDGROUP, self.width):
                for part in (0, 1):
                    picks: list[Pick] = []
                    for row, column in PLACES[start : start + self.width]:
                        y, x = (column + part, row) if transposed else (row, column + part)
                        picks.append((rows[y], x))
                    made[part].append(Vector(self._picked_together(dtype, picks, SIZE)))
        return tuple(lanes(dtype, part, self.context.first) for part in made)

    def store_tile(self, buffer: Memory, index: Lanes, step: Lanes, tile: Tile, *, transposed: bool) -> None:
        """Set the elements from `index` on."""
        dtype = buffer.dtype
        halves = [self.groups(part) for part in tile]
        for number, pointers in enumerate(self._tile_rows(buffer, index, step)):
            texts = [[self.vector(dtype, chunk) for chunk in half[number]] for half in halves]
            for y, pointer in enumerate(pointers):
                picks: list[Pick] = []
                for x in range(SIZE):
                    part, lane = LANE[(x, y) if transposed else (y, x)]
                    picks.append((texts[part][lane // self.width], lane % self.width))
                row = self._picked_together(dtype, picks, self.width)
                self.w.do(f"store <{SIZE} x {self.stored(dtype)}> {row}, ptr {pointer}, align {dtype.size}")

    def _tile_rows(self, buffer: Memory, index: Lanes, step: Lanes) -> list[list[str]]:
        """Return the addresses of the rows of each simdgroup's matrix; for one that does not run, of memory nobody looks at."""
        found: list[list[str]] = []
        masks = self.masks()
        starts, steps = (self.groups(self.convert(x, i64)) for x in (index, step))
        for number, (first, apart) in enumerate(zip(starts, steps, strict=True)):
            own = masks[number * self.group : (number + 1) * self.group]
            begin, row = self._first_of(first), self._first_of(apart)
            runs = self.some_of(tuple(own)) if self.context.mask is not None else constant(b1, True)
            pointers: list[str] = []
            for y in range(SIZE):
                pointer = self.pointer(buffer, self.sum(begin, self.multiply(row, constant(i64, y))))
                pointers.append(self.safe_if(pointer, runs))
            found.append(pointers)
        return found

    def _first_of(self, group: Sequence[Chunk]) -> Scalar:
        return self.lane_scalar(i64, group[0], 0)

    def _picked_together(self, dtype: Numeric, picks: Sequence[Pick], width: int) -> str:
        """Return a vector of elements of other vectors, which have `width` each."""
        sources = list(dict.fromkeys(text for text, _ in picks))
        if len(sources) <= 2:
            type = f"<{width} x {self.stored(dtype)}>"
            order = [place + (width if text != sources[0] else 0) for text, place in picks]
            return self._shuffle(type, sources[0], sources[1] if len(sources) > 1 else "poison", order)
        half = len(picks) // 2
        low, high = (self._picked_together(dtype, part, width) for part in (picks[:half], picks[half:]))
        return self._shuffle(f"<{half} x {self.stored(dtype)}>", low, high, range(len(picks)))
