"""What is to be exported: a kernel, one that was compiled, or a host function of one launch; with the launch to test it by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from enigma.compile import CompiledKernel
from enigma.errors import EnigmaTypeError, EnigmaValueError, LaunchError
from enigma.export.bundle import Access, Bundle, GivenConstant, Parameter, Tolerance, parameter
from enigma.runtime import constants as function_constants
from enigma.runtime import direct, launch
from enigma.runtime.arrays import Array
from enigma.runtime.choose import runtime
from enigma.runtime.jit import JitDef
from enigma.runtime.program import Program
from enigma.runtime.sequence import CompiledJit
from enigma.source import caller
from enigma.spec.terms import Buffer, Effect, Role, Texture
from enigma.trace.kernel import KernelDef
from enigma.trace.node import Op
from enigma.trace.tensor import Tensor

_USUAL = Tolerance()

DEVICES = ("sim", "cpu")
"""What computes the reference: the simulator, which refuses a launch that goes wrong, or the CPU, which is quick."""

_ONLY_WRITE = (Role.TILE_STORE, Role.RAW_COPY_1D_D2T, Role.RAW_COPY_2D_D2T, Role.RAW_COPY_1D_T2D, Role.RAW_COPY_2D_T2D)
"""Operations of several lanes together that change memory without looking at what it held."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A program, its arguments in slot order, the size of the launch, and the values of function constants."""

    program: Program
    arguments: Sequence[Any]
    grid: Any
    threads: Any
    constants: Mapping[Any, Any] | None


def subject(
    kernel: Any, args: tuple[Any, ...], named: dict[str, Any], grid: Any, threads: Any, constants: Mapping[Any, Any] | None
) -> Subject:  # fmt: skip
    """Return what `enigma.export` was given. Raises `EnigmaTypeError` and `LaunchError`."""
    match kernel:
        case JitDef():
            found = _of_jit(kernel, args, named, constants)
            sizes = [name for name, size in (("grid", grid), ("threads", threads)) if size is not None]
            if sizes:
                raise EnigmaTypeError(
                    f"the jit function {kernel.name} launches its kernel itself, but export got {' and '.join(sizes)}",
                    loc=caller(), help="leave them out",
                )  # fmt: skip
        case CompiledJit():
            raise _several(kernel.kernel_name, [each.kernel_name for each in kernel.launches])
        case CompiledKernel():
            if named:
                raise EnigmaTypeError(
                    f"a compiled kernel takes its arguments in order, but {', '.join(named)} came by name", loc=caller(),
                    help="pass all of them in order, or export the kernel itself",
                )  # fmt: skip
            found = Subject(
                kernel.program, _with_numbers(kernel, args), kernel.grid if grid is None else grid,
                kernel.block if threads is None else threads, constants,
            )  # fmt: skip
        case KernelDef():
            program, arguments, given = direct.prepared(kernel, args, named, constants)
            found = Subject(program, arguments, grid, threads, given)
        case _:
            raise EnigmaTypeError(
                f"export takes a kernel, but it got {kernel!r}", loc=caller(),
                help="decorate the function with @enigma.kernel",
            )  # fmt: skip
    if found.grid is None:
        raise LaunchError(
            f"export of {found.program.name} needs a launch to test it by, but grid was not given",
            help="pass arguments and grid as for a launch: enigma.export(kernel, x, y, grid=1000, to=...)",
        )
    return found


def _of_jit(kernel: JitDef, args: Any, named: Any, constants: Mapping[Any, Any] | None) -> Subject:
    if constants:
        raise EnigmaTypeError(
            f"the jit function {kernel.name} passes its kernel's constants itself, but export got {dict(constants)!r}",
            loc=caller(), help="leave constants= out",
        )  # fmt: skip
    launches = kernel.record(args, named).launches
    if len(launches) > 1:
        raise _several(kernel.name, [each.bound.kernel.name for each in launches])
    only = launches[0]
    program = direct.program_of(only.bound.kernel, only.bound.constants)
    return Subject(program, [_array(each, kernel) for each in only.bound.arguments], only.grid, only.block, None)


def _array(argument: Any, kernel: JitDef) -> Any:
    if not isinstance(argument, Tensor):
        return argument
    array = argument.memory.array
    if array is None:
        raise EnigmaTypeError(
            f"the jit function {kernel.name} launches its kernel on {argument.name}, for which there is no array",
            loc=caller(), help="pass an array to the jit function, or make one with enigma.empty(shape, dtype)",
        )  # fmt: skip
    return array


