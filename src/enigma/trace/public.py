"""The functions of the language that are more than one row: users call them as `enigma.<name>`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PUBLIC: dict[str, Callable[..., Any]] = {}
"""The functions by name."""


def public(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function part of the language under its own name."""
    PUBLIC[function.__name__] = function
    return function
