"""The launch guard: before anything runs, everything that can be wrong with a launch is said at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from enigma.dtypes import MAX_CONSTANT_BYTES, Numeric
from enigma.errors import LaunchError
from enigma.runtime import structs
from enigma.runtime.arrays import Array, as_array, check_array, is_plain, overlapping
from enigma.runtime.copies import Packed, packed
from enigma.runtime.foreign import is_mlx
from enigma.runtime.program import Program, Slot
from enigma.runtime.textures import check_texture
from enigma.source import SourceLoc
from enigma.trace.node import Form, Param

Size = tuple[int, int, int]
MAX_THREADS = 1024
SIMDGROUP = 32
MAX_GRID = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Geometry:
    """A checked launch size: `grid` threads per axis in all, `threads` of them per threadgroup.

    >>> Geometry((1000, 3, 1), (256, 1, 1)).groups
    (4, 3, 1)
    """

    grid: Size
    threads: Size

    @property
    def groups(self) -> Size:
        """Threadgroups per axis; the last of an axis may be partial."""
        (gx, gy, gz), (tx, ty, tz) = self.grid, self.threads
        return -(-gx // tx), -(-gy // ty), -(-gz // tz)


class LaunchErrors(LaunchError):
    """Several independent mistakes of one launch, reported together; `.errors` holds them one by one."""

    def __init__(self, errors: Sequence[LaunchError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in errors))


def together(*checks: Callable[[], Any]) -> None:
    """Run every check, and raise all of their complaints at once."""
    errors: list[LaunchError] = []
    for check in checks:
        try:
            check()
        except LaunchErrors as error:
            errors.extend(error.errors)
        except LaunchError as error:
            errors.append(error)
    raise_all(errors)


def raise_all(errors: Sequence[LaunchError]) -> None:
    """Raise nothing for no error, the error itself for one, and `LaunchErrors` for several."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise LaunchErrors(errors)


def size3(value: Any, what: str) -> Size:
    """Return an int or up to three of them as three sizes. Raises `LaunchError` for anything else, and below 1.

    >>> size3((64, 64), "grid")
    (64, 64, 1)
    """
    if type(value) is int and 0 < value <= MAX_GRID:
        return value, 1, 1
    if type(value) is tuple and len(cast("Size", value)) == 3:
        x, y, z = cast("Size", value)
        if type(x) is type(y) is type(z) is int and 0 < x <= MAX_GRID and 0 < y <= MAX_GRID and 0 < z <= MAX_GRID:
            return x, y, z
    parts: list[Any] = list(cast("Sequence[Any]", value)) if isinstance(value, tuple | list) else [value]
    if not 1 <= len(parts) <= 3 or not all(_is_int(part) for part in parts):
        raise LaunchError(
            f"{what} must be an int or up to three ints, but it is {value!r}", help=f"write {what}=(256, 1, 1)"
        )
    sizes = [int(part) for part in parts] + [1] * (3 - len(parts))
    for axis, size in zip("xyz", sizes, strict=True):
        if size < 1:
            raise LaunchError(
                f"{what} is {size} along {axis}, but it must be at least 1",
                help="skip the launch when there is no work",
            )
        if size > MAX_GRID:
            raise LaunchError(
                f"{what} is {size} along {axis}, but it can be {MAX_GRID} at most", help="launch several smaller grids"
            )
    return sizes[0], sizes[1], sizes[2]


