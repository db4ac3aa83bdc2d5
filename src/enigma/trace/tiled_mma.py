"""Tiled matrix products: how threads, or simdgroups, share out C, and what each of them multiplies.

The names and meanings are CuTe's. A is M x K, B is N x K and C is M x N, whatever their strides. An atom is the smallest
product: one multiplication and addition of a thread, or one of 8 x 8 matrices that a simdgroup holds together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from enigma.dtypes import FLOATS, Numeric, as_dtype, f32, names, simdgroup_matrix
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout import Layout, logical_divide, make_layout
from enigma.layout.int_tuple import int_tuple, modes_of, product
from enigma.layout.leaf import is_static, text
from enigma.layout.slicing import thread_coordinate
from enigma.source import SourceLoc, caller
from enigma.spec.registry import by_role
from enigma.spec.terms import Role
from enigma.trace import matrices
from enigma.trace.given import describe
from enigma.trace.identity import IdentityTensor
from enigma.trace.matrix_fragment import MatrixFragment, load_tile
from enigma.trace.modes import modes, rearranged
from enigma.trace.register_tensor import RegisterTensor
from enigma.trace.scoped import for_range
from enigma.trace.tensor import Tensor
from enigma.trace.value import active

BLOCK = 8
"""Rows and columns of a simdgroup's matrix."""

UNROLLED = 8
"""Steps along K up to which a product is written out."""


@dataclass(frozen=True, slots=True)
class MmaUniversalOp:
    """One multiplication and addition of a thread: 1 x 1 x 1, of any dtype, added up in `acc_dtype`."""

    acc_dtype: Numeric

    def __init__(self, acc_dtype: Any = f32) -> None:
        object.__setattr__(self, "acc_dtype", as_dtype(acc_dtype))

    @property
    def shape_mnk(self) -> tuple[int, int, int]:
        """How many elements it spans along M, N and K."""
        return (1, 1, 1)

    @property
    def threads(self) -> int:
        """How many threads do it together."""
        return 1


@dataclass(frozen=True, slots=True)
class SimdgroupMmaOp:
    """The product of 8 x 8 matrices that the 32 threads of a simdgroup do together, of f32, f16 or bf16, added up in `acc_dtype`.

    Raises `EnigmaTypeError` for other dtypes; the sum has the dtype of the operands, or f32.
    """

    dtype: Numeric
    acc_dtype: Numeric

    def __init__(self, dtype: Any = f32, acc_dtype: Any = f32) -> None:
        element, total = as_dtype(dtype), as_dtype(acc_dtype)
        if element not in FLOATS or total not in (element, f32):
            raise EnigmaTypeError(
                f"SimdgroupMmaOp: matrices of {element.name} added up in {total.name}", loc=caller(),
                help=f"they hold {names(FLOATS)}, and the sum is of the same dtype or of f32",
            )  # fmt: skip
        object.__setattr__(self, "dtype", element)
        object.__setattr__(self, "acc_dtype", total)

    @property
    def shape_mnk(self) -> tuple[int, int, int]:
        """How many elements it spans along M, N and K."""
        return (BLOCK, BLOCK, BLOCK)

    @property
    def threads(self) -> int:
        """How many threads do it together."""
        return 32


@dataclass(frozen=True, slots=True)
class TiledMma:
    """Atoms laid over a tile of C: `atom_layout_mnk` says which threads, or simdgroups, are where."""

    op: MmaUniversalOp | SimdgroupMmaOp
    atom_layout_mnk: Layout
    permutation_mnk: tuple[Any, Any, Any]

    @property
    def size(self) -> int:
        """How many threads take part."""
        return self.atom_layout_mnk.size() * self.op.threads

    @property
    def shape_mnk(self) -> tuple[int, int, int]:
        """How many elements all atoms side by side span along M, N and K."""
        atoms = [mode.size() for mode in self.atom_layout_mnk.modes()]
        m, n, k = (a * s for a, s in zip(atoms, self.op.shape_mnk, strict=True))
        return m, n, k

    def get_slice(self, thread: Any) -> ThrMma:
        """Return the part of one thread, by its number in the threadgroup; of simdgroups the part of the thread's own."""
        return ThrMma(self, thread)


