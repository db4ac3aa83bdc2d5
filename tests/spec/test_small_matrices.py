"""Small matrices of every shape against NumPy, on the simulator and the CPU, and their texts through clang and mlir-opt.

The numbers are small and whole, so that products are exact in both dtypes.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import enigma
from enigma.compile import compile as compile_kernel
from enigma.dialect.build import build
from enigma.dialect.text import print_module
from enigma.dtypes import MATRICES, Matrix
from tests.msl.check import assert_legal, clang_available
from tests.spec.forms import load
from tests.unit.dialect.mlir_opt import mlir_opt, needs_mlir_opt


def _source(m: Matrix) -> str:
    c, r, t, size = m.columns, m.rows, m.element.name, m.parts
    turned = f"{t}x{r}x{c}"
    columns = ", ".join(f"A.load(i * {size} + {k * r}, {r})" for k in range(c))
    numbers = ", ".join(f"A[i * {size} + {k}]" for k in range(size))
    wide = "f16" if t == "f32" else "f32"
    out = c * c + r * r + 4 * size + c + r + 2
    lines = [
        f"@en.kernel\ndef small_{m.name}(A: en.{t}, V: en.{t}, Out: en.{t}):",
        "    i = en.thread_position_in_grid",
        f"    a = en.{m.name}({columns})",
        f"    b = en.{turned}({numbers})",
        f"    v, w = V.load(i * 8, {c}), V.load(i * 8 + 4, {r})",
        f"    inner, outer = en.matmul(b, a), a @ b  # {c} x {c}, {r} x {r}",
        "    s = a + a",
        "    for k in en.range(0, i % 3):",
        "        s = s - a * 2.0",
        f"    held = (inner, outer, s, en.transpose(b), -a + en.{m.name}(3.0), a.to(en.{wide}).to(en.{t}))",
        f"    at = i * {out}",
        "    for one in held:",
        "        for column in one:",
        "            for number in column:",
        "                Out[at] = number",
        "                at = at + 1",
        "    for one in (a * v, w * a):",
        "        for number in one:",
        "            Out[at] = number",
        "            at = at + 1",
        "    Out[at] = en.determinant(inner)",
        f"    Out[at + 1] = en.determinant(outer, en.{wide}).to(en.{t}) + a[{c - 1}][{r - 1}]",
    ]
    return "\n".join(lines) + "\n"


@cache
def _module() -> ModuleType:
    return load("\n\n".join(_source(m) for m in MATRICES), "small_matrices")


def kernels() -> dict[str, Any]:
    """The kernels by name."""
    return {name: each for name, each in vars(_module()).items() if isinstance(each, enigma.KernelDef)}


def _truth(m: Matrix, a: Any, v: Any, i: int) -> Any:
    one, other = a.reshape(m.columns, m.rows).T.astype(np.float64), a.reshape(m.rows, m.columns).T.astype(np.float64)
    inner, outer = other @ one, one @ other
    ones = np.zeros((m.rows, m.columns))
    np.fill_diagonal(ones, 3)
    held = [inner, outer, one * 2 - one * 2 * (i % 3), other.T, ones - one, one]
    left, right = v[: m.columns].astype(np.float64), v[4 : 4 + m.rows].astype(np.float64)
    numbers = [each.T.reshape(-1) for each in held] + [one @ left, right @ one]
    return np.concatenate([*numbers, [np.linalg.det(inner), np.linalg.det(outer) + one[-1, -1]]])


@pytest.mark.parametrize("target", ["sim", "cpu"])
@pytest.mark.parametrize("m", MATRICES, ids=lambda m: m.name)
def test_products_transposes_and_determinants(m: Matrix, target: str) -> None:
    random, count = np.random.default_rng(5), 33
    a, v = (random.integers(-1, 2, (count, size)).astype(m.element.numpy) for size in (m.parts, 8))
    wanted = np.stack([_truth(m, a[i], v[i], i) for i in range(count)])
    out = np.zeros(wanted.shape, m.element.numpy)
    kernels()[f"small_{m.name}"].launch(a, v, out, grid=count, threads=32, device=target)
    np.testing.assert_allclose(out.astype(np.float64), wanted, rtol=0, atol=1e-3)


@pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")
@pytest.mark.parametrize("m", MATRICES, ids=lambda m: m.name)
def test_the_texts_are_legal_metal(m: Matrix) -> None:
    assert_legal(compile_kernel(kernels()[f"small_{m.name}"], emit_only=True).metal_source)


@needs_mlir_opt
def test_mlir_opt_accepts_the_modules() -> None:
    text = "\n".join(print_module(build(kernel.trace()), generic=True) for kernel in kernels().values())
    status, _, complaints = mlir_opt(text, "--canonicalize", "--cse", "-o", "/dev/null")
    assert (status, complaints) == (0, "")
