"""For tests that need Metal: whether it is here, and marks that skip where it is not."""

from __future__ import annotations

import platform
import sys
import unittest
from collections.abc import Callable
from typing import Any, TypeVar

from enigma.runtime.choose import has_metal

T = TypeVar("T", bound=Callable[..., Any])


def is_darwin() -> bool:
    """Return whether this is macOS."""
    return sys.platform == "darwin"


def is_apple_silicon() -> bool:
    """Return whether this is macOS on an Arm processor."""
    return is_darwin() and platform.machine() == "arm64"


def is_metal_available() -> bool:
    """Return whether kernels can run on Metal here; never raises. ENIGMA_FORCE_NO_METAL says that they cannot."""
    return has_metal()


def requires_metal(test: T) -> T:
    """Skip a test, a function or a class, where there is no Metal: write `@requires_metal` above it."""
    return unittest.skipUnless(is_metal_available(), "needs Metal")(test)


def requires_apple_silicon(test: T) -> T:
    """Skip a test where this is no Mac with an Arm processor."""
    return unittest.skipUnless(is_apple_silicon(), "needs a Mac with an Arm processor")(test)


skip_if_no_metal = requires_metal
