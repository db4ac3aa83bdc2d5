"""`enigma.testing`: what a test may ask of the machine, and decorators that skip where it is not there."""

from __future__ import annotations

import functools
import platform
import sys
import unittest
from collections.abc import Callable
from typing import Any, TypeVar

from enigma.runtime.choose import has_metal

F = TypeVar("F", bound=Callable[..., Any])


def is_darwin() -> bool:
    """Return whether this is macOS; `is_darwin()` never raises."""
    return sys.platform == "darwin"


def is_apple_silicon() -> bool:
    """Return whether this is a Mac with Apple's own processor; `is_apple_silicon()` never raises."""
    return is_darwin() and platform.machine() == "arm64"


def is_metal_available() -> bool:
    """Return whether kernels can run on a Metal device here; `is_metal_available()` never raises.

    ENIGMA_FORCE_NO_METAL makes it False.
    """
    return has_metal()


def _skipped_unless(present: Callable[[], bool], reason: str) -> Callable[[F], F]:
    def decorate(test: Any) -> Any:
        if isinstance(test, type):
            return unittest.skipUnless(present(), reason)(test)

        @functools.wraps(test)
        def run(*args: Any, **named: Any) -> Any:
            if not present():  # asked when the test runs, so that collecting tests makes no device
                raise unittest.SkipTest(reason)
            return test(*args, **named)

        return run

    return decorate


requires_metal = _skipped_unless(is_metal_available, "needs a Metal device")
"""Skips a test, a function or class, where no Metal device is: write `@requires_metal` above it."""

requires_apple_silicon = _skipped_unless(is_apple_silicon, "needs a Mac with Apple silicon")
"""Skips a test, a function or class, on anything but a Mac with Apple silicon."""

skip_if_no_metal = requires_metal
"""Another name of `requires_metal`."""
