"""Matrix products of tiles: `C += A @ B`.

A call is described once (`Product`) and done one of several ways: through registers, which takes any tile, or by whatever
else is told of in `_matrices`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, cast

from enigma.dtypes import FLOATS, Numeric, Space, f32, names
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.trace import tiled_mma
from enigma.trace.copying import Cells, check_inside, refuse_own
from enigma.trace.given import describe, literal, located_dtype
from enigma.trace.public import public
from enigma.trace.register_tensor import RegisterTensor
from enigma.trace.scoped import for_range
from enigma.trace.tensor import Tensor
from enigma.trace.threads import shared_out, simdgroups_share
from enigma.trace.tiled_mma import TiledMma
from enigma.trace.tiles import multiply_add, tile_of
from enigma.trace.tracer import Tracer
from enigma.trace.value import TracedValue, active

BLOCK = 8
"""Rows and columns of a simdgroup's matrix."""

FEW = 16
"""Matrices of C below which each simdgroup takes single ones, so that more simdgroups have work."""


@dataclass(frozen=True, slots=True)
class Product:
    """One call: the tiles, their sizes, which of them are transposed, and the dtype in which products are added up."""

    a: Cells
    b: Cells
    c: Cells
    m: int
    n: int
    k: int
    transpose_a: bool
    transpose_b: bool
    accum: Numeric
    loc: SourceLoc

    def left(self, m: Any, k: Any) -> TracedValue:
        """Return an element of A in the dtype of the sum."""
        return self._element(self.a, k * self.m + m if self.transpose_a else m * self.k + k)

    def right(self, k: Any, n: Any) -> TracedValue:
        """Return an element of B in the dtype of the sum."""
        return self._element(self.b, n * self.k + k if self.transpose_b else k * self.n + n)

    def _element(self, cells: Cells, index: Any) -> TracedValue:
        return active().convert(cells[index], self.accum, self.loc)


@public
def gemm(
    A: Any, B: Any, C: Any, D: Any = None, *, M: Any = None, N: Any = None, K: Any = None, transpose_A: bool = False,
    transpose_B: bool = False, accum_dtype: Any = "float", use_simdgroup: bool | None = None,
) -> None:  # fmt: skip
    """Add the product of two tiles to a third, by a tiled product, `gemm(tiled, a, b, c)`, or `gemm(A, B, C, M=, N=, K=)`.

    With a tiled product first, the partitions or fragments `a` (M x K) and `b` (N x K) are multiplied and added to the fragment
    `c`, which `make_fragment_C` gave.

        enigma.gemm(tiled, mine.partition_A(tile_a), mine.partition_B(tile_b), acc)

    Otherwise `C += A @ B`, of M x K, K x N and M x N elements, all row-major.

    A transposed tile is stored as K x M, or N x K. Products are added up in `accum_dtype` and converted to C's dtype at the end.

    - M, N and K multiples of 8, and A, B and C f32, f16 or bf16 in device or threadgroup memory, A and B of one dtype: the
      simdgroups of the threadgroup share C out, through simdgroup matrices. They must be whole: 32 threads each.
    - C a register tensor of shape (M, N): every thread computes all of it, from the A and B that it passes.
    - any other C in a buffer: the threads of the threadgroup share its elements out, neighbours side by side.

    With C in a buffer all threads of the threadgroup must get here. Barriers are yours: one before, if other threads wrote A, B
    or C, and one after, before C is read or A and B written.

    `use_simdgroup` asks for simdgroup matrices (True), for registers (False), or leaves the choice (None).

        acc = enigma.register_tensor((4, 4))
        enigma.gemm(tile_a, tile_b, acc, M=4, N=4, K=16)

    Raises located errors for sizes that are not positive, tiles that are too small and dtypes that would lose fractions.
    """
    loc, tracer = caller(), active()
    if isinstance(A, TiledMma):
        said = any(x is not None for x in (M, N, K, use_simdgroup))
        _refuse_sizes(said or transpose_A or transpose_B or accum_dtype != "float", loc)
        tiled_mma.gemm(A, B, C, D, loc)
        return
    _check_sizes(A, D, M, N, K, loc)
    a, b, c = (x.flat("gemm", loc) if isinstance(x, Tensor) else x for x in (A, B, C))
    a, b = (x.flat() if isinstance(x, RegisterTensor) else x for x in (a, b))
    product = Product(a, b, c, M, N, K, bool(transpose_A), bool(transpose_B), located_dtype(accum_dtype, loc), loc)
    _check(product)
    reason = _matrices(product)
    if use_simdgroup and reason is not None:
        raise EnigmaValueError(
            f"gemm: use_simdgroup=True, but {reason}",
            loc=loc,
            help="leave use_simdgroup out: any tile goes through registers",
        )
    if reason is None and use_simdgroup in (None, True):
        _in_matrices(tracer, product)
    elif isinstance(C, RegisterTensor):
        _in_registers(tracer, product, C)
    else:
        _shared_out(tracer, product)


