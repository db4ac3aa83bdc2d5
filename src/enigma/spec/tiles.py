"""What the matrices of a simdgroup mean, in NumPy: a value is an array (2, simdgroups, 32), two elements for each lane.

`SimdgroupMatrix.place` says which elements a lane has. Products are added up in f32 and rounded once, to the result's dtype.
"""

from __future__ import annotations

from typing import Any

from enigma.dtypes import SimdgroupMatrix

SIZE = 8
LANES = 32


def places(np: Any) -> tuple[Any, Any]:
    """Return the row and the column of every lane's first element."""
    row, column = zip(*(SimdgroupMatrix.place(lane) for lane in range(LANES)), strict=True)
    return np.array(row), np.array(column)


def whole(np: Any, x: Any) -> Any:
    """Return the matrices of all simdgroups, an array (simdgroups, 8, 8)."""
    row, column = places(np)
    made = np.empty((x.shape[1], SIZE, SIZE), x.dtype)
    for part in (0, 1):
        made[:, row, column + part] = x[part]
    return made


def shared_out(np: Any, matrices: Any) -> Any:
    """Return what each lane holds of the matrices."""
    row, column = places(np)
    return np.stack([matrices[:, row, column + part] for part in (0, 1)])


def multiply(np: Any, env: Any, a: Any, b: Any, c: Any = None) -> Any:
    """Return a @ b + c in the dtype of c, which is that of a if there is no c."""
    env.whole_simdgroups()
    with np.errstate(all="ignore"):
        total = whole(np, a).astype(np.float32) @ whole(np, b).astype(np.float32)
        if c is not None:
            total = total + whole(np, c).astype(np.float32)
        return shared_out(np, total.astype(a.dtype if c is None else c.dtype))


def load(np: Any, env: Any, buf: Any, i: Any, elements_per_row: Any, transpose: int) -> Any:
    """Return the matrices that begin at element i."""
    indices = _indices(np, env, i, elements_per_row, transpose)
    return np.stack([env.load(buf, index) for index in indices])


def store(np: Any, env: Any, buf: Any, i: Any, elements_per_row: Any, x: Any, transpose: int) -> None:
    """Set the elements from i on to the matrices."""
    for part, index in enumerate(_indices(np, env, i, elements_per_row, transpose)):
        env.store(buf, index, x[part])


def _indices(np: Any, env: Any, i: Any, elements_per_row: Any, transpose: int) -> list[Any]:
    """Return the number of each lane's first and second element in the buffer."""
    env.whole_simdgroups()
    env.same_in_simdgroups("the offset", i)
    env.same_in_simdgroups("elements_per_row", elements_per_row)
    row, column = places(np)
    start, step = i.astype(np.int64), elements_per_row.astype(np.int64)
    pairs = [(column + part, row) if transpose else (row, column + part) for part in (0, 1)]
    return [start + y[None, :] * step + x[None, :] for y, x in pairs]
