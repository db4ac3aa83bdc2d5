"""Simdgroup matrices in registers as a fragment of a tiled product: loaded from and stored to what partitions give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from enigma.dtypes import Numeric, simdgroup_matrix
from enigma.errors import EnigmaIndexError, EnigmaTypeError, EnigmaValueError
from enigma.layout import Layout
from enigma.layout.int_tuple import leaves, modes_of, product
from enigma.layout.leaf import is_number
from enigma.source import SourceLoc, caller
from enigma.spec.registry import by_role
from enigma.spec.terms import Role
from enigma.trace import matrices
from enigma.trace.given import describe
from enigma.trace.registers import Registers
from enigma.trace.tensor import Tensor
from enigma.trace.tracer import Tracer
from enigma.trace.value import TracedValue, active


def load_tile(tile: Tensor, loc: SourceLoc, *, turned: bool) -> TracedValue:
    """Return the matrix of an 8 x 8 view; `turned`, its first mode runs along the columns."""
    step, transpose = _rows(tile, turned, loc)
    given = {"buf": tile.memory, "i": tile.start, "elements_per_row": step, "transpose": transpose}
    return active().apply(by_role()[Role.TILE_LOAD], given, loc)


def store_tile(matrix: TracedValue, tile: Tensor, loc: SourceLoc, *, turned: bool) -> None:
    """Write a matrix to an 8 x 8 view. Raises `EnigmaTypeError` for another dtype."""
    if tile.dtype is not matrix.type.element:
        raise EnigmaTypeError(
            f"matrices of {matrix.type.element.name} are stored to {tile.name or 'a tensor'} of {tile.dtype.name}", loc=loc,
            help=f"convert them first: f.to(enigma.{tile.dtype.name}).store(...)",
        )  # fmt: skip
    tile.refuse_constant(loc)
    step, transpose = _rows(tile, turned, loc)
    given = {"buf": tile.memory, "i": tile.start, "elements_per_row": step, "matrix": matrix, "transpose": transpose}
    active().apply(by_role()[Role.TILE_STORE], given, loc)


def _rows(tile: Tensor, turned: bool, loc: SourceLoc) -> tuple[Any, int]:
    """Return the distance of rows in memory, and whether what lies there as rows are the matrix's columns."""
    layout = tile.layout
    strides = leaves(layout.stride)
    if isinstance(layout, Layout) and len(strides) == 2:
        down, across = reversed(strides) if turned else strides
        if is_number(across, 1):
            return down, 0
        if is_number(down, 1):
            return across, 1
    raise EnigmaTypeError(
        f"a simdgroup reads and writes matrices with rows or columns that lie side by side, but {tile.name or 'the tile'} has the "
        f"layout {layout}", loc=loc,
        help="give the tensor a stride of 1 along one of its modes; pad rows instead of swizzling them",
    )  # fmt: skip


