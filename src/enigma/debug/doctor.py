"""What this machine can do with enigma, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import enigma
from enigma import config
from enigma._version import __version__
from enigma.errors import EnigmaError
from enigma.lib.demo import vector_add
from enigma.runtime import toolchain
from enigma.runtime.cache import default_folder
from enigma.runtime.native.host import host
from enigma.runtime.native.pool import pool

_NEEDED = ("numpy", "ml_dtypes", "xdsl", "llvmlite", "click", "rich", "platformdirs")
_OPTIONAL = {
    "mlx": "arrays of MLX without copies",
    "torch": "arrays of PyTorch without copies",
    "pillow": "pictures of any format",
}
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `state` is "ok", "absent" (not needed here) or "broken"; `mend` is what to do about it."""

    part: str
    name: str
    state: str
    found: str
    mend: str = ""


def examine() -> list[Check]:
    """Return every check, in the order in which a person would ask."""
    return [*_python(), *_runs(), _cache(), *_metal(), *_others(), *_environment()]


def _python() -> list[Check]:
    version = platform.python_version()
    right = (3, 11) <= sys.version_info[:2] < (3, 14)
    found = [
        Check("enigma", "enigma", "ok", __version__),
        Check(
            "enigma", "Python", "ok" if right else "broken", f"{version} on {platform.system()} {platform.machine()}",
            "" if right else "install Python 3.11, 3.12 or 3.13",
        ),
    ]  # fmt: skip
    for name in _NEEDED:
        held = _version(name)
        state = "ok" if held else "broken"
        found.append(Check("enigma", name, state, held or "not installed", "" if held else f"pip install {name}"))
    return found


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _runs() -> list[Check]:
    def cpu() -> str:
        machine = host()
        return f"{machine.cpu}, vectors of {machine.vector_bits} bits, {pool().num_threads} threads"

    return [_run("cpu", cpu), _run("sim", lambda: "checks kernels")]


def _run(device: str, about: Callable[[], str]) -> Check:
    """Run a kernel and compare what it gave."""
    a, out = np.arange(1000, dtype=np.float32), np.zeros(1000, np.float32)
    try:
        vector_add.launch(a, a, out, 1000, grid=1000, threads=64, device=device)
        right = bool((out == a + a).all())
        found = about() if right else "a kernel gave a wrong result"
    except (EnigmaError, OSError, RuntimeError) as error:
        right, found = False, f"a kernel failed: {error}"
    mend = "" if right else "report it, with the output of `enigma doctor --json`"
    return Check("runs here", device, "ok" if right else "broken", found, mend)


def _cache() -> Check:
    folder = default_folder()
    if config.no_cache():
        return Check("runs here", "cache", "absent", "turned off by ENIGMA_NO_CACHE", "unset ENIGMA_NO_CACHE")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    mend = "" if writable else "set ENIGMA_CACHE_DIR to a folder that can be written to"
    return Check(
        "runs here",
        "cache",
        "ok" if writable else "broken",
        f"{folder}{'' if writable else ': cannot be written to'}",
        mend,
    )


# ---- Metal


def _metal() -> list[Check]:
    found = [Check("Metal", "source", "ok", "Metal source is made on every machine: enigma emit FILE.py:KERNEL")]
    if sys.platform != "darwin":
        mend = "run it on a Mac with Apple silicon; here, cpu and sim run the same kernels"
        return [*found, Check("Metal", "device", "absent", f"this is {platform.system()}, and Metal is macOS's", mend)]
    return [*found, *_mac()]


def _mac() -> list[Check]:
    found: list[Check] = []
    if platform.machine() != "arm64":
        found.append(Check(
            "Metal", "processor", "broken", f"this Python is for {platform.machine()}",
            "install a Python for arm64: one for Intel runs translated, on a Mac with Apple silicon too",
        ))  # fmt: skip
    found.append(_device())
    found += _tools()
    return found


def _device() -> Check:
    if config.force_no_metal():
        return Check("Metal", "device", "absent", "turned off by ENIGMA_FORCE_NO_METAL", "unset ENIGMA_FORCE_NO_METAL")
    try:
        about = enigma.MetalRuntime().device_capabilities()
    except EnigmaError as error:
        return Check("Metal", "device", "broken", " ".join(error.message.split()), error.help or "")
    ran = _run("metal", lambda: "")
    if ran.state != "ok":
        return Check("Metal", "device", ran.state, ran.found, ran.mend)
    return Check("Metal", "device", "ok", f"{about.device_name} ({about.gpu_family}), runs kernels without Xcode")


def _tools() -> list[Check]:
    if shutil.which("xcrun") is None:
        return [Check(
            "Metal", "xcrun", "absent", "not found; needed for .metallib files only", "xcode-select --install, then install Xcode"
        )]  # fmt: skip
    found: list[Check] = []
    for tool in ("metal", "metallib"):
        try:
            done = subprocess.run(
                ["xcrun", "-sdk", "macosx", tool, "--version"],
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
            said, right = (done.stdout + done.stderr).strip(), done.returncode == 0
        except (OSError, subprocess.TimeoutExpired) as error:
            said, right = str(error), False
        first = said.splitlines()[0] if said else "it says nothing"
        known = None if right else toolchain.problem(said)
        mend = "install Xcode, then sudo xcode-select -s /Applications/Xcode.app" if known is None else known.mend
        shown = first if known is None else f"{known.meaning} ({first})"
        found.append(Check("Metal", f"xcrun {tool}", "ok" if right else "absent", shown, "" if right else mend))
    return found


# ---- what else


def _others() -> list[Check]:
    found: list[Check] = []
    for name, use in _OPTIONAL.items():
        held = _version(name)
        if name == "mlx" and not held and sys.platform != "darwin":
            continue
        found.append(Check(
            "optional", name, "ok" if held else "absent", held or f"not installed; for {use}", "" if held else f"pip install {name}"
        ))  # fmt: skip
    return found


def _environment() -> list[Check]:
    return [
        Check("environment", name, "ok", value)
        for name, value in sorted(os.environ.items())
        if name.startswith("ENIGMA_")
    ]
