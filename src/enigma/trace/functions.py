"""The functions users call in a kernel: one for each row, made from it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

from enigma.dtypes import names
from enigma.errors import EnigmaTypeError
from enigma.source import caller
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import all_rows, by_public_name
from enigma.spec.terms import Axis, Buffer, Choice, DTypeArg, Effect, Element, Numbers, Static, Term, Var, Vec
from enigma.trace.value import TracedValue, active

_EMPTY = inspect.Parameter.empty


def _default(term: Term) -> Any:
    match term:
        case Choice(default=default) if default is not None:
            return default.value
        case Static(default=default) if default is not None:
            return default
        case _:
            return _EMPTY


def signature(row: Intrinsic) -> inspect.Signature:
    """Return the Python signature of a row's function."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [inspect.Parameter(name, kind, default=_default(term)) for name, term in row.params.items()]
    )


def _widths(lanes: tuple[int, ...]) -> str:
    if lanes == (1,):
        return ""
    counts = " or ".join(str(count) for count in lanes if count > 1)
    return ", or a vector of them" if 1 in lanes else f", a vector of {counts}"


def _accepts(term: Term) -> str:
    match term:
        case Var(dtypes=dtypes, lanes=lanes):
            return names(dtypes) + _widths(lanes)
        case Vec(element=element, lanes=lanes):
            count = "`" + lanes + "`" if isinstance(lanes, str) else str(lanes)
            return f"a vector of {count} of {_accepts(element)}"
        case Element(of=of):
            return f"{names(of.dtypes)}: a component's dtype"
        case Buffer(element=element, spaces=spaces):
            dtypes = element.dtypes if isinstance(element, Var) else (element,)
            return f"a buffer of {names(dtypes)} in {' or '.join(space.value for space in spaces)} memory"
        case Choice(enum=enum):
            return "one of " + ", ".join(repr(member.value) for member in enum)
        case Static(low=low, high=high):
            return f"a Python int from {low} to {high}"
        case DTypeArg():
            return "a dtype"
        case Numbers():
            return "numbers of that dtype"
        case dtype:
            return dtype.name


def docstring(row: Intrinsic) -> str:
    """Return the docstring of a row's function: what it gives, what it takes, an example, and how Metal spells it."""
    lines = [row.doc, ""]
    lines += [f"    {name}: {_accepts(term)}" for name, term in row.params.items()]
    if isinstance(row.result, Var):
        lines.append(f"    returns {names(row.result.dtypes)}" + (", as given" if row.variables else ""))
    elif row.result is not None:
        lines.append(f"    returns {_accepts(row.result)}")
    if row.effect is Effect.SYNC:
        lines += ["", "It talks to other threads: the compiler never moves it."]
    lines += ["", "Raises `EnigmaTypeError` for other dtypes, `EnigmaError` outside of a kernel."]
    if row.example:
        lines += ["", f"    y = enigma.{row.example}"]
    return "\n".join(lines)


def make_function(row: Intrinsic) -> Callable[..., Any]:
    """Return the function `enigma.<name>` of a row."""
    parameters, names_ = signature(row), tuple(row.params)
    unary = len(row.operands) == 1 and row.result is not None

    def call(*args: Any, **kwargs: Any) -> Any:
        tracer = active()
        arguments = (
            dict(zip(names_, args, strict=True)) if len(args) == len(names_) and not kwargs else _bind(args, kwargs)
        )
        if unary and not any(isinstance(x, TracedValue) for x in arguments.values()):
            _refuse_untraced(row, next(iter(arguments.values())))
        return tracer.apply(row, arguments)

    def _bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        try:
            bound = parameters.bind(*args, **kwargs)
        except TypeError as error:
            raise EnigmaTypeError(
                f"{row.public_name}: {error}", loc=caller(), help=f"write {row.public_name}({', '.join(row.params)})"
            ) from None
        bound.apply_defaults()
        return bound.arguments

    call.__name__ = call.__qualname__ = row.public_name
    call.__doc__ = docstring(row)
    call.__module__ = "enigma"
    call.__signature__ = parameters  # type: ignore[attr-defined]
    return call


def _refuse_untraced(row: Intrinsic, value: Any) -> None:
    if isinstance(value, int | float):
        raise EnigmaTypeError(
            f"{row.public_name} of the Python number {value!r} is known now", loc=caller(),
            help="compute it with Python's math module, or make it a traced constant: enigma.f32(...)",
        )  # fmt: skip


@cache
def functions() -> dict[str, Callable[..., Any]]:
    """Return every function that a row gives, by its public name."""
    return {name: make_function(row) for name, row in by_public_name().items()}


@cache
def attributes() -> dict[str, Callable[..., Any]]:
    """Return the names that are attributes rather than functions: reading one makes the value anew, for its x axis.

    They are the grid queries whose function has another name than the row.
    """
    return {
        row.name: functions()[row.public_name]
        for row in all_rows()
        if row.level is not None and row.public_name not in ("", row.name)
    }


@cache
def arch() -> SimpleNamespace:
    """Return `enigma.arch`: grid queries of all three axes, as tuples (x, y, z)."""
    members: dict[str, Callable[[], tuple[Any, ...]]] = {}
    for row in all_rows():
        if row.arch is not None:
            members[row.arch] = _all_axes(row.arch, functions()[row.public_name], row.doc)
    return SimpleNamespace(**members)


def _all_axes(name: str, query: Callable[..., Any], doc: str) -> Callable[[], tuple[Any, ...]]:
    def call() -> tuple[Any, ...]:
        return tuple(query(axis) for axis in Axis)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = (
        f"{doc.removesuffix(', along one axis.')}, as a tuple (x, y, z).\n\n    x, y, z = enigma.arch.{name}()"
    )
    return call