class MatrixFragment(Registers):
    """8 x 8 matrices that a simdgroup holds, as `make_fragment_C` gives them: `shape` of them. Loops and branches carry it.

    `f.load(partition)` reads all of them and `f.store(partition)` writes them; `f[i, j]` is one of them.

        acc = mine.make_fragment_C(mine.partition_C(tile))
        enigma.gemm(tiled, mine.partition_A(a), mine.partition_B(b), acc)
        acc.store(mine.partition_C(tile))
    """

    def __init__(
        self, tracer: Tracer, shape: tuple[int, int], dtype: Numeric, fill: TracedValue, *, turned: bool = False
    ) -> None:
        super().__init__(tracer, [fill] * (shape[0] * shape[1]))
        self.shape = shape
        """How many matrices there are, down and across."""
        self.dtype = dtype
        """The dtype of the elements."""
        self._turned = turned  # of B, N x K: the rows of a matrix are K

    def __repr__(self) -> str:
        return f"<{self.name or 'matrix fragment'}: {self.dtype.name}, {self.shape[0]} x {self.shape[1]} matrices>"

    def keys(self) -> Sequence[int | str]:
        """Return what tells the matrices apart in their names."""
        down, across = self.shape
        return [f"{i}_{j}" for i in range(down) for j in range(across)]

    def at(self, i: int, j: int) -> TracedValue:
        """Return one matrix."""
        return self.values[i * self.shape[1] + j]

    def put(self, i: int, j: int, value: TracedValue) -> None:
        """Set one matrix."""
        value.name = value.name or self.names()[i * self.shape[1] + j]
        self.values[i * self.shape[1] + j] = value

    def __getitem__(self, index: Any) -> TracedValue:
        return self.at(*self._checked(index, caller()))

    def __setitem__(self, index: Any, value: Any) -> None:
        loc = caller()
        i, j = self._checked(index, loc)
        kind = matrices.kind_of(value)
        if kind is None or kind.element is not self.dtype:
            raise EnigmaTypeError(
                f"{self.name or 'the fragment'} holds matrices of {self.dtype.name}, and one is set to {describe(value)}", loc=loc,
                help=f"set it to a simdgroup matrix of {self.dtype.name}, or all elements to one number: f.fill(0)",
            )  # fmt: skip
        self.put(i, j, value)

    def _checked(self, index: Any, loc: SourceLoc) -> tuple[int, int]:
        match index:
            case (int(i), int(j)) if 0 <= i < self.shape[0] and 0 <= j < self.shape[1]:
                return i, j
            case _:
                raise EnigmaIndexError(
                    f"{self.name or 'the fragment'} holds {self.shape[0]} x {self.shape[1]} matrices, and the index is "
                    f"{index!r}", loc=loc, help="write two Python ints from 0 on: f[i, j]",
                )  # fmt: skip

    def fill(self, value: Any) -> None:
        """Set all elements to one number."""
        loc = caller()
        filled = matrices.filled(value, simdgroup_matrix(self.dtype), loc)
        self.values[:] = [filled] * len(self.values)

    def to(self, dtype: Any) -> MatrixFragment:
        """Return the same elements in another dtype: f32, f16 or bf16."""
        loc, tracer = caller(), active()
        values = [tracer.convert(value, dtype, loc) for value in self.values]
        made = MatrixFragment(tracer, self.shape, values[0].type.element, values[0], turned=self._turned)
        made.values[:] = values
        return made

    def map(self, function: Callable[[TracedValue], Any]) -> None:
        """Replace every element by what a function of single values gives for it: `acc.map(lambda x: x * scale)`."""
        loc, tracer = caller(), active()
        for number, matrix in enumerate(self.values):
            held = tracer.matrix_elements(matrix, loc)
            self.values[number] = matrices.made([function(x) for x in held], loc)

    def load(self, partition: Any) -> MatrixFragment:
        """Read all matrices from what a partition gives, and return the fragment."""
        loc = caller()
        for i, j, tile in self._tiles(partition, loc):
            self.put(i, j, load_tile(tile, loc, turned=self._turned))
        return self

    def store(self, partition: Any) -> None:
        """Write all matrices to what a partition gives. Raises `EnigmaTypeError` for another dtype: convert with `to` first."""
        loc = caller()
        for i, j, tile in self._tiles(partition, loc):
            store_tile(self.at(i, j), tile, loc, turned=self._turned)

    def _tiles(self, partition: Any, loc: SourceLoc) -> list[tuple[int, int, Tensor]]:
        if not isinstance(partition, Tensor):
            raise EnigmaTypeError(
                f"matrices are loaded from and stored to a partition, but it is {describe(partition)}", loc=loc,
                help="write f.load(mine.partition_C(tile))",
            )  # fmt: skip
        found = tuple(product(mode) for mode in modes_of(partition.layout.shape))
        if found[1:] != self.shape:
            raise EnigmaValueError(
                f"a fragment of {self.shape[0]} x {self.shape[1]} matrices does not fit a partition of shape "
                f"{partition.layout.shape}", loc=loc, help="load and store what the fragment was made for",
            )  # fmt: skip
        return [(i, j, partition[None, i, j]) for i in range(self.shape[0]) for j in range(self.shape[1])]
