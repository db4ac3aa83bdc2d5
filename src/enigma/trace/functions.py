"""The functions users call in a kernel: one for each row, made from it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

from enigma.errors import EnigmaTypeError
from enigma.source import caller
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import all_rows, by_public_name
from enigma.spec.terms import Axis
from enigma.trace import calls
from enigma.trace.reports import make_report


def signature(row: Intrinsic) -> inspect.Signature:
    """Return the Python signature of a row's function."""
    if row.reports is not None:
        return inspect.signature(make_report(row, row.reports))
    return calls.signature(row)


def make_function(row: Intrinsic) -> Callable[..., Any]:
    """Return the function `enigma.<name>` of a row."""
    if row.reports is not None:
        return _reporting(row, make_report(row, row.reports))
    return calls.make_function(row)


def _reporting(row: Intrinsic, report: Callable[..., None]) -> Callable[..., Any]:
    """Return the function of a row that reports; its mistakes are told at the user's line."""
    parameters = inspect.signature(report)

    def call(*args: Any, **kwargs: Any) -> None:
        try:
            bound = parameters.bind(*args, **kwargs)
        except TypeError as error:
            raise EnigmaTypeError(
                f"{row.public_name}: {error}", loc=caller(), help=f"for example: enigma.{row.example}"
            ) from None
        report(*bound.args)

    call.__doc__ = report.__doc__
    call.__signature__ = parameters  # type: ignore[attr-defined]
    return calls.named(row, call)


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
