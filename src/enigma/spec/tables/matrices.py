"""Matrices: 8 x 8 ones that a simdgroup holds together (Metal specification, 2.4 and 6.7).

`ref` and `llvm` see the two elements of a lane as they see the components of a vector: see `spec/tiles.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enigma.dtypes import FLOATS, SIMDGROUP_MATRICES, Numeric, Space, f32, simdgroup_matrix
from enigma.spec import tiles
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER, ulps
from enigma.spec.spelling import Into, Template
from enigma.spec.terms import INDEX, WIDE, Algebra, Buffer, Derived, Effect, Element, Level, Role, Static, Var

E = Var("E", FLOATS)
A = Var("A", FLOATS, exact=SIMDGROUP_MATRICES)
C = Var("C", FLOATS, exact=SIMDGROUP_MATRICES)
STEP = Var("STEP", WIDE, widens=True)
TILE = Derived(lambda bound, attrs: simdgroup_matrix(bound[E]), SIMDGROUP_MATRICES)

SHARED = (Space.DEVICE, Space.THREADGROUP)


def _accumulates(bound: Mapping[Var, Numeric], attrs: Mapping[str, Any]) -> str | None:
    a, c = bound[A].element, bound[C].element
    if c in (a, f32):
        return None
    return f"a and b hold {a.name} and c holds {c.name}: c holds the same, or f32"


ROWS: tuple[Intrinsic, ...] = (
    Intrinsic(
        name="simdgroup_matrix_load", public="", role=Role.TILE_LOAD, effect=Effect.SYNC, together=Level.SIMDGROUP, family=7,
        params={"buf": Buffer(E, SHARED), "i": INDEX, "elements_per_row": STEP, "transpose": Static(0, 1, 0)}, result=TILE,
        doc="The 8 x 8 matrix whose first element is element i of a buffer.", cuda=LATER,
        msl=Into(("simdgroup_load({out}, {buf}{i: + {}}{elements_per_row:, {}}{transpose:, ulong2(0), true})",)),
        llvm=lambda b, buf, i, elements_per_row, transpose: b.load_tile(buf, i, elements_per_row, transposed=bool(transpose)),
        ref=tiles.load),
    Intrinsic(
        name="simdgroup_matrix_store", public="", role=Role.TILE_STORE, effect=Effect.SYNC, together=Level.SIMDGROUP, family=7,
        params={"buf": Buffer(E, SHARED, written=True), "i": INDEX, "elements_per_row": STEP, "matrix": A,
                "transpose": Static(0, 1, 0)},
        result=None, doc="Set the elements of a buffer from i on to an 8 x 8 matrix.", cuda=LATER,
        check=lambda bound, attrs: None if bound[A].element is bound[E] else
        f"the matrix holds {bound[A].element.name} and the buffer {bound[E].name}",
        msl=Template("simdgroup_store({matrix}, {buf}{i: + {}}{elements_per_row:, {}}{transpose:, ulong2(0), true})"),
        llvm=lambda b, buf, i, elements_per_row, matrix, transpose: b.store_tile(
            buf, i, elements_per_row, matrix, transposed=bool(transpose)),
        ref=tiles.store),
    Intrinsic(
        name="make_filled_simdgroup_matrix", params={"x": E}, result=TILE, public="", role=Role.TILE_FILL, effect=Effect.PURE,
        doc="The 8 x 8 matrix whose elements are all x.", msl=Template("make_filled_simdgroup_matrix<{T}, 8, 8>({x})"), cuda=LATER,
        family=7, llvm=lambda b, x: (x, x), ref=lambda np, x: np.stack([x, x])),
    Intrinsic(
        name="simdgroup_multiply", params={"a": A, "b": A}, result=A, effect=Effect.SYNC, together=Level.SIMDGROUP, family=7,
        role=Role.TILE_MULTIPLY, doc="The matrix product a b, added up in f32.", cuda=LATER,
        msl=Into(("simdgroup_multiply({out}, {a}, {b})",)), llvm=lambda b, a, x: b.multiply_tiles(a, x), ref=tiles.multiply,
        flops=2 * 8**3, ulp=ulps(64, 8), example="simdgroup_multiply(a, b)"),
    Intrinsic(
        name="simdgroup_multiply_accumulate", params={"a": A, "b": A, "c": C}, result=C, effect=Effect.SYNC,
        together=Level.SIMDGROUP, role=Role.TILE_MULTIPLY_ADD, check=_accumulates, family=7, cuda=LATER,
        doc="The matrix product a b, added to c; c holds what a and b hold, or f32.",
        msl=Into(("simdgroup_multiply_accumulate({out}, {a}, {b}, {c})",)),
        llvm=lambda b, a, x, c: b.multiply_tiles(a, x, c), ref=tiles.multiply, flops=2 * 8**3, ulp=ulps(64, 8),
        example="simdgroup_multiply_accumulate(a, b, c)"),
    Intrinsic(
        name="simdgroup_matrix_make", params={"x": E, "y": E}, result=TILE, public="", algebra=Algebra.MAKE_TILE, effect=Effect.PURE,
        doc="The matrix of which each lane holds its own x and y.", cuda=LATER, family=7,
        msl=Into(("{out}.thread_elements()[0] = {x}", "{out}.thread_elements()[1] = {y}")),
        llvm=lambda b, x, y: (x, y), ref=lambda np, x, y: np.stack(np.broadcast_arrays(x, y))),
    Intrinsic(
        name="simdgroup_matrix_element", params={"matrix": A, "lane": Static(0, 1)}, result=Element(A), public="",
        algebra=Algebra.TILE_ELEMENT, effect=Effect.PURE, family=7,
        doc="The first or second of the two elements that the lane holds.",
        msl=Template("{matrix}.thread_elements()[{lane}]", tight=("matrix",)), cuda=LATER, llvm=lambda b, matrix, lane: matrix[lane],
        ref=lambda np, matrix, lane: matrix[lane]),
)  # fmt: skip
