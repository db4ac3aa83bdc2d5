"""Makes the arguments of a kernel from what the command line says of them."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click
import numpy as np

from enigma.cli.load import Loaded, aside, load
from enigma.cli.options import definitions, sizes
from enigma.dtypes import Numeric
from enigma.runtime.program import Argument, Program
from enigma.runtime.structs import members
from enigma.trace.kernel import KernelDef

Array = np.ndarray[Any, Any]
_LARGEST = 1 << 31
"""Elements of an array that a command makes."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A kernel and all that a launch needs: arguments in slot order by name, sizes, values of constants."""

    loaded: Loaded
    program: Program
    arguments: dict[str, Any]
    grid: tuple[int, ...]
    threads: tuple[int, ...] | None
    constants: dict[str, Any]

    @property
    def kernel(self) -> KernelDef:
        """The kernel."""
        return self.loaded.kernel

    @property
    def written(self) -> list[str]:
        """The names of the buffers that the kernel may write."""
        return [x.name for x in self.program.arguments if x.slot in self.program.written]

    def copies(self) -> list[Any]:
        """Return the arguments in slot order, arrays copied."""
        return [value.copy() if isinstance(value, np.ndarray) else value for value in self.arguments.values()]


def prepare(
    name: str, *, given: Sequence[str], inputs: str | None, size: int, grid: str | None, threads: str | None, seed: int,
    defines: Sequence[str],
) -> Launch:  # fmt: skip
    """Return the launch that the options describe. Raises `click.ClickException` for what does not fit the kernel."""
    loaded = load(name)
    kernel = loaded.kernel
    constants = definitions(defines)
    names = {parameter.name for parameter in kernel.parameters}
    with aside():
        program = Program(kernel.trace({key: value for key, value in constants.items() if key in names}))
    values = dict(_given(text) for text in given)
    shape: Any = sizes(grid, "--grid")
    group: Any = sizes(threads, "--threads")
    if inputs is not None:
        values = {**_from_function(loaded, inputs), **values}
        shape = shape or _sizes_of(values.pop("grid", None)) if "grid" not in names else shape
        group = group or _sizes_of(values.pop("threads", None)) if "threads" not in names else group
    known = [argument.name for argument in program.arguments]
    for key in values:
        if key not in known:
            raise click.ClickException(f"{kernel.name} has no parameter {key} (it has: {', '.join(known)})")
    rng = np.random.default_rng(seed)
    arguments = {
        x.name: _argument(x, values.get(x.name), x.slot in program.written, size, rng) for x in program.arguments
    }
    return Launch(loaded, program, arguments, shape or (size,), group, constants)


def _sizes_of(value: Any) -> tuple[int, ...] | None:
    return (value,) if isinstance(value, int) else value


def _from_function(loaded: Loaded, name: str) -> dict[str, Any]:
    made = loaded.function(name, "--inputs")()
    if not isinstance(made, Mapping):
        raise click.ClickException(
            f"{name} of {loaded.file} returned a {type(made).__name__}, but --inputs needs a dict of arguments by name"
        )
    found = {str(key): value for key, value in cast("Mapping[Any, Any]", made).items()}
    for key, value in found.items():
        if value is None:
            raise click.ClickException(f"{name} of {loaded.file} gives None for {key}; leave out what is to be made up")
    return found


