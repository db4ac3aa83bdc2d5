"""Grids of simdgroup matrices in registers, and their products: what a matrix kernel accumulates in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from enigma.dtypes import FLOATS, Numeric, names, simdgroup_matrix
from enigma.errors import EnigmaIndexError, EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.trace import matrices
from enigma.trace.infer import describe, literal, located_dtype
from enigma.trace.matrices import SIZE
from enigma.trace.public import public
from enigma.trace.registers import Registers
from enigma.trace.tracer import Tracer
from enigma.trace.value import TracedValue, active


class SimdgroupTile(Registers):
    """A tile of `rows` x `cols` elements that a simdgroup holds as 8 x 8 matrices in registers. Loops and branches carry it.

    `tile[i, j]` is the matrix at row 8 i and column 8 j, to read and to set.

        acc = enigma.simdgroup_tile(16, 16)
        acc.store(C, N, offset=row * N + column)
    """

    def __init__(self, tracer: Tracer, rows: int, cols: int, element: Numeric, fill: TracedValue) -> None:
        super().__init__(tracer, [fill] * (rows // SIZE * (cols // SIZE)))
        self._rows, self._cols, self._element = rows, cols, element

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, in elements."""
        return self._rows, self._cols

    @property
    def blocks(self) -> tuple[int, int]:
        """How many matrices there are in each direction."""
        return self._rows // SIZE, self._cols // SIZE

    @property
    def dtype(self) -> Numeric:
        """The dtype of the elements."""
        return self._element

    def __repr__(self) -> str:
        return f"<{self.name or 'simdgroup tile'}: {self._element.name}{list(self.shape)}>"

    def keys(self) -> Sequence[int | str]:
        """Return what tells the matrices apart in their names."""
        down, across = self.blocks
        return [f"{i}_{j}" for i in range(down) for j in range(across)]

    def __getitem__(self, index: Any) -> TracedValue:
        return self.values[self._number(index, caller())]

    def __setitem__(self, index: Any, value: Any) -> None:
        loc = caller()
        place, wanted = self._number(index, loc), simdgroup_matrix(self._element)
        if matrices.kind_of(value) is not wanted:
            raise EnigmaTypeError(
                f"{self.name or 'the tile'} holds {wanted.name}, but it is given {describe(value)}", loc=loc,
                help=f"convert a matrix: m.to(enigma.{self._element.name}); make one of equal elements: "
                "enigma.make_filled_simdgroup_matrix(x)",
            )  # fmt: skip
        active().check_scope(value, loc)
        self.values[place] = value

    def _number(self, index: Any, loc: SourceLoc) -> int:
        down, across = self.blocks
        parts: tuple[Any, ...] = cast("tuple[Any, ...]", index) if isinstance(index, tuple) else ()
        numbers = [literal(part) for part in parts]
        if len(numbers) != 2 or not all(isinstance(number, int) for number in numbers):
            raise EnigmaTypeError(
                f"{self.name or 'the tile'} is indexed by two Python ints", loc=loc,
                help="tile[i, j] is the matrix at row 8 i and column 8 j; unroll a loop over them with enigma.range_constexpr",
            )  # fmt: skip
        i, j = (int(number) for number in numbers if number is not None)
        if not (0 <= i < down and 0 <= j < across):
            raise EnigmaIndexError(
                f"matrix {i}, {j} is outside of {self.name or 'the tile'}, which has {down} x {across} of them", loc=loc,
                help="tile[i, j] counts matrices of 8 x 8 elements",
            )  # fmt: skip
        return i * across + j

    def load(self, buf: Any, elements_per_row: Any, *, offset: Any = 0, transpose: bool = False) -> SimdgroupTile:
        """Fill the tile from a buffer, from element `offset` on, and return it; `transpose` as in `simdgroup_matrix_load`."""
        self._load(buf, elements_per_row, offset, transpose, caller())
        return self

    def store(self, buf: Any, elements_per_row: Any, *, offset: Any = 0, transpose: bool = False) -> None:
        """Write the tile to a buffer, from element `offset` on."""
        self._store(buf, elements_per_row, offset, transpose, caller())

    def _load(self, buf: Any, elements_per_row: Any, offset: Any, transpose: Any, loc: SourceLoc) -> None:
        for number, place in enumerate(self._places(buf, elements_per_row, offset, transpose, loc)):
            value = self.values[number] = matrices.load(buf, elements_per_row, place, transpose, loc)
            value.name = self.names()[number]

    def _store(self, buf: Any, elements_per_row: Any, offset: Any, transpose: Any, loc: SourceLoc) -> None:
        for value, place in zip(self.values, self._places(buf, elements_per_row, offset, transpose, loc), strict=True):
            matrices.store(value, buf, elements_per_row, place, transpose, loc)

    def _places(self, buf: Any, step: Any, offset: Any, transpose: Any, loc: SourceLoc) -> list[Any]:
        """Return where each matrix begins in the buffer."""
        start = matrices.flat_offset(buf, offset, loc)
        down, across = self.blocks
        found: list[Any] = []
        for i in range(down):
            for j in range(across):
                y, x = (j, i) if transpose is True else (i, j)
                place = start
                for part in ((step * (y * SIZE)) if y else 0, x * SIZE):
                    place = part if isinstance(place, int) and place == 0 else place if _is_zero(part) else place + part
                found.append(place)
        return found


