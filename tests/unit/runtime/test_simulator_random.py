"""Random control flow on divergent lanes: every thread must end as plain Python does with that thread's numbers."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.emit.random_kernels import ELEMENTS, Writer
from tests.unit.runtime.simulated import run

THREADS = 45
SCALARS = "p: en.Scalar(en.i32), q: en.Scalar(en.i32)):\n"


def sources(seed: int) -> tuple[str, str]:
    """Return a kernel whose threads have their own p, q and 64 elements of Out, and the same as a Python function of i."""
    text = Writer(seed).source("kernel").replace("Out[", "Out[base | ")
    start = "    base = i * 64\n    p = P[i]\n    q = Q[i]\n"
    kernel = text.replace(SCALARS, f"P: en.i32, Q: en.i32):\n    i = en.thread_position_in_grid.to(en.i32)\n{start}")
    python = text.replace("@en.kernel\n", "").replace(SCALARS, f"P, Q, i):\n{start}").replace("en.i32", "None")
    return kernel, python.replace("def kernel", "def python")


@pytest.mark.parametrize("seed", range(40))
def test_divergent_lanes_each_do_what_python_does(seed: int, tmp_path: Path) -> None:
    path = tmp_path / f"random_{seed}.py"
    path.write_text("import enigma as en\n\n" + "\n\n".join(sources(seed)), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    random = np.random.default_rng(seed)
    a, p, q = (random.integers(-50, 1000, n).astype(np.int32) for n in (ELEMENTS, THREADS, THREADS))
    out = np.zeros(THREADS * 64, np.int32)
    run(module.kernel, a, out, p, q, grid=THREADS, threads=37)
    want = [0] * len(out)
    for i in range(THREADS):
        module.python(a.tolist(), want, p.tolist(), q.tolist(), i)
    assert out.tolist() == want
