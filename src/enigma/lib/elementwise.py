"""`enigma.lib.elementwise`: a Python function of single elements, run on whole arrays."""

# pyright: basic
# a kernel's values have no types that a checker knows

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Sequence
from typing import Any

import enigma as en
from enigma.dtypes import DTYPES, Numeric, as_dtype, promote, u32
from enigma.errors import LaunchError
from enigma.lib.launch import Plan, array, dtype_of, elements, output
from enigma.runtime.arrays import Array
from enigma.trace.args import Scalar

THREADS, VALUES = 256, 4
"""Threads of a threadgroup, and how many elements each of them has."""

_PLACES = {
    VALUES: en.make_layout((THREADS, VALUES), (VALUES, 1)), 1: en.make_layout((THREADS, 1), (1, THREADS)),
}  # fmt: skip
"""Where the elements of each thread are. Four side by side are read and written at once, which suits a GPU; on a processor
neighbouring threads share a vector.
"""


class Elementwise:
    """What `enigma.lib.elementwise` makes: a function on arrays. `.fn` is the function of single elements."""

    def __init__(self, fn: Callable[..., Any], dtype: Numeric | None = None) -> None:
        self.fn, self.dtype = fn, dtype
        self.names = _names(fn)
        self.__name__ = fn.__name__ if fn.__name__.isidentifier() else "elementwise"
        self.__doc__, self.__wrapped__ = fn.__doc__, fn
        self._kernels: dict[tuple[Any, ...], Any] = {}

    def __repr__(self) -> str:
        return f"<enigma.lib.elementwise {self.__name__}({', '.join(self.names)})>"

    def __call__(self, *inputs: Any, out: Any = None) -> Array:
        """Return the function's results for the elements of arrays of one shape; `out` is where to put them.

        A Python number among the inputs goes to every element, by value. Raises `LaunchError` for another number of inputs,
        shapes that differ, and dtypes that do not go together.
        """
        if len(inputs) != len(self.names):
            raise LaunchError(
                f"{self.__name__} takes {len(self.names)} inputs ({', '.join(self.names)}), but it got {len(inputs)}",
                help="pass an array or a number for each of them",
            )
        found = {
            name: array(x, name, dtypes=DTYPES)
            for name, x in zip(self.names, inputs, strict=True)
            if not isinstance(x, bool | int | float)
        }
        shape = _common_shape(self.__name__, found)
        common = _common_dtype(self.__name__, [dtype_of(x) for x in found.values()])
        forms = tuple(dtype_of(found[name]) if name in found else Scalar(common) for name in self.names)
        result = output(out, shape, self.dtype or common)
        plan = self._plan(shape, forms, _PLACES[VALUES if en.runtime().name == "metal" else 1])
        numbers = [x for name, x in zip(self.names, inputs, strict=True) if name not in found]
        plan.run(*found.values(), result, *numbers)
        return result

    def kernel(self, shape: Any, *inputs: Any, width: int = VALUES, threads: Any = None, values: Any = None) -> Plan:
        """Return the kernel for arrays of a shape. `inputs` are dtypes, and `enigma.Scalar[dtype]` for numbers.

        Its slots are the arrays, the output, the numbers, and how many elements there are, which is in the plan. Each thread has
        `width` elements side by side: 4, or 1 as is best on a processor.

        With layouts of `threads` and of the `values` of each, as for `enigma.make_layout_tv`, matrices are divided into tiles
        instead, and the last two slots are their rows and columns.

            thr, val = enigma.make_layout((4, 64), (64, 1)), enigma.make_layout((4, 4), (4, 1))
            add.kernel((1000, 1001), enigma.f32, enigma.f32, threads=thr, values=val)

        Raises `LaunchError` for another number of inputs, and what is no shape.
        """
        forms = tuple(x if isinstance(x, Scalar) else as_dtype(x) for x in inputs)
        if len(forms) != len(self.names):
            raise LaunchError(
                f"{self.__name__} takes {len(self.names)} inputs ({', '.join(self.names)}), but it got {len(forms)} dtypes",
                help="write a dtype for each array, and enigma.Scalar[dtype] for each number",
            )
        if threads is None and values is None:
            if width not in _PLACES:
                raise LaunchError(f"width is {width!r}, but it must be 1 or 4", help="leave it out")
            return self._plan(shape, forms, _PLACES[width])
        if threads is None or values is None:
            raise LaunchError("tiles are made of the layouts of threads and of values", help="give both, or neither")
        rows, columns = _matrix(shape)
        tiler, tv = en.make_layout_tv(threads, values)
        per_group = en.size(tv, mode=[0])
        grid = (-(-columns // en.size(tiler[1])) * per_group, -(-rows // en.size(tiler[0])), 1)
        kernel = self._made(forms, functools.partial(_in_tiles, tiler=tiler, tv=tv), (tiler, tv))
        return Plan(kernel, grid, (per_group, 1, 1), scalars=(rows, columns), fixed=False)

    def _plan(self, shape: Any, forms: tuple[Any, ...], places: Any) -> Plan:
        """Return the plan for elements that are counted through; `places` is where the values of each thread are."""
        count = elements(shape)
        kernel = self._made(forms, functools.partial(_in_a_row, places=places), places)
        return Plan(
            kernel, (-(-count // en.size(places)) * THREADS, 1, 1), (THREADS, 1, 1), scalars=(count,), fixed=False
        )

    def _made(self, forms: tuple[Any, ...], make: Callable[..., Any], how: Any) -> Any:
        """Return the kernel for inputs of certain dtypes, the same one each time."""
        known = self._kernels.get((forms, how))
        if known is None:
            dtype = self.dtype or _common_dtype(self.__name__, [x for x in forms if isinstance(x, Numeric)])
            known = make(self.fn, self.__name__, dict(zip(self.names, forms, strict=True)), dtype)
            self._kernels[forms, how] = known
        return known


def elementwise(fn: Any = None, /, *, dtype: Any = None) -> Any:
    """Make a function on arrays from one of single elements: any shape, any dtypes, up to 31 inputs.

    `fn` is called with fragments and with single values of a kernel, so it computes with operators, `enigma.exp`,
    `enigma.where` and the like, and has no `if` that depends on them. Its result is converted to `dtype`; by default to the
    dtype of the arrays, or what C makes of several.

    Raises `EnigmaTypeError` for what is no function of positional parameters.

    >>> import enigma, numpy as np
    >>> @enigma.lib.elementwise
    ... def axpy(a, x, y):
    ...     return a * x + y
    >>> axpy(2.0, np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)).tolist()
    [[3.0, 3.0, 3.0], [3.0, 3.0, 3.0]]
    """
    chosen = None if dtype is None else as_dtype(dtype)
    if fn is None:
        return functools.partial(Elementwise, dtype=chosen)
    return Elementwise(fn, chosen)


def _names(fn: Any) -> tuple[str, ...]:
    if not isinstance(fn, types.FunctionType):
        raise en.EnigmaTypeError(
            f"elementwise takes a Python function, but it got {fn!r}", help="write it above a `def`"
        )
    parameters = inspect.signature(fn).parameters.values()
    wrong = [p.name for p in parameters if p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if wrong or not parameters:
        raise en.EnigmaTypeError(
            f"the inputs of {fn.__name__} must be named one by one, but it has {', '.join(wrong) or 'none'}",
            help="write def f(x, y): ...",
        )
    return tuple(p.name for p in parameters)


def _common_shape(name: str, found: dict[str, Array]) -> tuple[int, ...]:
    if not found:
        raise LaunchError(f"{name} got no array", help="pass at least one; compute with numbers in Python")
    first, *others = found
    for other in others:
        if found[other].shape != found[first].shape:
            raise LaunchError(
                f"{other} has the shape {found[other].shape}, but {first} has {found[first].shape}",
                help="pass arrays of one shape: np.broadcast_to(...).copy()",
            )
    return found[first].shape


def _common_dtype(name: str, dtypes: Sequence[Numeric]) -> Numeric:
    if not dtypes:
        raise LaunchError(f"{name} got no array", help="pass at least one; compute with numbers in Python")
    if all(dtype is dtypes[0] for dtype in dtypes):
        return dtypes[0]
    found = functools.reduce(lambda a, b: None if a is None else promote(a, b), dtypes[1:], dtypes[0])
    if found is None:
        listed = ", ".join(dtype.name for dtype in dtypes)
        raise LaunchError(f"{name} got arrays of {listed}, which have no common dtype", help="convert one of them")
    return found


def _matrix(shape: Any) -> tuple[int, int]:
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise LaunchError(
            f"tiles of threads and values divide matrices, but the shape is {shape!r}", help="write (rows, columns)"
        )
    return shape[0], shape[1]


def _in_a_row(fn: Callable[..., Any], name: str, forms: dict[str, Any], dtype: Numeric, *, places: Any) -> Any:
    """Return the kernel of a function for inputs of certain dtypes, whose elements are counted through."""
    arrays = [key for key, form in forms.items() if isinstance(form, Numeric)]
    out, n = _unused("out", forms), _unused("n", forms)
    offsets = [places((0, k)) for k in range(en.size(places, mode=[1]))]

    def kernel(**given: Any) -> None:
        start, tid = en.threadgroup_position_in_grid("x") * en.size(places), en.thread_position_in_threadgroup("x")
        first = start + places((tid, 0))
        if first + offsets[-1] < given[n]:
            shares = {key: given[key].with_layout(places, start)[tid, None] for key in [*arrays, out]}
            found = fn(*(shares[key].load() if key in shares else given[key] for key in forms))
            shares[out].store(_converted(found, dtype))
        else:
            for offset in offsets[:-1]:  # the last one is not there
                i = first + offset
                if i < given[n]:
                    found = fn(*(given[key][i] if key in arrays else given[key] for key in forms))
                    given[out][i] = _converted(found, dtype)

    return _made(kernel, fn, name, forms, {out: dtype}, [n])


def _in_tiles(fn: Callable[..., Any], name: str, forms: dict[str, Any], dtype: Numeric, tiler: Any, tv: Any) -> Any:
    """Return the kernel of a function for matrices that are divided into tiles of threads and values."""
    arrays = [key for key, form in forms.items() if isinstance(form, Numeric)]
    out, rows, columns = (_unused(word, forms) for word in ("out", "rows", "columns"))

    def kernel(**given: Any) -> None:
        shape = given[rows], given[columns]
        tile = en.threadgroup_position_in_grid("y"), en.threadgroup_position_in_grid("x")
        tid = en.thread_position_in_threadgroup("x")

        def share(tensor: Any) -> Any:
            return en.tensor_composition(en.local_tile(tensor, tiler, tile), tv, tiler)[tid, None]

        there = en.elem_less(share(en.make_identity_tensor(shape)), shape)
        by_row = en.make_layout(shape, (given[columns], 1))
        shares = {key: share(en.make_tensor(given[key], by_row)) for key in [*arrays, out]}
        found = fn(*(shares[key].load(pred=there) if key in shares else given[key] for key in forms))
        shares[out].store(_converted(found, dtype), pred=there)

    return _made(kernel, fn, name, forms, {out: dtype}, [rows, columns])


def _unused(word: str, forms: dict[str, Any]) -> str:
    """Return a name for a parameter of the kernel that the function does not have."""
    while word in forms:
        word += "_"
    return word


def _made(
    kernel: Any, fn: Callable[..., Any], name: str, forms: dict[str, Any], out: dict[str, Numeric], sizes: list[str]
) -> Any:
    """Return the kernel whose parameters are named as the function's: arrays, the output, numbers and sizes."""
    arrays = {key: form for key, form in forms.items() if isinstance(form, Numeric)}
    numbers = {key: form for key, form in forms.items() if key not in arrays}
    annotations = {**arrays, **out, **numbers, **dict.fromkeys(sizes, Scalar(u32))}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    kernel.__signature__ = inspect.Signature([inspect.Parameter(key, kind) for key in annotations])
    kernel.__annotations__, kernel.__name__, kernel.__doc__ = annotations, name, fn.__doc__
    return en.kernel(kernel)


def _converted(value: Any, dtype: Numeric) -> Any:
    """Return what a function gave in the output's dtype; a Python number becomes that where it is stored."""
    return value.to(dtype) if hasattr(value, "dtype") and value.dtype is not dtype else value