def _is_zero(part: Any) -> bool:
    return isinstance(part, int) and part == 0


@public
def simdgroup_tile(rows: int, cols: int, dtype: Any = "float", fill: Any = 0.0) -> SimdgroupTile:
    """Return a tile of `rows` x `cols` elements (multiples of 8) that a simdgroup holds as 8 x 8 matrices, every element `fill`.

    It has `load` and `store`, with the arguments of a single matrix's; `tile[i, j]` is one of its matrices.

        acc = enigma.simdgroup_tile(16, 16)

    Raises located errors for sizes that are no multiples of 8 and dtypes other than f32, f16 and bf16.
    """
    loc = caller()
    for what, size in (("rows", rows), ("cols", cols)):
        number = literal(size)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1 or number % SIZE:
            shown = describe(size) if number is None else repr(number)
            raise EnigmaValueError(
                f"simdgroup_tile: {what} must be a multiple of {SIZE}, but it is {shown}", loc=loc,
                help="a tile is made of 8 x 8 matrices; its sizes are fixed when the kernel is compiled",
            )  # fmt: skip
    element = located_dtype(dtype, loc)
    if element not in FLOATS:
        raise EnigmaTypeError(
            f"simdgroup_tile: dtype is {element.name}, but a matrix holds {names(FLOATS)}", loc=loc,
            help='write dtype="float", "half" or "bfloat"',
        )  # fmt: skip
    return tile_of(rows, cols, element, fill, loc)


def tile_of(rows: int, cols: int, element: Numeric, fill: Any, loc: SourceLoc) -> SimdgroupTile:
    """Return a new tile."""
    return SimdgroupTile(active(), rows, cols, element, matrices.filled(fill, simdgroup_matrix(element), loc))


@public
def mma(a: Any, b: Any, c: Any) -> SimdgroupTile:
    """Add the product of two tiles to a third, in place: `c += a @ b`. Returns c.

    `a` is M x K elements, `b` K x N and `c` M x N; `a` and `b` hold one dtype, and `c` the same or f32.

        enigma.mma(a, b, acc)

    Raises located errors for sizes and dtypes that do not fit.
    """
    loc = caller()
    for name, tile in (("a", a), ("b", b), ("c", c)):
        if not isinstance(tile, SimdgroupTile):
            raise EnigmaTypeError(
                f"mma: {name} must be a tile, but it is {describe(tile)}", loc=loc,
                help="make one: enigma.simdgroup_tile(16, 8); single matrices are multiplied with "
                "enigma.simdgroup_multiply_accumulate",
            )  # fmt: skip
    multiply_add(a, b, c, loc)
    return c


def multiply_add(a: SimdgroupTile, b: SimdgroupTile, c: SimdgroupTile, loc: SourceLoc) -> None:
    """Do `c += a @ b`."""
    (m, k), (k_too, n) = a.shape, b.shape
    if k != k_too or c.shape != (m, n):
        raise EnigmaValueError(
            f"mma: {m} x {k} times {k_too} x {n} does not give {c.shape[0]} x {c.shape[1]}", loc=loc,
            help="a is M x K, b is K x N and c is M x N elements",
        )  # fmt: skip
    across = b.blocks[1]
    for inner in range(a.blocks[1]):
        for i in range(a.blocks[0]):
            for j in range(across):
                left, right = a.values[i * a.blocks[1] + inner], b.values[inner * across + j]
                c.values[i * across + j] = matrices.multiply_add(left, right, c.values[i * across + j], loc)