@dataclass(frozen=True, slots=True)
class ThrMma:
    """The part that one thread, or its simdgroup, has in a tiled product."""

    tiled: TiledMma
    thread: Any

    def partition_A(self, tensor: Any) -> Any:
        """Return what is multiplied of A, an M x K tensor: (an atom's elements, atoms along M, atoms along K)."""
        return self._partition(tensor, (0, 2), "partition_A")

    def partition_B(self, tensor: Any) -> Any:
        """Return what is multiplied of B, an N x K tensor: (an atom's elements, atoms along N, atoms along K)."""
        return self._partition(tensor, (1, 2), "partition_B")

    def partition_C(self, tensor: Any) -> Any:
        """Return what is computed of C, an M x N tensor: (an atom's elements, atoms along M, atoms along N).

        Identity tensors are partitioned alike, for predicates.
        """
        return self._partition(tensor, (0, 1), "partition_C")

    def make_fragment_A(self, partition: Any) -> Any:
        """Return registers for what `partition_A` gave, of its dtype: a register tensor, or simdgroup matrices."""
        return self._fragment(partition, partition.dtype)

    def make_fragment_B(self, partition: Any) -> Any:
        """Return registers for what `partition_B` gave, of its dtype."""
        return self._fragment(partition, partition.dtype, turned=True)

    def make_fragment_C(self, partition: Any) -> Any:
        """Return registers of the dtype of the sum, all 0, for what `partition_C` gave."""
        return self._fragment(partition, self.tiled.op.acc_dtype)

    def _fragment(self, partition: Any, dtype: Numeric, *, turned: bool = False) -> Any:
        loc = caller()
        if not isinstance(partition, Tensor | IdentityTensor):
            raise EnigmaTypeError(
                f"make_fragment takes what a partition gives, but it got {describe(partition)}", loc=loc,
                help="write mine.make_fragment_C(mine.partition_C(tile))",
            )  # fmt: skip
        shape = partition.layout.shape
        if not is_static(shape):
            raise EnigmaTypeError(
                f"make_fragment: the extents {text(shape)} are known only when the kernel runs", loc=loc,
                help="partition a tile of static size",
            )  # fmt: skip
        _, down, across = (product(mode) for mode in modes_of(shape)[:3])
        if isinstance(self.tiled.op, MmaUniversalOp):
            layout = make_layout(shape)
            return RegisterTensor(active(), shape, dtype, active().constant(0, dtype, loc), layout)
        zero = matrices.filled(0.0, simdgroup_matrix(dtype), loc)
        return MatrixFragment(active(), (down, across), dtype, zero, turned=turned)

    def _partition(self, tensor: Any, axes: tuple[int, int], function: str) -> Any:
        loc, tiled = caller(), self.tiled
        if not isinstance(tensor, Tensor | IdentityTensor) or len(modes(tensor)) < len(axes):
            raise EnigmaTypeError(
                f"{function} takes a tensor of two modes, but it got {describe(tensor)}", loc=loc,
                help="pass a tile: enigma.local_tile(A, (64, 16), (i, None))",
            )  # fmt: skip
        where = thread_coordinate(tiled.atom_layout_mnk, self._number(loc))
        own = modes(tensor)
        atoms, rests, moves = list[Layout](), list[Layout](), list[Any]()
        for axis, mode in zip(axes, own, strict=False):
            atom, others, rest = self._divided(mode, axis, function, loc)
            atoms.append(atom)
            rests.append(rest)
            moves.append(others(where[axis]))
        return rearranged(tensor, [Layout.of_modes(atoms), *rests, *own[len(axes) :]], moves)

    def _divided(self, mode: Layout, axis: int, function: str, loc: SourceLoc) -> tuple[Layout, Layout, Layout]:
        """Return a mode as (inside of an atom, the atoms side by side, how often they are repeated)."""
        tiled = self.tiled
        size, count = tiled.op.shape_mnk[axis], tiled.atom_layout_mnk.size(axis)
        extent = product(mode.shape)
        if is_static(extent) and extent % (size * count):
            raise EnigmaValueError(
                f"{function}: {count} x {size} elements along {'MNK'[axis]} do not divide the tile's {extent}", loc=loc,
                help="choose a tile that the atoms of all threads divide, and leave out its tail with pred",
            )  # fmt: skip
        permutation = tiled.permutation_mnk[axis]
        if permutation is not None:
            if is_static(extent) and extent % permutation.size():
                raise EnigmaValueError(
                    f"{function}: the permutation {permutation} along {'MNK'[axis]} does not divide the tile's {extent}", loc=loc,
                    help="choose a tile of a multiple of its size, or a smaller permutation",
                )  # fmt: skip
            mode = logical_divide(mode, permutation)
        atom, rest = logical_divide(mode, size).modes()
        others, rest = logical_divide(rest, count).modes()
        return atom, others, rest

    def _number(self, loc: SourceLoc) -> Any:
        """Return the number of the thread, or of its simdgroup."""
        if self.tiled.op.threads == 1:
            return self.thread
        if isinstance(self.thread, int):
            return self.thread // self.tiled.op.threads
        return active().apply(by_role()[Role.SIMDGROUP_INDEX], {}, loc)  # the same for all threads that hold a matrix