def _with_numbers(compiled: CompiledKernel, args: tuple[Any, ...]) -> Sequence[Any]:
    """Return the arguments of a launch; the numbers that a jit function passes may be left out."""
    if not compiled.scalars or len(args) + len(compiled.scalars) != len(compiled.program.arguments):
        return args
    numbers, arrays = iter(compiled.scalars), iter(args)
    return [next(numbers) if argument.is_scalar else next(arrays) for argument in compiled.program.arguments]


def _several(name: str, launches: Sequence[str]) -> EnigmaTypeError:
    return EnigmaTypeError(
        f"{name} launches {len(launches)} kernels ({', '.join(launches)}), and one is exported at a time", loc=caller(),
        help="export each kernel by itself, with the arrays that it gets",
    )  # fmt: skip


def bundle(of: Subject, device: str, tolerance: Tolerance = _USUAL) -> Bundle:
    """Run the launch on copies of its arguments and return the kernel with what was there before and after.

    Raises `LaunchError` for arguments that do not fit, and from the simulator `CheckError` for a launch that goes wrong.
    """
    for name, value in (("rtol", tolerance.relative), ("atol", tolerance.absolute)):
        if value is not None and not 0 <= value < float("inf"):
            raise EnigmaValueError(
                f"{name} is {value}, but it must be at least 0, and finite", help=f"write {name}=1e-4, or leave it out"
            )
    if device not in DEVICES:
        raise EnigmaValueError(
            f"the reference is computed on 'sim' or 'cpu', but device is {device!r}",
            help="the simulator refuses a launch that goes wrong; the CPU is quick",
        )
    where = runtime(device)
    try:
        geometry = launch.geometry(of.grid, of.threads, limit=where.max_threads)
        bound = launch.bind(of.program, of.arguments)
        constants = _constants(of.program, of.constants)
    except LaunchError:
        launch.together(
            lambda: launch.geometry(of.grid, of.threads, limit=where.max_threads),
            lambda: launch.bind(of.program, of.arguments, None, []),
            lambda: _constants(of.program, of.constants),
        )
        raise
    before = [
        _copy(value, param.dtype.parts if param.padded else 1)
        for param, value in zip(of.program.params, bound, strict=True)
    ]
    after = [_copy(value, 1) for value in before]
    where.bind_whole(where.specialise(of.program, of.constants), after, geometry)()
    return Bundle(of.program, _parameters(of.program, before, after, tolerance), constants, geometry, device)


def _copy(value: Any, parts: int) -> Any:
    """Return a copy of an array, filled up with zeros to whole vectors of so many numbers; a number is itself."""
    if not isinstance(value, np.ndarray):
        return value
    array = cast(Array, value)
    missing = -array.size % parts
    return np.concatenate([array.reshape(-1), np.zeros(missing, array.dtype)]) if missing else array.copy()


def _constants(program: Program, given: Mapping[Any, Any] | None) -> tuple[GivenConstant, ...]:
    declared = program.traced.function_constants
    found = function_constants.numbers(program.name, declared, given)
    return tuple(
        GivenConstant(each, value, each.index in found)
        for each in declared
        if (value := found.get(each.index, each.default)) is not None
    )


def _parameters(
    program: Program, before: Sequence[Any], after: Sequence[Any], tolerance: Tolerance
) -> tuple[Parameter, ...]:  # fmt: skip
    access = _accesses(program)
    numbers, results = iter(before), iter(after)
    made: list[Parameter] = []
    for argument in program.arguments:
        given, left = [next(numbers) for _ in argument.params], [next(results) for _ in argument.params]
        how = access.get(argument.slot, Access.READ)
        made.append(
            parameter(
                program, argument, how, tuple(given) if argument.struct is not None else given[0],
                left[0] if how.writes else None, tolerance,
            )
        )  # fmt: skip
    return tuple(made)


def _accesses(program: Program) -> dict[int, Access]:
    """Return what the kernel does with each buffer and texture, by slot."""
    slots = {param.value: param.slot for param in program.params}
    reads: set[int] = set()
    for node in program.traced.nodes():
        if not isinstance(node, Op):
            continue
        for term, operand in zip(node.row.terms(len(node.operands)).values(), node.operands, strict=True):
            if isinstance(term, Buffer | Texture) and operand in slots and not _only_writes(node, term):
                reads.add(slots[operand])
    return {
        slot: Access.READ_WRITE if slot in reads and slot in program.written
        else Access.WRITE if slot in program.written else Access.READ
        for slot in slots.values()
    }  # fmt: skip


def _only_writes(node: Op, term: Buffer | Texture) -> bool:
    return term.written and (node.row.effect is not Effect.SYNC or node.row.role in _ONLY_WRITE)