def _given(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--arg")
    return name, _Text(value)


class _Text(str):
    """An argument as it was typed."""

    __slots__ = ()


def _argument(argument: Argument, value: Any, written: bool, size: int, rng: np.random.Generator) -> Any:
    """Return the value of one parameter, made from what is said of it."""
    if argument.is_scalar:
        return scalar(argument, value)
    param = argument.params[0]
    if value is None:
        if argument.texture is not None:
            raise click.ClickException(
                f"the texture {argument.name} needs a value: --arg {argument.name}='random((64, 64, 4))'"
            )
        extents = param.form.extents if param.form is not None else None
        shape = tuple(size if n is None else n for n in extents) if extents else (size,)
        _check_size(shape, f"{argument.name} of shape {shape}, which --size={size} makes")
        return _fill("zeros" if written else "random", shape, param.dtype, rng, 0)
    if not isinstance(value, _Text):
        return value
    return _array(argument.name, value, param.dtype, rng)


def scalar(argument: Argument, value: Any) -> Any:
    """Return the number, or the struct, of a by-value parameter. Raises `click.ClickException` for what is none."""
    if value is None:
        raise click.ClickException(f"the number {argument.name} needs a value: --arg {argument.name}=...")
    if not isinstance(value, _Text):
        return value
    try:
        number = ast.literal_eval(value)
    except (ValueError, SyntaxError) as error:
        raise click.ClickException(f"--arg {argument.name}={value}: it is passed by value, so give a number") from error
    if argument.struct is not None and isinstance(number, dict):
        members(argument.name, argument.struct, number)  # raises for a field too many or too few
        return argument.struct.cls(**cast("dict[str, Any]", number))
    return number


def _array(name: str, text: str, dtype: Numeric, rng: np.random.Generator) -> Array:
    if text.endswith((".npy", ".NPY")):
        return _read(name, Path(text))
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.keywords:
            raise ValueError
        numbers = [ast.literal_eval(each) for each in call.args]
    except (ValueError, SyntaxError):
        raise click.ClickException(
            f"--arg {name}={text}: it is a buffer, so give zeros(N), ones(N), arange(N), random(N), full(N, X) or a file.npy"
        ) from None
    how = call.func.id
    wanted = 2 if how == "full" else 1
    if how not in _WAYS or len(numbers) != wanted:
        raise click.ClickException(
            f"--arg {name}={text}: arrays are made by zeros(N), ones(N), arange(N), random(N) or full(N, X)"
        )
    first: Any = numbers[0]
    shape: tuple[Any, ...] = cast("tuple[Any, ...]", first) if isinstance(first, tuple) else (first,)
    if not all(type(n) is int and n > 0 for n in shape):
        raise click.ClickException(f"--arg {name}={text}: {first!r} is no size of an array")
    _check_size(shape, f"--arg {name}={text}")
    value = numbers[1] if wanted == 2 else 0
    if type(value) not in (int, float, bool):
        raise click.ClickException(f"--arg {name}={text}: {value!r} is no number")
    try:
        return _fill(how, shape, dtype, rng, value)
    except (OverflowError, ValueError) as error:
        raise click.ClickException(f"--arg {name}={text}: {value!r} is no value of {dtype.name}") from error


def _check_size(shape: tuple[int, ...], what: str) -> None:
    count = math.prod(shape)
    if count > _LARGEST:
        raise click.ClickException(f"{what}: {count} elements, but a command makes {_LARGEST} at most")


_WAYS = ("zeros", "ones", "arange", "random", "full")


def _fill(how: str, shape: tuple[int, ...], dtype: Numeric, rng: np.random.Generator, value: Any) -> Array:
    whole = (*shape, dtype.parts) if dtype.parts > 1 else shape
    kind: Any = dtype.element.numpy
    count = int(np.prod(whole))
    match how:
        case "zeros":
            return np.zeros(whole, kind)
        case "ones":
            return np.ones(whole, kind)
        case "full":
            return np.full(whole, value, kind)
        case "arange":
            return np.arange(count).astype(kind).reshape(whole)
        case _:
            if dtype.element.is_float:
                return rng.standard_normal(whole).astype(kind)
            if dtype.element.kind == "b":
                return rng.integers(0, 2, whole).astype(kind)
            return rng.integers(0, 100, whole).astype(kind)


def _read(name: str, path: Path) -> Array:
    try:
        array: Any = np.load(path, allow_pickle=False)
    except OSError as error:
        raise click.ClickException(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, EOFError) as error:
        raise click.ClickException(f"{path}: it is no file of one NumPy array ({name} needs one)") from error
    if not isinstance(array, np.ndarray):
        raise click.ClickException(f"{path}: it holds several arrays; save one with numpy.save")
    return cast(Array, array)