def make_tiled_mma(op: Any, atom_layout_mnk: Any = (1, 1, 1), permutation_mnk: Any = (None, None, None)) -> TiledMma:
    """Return a tiled product: `atom_layout_mnk` atoms side by side, a shape or a layout that numbers threads or simdgroups.

    `permutation_mnk` reorders a mode before it is shared out: an integer layout for M or N makes a thread's elements lie side
    by side, `enigma.make_layout((16, 4), (4, 1))` for 16 threads with four neighbours each.

        tiled = enigma.make_tiled_mma(enigma.SimdgroupMmaOp(enigma.f16), (2, 2, 1))

    Raises `EnigmaTypeError` and `EnigmaValueError` for other operations, and for atoms along K: threads do not share out sums.
    Source: CuTe's `make_tiled_mma`.
    """
    if not isinstance(op, MmaUniversalOp | SimdgroupMmaOp):
        raise EnigmaTypeError(
            f"make_tiled_mma: the operation is {op!r}", loc=caller(),
            help="write enigma.MmaUniversalOp() or enigma.SimdgroupMmaOp(enigma.f32)",
        )  # fmt: skip
    given = (
        atom_layout_mnk
        if isinstance(atom_layout_mnk, Layout)
        else make_layout(int_tuple(atom_layout_mnk, "atom_layout_mnk"))
    )
    if given.rank() != 3 or given.size(2) != 1:
        raise EnigmaValueError(
            f"make_tiled_mma: atom_layout_mnk is {given}", loc=caller(),
            help="give the atoms along M, N and K, one along K: (2, 2, 1)",
        )  # fmt: skip
    return TiledMma(op, given, _permutations(permutation_mnk))


def _permutations(given: Any) -> tuple[Any, Any, Any]:
    """Return a layout or None for each of M, N and K. Raises `EnigmaTypeError` for anything else."""
    parts = cast("tuple[Any, ...]", given) if isinstance(given, tuple) else ()
    if len(parts) != 3 or not all(part is None or isinstance(part, int | Layout) for part in parts):
        raise EnigmaTypeError(
            f"make_tiled_mma: permutation_mnk is {given!r}", loc=caller(),
            help="give a layout, an int or None for each of M, N and K: (layout, None, None)",
        )  # fmt: skip
    m, n, k = (make_layout(part) if isinstance(part, int) else part for part in parts)
    return m, n, k


def gemm(tiled: TiledMma, a: Any, b: Any, c: Any, loc: SourceLoc) -> None:
    """Add the product of two partitions to a fragment. One without a mode for K is a single step along it."""
    a, b = (_with_steps(side) for side in (a, b))
    if isinstance(tiled.op, MmaUniversalOp):
        rows, columns, steps = _sizes(a, b, c, RegisterTensor, loc)
        _steps(a, b, steps, lambda k: _fma(a, b, c, rows, columns, k, loc))
    else:
        rows, columns, steps = _sizes(a, b, c, MatrixFragment, loc)
        _steps(a, b, steps, lambda k: _multiply(a, b, c, rows, columns, k, loc))


