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
    """Return the line, `file.py:7`, of the user's code that raised, or called what raised; "" where enigma's own code did."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if is_enigmas(frame.filename):
            return ""
        if is_users(frame.filename):
            return f"{Path(frame.filename).name}:{frame.lineno}"
    return ""
