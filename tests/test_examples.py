"""Every example runs by itself, finds its own result right, and would notice a wrong one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
SHARED = {"png", "report"}
PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem not in SHARED)
SIZES = {
    "tiled_gemm": 40, "heat_equation": 30, "mandelbrot": 50, "sdpa": 2, "attention": 100, "qwen_layer": 128, "async_copy_gemm": 40,
    "resize": 40, "simdgroup_gemm": 40,
}  # fmt: skip


def run(code: list[str], device: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "src"), str(EXAMPLES)])
    env = {**os.environ, "ENIGMA_DEVICE": device, "PYTHONPATH": path}
    return subprocess.run([sys.executable, *code], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("device", ["sim", "cpu"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_runs_and_agrees_with_numpy(name: str, device: str, tmp_path: Path) -> None:
    program = [str(EXAMPLES / f"{name}.py"), "--size", str(SIZES.get(name, 1500))]
    done = run(program, device, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "kernel void" in done.stdout
    assert "EnigmaWarning" not in done.stderr  # the simulator checks the run


@pytest.mark.parametrize("name", ["heat_equation", "mandelbrot"])
def test_an_example_with_a_picture_writes_a_png(name: str, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    done = run([str(EXAMPLES / f"{name}.py"), "--size", "48", "--out", "pictures"], "cpu", tmp_path)
    assert done.returncode == 0, done.stderr
    with image.open(tmp_path / "pictures" / f"{name}.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape[1:] == (48, 3)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20  # shades, not one colour


# wrong operations of each kernel; mandelbrot's picture would still look right
WRONG = [
    ("vector_add", "a[i] + b[i]", "a[i] - b[i]"),
    ("vector_add", "x + y, limit=n", "x + y, limit=n - 1"),
    ("saxpy", "a * x[i] + y[i]", "a * (x[i] + 1e-5) + y[i]"),
    ("rmsnorm", "total / n + eps", "total / n"),
    ("softmax", "if lane < SIMDGROUPS else identity", "if lane < 7 else identity"),
    ("tiled_gemm", "range(0, K, SIDE)", "range(0, K - 1, SIDE)"),
    ("simdgroup_gemm", "range_constexpr(0, DEPTH, 8)", "range_constexpr(0, DEPTH - 8, 8)"),
    ("heat_equation", "0 < x < width - 1", "1 < x < width - 1"),
    ("mandelbrot", "xx + yy > 4.0", "xx + yy > 2.0"),
    ("histogram", "en.atomic_fetch_add(local, data[i], 1)", "local[data[i]] += 1"),
    ("prefix_sum", "en.simd_prefix_exclusive_sum(sums", "en.simd_prefix_inclusive_sum(sums"),
    ("laplacian", "x[i - 1] if i > 0", "x[i - 1] if i > 1"),
    ("laplacian", "i + 1 < n", "i + 1 < n - 1"),
    ("resize", "dy * (k - 2), normalized", "dy * (k - 1), normalized"),
    ("resize", 'v, filter="linear")', 'v, filter="linear", address="clamp_to_zero")'),
    ("resize", "0.5) / out.width()", "0.25) / out.width()"),
    ("sdpa", "scale * q[row + lane + j * LANES]", "0.0 * q[row + lane + j * LANES]"),  # every key counts alike
    ("sdpa", "scale * q[row + lane + j * LANES]", "scale * q[row + (lane + j * LANES) / 2]"),  # each element twice
    ("sdpa", "head / (Q_HEADS // KV_HEADS)", "head % KV_HEADS"),
    ("sdpa", "en.exp(top - higher), ", "1.0, "),
    ("attention", 'if start + j < n else -float("inf")', 'if start + j <= n else -float("inf")'),
    ("attention", "acc = higher, total * shrink, [x * shrink for x in acc]", "acc = higher, total * shrink, acc"),
    ("async_copy_gemm", "tiles_b.advance()", "pass"),
    ("async_copy_gemm", "columns, depth)", "columns, depth - 1)"),
    ("qwen_layer", "* c - query[at + D // 2] * s", "* c + query[at + D // 2] * s"),
    ("qwen_layer", "for token in range(position + 1)", "for token in range(position)"),
    ("qwen_layer", "g / (1 + en.exp(-g)) * u", "max(g, 0.0) * u"),
    ("qwen_layer", "+ EPSILON", "+ 10 * EPSILON"),
]


def test_every_example_has_a_wrong_twin() -> None:
    assert sorted({name for name, _, _ in WRONG}) == PROGRAMS


@pytest.mark.parametrize(("name", "right", "wrong"), WRONG, ids=lambda text: text if text.isidentifier() else "")
def test_an_example_notices_a_wrong_kernel(name: str, right: str, wrong: str, tmp_path: Path) -> None:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert text.count(right) == 1
    (tmp_path / f"{name}.py").write_text(text.replace(right, wrong), encoding="utf-8")
    size = 128 if name == "qwen_layer" else 65
    done = run([f"{name}.py", "--size", str(size)], "cpu", tmp_path)
    assert done.returncode == 1
    assert f"{name}: " in done.stderr
    assert "Traceback" not in done.stderr
