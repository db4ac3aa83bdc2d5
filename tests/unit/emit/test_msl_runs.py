"""Metal text of random kernels does what plain Python does: names, orders and copies are right in every combination."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from enigma.dialect.build import build
from enigma.emit.msl import emit_msl
from enigma.passes.pipeline import run
from tests.msl.check import clang_available
from tests.msl.clang import CLANG
from tests.unit.emit.random_kernels import ELEMENTS, Writer

SEEDS = range(40)
ARGUMENTS = ((1, 2), (7, 300), (901, 0), (-5, 40))

pytestmark = pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")


def load(source: str, path: Path) -> ModuleType:
    path.write_text(f"import enigma as en\n\n{source}", encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def as_cpp(text: str) -> str:
    """A kernel without positions is a C++ function once the attributes are gone."""
    text = re.sub(r"\[\[[^\]]*\]\]", "", text.split("using namespace metal;", 1)[1])
    return text.replace("kernel void", 'extern "C" void').replace("constant ", "const ").replace("device ", "")


def compiled(texts: list[str], folder: Path) -> ctypes.CDLL:
    source, library = folder / "kernels.cpp", folder / "kernels.so"
    source.write_text("\n".join(dict.fromkeys(texts)), encoding="utf-8")
    flags = ["-x", "c++", "-O0", "-w", "-fwrapv", "-shared", "-fPIC"]
    subprocess.run([CLANG, *flags, str(source), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


def expected(function: object, a: np.ndarray, p: int, q: int) -> np.ndarray:
    out = [0] * ELEMENTS
    function([int(x) for x in a], out, p, q)  # type: ignore[operator]
    return np.array(out, np.int64).astype(np.int32)


@pytest.mark.clang
@pytest.mark.parametrize("optimised", [False, True])
def test_random_kernels_mean_in_metal_what_they_mean_in_python(tmp_path: Path, optimised: bool) -> None:
    sources = [Writer(seed).source(f"kernel_{seed}") for seed in SEEDS]
    module = load("\n\n".join(sources), tmp_path / f"random_{optimised}.py")
    kernels = [getattr(module, f"kernel_{seed}") for seed in SEEDS]
    texts: list[str] = []
    for kernel in kernels:
        lowered = build(kernel.trace())
        if optimised:
            run(lowered)
        texts.append(emit_msl(lowered).text)
    library = compiled([as_cpp(text) for text in texts], tmp_path)
    a = np.random.default_rng(1).integers(-50, 1000, ELEMENTS).astype(np.int32)
    for kernel, source, text in zip(kernels, sources, texts, strict=True):
        for p, q in ARGUMENTS:
            out = np.zeros(ELEMENTS, np.int32)
            scalars = [ctypes.byref(ctypes.c_int(x)) for x in (p, q)]
            getattr(library, kernel.name)(
                a.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p), *scalars
            )
            want = expected(kernel.fn, a, p, q)
            np.testing.assert_array_equal(out, want, err_msg=f"{kernel.name}({p}, {q})\n{source}\n{text}")
