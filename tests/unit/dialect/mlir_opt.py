"""LLVM's own mlir-opt as the judge of our modules; tests skip where it is absent."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from enigma.dialect.irdl import irdl_text

TOOL = shutil.which("mlir-opt-19")
needs_mlir_opt = pytest.mark.skipif(TOOL is None, reason="mlir-opt-19 is not installed (Debian: mlir-19-tools)")


@cache
def _definition() -> Path:
    path = Path(mkdtemp()) / "enigma.irdl"
    path.write_text(irdl_text())
    return path


def mlir_opt(text: str, *options: str) -> tuple[int, str, str]:
    """Run mlir-opt on a text with the dialect's IRDL loaded; return its exit status, output and complaints."""
    assert TOOL is not None
    command = [TOOL, f"--irdl-file={_definition()}", *options]
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr
