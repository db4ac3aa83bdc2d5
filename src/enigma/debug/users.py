"""Tells code of a user's from enigma's and from what is installed: whose mistake an exception is."""

from __future__ import annotations

import os
import sysconfig
import traceback
from pathlib import Path

_PACKAGE = str(Path(__file__).parent.parent) + os.sep


def is_enigmas(file: str) -> bool:
    """Return whether a source file is part of enigma."""
    return file.startswith(_PACKAGE)


def is_users(file: str) -> bool:
    """Return whether a source file is the user's: neither of enigma, nor of Python, nor of an installed package."""
    libraries = {sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return not is_enigmas(file) and not file.startswith((*libraries, "<"))


def place(error: BaseException) -> str:
    """Return the line, `file.py:7`, of the user's code that raised, or called what raised; "" where enigma's own code did.

    What only stands in for Python, such as `int` in a kernel, is not enigma's own: it has a local `__tracebackhide__`.
    """
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = frame.f_code.co_filename
        if is_enigmas(file) and "__tracebackhide__" not in frame.f_locals:
            return ""
        if is_users(file):
            return f"{Path(file).name}:{line}"
    return ""
