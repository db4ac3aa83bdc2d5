"""The one way to Objective-C: what the runtime needs of PyObjC, in an object that a test can put something else in place of."""

# PyObjC carries no types, and is there on a Mac only.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import mmap
import platform
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from enigma import config
from enigma.errors import DeviceError
from enigma.runtime.metal.failures import gpu_error


@dataclass(frozen=True, slots=True)
class Bridge:
    """Objective-C as the Metal runtime sees it.

    `metal` is PyObjC's module of that name: constants, functions and classes. `pool` makes an autorelease pool, to be used in a
    `with`; `url` a file's NSURL. `system` is the version of macOS, `page` the bytes of a page of memory.
    """

    metal: Any
    pool: Callable[[], AbstractContextManager[Any]]
    url: Callable[[str], Any]
    system: tuple[int, int]
    page: int

    def constant(self, name: str, value: int) -> int:
        """Return a constant of Metal; older versions of PyObjC lack new ones, which is what `value` is for."""
        return getattr(self.metal, name, value)


def load() -> Bridge:
    """Return the bridge to Objective-C. Raises `DeviceError` where there is none."""
    if config.force_no_metal():
        raise no_device("ENIGMA_FORCE_NO_METAL is set")
    if sys.platform != "darwin":
        raise no_device("this is not macOS")
    try:
        import Metal  # on a Mac only
        import objc  # likewise
        from Foundation import NSURL  # likewise
    except ImportError as error:
        raise no_device(
            f"PyObjC cannot be imported: {error}", help="pip install 'pyobjc-core>=13' pyobjc-framework-Metal"
        ) from error
    return Bridge(Metal, objc.autorelease_pool, NSURL.fileURLWithPath_, system_version(), mmap.PAGESIZE)


def system_version() -> tuple[int, int]:
    """Return the version of macOS: major, minor."""
    major, minor, *_ = [*platform.mac_ver()[0].split("."), "0", "0"]
    return int(major or 0), int(minor)


def no_device(reason: str, help: str | None = None) -> DeviceError:
    """Return the error that says why there is no device."""
    return gpu_error(
        "no Metal device",
        help=help
        or "use enigma.runtime(), which runs the same kernel on the CPU, or enigma.SimRuntime(), which checks it",
        reason=reason,
        platform=sys.platform,
    )
