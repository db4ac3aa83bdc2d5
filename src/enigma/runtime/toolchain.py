"""Apple's command line tools: Metal source to .metallib through `xcrun`, kept on disk by what it is made of."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from enigma.errors import Place, ToolchainError
from enigma.runtime import diagnostics
from enigma.runtime.cache import default_cache, key
from enigma.spec.terms import Precision

_SELECT = "run `sudo xcode-select -s /Applications/Xcode.app`"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why Apple's tools cannot work here: what a tool says then, what that means, and the command that mends it."""

    sign: str
    meaning: str
    mend: str


_PROBLEMS = (
    Problem(
        "unable to find utility", "only Apple's Command Line Tools are here, which have no Metal compiler",
        f"install Xcode, then {_SELECT}",
    ),
    Problem(
        "missing Metal Toolchain", "this Xcode is without its Metal toolchain, which is a download of its own since Xcode 26",
        "run `xcodebuild -downloadComponent MetalToolchain`",
    ),
    Problem(
        "invalid active developer path", "the folder that xcode-select names is no developer folder any more",
        "run `xcode-select --install`, or install Xcode and select it with `sudo xcode-select -s`",
    ),
    Problem(
        "missing DEVELOPER_DIR path", "DEVELOPER_DIR names a folder that is not there",
        f"unset DEVELOPER_DIR, or let it name an Xcode; without it {_SELECT}",
    ),
    Problem(
        "No developer tools were found", "no developer tools are installed", f"install Xcode, then {_SELECT}",
    ),
    Problem(
        "cannot be located", "the developer folder that is selected has no SDK for macOS", f"install Xcode, then {_SELECT}",
    ),
    Problem(
        "agreed to the Xcode license", "nobody has agreed to Xcode's license on this machine",
        "run `sudo xcodebuild -license accept`",
    ),
)  # fmt: skip

_FIRST_XCODE = {(3, 0): "14", (3, 1): "15", (3, 2): "16", (4, 0): "26", (4, 1): "27"}
"""The Xcode that brought each version of Metal's language."""

_UNKNOWN_STANDARD = re.compile(r"invalid value '\S*metal(\d)\.(\d)' in '-std=")

OLDEST_STANDARD = (3, 0)
"""What a kernel is built as that an earlier language would do for: every Xcode of today spells it alike."""

LOGGING = (3, 2)
"""The language that brought the log (Metal specification, 1.6.9)."""

# Metal's compiler takes fast math unless it is told otherwise; without it, float functions are the precise ones
_MATH = {
    Precision.DEFAULT: "-fno-fast-math",
    Precision.PRECISE: "-fno-fast-math",
    Precision.FAST: "-ffast-math",
}
_DEBUG = ("-gline-tables-only", "-frecord-sources")
_XCRUN = ("xcrun", "-sdk", "macosx")


@dataclass(frozen=True, slots=True)
class Library:
    """A built .metallib: where it is, and its bytes."""

    path: Path
    content: bytes


