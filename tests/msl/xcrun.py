"""Apple's own compiler on a Metal text, where ENIGMA_TEST_XCRUN=1 asks for it: `xcrun metal -Werror`, nothing written."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.msl.diagnostic import Diagnostic

_LINE = re.compile(
    r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<col>\d+): (?:fatal error|error|warning): (?P<message>.*)$", re.MULTILINE
)


def xcrun_wanted() -> bool:
    """Whether texts are to be compiled by Apple's compiler too."""
    return os.environ.get("ENIGMA_TEST_XCRUN") == "1"


def run_xcrun(text: str, msl_version: tuple[int, int]) -> list[Diagnostic]:
    """What Apple's compiler says against a text; warnings count."""
    return list(_run(text, msl_version, hashlib.sha256(text.encode()).hexdigest()))


@cache
def _run(text: str, msl_version: tuple[int, int], _key: str) -> tuple[Diagnostic, ...]:
    major, minor = max(msl_version, (3, 2) if "os_log" in text else (2, 4))
    standard = f"{'metal' if major >= 3 else 'macos-metal'}{major}.{minor}"
    logging = ["-fmetal-enable-logging"] if "os_log" in text else []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "text.metal"
        source.write_text(text, encoding="utf-8")
        command = [
            "xcrun", "-sdk", "macosx", "metal", f"-std={standard}", "-fno-fast-math", *logging, "-Werror", "-fsyntax-only",
            str(source),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ()
    found = [Diagnostic("xcrun", int(m["line"]), int(m["col"]), m["message"]) for m in _LINE.finditer(done.stderr)]
    return tuple(found) or (Diagnostic("xcrun", 1, 1, done.stderr.strip()),)
