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
"""Threads of a threadgroup, and how many elements side by side each of them has: those are read and written at once."""


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
        forms = [dtype_of(found[name]) if name in found else Scalar(common) for name in self.names]
        result = output(out, shape, self.dtype or common)
        plan = self.kernel(shape, *forms)
        numbers = [x for name, x in zip(self.names, inputs, strict=True) if name not in found]
        plan.run(*found.values(), result, *numbers)
        return result

    def kernel(self, shape: Any, *inputs: Any) -> Plan:
        """Return the kernel for arrays of a shape. `inputs` are dtypes, and `enigma.Scalar[dtype]` for numbers.

        Its slots are the arrays, the output, the numbers, and how many elements there are, which is in the plan.
        """
        forms = tuple(x if isinstance(x, Scalar) else as_dtype(x) for x in inputs)
        if len(forms) != len(self.names):
            raise LaunchError(
                f"{self.__name__} takes {len(self.names)} inputs ({', '.join(self.names)}), but it got {len(forms)} dtypes",
                help="write a dtype for each array, and enigma.Scalar[dtype] for each number",
            )
        arrays = [x for x in forms if isinstance(x, Numeric)]
        result = self.dtype or _common_dtype(self.__name__, arrays)
        count = elements(shape)
        if forms not in self._kernels:
            self._kernels[forms] = _kernel(self.fn, self.__name__, dict(zip(self.names, forms, strict=True)), result)
        groups = -(-count // (THREADS * VALUES))
        return Plan(self._kernels[forms], (groups * THREADS, 1, 1), (THREADS, 1, 1), scalars=(count,), fixed=False)


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


def _kernel(fn: Callable[..., Any], name: str, forms: dict[str, Any], dtype: Numeric) -> Any:
    """Return the kernel of a function for inputs of certain dtypes; its parameters are named as the function's."""
    side_by_side = en.make_layout(VALUES)
    arrays = [key for key, form in forms.items() if isinstance(form, Numeric)]
    numbers = [key for key in forms if key not in arrays]
    out, n = (next(word for word in words if word not in forms) for words in (("out", "out_"), ("n", "count", "n_")))

    def kernel(**given: Any) -> None:
        first = (
            en.threadgroup_position_in_grid("x") * (THREADS * VALUES) + en.thread_position_in_threadgroup("x") * VALUES
        )
        if first + (VALUES - 1) < given[n]:
            views = {key: given[key].with_layout(side_by_side, first) for key in [*arrays, out]}
            found = fn(*(views[key].load() if key in views else given[key] for key in forms))
            views[out].store(_converted(found, dtype))
        else:
            for k in en.range_constexpr(VALUES):
                i = first + k
                if i < given[n]:
                    found = fn(*(given[key][i] if key in arrays else given[key] for key in forms))
                    given[out][i] = _converted(found, dtype)

    annotations = {**{key: forms[key] for key in arrays}, out: dtype, **{key: forms[key] for key in numbers}}
    annotations[n] = Scalar(u32)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    made: Any = kernel
    made.__signature__ = inspect.Signature([inspect.Parameter(key, kind) for key in annotations])
    made.__annotations__, made.__name__, made.__doc__ = annotations, name, fn.__doc__
    return en.kernel(made)


def _converted(value: Any, dtype: Numeric) -> Any:
    """Return what a function gave in the output's dtype; a Python number becomes that where it is stored."""
    return value.to(dtype) if hasattr(value, "dtype") and value.dtype is not dtype else value