@dataclass(frozen=True, slots=True)
class Options:
    """How a Metal source is built.

    `language` is the version that it needs. `math` is safe unless it is fast. `logs` is for source that writes to Metal's log,
    which is compiled away otherwise. With `debug` the library has line tables and the source, which Xcode's debugger shows.
    """

    language: tuple[int, int] = OLDEST_STANDARD
    math: Precision = Precision.DEFAULT
    logs: bool = False
    debug: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags for `xcrun metal`.

        >>> Options((2, 4)).flags, Options((3, 1), Precision.FAST, logs=True).flags
        (('-std=metal3.0', '-fno-fast-math'), ('-std=metal3.2', '-ffast-math', '-fmetal-enable-logging'))
        """
        language = max(self.language, LOGGING if self.logs else OLDEST_STANDARD)
        return (
            f"-std=metal{language[0]}.{language[1]}",
            _MATH[self.math],
            *(("-fmetal-enable-logging",) if self.logs else ()),
            *(_DEBUG if self.debug else ()),
        )


def build(
    name: str, source: str, work_dir: str | Path | None, *, keep_source: bool, places: Sequence[Place | None] = (),
    options: Options | None = None,
) -> Library:  # fmt: skip
    """Build `NAME.metallib` from Metal source in `work_dir` (default: a new temporary folder).

    With `keep_source`, `NAME.metal` and `NAME.air` stay beside it. `places` are the Python lines that the source's lines come
    from. What was built before, of the same source with the same flags and compiler, comes from the disk cache.

    Raises `ToolchainError` when `xcrun` is missing or a tool fails, with the command, what it said, and the Python
    line of each mistake that the Metal compiler found.
    """
    wanted = options or Options()
    compiler = version()
    folder = Path(work_dir) if work_dir is not None else Path(tempfile.mkdtemp(prefix="enigma_"))
    folder.mkdir(parents=True, exist_ok=True)
    metal, air, library = (folder / f"{name}.{suffix}" for suffix in ("metal", "air", "metallib"))
    store = default_cache()
    # the path of the source is part of what a debugger is told, and the oldest macOS a part of every library
    oldest = os.environ.get("MACOSX_DEPLOYMENT_TARGET", "")
    entry = key("metallib", source, " ".join(wanted.flags), compiler, oldest, str(metal) if wanted.debug else "")
    found = store.get(entry) if store is not None else None
    if found is not None and {"air", "metallib"} <= found.keys():
        library.write_bytes(found["metallib"])
        if keep_source:
            metal.write_text(source, encoding="utf-8")
            air.write_bytes(found["air"])
        return Library(library, found["metallib"])
    metal.write_text(source, encoding="utf-8")
    try:
        _run([*_XCRUN, "metal", *wanted.flags, "-c", str(metal), "-o", str(air)], air, metal, places)
        _run([*_XCRUN, "metallib", str(air), "-o", str(library)], library, metal, ())
        content = library.read_bytes()
        if store is not None:
            store.put(entry, {"air": air.read_bytes(), "metallib": content})
    except ToolchainError:
        if work_dir is None and not keep_source:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        if not keep_source:
            metal.unlink(missing_ok=True)
            air.unlink(missing_ok=True)
    return Library(library, content)


# ---- which tools there are


def version() -> str:
    """Return what the Metal compiler says of its version. Raises `ToolchainError` where there is none that works."""
    path = shutil.which("xcrun")
    if path is None:
        raise ToolchainError(
            "xcrun was not found, so no .metallib can be built",
            help="on a Mac install Xcode; elsewhere pass emit_only=True (or set ENIGMA_EMIT_ONLY=1) to stop at Metal source",
        )
    return _version(path, *_chosen())


@cache
def _version(_path: str, *_chosen: str) -> str:
    command = [*_XCRUN, "metal", "--version"]
    code, said = _outcome(command)
    if code != 0:
        raise _failure(command, code, said)
    return said


def available() -> bool:
    """Return whether the Metal compiler works here, as found when first asked: every compilation asks, and a tool takes long.

    On a Mac without any developer tools a call of `xcrun` opens a window that offers to install them: it is not called.
    """
    return _available(shutil.which("xcode-select"), shutil.which("xcrun"), *_chosen())


@cache
def _available(select: str | None, xcrun: str | None, *_chosen: str) -> bool:
    if xcrun is None or (select is not None and _outcome(["xcode-select", "-p"])[0] != 0):
        return False
    try:
        version()
    except ToolchainError:
        return False
    return True


def _chosen() -> tuple[str, ...]:
    """Return what the environment says about which tools to take."""
    return tuple(os.environ.get(name, "") for name in ("DEVELOPER_DIR", "TOOLCHAINS", "SDKROOT"))


def _outcome(command: Sequence[str]) -> tuple[int, str]:
    """Return how a tool ended, and what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip() or done.stdout.strip()


def _run(command: Sequence[str], product: Path, metal: Path, places: Sequence[Place | None]) -> None:
    product.unlink(missing_ok=True)  # one from an earlier build must not pass for this one's
    code, said = _outcome(command)
    if code != 0:
        raise _failure(command, code, said, diagnostics.notes(said, str(metal), places))
    if not product.exists():
        raise ToolchainError(
            f"{' '.join(command)}\nsucceeded, but made no {product.name}{f':{chr(10)}{said}' if said else ''}",
            help="run the command by hand: the tools of this Xcode may be damaged",
        )


# ---- what went wrong


def _failure(
    command: Sequence[str], code: int, said: str, notes: Sequence[tuple[str, Place | None]] = ()
) -> ToolchainError:
    """Return the error for a tool that failed: what that means, if it is known, then the command and what it said."""
    found = problem(said)
    meaning = "" if found is None else f"{found.meaning}\n"
    return ToolchainError(
        f"{meaning}{' '.join(command)}\nfailed with exit code {code}{':' if said else ', and said nothing'}\n{said}".rstrip(),
        notes=notes, help=found.mend if found is not None else _report(said),
    )  # fmt: skip


def problem(said: str) -> Problem | None:
    """Return why a tool could not work, by what it said; None where that is not known."""
    unknown = _UNKNOWN_STANDARD.search(said)
    if unknown is not None:
        language = int(unknown[1]), int(unknown[2])
        first = _FIRST_XCODE.get(language)
        return Problem(
            unknown[0], f"the Metal compiler of this Xcode does not have Metal {language[0]}.{language[1]}, which the kernel needs",
            f"install Xcode {first} or later, then {_SELECT}" if first else f"install a later Xcode, then {_SELECT}",
        )  # fmt: skip
    return next((one for one in _PROBLEMS if one.sign in said), None)


def _report(said: str) -> str | None:
    if not diagnostics.has_errors(said):
        return None
    return "Metal source that does not compile is a bug in enigma: please report it with the kernel"