def _with_steps(side: Any) -> Any:
    """Return a partition with a mode for the steps along K, also where only one step is left of that."""
    if not isinstance(side, Tensor | RegisterTensor) or side.layout.rank() != 2:
        return side
    layout = Layout.of_modes([*side.layout.modes(), Layout(1, 0)])
    return side.view(layout) if isinstance(side, RegisterTensor) else rearranged(side, list(layout.modes()), [])


def _sizes(a: Any, b: Any, c: Any, held: type, loc: SourceLoc) -> tuple[int, int, int]:
    """Return how many atoms there are along M, N and K; raises where the three do not fit."""
    for name, side in (("a", a), ("b", b)):
        if not isinstance(side, Tensor | held):
            raise EnigmaTypeError(
                f"gemm: {name} must be a partition, but it is {describe(side)}", loc=loc,
                help=f"write mine.partition_{name.upper()}(tile), or its fragment",
            )  # fmt: skip
    if not isinstance(c, held):
        raise EnigmaTypeError(
            f"gemm: c must be a fragment of this tiled product, but it is {describe(c)}", loc=loc,
            help="write c = mine.make_fragment_C(mine.partition_C(tile))",
        )  # fmt: skip
    (rows, k), (columns, k_too) = _atoms(a), _atoms(b)
    if k != k_too or _atoms(c) != (rows, columns):
        raise EnigmaValueError(
            f"gemm: a has {rows} x {k} atoms, b {columns} x {k_too} and c {' x '.join(map(str, _atoms(c)))}", loc=loc,
            help="a is M x K, b is N x K and c is M x N; partition tiles that fit",
        )  # fmt: skip
    return rows, columns, k


def _atoms(side: Any) -> tuple[int, int]:
    shape = side.shape if isinstance(side, MatrixFragment) else modes_of(side.layout.shape)[1:3]
    down, across = (product(mode) for mode in shape)
    return down, across


def _steps(a: Any, b: Any, count: int, step: Callable[[Any], None]) -> None:
    """Do something for each step along K: written out where there are few, or where registers are indexed."""
    if count <= UNROLLED or not (isinstance(a, Tensor) and isinstance(b, Tensor)):
        for k in range(count):
            step(k)
        return
    with for_range(0, count, dtype="uint") as k:
        step(k)


def _fma(a: Any, b: Any, c: RegisterTensor, rows: int, columns: int, k: Any, loc: SourceLoc) -> None:
    left, right = _column(a, rows, k, c.dtype, loc), _column(b, columns, k, c.dtype, loc)
    for m in range(rows):
        for n in range(columns):
            c[0, m, n] = c[0, m, n] + left[m] * right[n]


def _column(side: Any, count: int, k: Any, dtype: Numeric, loc: SourceLoc) -> Sequence[Any]:
    """Return the elements along M, or N, at one step along K, in the dtype of the sum."""
    if isinstance(side, RegisterTensor):
        found = [side[0, number, k] for number in range(count)]
    else:
        found = side[0, None, k].load().elements()
    return [active().convert(value, dtype, loc) for value in found]


def _multiply(a: Any, b: Any, c: MatrixFragment, rows: int, columns: int, k: Any, loc: SourceLoc) -> None:
    left = [_matrix(a, number, k, loc, turned=False) for number in range(rows)]
    right = [_matrix(b, number, k, loc, turned=True) for number in range(columns)]
    for m in range(rows):
        for n in range(columns):
            c.put(m, n, matrices.multiply_add(left[m], right[n], c.at(m, n), loc))


def _matrix(side: Any, number: int, k: Any, loc: SourceLoc, *, turned: bool) -> Any:
    """Return a matrix of A, or of B, whose rows are K."""
    if isinstance(side, MatrixFragment):
        return side.at(number, k)
    return load_tile(side[None, number, k], loc, turned=turned)
