"""`enigma.check`: a run of a kernel in the simulator that is told everything wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from enigma.errors import EnigmaTypeError, LaunchError
from enigma.runtime import constants as function_constants
from enigma.runtime import direct, launch, pytorch
from enigma.runtime.base import Compiled, written_tensors
from enigma.runtime.checking.checks import faults
from enigma.runtime.checking.finding import Finding
from enigma.runtime.checking.report import CheckReport
from enigma.runtime.checking.run import Settings, run_checked
from enigma.runtime.jit import JitDef
from enigma.runtime.padding import whole_vectors
from enigma.runtime.program import Program
from enigma.spec.terms import Fault
from enigma.trace.kernel import KernelDef

MAX_ROUNDS = 1_000_000


def check(
    kernel: Any, *args: Any, grid: Any, threads: Any = None, check: Any = True, schedules: int = 2, seed: int = 0,
    max_rounds: int = MAX_ROUNDS, constants: Mapping[Any, Any] | None = None, **named: Any,
) -> CheckReport:  # fmt: skip
    """Run a kernel in the simulator and return everything that is wrong with the run; outputs are written in place.

    `kernel` is one made by `@enigma.kernel` or compiled; `args`, `named`, `grid`, `threads` and `constants` are as in
    `kernel.launch`. `check` is True (every kind but "nan-born"), "everything", or a list of kinds:

    - "out-of-bounds": an index outside of a buffer or of threadgroup, constant or a thread's own memory.
    - "uninitialised-read": threadgroup memory, or a thread's own array, read before it is written.
    - "unwritten-output": elements of an output that no thread writes.
    - "data-race": two threads use an element, one changes it, and neither a barrier nor an atomic operation orders them.
    - "barrier-divergence": a barrier that only some threads of its threadgroup or simdgroup reach.
    - "undefined-collective": a function across lanes that reads a lane which is not there, or matrices of part of a simdgroup.
    - "aliasing": two arguments share memory, and the kernel writes one. "misaligned-access": an array of vectors begins inside one.
    - "value-changing-conversion", "integer-overflow", "division-by-zero", "shift-out-of-range": of numbers.
    - "nan-born": an operation makes NaN of numbers. "step-budget": a loop goes round more than `max_rounds` times.

    Where atomic operations make the order of threads count, the kernel runs `schedules` times, from the second time on in orders
    of chance that `seed` begins; those runs work on copies. What ends up different is `report.order_differences`.

    Raises `LaunchError` for arguments that do not fit, `EnigmaTypeError` for something that is no kernel, `EnigmaValueError` for a
    kind that there is not. An assertion of the kernel that fails is told by the report's `failure`.

    >>> import enigma, numpy as np
    >>> @enigma.kernel
    ... def doubled(A: enigma.f32, Out: enigma.f32):
    ...     i = enigma.thread_position_in_grid
    ...     Out[i] = A[i] * 2
    >>> enigma.check(doubled, np.ones(64, np.float32), np.zeros(64, np.float32), grid=64)
    <check of doubled: nothing found>
    """
    program, arguments, given = _prepared(kernel, args, named, constants)
    settings = Settings(faults(check), schedules, seed, max_rounds)
    found: list[Finding] = []

    def bound_arguments() -> Sequence[Any]:
        found.clear()
        return launch.bind(program, arguments, lambda wrong: found.append(_aliasing(program, wrong)))

    try:
        geometry, bound = launch.geometry(grid, threads), bound_arguments()
        ready = function_constants.specialised(program, given)
    except LaunchError:
        launch.together(
            lambda: launch.geometry(grid, threads), bound_arguments, lambda: function_constants.specialised(program, given)
        )  # fmt: skip
        raise
    if Fault.ALIASING not in settings.wanted:
        found.clear()
    reports: list[CheckReport] = []

    def bind(seen: Any) -> Any:
        return lambda: reports.append(run_checked(ready, seen, geometry, settings, found))

    (whole_vectors(ready, bound, bind) if ready.has_padding else bind(bound))()
    pytorch.wrote(written_tensors(program, bound))
    return reports[0]


def _prepared(
    kernel: Any, args: tuple[Any, ...], named: dict[str, Any], constants: Mapping[Any, Any] | None
) -> tuple[Program, Any, Mapping[Any, Any] | None]:
    """Return the program, its arguments in slot order, and the values of its function constants."""
    if isinstance(kernel, KernelDef):
        return direct.prepared(kernel, args, named, constants)
    if isinstance(getattr(kernel, "program", None), Program):
        compiled: Compiled = kernel
        if named:
            raise EnigmaTypeError(
                f"a compiled kernel takes its arguments in order, but {', '.join(named)} came by name",
                help="pass all of them in order, or check the kernel itself",
            )
        return compiled.program, args, constants
    raise EnigmaTypeError(
        f"check takes a kernel, but it got {kernel!r}",
        help=f'run it in the simulator, which raises what it finds: {kernel.name}.launch(..., device="sim")'
        if isinstance(kernel, JitDef)
        else "decorate the function with @enigma.kernel",
    )


def _aliasing(program: Program, wrong: LaunchError) -> Finding:
    return Finding(
        Fault.ALIASING,
        "error",
        wrong.message,
        wrong.help or "",
        program.name,
        program.traced.loc,
        note=f"in kernel {program.name}",
    )