def _refuse_sizes(said: bool, loc: SourceLoc) -> None:
    """Refuse what a tiled product would ignore."""
    if said:
        raise EnigmaTypeError(
            "gemm: sizes, transposition and accum_dtype are those of the tiled product", loc=loc,
            help="write gemm(tiled, a, b, c)",
        )  # fmt: skip


def _check_sizes(A: Any, D: Any, M: Any, N: Any, K: Any, loc: SourceLoc) -> None:
    """Refuse a fourth tile, and sizes that are no positive ints."""
    if D is not None:
        raise EnigmaTypeError(
            f"gemm: four tiles, but the first is {describe(A)}", loc=loc,
            help="write gemm(tiled, a, b, c) with a tiled product, or gemm(A, B, C, M=, N=, K=)",
        )  # fmt: skip
    for name, size in (("M", M), ("N", N), ("K", K)):
        number = literal(size)
        if not isinstance(number, int) or isinstance(number, bool):
            raise EnigmaTypeError(
                f"gemm: {name} must be a Python int, but it is {describe(size)}", loc=loc,
                help="it is fixed when the kernel is compiled: use a number or an enigma.constexpr parameter",
            )  # fmt: skip
        if number < 1:
            raise EnigmaValueError(
                f"gemm: {name} is {number}, but it must be at least 1", loc=loc, help=f"write {name}=8"
            )


def _matrices(product: Product) -> str | None:
    """Return why a product cannot be done by simdgroup matrices; None where it can."""
    sizes = {"M": product.m, "N": product.n, "K": product.k}
    odd = [f"{name} is {size}" for name, size in sizes.items() if size % BLOCK]
    if odd:
        return f"{' and '.join(odd)}, no multiple of {BLOCK}"
    for name, cells in zip("ABC", (product.a, product.b, product.c), strict=True):
        if not isinstance(cells, Tensor):
            return f"{name} is in each thread's own registers, not in memory that a simdgroup shares"
        if cells.buffer_type.space not in (Space.DEVICE, Space.THREADGROUP):
            return f"{name} is {cells.address_space} memory"
        if cells.dtype not in FLOATS:
            return f"{name} holds {cells.dtype.name}, and matrices hold {names(FLOATS)}"
    if product.a.dtype is not product.b.dtype:
        return f"A holds {product.a.dtype.name} and B {product.b.dtype.name}"
    if product.accum not in (product.a.dtype, f32):
        return f"products of {product.a.dtype.name} are added up in the same or in f32, not in {product.accum.name}"
    return None


