"""The helpers that put 64-bit arithmetic across lanes together from Metal's 32-bit functions, run with a host thread a lane.

Only the active lanes have a thread: a helper that waits for another one, or reads its value, fails.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enigma.dtypes import Numeric, i64, u64
from enigma.spec.registry import all_rows
from tests.spec.exact import extremes, samples
from tests.spec.lane_truths import truth

COMPILER = shutil.which("clang++-22") or shutil.which("g++")
ROWS = {row.name: row for row in all_rows() if row.name.startswith(("simd_", "quad_")) and row.prelude}
MASKS = {"all": 2**32 - 1, "one": 1 << 9, "odd": 0xAAAAAAAA, "some": 0x0F0C00F1}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Return all helpers compiled, under the names `run_<row>_<dtype>`."""
    if COMPILER is None:
        pytest.skip("neither clang++-22 nor g++ is installed")
    parts = [Path(__file__).with_name("lanes.cpp").read_text(encoding="utf-8")]
    for name, row in ROWS.items():
        for dtype in (i64, u64):
            metal = dtype.metal_name
            parts.append(row.prelude[f"msl:{dtype.name}"].format(T=metal))
            width = 4 if name.startswith("quad") else 32
            parts.append(
                f'extern "C" void run_{name}_{dtype.name}(uint mask, const {metal} *in, {metal} *out) '
                f"{{ run<{metal}>({name}64, {width}, mask, in, out); }}\n"
            )
    folder = tmp_path_factory.mktemp("lanes")
    (folder / "lanes.cpp").write_text("\n".join(parts), encoding="utf-8")
    command = [
        COMPILER,
        "-std=c++20",
        "-O1",
        "-fwrapv",
        "-w",
        "-shared",
        "-fPIC",
        "-pthread",
        "-o",
        "lanes.so",
        "lanes.cpp",
    ]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "lanes.so"))


def test_there_is_a_helper_for_each_kind_of_arithmetic() -> None:
    kinds = (
        "sum",
        "product",
        "min",
        "max",
        *(f"prefix_{way}_{kind}" for way in ("inclusive", "exclusive") for kind in ("sum", "product")),
    )
    assert set(ROWS) == {f"{prefix}_{kind}" for prefix in ("simd", "quad") for kind in kinds}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("dtype", [i64, u64], ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("name", ROWS)
def test_a_helper_keeps_to_the_active_lanes(library: ctypes.CDLL, name: str, dtype: Numeric, mask: int) -> None:
    run: Callable[..., Any] = getattr(library, f"run_{name}_{dtype.name}")
    edges = extremes(dtype)
    for values in (
        [edges[k % len(edges)] for k in range(32)],
        samples(dtype, 32, 3),
        [dtype.max - k for k in range(32)],
    ):
        given, got = np.array(values, dtype.numpy), np.zeros(32, dtype.numpy)
        run(ctypes.c_uint(mask), ctypes.c_void_p(given.ctypes.data), ctypes.c_void_p(got.ctypes.data))
        active = [lane for lane in range(32) if mask >> lane & 1]
        for lane in active:
            assert int(got[lane]) == truth(name, lane, [(x,) for x in values], active, dtype), (lane, values)
