"""The `golden` fixture itself: it fails on a difference, and rewrites only when asked."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.arch.tree import ROOT

CASE = """
def test_text(golden):
    golden({text!r}, "saxpy")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    return tmp_path


def run(project: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (project / "test_kernels.py").write_text(CASE.format(text=text), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null"]
    command += ["--rootdir", str(project), *options, str(project)]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_a_missing_golden_file_fails_and_shows_the_text(project: Path) -> None:
    done = run(project, "kernel void saxpy() {}\n")
    assert done.returncode == 1
    assert "no golden file golden/kernels/saxpy.metal" in done.stdout
    assert "kernel void saxpy() {}" in done.stdout


def test_update_writes_the_file_and_then_it_passes(project: Path) -> None:
    assert run(project, "a\n", "--update-golden").returncode == 0
    assert (project / "golden" / "kernels" / "saxpy.metal").read_bytes() == b"a\n"
    assert run(project, "a\n").returncode == 0


def test_a_difference_fails_with_a_diff_and_leaves_the_file_alone(project: Path) -> None:
    run(project, "a\nb\n", "--update-golden")
    done = run(project, "a\nc\n")
    assert done.returncode == 1
    assert "-b\n" in done.stdout
    assert "+c\n" in done.stdout
    assert (project / "golden" / "kernels" / "saxpy.metal").read_bytes() == b"a\nb\n"
