"""Apple's compiler is called as its manual says, and understood. (The compiler is a stand-in here.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.msl.check import assert_legal
from tests.msl.xcrun import run_xcrun

SCRIPT = """#!/bin/sh
echo "$@" > "$(dirname "$0")/called"
for last in "$@"; do :; done
grep -n nowhere "$last" | sed "s|^\\([0-9]*\\):.*|$last:\\1:7: error: use of undeclared identifier 'nowhere'|" >&2
! grep -q nowhere "$last"
"""
KERNEL = """#include <metal_stdlib>
using namespace metal;

kernel void k(
    device float* a [[buffer(0)]],
    uint i [[thread_position_in_grid]])
{
    a[i] = 1.0f;
}
"""


@pytest.fixture(autouse=True)
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a stand-in on PATH, which knows one mistake; it notes how it was called."""
    (tmp_path / "xcrun").write_text(SCRIPT)
    (tmp_path / "xcrun").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("ENIGMA_TEST_XCRUN", "1")
    return tmp_path / "called"


def test_a_right_text_is_compiled_and_a_wrong_one_is_shown(compiler: Path) -> None:
    assert_legal(KERNEL)
    assert compiler.read_text().startswith("-sdk macosx metal -std=metal3.1 -fno-fast-math -Werror -fsyntax-only /")
    with pytest.raises(AssertionError, match="8:7: .*use of undeclared identifier 'nowhere'"):
        assert_legal(KERNEL.replace("1.0f", "nowhere"))


def test_the_language_is_the_text_s(compiler: Path) -> None:
    assert run_xcrun(KERNEL + "// an older one", (2, 4)) == []
    assert " -std=macos-metal2.4 " in compiler.read_text()
    assert run_xcrun(KERNEL + "// os_log_default", (2, 4)) == []
    assert " -std=metal3.2 -fno-fast-math -fmetal-enable-logging " in compiler.read_text()