def _in_matrices(tracer: Tracer, product: Product) -> None:
    """Let the simdgroups of the threadgroup compute C in tiles of matrices, up to 16 x 16 elements each."""
    loc = product.loc
    few = product.m * product.n < FEW * BLOCK * BLOCK
    rows, cols = (BLOCK if few or size % (2 * BLOCK) else 2 * BLOCK for size in (product.m, product.n))
    across = product.n // cols
    c: Any = product.c
    with simdgroups_share(tracer, product.m // rows * across, loc) as number:
        m, n = (number // across * rows, number % across * cols) if across > 1 else (number * rows, 0)
        start = m * product.n + n
        held = tile_of(rows, cols, c.dtype, 0.0, loc).load(c, product.n, offset=start)
        total = tile_of(rows, cols, product.accum, 0.0, loc)
        total.take_name("sum")
        total.values[:] = [tracer.convert(value, product.accum, loc) for value in held.values]
        with for_range(0, product.k, BLOCK, dtype="uint") as k:
            a = tile_of(rows, BLOCK, product.a.dtype, 0.0, loc)
            b = tile_of(BLOCK, cols, product.b.dtype, 0.0, loc)
            a.take_name("a")
            b.take_name("b")
            if product.transpose_a:
                a.load(product.a, product.m, offset=k * product.m + m, transpose=True)
            else:
                a.load(product.a, product.k, offset=m * product.k + k)
            if product.transpose_b:
                b.load(product.b, product.k, offset=n * product.k + k, transpose=True)
            else:
                b.load(product.b, product.n, offset=k * product.n + n)
            multiply_add(a, b, total, loc)
        held.values[:] = [tracer.convert(value, c.dtype, loc) for value in total.values]
        held.store(c, product.n, offset=start)


def _loses(name: str, dtype: Numeric, accum: Numeric) -> bool:
    """Return whether a tile's elements and the sums do not go together: bools, and fractions that would be dropped."""
    if accum.kind == "b" or dtype.kind == "b":
        return True
    return dtype.is_float != accum.is_float and (name == "C" or accum.is_integer)


def _check(product: Product) -> None:
    loc, accum = product.loc, product.accum
    sizes = (product.m * product.k, product.k * product.n, product.m * product.n)
    for name, cells, size in zip("ABC", cast(tuple[Any, ...], (product.a, product.b, product.c)), sizes, strict=True):
        if not isinstance(cells, Tensor | RegisterTensor):
            raise EnigmaTypeError(
                f"gemm: {name} must be a buffer or a register tensor, but it is {describe(cells)}", loc=loc,
                help="pass the tile itself",
            )  # fmt: skip
        check_inside(cells, name, 0, size, "gemm", loc, "make the tile larger, or M, N or K smaller")
        if _loses(name, cells.dtype, accum):
            raise EnigmaTypeError(
                f"gemm: {name} holds {cells.dtype.name}, and sums of {accum.name} do not go with it", loc=loc,
                help="for integers write accum_dtype=enigma.i32; convert other tiles first",
            )  # fmt: skip
    wanted = (product.m, product.n)
    if isinstance(product.c, RegisterTensor) and product.c.shape != wanted:
        raise EnigmaValueError(
            f"gemm: C has shape {product.c.shape}, but the product has {wanted}", loc=loc,
            help=f"write enigma.register_tensor({wanted})",
        )  # fmt: skip
    if isinstance(product.c, Tensor):
        help = "let C be a register tensor, or store all tiles in threadgroup memory first"
        refuse_own((product.a, product.b, product.c), "gemm", help, loc)


def _in_registers(tracer: Tracer, product: Product, c: RegisterTensor) -> None:
    """Let the thread compute all of C: for each k a column of A times a row of B."""
    same = c.dtype is product.accum
    sums = c if same else RegisterTensor(tracer, c.shape, product.accum, tracer.constant(0, product.accum, product.loc))
    if not same:
        for place in itertools.product(range(product.m), range(product.n)):
            sums[place] = tracer.convert(c[place], product.accum, product.loc)

    def add(k: Any) -> None:
        column = [product.left(m, k) for m in range(product.m)]
        row = [product.right(k, n) for n in range(product.n)]
        for m, left in enumerate(column):
            for n, right in enumerate(row):
                sums[m, n] = sums[m, n] + left * right

    if isinstance(product.a, RegisterTensor) or isinstance(product.b, RegisterTensor):
        for k in range(product.k):
            add(k)
    else:
        with for_range(0, product.k, dtype="uint") as k:
            add(k)
    if not same:
        for place in itertools.product(range(product.m), range(product.n)):
            c[place] = tracer.convert(sums[place], c.dtype, product.loc)


def _shared_out(tracer: Tracer, product: Product) -> None:
    """Let the threads of the threadgroup compute C element by element, neighbours side by side."""
    c, loc = product.c, product.loc
    with shared_out(tracer, product.m * product.n, "gemm", loc) as element:
        m, n = element // product.n, element % product.n
        total = RegisterTensor(tracer, (1,), product.accum, tracer.convert(c[element], product.accum, loc))
        with for_range(0, product.k, dtype="uint") as k:
            total[0] = total[0] + product.left(m, k) * product.right(k, n)
        c[element] = tracer.convert(total[0], c.dtype, loc)
