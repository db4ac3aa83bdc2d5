"""What is exported, built and run by Apple's own tools on a GPU. Nothing of this runs without a Mac."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from enigma.export.api import write
from enigma.export.table import TARGETS
from enigma.runtime.choose import has_metal
from tests.export.kernels import CASES

pytestmark = pytest.mark.skipif(
    sys.platform != "darwin" or not has_metal(), reason="what is exported runs on a Mac with a Metal device"
)

NAMES = ("saxpy", "views", "smooth", "table", "halve", "mirror", "product", "copy f16x2", "copy i8x3", "copy b1")


def exported(name: str, target: str, folder: Path) -> Path:
    """Write a case, and return its folder."""
    write(folder, TARGETS[target].files(CASES[name].bundle()), overwrite=False)
    return folder


@pytest.mark.skipif(shutil.which("swift") is None, reason="swift is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_a_swift_package_passes_its_test(name: str, tmp_path: Path) -> None:
    folder = exported(name, "swift", tmp_path / "package")
    done = subprocess.run(["swift", "test"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


METAL_CPP = os.environ.get("METAL_CPP", "")


@pytest.mark.skipif(not METAL_CPP, reason="METAL_CPP does not name the folder of metal-cpp")
@pytest.mark.parametrize("name", NAMES)
def test_a_program_in_cpp_finds_its_results_right(name: str, tmp_path: Path) -> None:
    folder = exported(name, "cpp", tmp_path / "program")
    command = [
        "clang++",
        "-std=c++17",
        "-I",
        METAL_CPP,
        "main.cpp",
        "-framework",
        "Foundation",
        "-framework",
        "Metal",
        "-o",
        "run",
    ]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run(["./run", "vectors"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
