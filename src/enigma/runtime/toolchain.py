"""Apple's command line tools: Metal source to .metallib through `xcrun`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from enigma.errors import Place, ToolchainError
from enigma.runtime import diagnostics
from enigma.spec.terms import Precision

_HINTS = (
    ("unable to find utility", "the Command Line Tools alone have no Metal compiler: install Xcode, then run "
     "`sudo xcode-select -s /Applications/Xcode.app`"),
    ("missing Metal Toolchain", "since Xcode 26 it is a download of its own: run `xcodebuild -downloadComponent MetalToolchain`"),
    ("invalid active developer path", "run `xcode-select --install`, or install Xcode and select it with `sudo xcode-select -s`"),
    ("cannot be located", "the active developer folder has no macOS SDK: install Xcode, then run "
     "`sudo xcode-select -s /Applications/Xcode.app`"),
    ("agreed to the Xcode license", "run `sudo xcodebuild -license accept`"),
)  # fmt: skip

LOGGING = ("-std=metal3.2", "-fmetal-enable-logging")
"""Flags without which the log is not there, or is compiled away (Metal specification, 1.6.9)."""
# Metal's compiler takes fast math unless it is told otherwise; without it, float functions are the precise ones
_MATH = {
    Precision.DEFAULT: "-fno-fast-math",
    Precision.PRECISE: "-fno-fast-math",
    Precision.FAST: "-ffast-math",
}


@dataclass(frozen=True, slots=True)
class Library:
    """A built .metallib: where it is, and its bytes."""

    path: Path
    content: bytes


def build(
    name: str, source: str, work_dir: str | Path | None, *, keep_source: bool, places: Sequence[Place | None] = (),
    math: Precision = Precision.DEFAULT, logs: bool = False,
) -> Library:  # fmt: skip
    """Build `NAME.metallib` from Metal source in `work_dir` (default: a new temporary folder).

    With `keep_source`, `NAME.metal` and `NAME.air` stay beside it. `places` are the Python lines that the source's lines come
    from. `math` is safe unless it is fast. `logs` is for source that writes to Metal's log.

    Raises `ToolchainError` when `xcrun` is missing or a tool fails, with the command, what it said, and the Python
    line of each mistake that the Metal compiler found.
    """
    if shutil.which("xcrun") is None:
        raise ToolchainError(
            "xcrun was not found, so no .metallib can be built",
            help="on a Mac install Xcode; elsewhere pass emit_only=True (or set ENIGMA_EMIT_ONLY=1) to stop at Metal source",
        )
    folder = Path(work_dir) if work_dir is not None else Path(tempfile.mkdtemp(prefix="enigma_"))
    folder.mkdir(parents=True, exist_ok=True)
    metal, air, library = (folder / f"{name}.{suffix}" for suffix in ("metal", "air", "metallib"))
    metal.write_text(source, encoding="utf-8")
    try:
        flags = [_MATH[math], *(LOGGING if logs else ())]
        _run(["xcrun", "-sdk", "macosx", "metal", *flags, "-c", str(metal), "-o", str(air)], air, metal, places)
        _run(["xcrun", "-sdk", "macosx", "metallib", str(air), "-o", str(library)], library, metal, ())
    except ToolchainError:
        if work_dir is None and not keep_source:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        if not keep_source:
            metal.unlink(missing_ok=True)
            air.unlink(missing_ok=True)
    return Library(library, library.read_bytes())


def _run(command: Sequence[str], product: Path, metal: Path, places: Sequence[Place | None]) -> None:
    product.unlink(missing_ok=True)  # one from an earlier build must not pass for this one's
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stderr.strip() or done.stdout.strip()
    if done.returncode != 0:
        raise ToolchainError(
            f"{' '.join(command)}\nfailed with exit code {done.returncode}{':' if said else ', and said nothing'}\n{said}".rstrip(),
            notes=diagnostics.notes(said, str(metal), places),
            help=advice(said) or _report(said),
        )
    if not product.exists():
        raise ToolchainError(
            f"{' '.join(command)}\nsucceeded, but made no {product.name}{f':{chr(10)}{said}' if said else ''}",
            help="run the command by hand: the tools of this Xcode may be damaged",
        )


def advice(said: str) -> str | None:
    """Return what to do about a tool that could not run, by what it said; None where that is not known."""
    return next((help for text, help in _HINTS if text in said), None)


def _report(said: str) -> str | None:
    if not diagnostics.has_errors(said):
        return None
    return "Metal source that does not compile is a bug in enigma: please report it with the kernel"
