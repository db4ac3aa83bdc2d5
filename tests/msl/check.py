"""Checks that a text is legal Metal, without a Mac: `check_msl(text)` gives what is wrong with it.

The lints always run; the two clang modes run where clang-22 is installed. Not seen by any of them: aliasing of buffers,
barriers in divergent code, failures of Apple's back end, dynamic threadgroup memory, effects of fast math.
"""

from __future__ import annotations

from tests.msl.clang import clang_available, run_mode, skipped_modes
from tests.msl.diagnostic import Diagnostic
from tests.msl.lints import run_lints
from tests.msl.xcrun import run_xcrun, xcrun_wanted

__all__ = ["Diagnostic", "assert_legal", "check_msl", "clang_available", "skipped_modes"]


def check_msl(text: str, *, msl_version: tuple[int, int] = (3, 1), warnings: bool = False) -> list[Diagnostic]:
    """The defects of a Metal text, in the order of their places; none means legal as far as can be told.

    `msl_version` is the language version (major, minor) that the text is meant for. `warnings` adds clang's -Wall.
    """
    found = run_lints(text, msl_version=msl_version)
    if clang_available():
        metal_version = msl_version[0] * 100 + msl_version[1] * 10
        for mode in ("A", "B"):
            if mode not in skipped_modes(text):
                found += run_mode(mode, text, metal_version=metal_version, warnings=warnings)
    return sorted(found, key=lambda d: d.order)


def assert_legal(text: str, *, msl_version: tuple[int, int] = (3, 1), warnings: bool = False) -> None:
    """Raises AssertionError with every defect and the numbered text when `check_msl` finds any."""
    found = check_msl(text, msl_version=msl_version, warnings=warnings)
    if xcrun_wanted():
        found += run_xcrun(text, msl_version)
    if not found:
        return
    listing = "\n".join(f"{number:4} | {line}" for number, line in enumerate(text.splitlines(), 1))
    defects = "\n".join(map(str, found))
    raise AssertionError(f"not legal Metal {msl_version[0]}.{msl_version[1]}:\n{defects}\n\n{listing}")
