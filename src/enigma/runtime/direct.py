"""`kernel[grid, threads](...)` and `kernel.launch(...)`: a kernel object run on arrays, without `enigma.compile`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from enigma.errors import LaunchError
from enigma.runtime import launch as guard
from enigma.runtime.choose import runtime
from enigma.runtime.program import Program
from enigma.trace.args import Kind
from enigma.trace.kernel import KernelDef


def _bound_by_name(kernel: KernelDef, args: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a direct launch by parameter. Raises `LaunchError` when they do not fit the signature.

    Positional arguments are all parameters in order, or all but the constexpr ones; a prefix will do when the rest is
    given by name or has a default.
    """
    params = kernel.parameters
    order = [p.name for p in params]
    if len(args) < len(order) and len(args) == sum(p.kind is not Kind.CONSTEXPR for p in params):
        order = [p.name for p in params if p.kind is not Kind.CONSTEXPR]
    given = dict(zip(order, args, strict=False))
    twice = [name for name in named if name in given]
    unknown = [name for name in named if all(name != p.name for p in params)]
    missing = [p.name for p in params if p.kind is not Kind.CONSTEXPR and p.name not in given and p.name not in named]
    errors: list[LaunchError] = []
    if len(args) > len(order) or missing:
        errors.append(LaunchError(
            f"kernel {kernel.name} takes {len(params)} arguments ({', '.join(p.name for p in params)}), "
            f"but it got {len(args) + len(named)}",
            help=f"missing: {', '.join(missing)}" if missing else "pass every parameter in order, outputs too",
        ))  # fmt: skip
    errors += [
        LaunchError(f"kernel {kernel.name} got {name} twice", help="pass it by position or by name") for name in twice
    ]
    errors += [
        LaunchError(
            f"kernel {kernel.name} has no parameter {name}", help=f"it has: {', '.join(p.name for p in params)}"
        )
        for name in unknown
    ]
    guard.raise_all(errors)
    return {**given, **named}


def _split(kernel: KernelDef, args: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    """Return the run-time arguments in slot order and the constexpr values of a direct launch."""
    params = kernel.parameters
    if not named and len(args) == len(params):
        for parameter in params:
            if parameter.kind is Kind.CONSTEXPR:
                break
        else:
            return args, {}
    values = _bound_by_name(kernel, args, named)
    arguments = [values[p.name] for p in params if p.kind is not Kind.CONSTEXPR]
    constants = {p.name: values[p.name] for p in params if p.kind is Kind.CONSTEXPR and p.name in values}
    return arguments, constants


_KEPT = 64  # programs of one kernel: a global that changes at every launch must not fill the memory


def program_of(kernel: KernelDef, constants: Mapping[str, Any]) -> Program:
    """Return the program of a kernel, the same one as long as its trace is."""
    traced = kernel.trace(constants)
    program = kernel.compiled.get(id(traced))
    if program is None:
        while len(kernel.compiled) >= _KEPT:
            kernel.compiled.pop(next(iter(kernel.compiled)), None)
        # the program holds the trace, so its id stays its own
        program = kernel.compiled.setdefault(id(traced), Program(traced))
    return program


def launch(
    kernel: KernelDef,
    args: tuple[Any, ...],
    grid: Any,
    threads: Any,
    constants: Mapping[Any, Any] | None,
    device: str | None,
) -> None:
    """Run a kernel on arrays; see `KernelDef.launch`."""
    program, arguments, given = prepared(kernel, args, {}, constants)
    runtime(device).run(program, arguments, grid, threads, given)


def prepared(
    kernel: KernelDef, args: tuple[Any, ...], named: Mapping[str, Any], constants: Mapping[Any, Any] | None
) -> tuple[Program, Sequence[Any], dict[Any, Any] | None]:
    """Return the program that a launch runs, its arguments in slot order, and the values of its function constants."""
    parameters, given = _sorted_out(kernel, constants) if constants else ({}, None)
    arguments, constexprs = _split(kernel, args, {**parameters, **named})
    return program_of(kernel, constexprs), arguments, given


def _sorted_out(kernel: KernelDef, constants: Mapping[Any, Any]) -> tuple[dict[str, Any], dict[Any, Any] | None]:
    """Return which of `constants` are parameters, by name; the others are function constants."""
    if not isinstance(cast(Any, constants), Mapping):
        raise LaunchError(f"constants must be a mapping, but it is {constants!r}", help='write constants={"N": 16}')
    names = {parameter.name for parameter in kernel.parameters}
    named = {name: value for name, value in constants.items() if name in names}
    return named, {key: value for key, value in constants.items() if key not in names} or None


def launcher(kernel: KernelDef, sizes: Any) -> Callable[..., None]:
    """Return the function behind `kernel[grid, threads]`."""
    if not isinstance(sizes, tuple) or len(cast("tuple[Any, ...]", sizes)) != 2:
        raise LaunchError(
            f"kernel[...] takes grid and threads, but it got {sizes!r}",
            help=f"write {kernel.name}[(n,), (256,)](...) or {kernel.name}[n, 256](...)",
        )
    grid, threads = cast("tuple[Any, Any]", sizes)

    def run(*args: Any, **named: Any) -> None:
        if "constants" in named and all(p.name != "constants" for p in kernel.parameters):
            given: Mapping[Any, Any] | None = named.pop("constants")
        else:
            given = None
        arguments, constexprs = _split(kernel, args, named)
        runtime(None).run(program_of(kernel, constexprs), arguments, grid, threads, given)

    return run