def _is_int(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def geometry(grid: Any, threads: Any, *, limit: int = MAX_THREADS, word: str = "threads") -> Geometry:
    """Return the checked launch size; `threads` None means `default_threads`. Errors call the size of a threadgroup `word`.

    Raises `LaunchError` for sizes that are no ints, zero or negative, and for more threads per threadgroup than `limit`.
    """
    try:
        total = size3(grid, "grid")
        group = size3(threads, word) if threads is not None else default_threads(total)
    except LaunchError:
        together(lambda: size3(grid, "grid"), lambda: None if threads is None else size3(threads, word))
        raise
    count = group[0] * group[1] * group[2]
    if count > limit:
        raise LaunchError(
            f"{word} is {group}, {count} per threadgroup, but the limit is {limit}",
            help="use fewer threads per threadgroup, for example (256, 1, 1) or (16, 16, 1); grid counts all threads",
        )
    return Geometry(total, group)


def whole_simdgroups(program: Program, geometry: Geometry) -> None:
    """Refuse a launch in which some simdgroup has fewer than 32 threads, for a kernel whose simdgroups hold matrices.

    Metal leaves undefined what such a simdgroup computes. Raises `LaunchError`.
    """
    if not program.needs_whole_simdgroups:
        return
    sides = [
        {min(size, total), total % size or min(size, total)} for size, total in zip(geometry.threads, geometry.grid, strict=True)
    ]  # fmt: skip
    for x, y, z in itertools.product(*sides):
        if x * y * z % SIMDGROUP:
            raise LaunchError(
                f"kernel {program.name} computes with matrices of simdgroups, which need 32 threads each, but a threadgroup has "
                f"{x * y * z} threads: grid is {geometry.grid} and threads {geometry.threads}",
                help="launch threadgroups of a multiple of 32 threads, and a grid that consists of whole ones; "
                "enigma.gemm does without such matrices where it is given use_simdgroup=False",
            )


def default_threads(grid: Size) -> Size:
    """Return a threadgroup size for a grid: 256 threads along x, or 16 x 16 for a grid of two axes.

    >>> default_threads((1000, 1, 1)), default_threads((640, 480, 1))
    ((256, 1, 1), (16, 16, 1))
    """
    if grid[1] > 1:
        return min(grid[0], 16), min(grid[1], 16), 1
    return min(grid[0], 256), 1, 1


def check_scalar(value: Any, dtype: Numeric, name: str) -> Any:
    """Return a Python number for a scalar parameter. Raises `LaunchError` when it is none or does not fit."""
    number: Any = value.item() if _is_single(value) else value
    if not isinstance(number, bool | int | float):
        raise LaunchError(
            f"{name} must be a number, but it is a {type(number).__name__}", help=f"it is a Scalar of {dtype.name}"
        )
    if dtype.is_float:
        return _as_float(number, dtype, name)
    if isinstance(number, float) and not number.is_integer():
        raise LaunchError(f"{name} is {number}, but the parameter is {dtype.name}", help="round it first")
    whole = int(number)
    if dtype.kind == "b":
        if whole not in (0, 1):
            raise LaunchError(f"{name} is {number}, but the parameter is a bool", help="pass True or False")
        return bool(whole)
    if not dtype.min <= whole <= dtype.max:
        raise LaunchError(
            f"{name} is {number}, which does not fit into {dtype.name} ({dtype.min} to {dtype.max})",
            help="annotate the Scalar with a wider dtype, or wrap the number first",
        )
    return whole


def _is_single(value: Any) -> bool:
    """Return whether a value is a number of NumPy's, or an array of any library without axes."""
    return isinstance(value, np.generic) or (hasattr(value, "item") and getattr(value, "ndim", None) == 0)


def _as_float(number: float, dtype: Numeric, name: str) -> float:
    try:
        exact = float(number)
        with np.errstate(over="ignore"):
            rounded = float(dtype.numpy.type(exact))
    except OverflowError:  # an int beyond every float
        exact, rounded = 0.0, float("inf")
    if abs(rounded) == float("inf") != abs(exact):
        raise LaunchError(
            f"{name} is {number:.6g}, which does not fit into {dtype.name}"
            if isinstance(number, float)
            else f"{name} is an int that does not fit into {dtype.name}",
            help="pass float('inf') for infinity",
        )
    return exact


def bind(
    program: Program, arguments: Sequence[Any], shared: Callable[[LaunchError], None] | None = None,
    moved: list[Packed] | None = None,
) -> list[Any]:  # fmt: skip
    """Return the checked arguments in slot order: arrays and numbers, those of a struct one by one.

    Instead of an array that is only read and is not contiguous stands a place for its elements, which `moved` gets, to be filled
    before each run; without `moved` it is filled here.

    Raises every complaint together; that about arrays which share memory is handed to `shared` instead, if it is given.
    """
    if len(arguments) != len(program.arguments):
        raise LaunchError(
            f"kernel {program.name} takes {len(program.arguments)} arguments ({_names(program)}), but it got {len(arguments)}",
            help="pass every parameter in order, outputs too",
        )
    values = structs.taken_apart(program, arguments) if program.has_structs else arguments
    return bind_values(program, values, shared, moved)


def bind_values(
    program: Program, arguments: Sequence[Any], shared: Callable[[LaunchError], None] | None = None,
    moved: list[Packed] | None = None,
) -> list[Any]:  # fmt: skip
    """Return checked arguments, one for each of the program's parameters; complaints are as those of `bind`."""
    slots = program.slots
    bound: list[Any] = []
    arrays: list[tuple[str, Array, bool]] = []
    found: _Found | None = None
    for slot, argument in zip(slots, arguments, strict=True):
        number = slot.number
        if number is not None:
            if type(argument) is number and slot.low <= argument <= slot.high:
                bound.append(argument)
                continue
        elif slot.texture is None and is_plain(argument, slot.dtype, written=slot.written, parts=slot.parts):
            bound.append(argument)
            arrays.append((slot.param.name, argument, slot.written))
            continue
        if found is None:
            found = _Found([] if moved is None else moved, [])
        _bind_slowly(slot, argument, bound, arrays, found)
    if found is not None:
        if found.errors:
            raise_all(found.errors)
        if moved is None:
            for one in found.moved:
                one.fill(program.name, "the host")
    for place, param in program.constant:
        _check_constant(param, bound[place])
    for place, param, form in program.formed:
        _check_form(param, form, bound[place])
    if (wrong := overlapping(arrays)) is not None:
        if shared is None:
            raise wrong
        shared(wrong)
    return bound


def _check_form(param: Param, form: Form, array: Array) -> None:
    """Refuse an array with too few elements for the parameter's layout, or others than its shape has."""
    count = array.size // param.dtype.parts
    if form.extents is None:
        if count < form.layout.span():
            raise LaunchError(
                f"{param.name} has {count} elements, but its layout {form.layout} reaches {form.layout.span()}", loc=param.loc,
                help="pass the whole array that the layout describes",
            )  # fmt: skip
        return
    check_extents(param.name, form.extents, count, param.loc)


def check_extents(name: str, extents: tuple[int | None, ...], count: int, loc: SourceLoc) -> None:
    """Refuse an array with another number of elements than an annotated shape has, whose first extent may be open."""
    first, row = extents[0], math.prod(cast("tuple[int, ...]", extents[1:]))
    if count % row if first is None else count != first * row:
        shape = ", ".join("..." if extent is None else str(extent) for extent in extents)
        raise LaunchError(
            f"{name} has {count} elements, but it is annotated with the shape ({shape})", loc=loc,
            help="pass an array of that shape, or annotate another one",
        )  # fmt: skip


def _check_constant(param: Param, array: Array) -> None:
    if array.nbytes > MAX_CONSTANT_BYTES:
        raise LaunchError(
            f"{param.name} has {array.nbytes} bytes, but constant memory has {MAX_CONSTANT_BYTES}", loc=param.loc,
            help=f"make it a buffer: {param.name}: enigma.{param.dtype.name}",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Found:
    """What is found on the way: arrays to be copied before each run, and what is wrong."""

    moved: list[Packed]
    errors: list[LaunchError]


def _bind_slowly(
    slot: Slot, argument: Any, bound: list[Any], arrays: list[tuple[str, Array, bool]], found: _Found
) -> None:
    """Convert an argument that is not already what the kernel takes; what is wrong with it joins the errors found."""
    name = slot.param.name
    dtype = slot.param.dtype.element if slot.param.padded else slot.param.dtype
    try:
        if slot.number is not None:
            bound.append(check_scalar(argument, dtype, name))
            return
        array = as_array(argument, name, dtype)
    except LaunchError as error:
        found.errors.append(error)
        return
    if slot.written and is_mlx(argument):
        found.errors.append(LaunchError(
            f"{name} is an array of MLX, which never changes, but the kernel writes it",
            help="make an operation of MLX, whose outputs are new arrays: enigma.interop.mlx.as_op(kernel, ...)",
        ))  # fmt: skip
        return
    if not slot.written and (copy := packed(array, name)) is not None:
        found.moved.append(copy)
        array = copy.made
    if slot.texture is not None:
        wrong = check_texture(array, slot.texture, name, written=slot.written)
    else:
        wrong = check_array(array, dtype, name, written=slot.written)
    if wrong is not None:
        found.errors.append(wrong)
        return
    bound.append(array)
    arrays.append((name, array, slot.written))


def _names(program: Program) -> str:
    return ", ".join(argument.name for argument in program.arguments)


def outputs(program: Program, given: int, count: int, inout: Sequence[Any]) -> list[int]:
    """Return the slots of the outputs of `execute`: the buffers after the `given` inputs, `count` of them.

    `inout` names inputs (or gives their indices) that the kernel updates in place. Raises `LaunchError` when counts do not
    add up, for a name that is no input, and for an input that is written without being named.
    """
    expected = len(program.buffers)
    if given + count != expected:
        raise LaunchError(
            f"kernel {program.name} has {expected} buffers and {len(program.scalars)} scalars ({_names(program)}), but it got "
            f"{given} inputs and {count} outputs",
            help="inputs come in slot order, Scalars are passed as scalars=[...], the remaining buffers are outputs",
        )  # fmt: skip
    if isinstance(cast(Any, inout), str) or not hasattr(inout, "__iter__"):
        raise LaunchError(f"inout must be a list of inputs, but it is {inout!r}", help=f"write inout=[{inout!r}]")
    inputs = program.buffers[:given]
    errors: list[LaunchError] = []
    named: set[str] = set()
    for entry in inout:
        found = [param.name for k, param in enumerate(inputs) if entry in (k, param.name)]
        if found:
            named.update(found)
        else:
            known = ", ".join(param.name for param in inputs) or "none"
            errors.append(LaunchError(f"inout has {entry!r}, but the inputs of kernel {program.name} are: {known}"))
    for param in inputs:
        if param.slot in program.written and param.name not in named:
            errors.append(LaunchError(
                f"the kernel writes its input {param.name}, and the array would not change", loc=param.loc,
                help=f"pass inout=[{param.name!r}] to update the array in place, or make it an output",
            ))  # fmt: skip
    raise_all(errors)
    return [param.slot for param in program.buffers[given:]]


def scalars_in_order(program: Program, scalars: Sequence[Any] | Mapping[str, Any] | None) -> list[Any]:
    """Return the scalars in slot order. Raises `LaunchError` for a wrong count or unknown names."""
    names = [param.name for param in program.scalars]
    if isinstance(scalars, Mapping):
        if set(scalars) != set(names):
            raise LaunchError(
                f"kernel {program.name} has the scalars {', '.join(names) or 'none'}, but it got {', '.join(scalars) or 'none'}",
                help="name each of them once: scalars={...}",
            )
        return [scalars[name] for name in names]
    if scalars is not None and not hasattr(scalars, "__len__"):
        raise LaunchError(
            f"scalars must be a list or a mapping, but it is {scalars!r}", help=f"write scalars=[{scalars!r}]"
        )
    values = list(scalars) if scalars is not None else []
    if len(values) != len(names):
        raise LaunchError(
            f"kernel {program.name} has {len(names)} scalars ({', '.join(names) or 'none'}), but it got {len(values)}",
            help="pass them in order: scalars=[...]" if names else "leave scalars= out",
        )
    return values
