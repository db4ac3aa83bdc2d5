"""The functions of the language that are more than one row: users call them as `enigma.<name>`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from enigma.errors import EnigmaTypeError
from enigma.source import caller

PUBLIC: dict[str, Callable[..., Any]] = {}
"""The functions by name."""


def public(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function part of the language under its own name."""
    PUBLIC[function.__name__] = checked = located_calls(function)
    return checked


def located_calls(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a call whose arguments do not fit the signature be an `EnigmaTypeError` at the user's line."""
    name = function.__name__

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError:
            try:
                inspect.signature(function).bind(*args, **kwargs)
            except TypeError as error:
                usual = ", ".join(inspect.signature(function).parameters)
                raise EnigmaTypeError(f"{name}: {error}", loc=caller(), help=f"write {name}({usual})") from None
            raise

    return call
