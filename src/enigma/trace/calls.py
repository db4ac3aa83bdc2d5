"""A row as a Python function: its signature, docstring and call; and as a method of a buffer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from enigma.dtypes import Numeric, f32, names
from enigma.errors import EnigmaTypeError
from enigma.source import caller
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import by_public_name
from enigma.spec.terms import (
    Buffer,
    Choice,
    Derived,
    DTypeArg,
    Effect,
    Element,
    Numbers,
    Static,
    Term,
    Text,
    Texture,
    Var,
    Variadic,
    Vec,
)
from enigma.trace.value import TracedValue, active

_EMPTY = inspect.Parameter.empty
_SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)


def _default(term: Term) -> Any:
    match term:
        case Choice(default=default) if default is not None:
            return default.value
        case Static(default=default) if default is not None:
            return default
        case _:
            return _EMPTY


def signature(row: Intrinsic) -> inspect.Signature:
    """Return the Python signature of the function of a row that takes its own parameters."""
    usual, named = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [
            inspect.Parameter(name, named if name == row.precision else usual, default=_default(term))
            for name, term in row.params.items()
        ]
    )


def _widths(lanes: tuple[int, ...]) -> str:
    if lanes == (1,):
        return ""
    counts = " or ".join(str(count) for count in lanes if count > 1)
    return ", or a vector of them" if 1 in lanes else f", a vector of {counts}"


def _accepts(term: Term) -> str:
    match term:
        case Var(exact=exact) if exact:
            return "a matrix"
        case Derived():
            return "what the doc says"
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
        case Texture(element=element, kinds=kinds, accesses=accesses):
            names_, legal = " or ".join(kind.title for kind in kinds), " or ".join(one.value for one in accesses)
            return f"a {names_} of {names(element.dtypes)}, declared with the access {legal}"
        case Choice(enum=enum):
            return "one of " + ", ".join(repr(member.value) for member in enum)
        case Static(low=low, high=high):
            return f"a Python int from {low} to {high}"
        case DTypeArg():
            return "a dtype"
        case Text():
            return "a text"
        case Variadic(dtypes=dtypes):
            return f"any number of {names(dtypes)}"
        case Numbers():
            return "numbers of that dtype"
        case dtype:
            return dtype.name


def docstring(row: Intrinsic) -> str:
    """Return the docstring of a row's function: what it gives, what it takes, an example, and how Metal spells it."""
    lines = [row.doc, ""]
    lines += [f"    {name}: {_accepts(term)}" for name, term in row.params.items()]
    if isinstance(row.result, Var) and not row.result.exact:
        lines.append(f"    returns {names(row.result.dtypes)}" + (", as given" if row.variables else ""))
    elif row.result is not None:
        lines.append(f"    returns {_accepts(row.result)}")
    if row.outcome is not None:
        lines.append("    and whether: the function returns both, as (bool, value)")
    if row.family:
        lines += ["", f"Apple GPUs have it from family {row.family} on (Metal feature set tables)."]
    if row.effect is Effect.SYNC:
        lines += ["", "It talks to other threads: the compiler never moves it."]
    lines += ["", "Raises `EnigmaTypeError` for other dtypes, `EnigmaError` outside of a kernel."]
    if row.example:
        lines += ["", f"    y = enigma.{row.example}"]
    return "\n".join(lines)


def make_function(row: Intrinsic) -> Callable[..., Any]:
    """Return the function `enigma.<name>` of a row that takes its own parameters."""
    parameters, names_ = signature(row), tuple(row.params)
    required = tuple(name for name in names_ if name not in row.defaults)
    # of a number the result is known now; but how many lanes bring the number is not
    unary = len(row.operands) == 1 and row.result is not None and row.effect is Effect.PURE

    def call(*args: Any, **kwargs: Any) -> Any:
        tracer = active()
        arguments = (
            dict(zip(required, args, strict=True))
            if len(args) == len(required) and not kwargs and required == names_[: len(required)]
            else _bind(args, kwargs)
        )
        if unary and not any(isinstance(x, TracedValue) for x in arguments.values()):
            _refuse_untraced(row, next(iter(arguments.values())))
        return tracer.call(row, dict(arguments))

    def _bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        try:
            bound = parameters.bind(*args, **kwargs)
        except TypeError as error:
            raise EnigmaTypeError(
                f"{row.public_name}: {error}", loc=caller(),
                help=f"write {row.public_name}({', '.join(name for name in row.params if name != row.precision)})",
            ) from None  # fmt: skip
        bound.apply_defaults()
        return bound.arguments

    call.__signature__ = parameters  # type: ignore[attr-defined]
    call.lifts = row.lifts  # type: ignore[attr-defined]
    return named(row, call)


def named(row: Intrinsic, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with the name and, if it has none, the docstring of a row."""
    call.__name__ = call.__qualname__ = row.public_name
    call.__doc__ = call.__doc__ or docstring(row)
    call.__module__ = "enigma"
    return call


def _refuse_untraced(row: Intrinsic, value: Any) -> None:
    if isinstance(value, int | float):
        (term,) = row.operands.values()
        wanted = term if isinstance(term, Numeric) else f32
        instead = "compute it with Python's math module, or make" if wanted.is_float else "make"
        raise EnigmaTypeError(
            f"{row.public_name} of the Python number {value!r} is known now", loc=caller(),
            help=f"{instead} it a traced constant: enigma.{wanted.name}(...)",
        )  # fmt: skip


def make_method(row: Intrinsic) -> Callable[..., Any]:
    """Return the method of a buffer that a row gives whose first parameter is one: its function without that parameter."""
    function, first = make_function(row), next(iter(row.params))

    def call(self: TracedValue, *args: Any, **kwargs: Any) -> Any:
        if first in kwargs:
            raise EnigmaTypeError(
                f"{row.public_name} of {self.name or 'a buffer'} takes no {first}: it is {self.name or 'the buffer'} itself",
                loc=caller(), help=f"write {row.public_name}({', '.join(list(row.params)[1:])})",
            )  # fmt: skip
        return function(self, *args, **kwargs)

    call.__name__ = row.public_name
    call.__qualname__ = f"Tensor.{row.public_name}"
    call.__doc__ = function.__doc__
    call.__module__ = "enigma"
    taken = list(signature(row).parameters.values())[1:]
    call.__signature__ = inspect.Signature([_SELF, *taken])  # type: ignore[attr-defined]
    return call


@cache
def methods() -> dict[str, Intrinsic]:
    """Return the rows that are methods of a buffer too, by their public name: those whose first parameter is one."""
    return {name: row for name, row in by_public_name().items() if row.is_method}
