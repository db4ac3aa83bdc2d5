"""The cost model against counts done by hand: operations and bytes of the examples, occupancy, roofline, and its errors."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import enigma as en
from enigma.cli import main
from enigma.debug.cost.chips import chips
from enigma.debug.cost.model import estimate, occupancy
from enigma.debug.cost.report import DISCLAIMER
from tests.test_examples import EXAMPLES

M1 = next(chip for chip in chips() if chip.name == "M1")


def example(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    return getattr(importlib.import_module(name), name)


@en.kernel
def add(a: en.f32, b: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    out[i] = a[i] + b[i]


@pytest.mark.parametrize("n", (1, 31, 32, 33, 255, 1023, 100_003, 1 << 20))
def test_vector_add(n: int) -> None:
    report = en.explain(add, grid=n, threads=256)
    assert (report.flops, report.footprint, report.issued) == (n, 12 * n, 12 * n)
    assert report.intensity == pytest.approx(1 / 12)
    assert all(each.bound == "memory" for each in report.estimates)


@pytest.mark.parametrize("n", (1, 33, 990, 1000))
def test_saxpy_counts_only_the_lanes_that_the_guard_lets_through(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    report = en.explain(example("saxpy", monkeypatch), grid=1000, threads=256, scalars={"a": 2.0, "n": n})
    assert (report.flops, report.footprint) == (2 * n, 12 * n)  # y is read and written


@pytest.mark.parametrize(("rows", "n"), ((1, 256), (4, 512), (3, 1000)))
def test_softmax(rows: int, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    report = en.explain(example("softmax", monkeypatch), grid=rows * 256, threads=256, scalars={"n": n})
    assert report.flops == rows * n * 7  # a maximum; then minus, exp, plus; then minus, exp, over
    assert {each.buffer: (each.read, each.written) for each in report.moved if each.space == "device"} == {
        "x": (3 * 4 * rows * n, 0), "out": (0, 4 * rows * n),
    }  # fmt: skip
    assert report.footprint == 2 * 4 * rows * n
    assert report.threadgroup_bytes == 2 * 8 * 4


def test_tiled_gemm(monkeypatch: pytest.MonkeyPatch) -> None:
    m, n, k = 128, 64, 48
    scalars = {"M": m, "N": n, "K": k}
    report = en.explain(example("tiled_gemm", monkeypatch), grid=(16, 32), threads=(16, 16), scalars=scalars)
    assert report.flops == 2 * m * n * k
    assert report.footprint == 4 * (m * k + k * n + m * n)
    by_name = {each.buffer: each for each in report.moved}
    assert by_name["A"].read == 4 * m * k  # one tile column of threadgroups
    assert by_name["B"].read == 4 * k * n * 2  # each of the two rows of threadgroups reads all of B
    # for each k a thread reads 4 elements of each tile
    assert by_name["tile_a"].read == by_name["tile_b"].read == 4 * 4 * k * 512
    assert report.threadgroup_bytes == 2 * 64 * 16 * 4


def test_a_long_loop_is_sampled_and_said_to_be() -> None:
    @en.kernel
    def walk(x: en.f32, out: en.f32, n: en.Scalar[en.u32]):
        i = en.thread_position_in_grid
        total = 0.0
        for j in range(n):
            total += x[j]
        out[i] = total

    report = en.explain(walk, grid=33, threads=32, scalars={"n": 100_000})
    assert report.flops == 33 * 100_000
    assert any("of 100000 rounds" in note for note in report.notes)


def test_matrices_count_for_the_simdgroup() -> None:
    @en.kernel
    def product(a: en.f32, b: en.f32, c: en.f32):
        acc = en.make_filled_simdgroup_matrix(0.0)
        acc = en.simdgroup_multiply_accumulate(en.simdgroup_matrix_load(a, 8), en.simdgroup_matrix_load(b, 8), acc)
        en.simdgroup_matrix_store(acc, c, 8)

    report = en.explain(product, grid=32, threads=32)
    assert report.matrix_flops == report.flops == 2 * 8**3
    assert report.issued == 3 * 64 * 4


def test_data_decides_and_the_report_says_so() -> None:
    @en.kernel
    def gather(x: en.f32, index: en.u32, out: en.f32):
        i = en.thread_position_in_grid
        out[i] = x[index[i]]
        if out[i] > 0.5:
            out[i] = out[i] * 2

    notes = " ".join(en.explain(gather, grid=64, threads=32).notes)
    assert "an index of x comes from memory" in notes
    assert "both sides are counted" in notes


def test_occupancy_by_hand() -> None:
    assert occupancy(M1, 256, 16, 0).threads == 3072
    # 208 KB / (4 x 64) are 832 threads: three threadgroups of 256
    assert (occupancy(M1, 256, 64, 0).threads, occupancy(M1, 256, 64, 0).limit) == (768, "registers")
    # of 60 KB, threadgroups of 24 KB have two
    assert (occupancy(M1, 256, 16, 24 << 10).threads, occupancy(M1, 256, 16, 24 << 10).limit) == (
        512,
        "threadgroup memory",
    )


def test_roofline_by_hand() -> None:
    found = estimate(M1, flops=1e9, footprint=1.2e10, issued=1.2e10, groups=1000, threads=256, registers=16, shared=0)
    assert found.bound == "memory"
    assert found.ridge == pytest.approx(2.62e12 / 68.3e9)
    assert found.roofline_tflops == pytest.approx(68.3e9 / 12 / 1e12)
    assert found.seconds == pytest.approx((1.2e10 / (68.3e9 * 0.84), 1.2e10 / (68.3e9 * 0.5)))
    alone = estimate(M1, flops=1e12, footprint=4, issued=4, groups=1, threads=256, registers=16, shared=0)
    assert alone.bound == "compute"
    assert alone.seconds[0] == pytest.approx(1e12 / (2.62e12 * 0.84 / 8))  # one of eight cores works


def test_the_table_agrees_with_itself() -> None:
    for chip in chips():
        low, high = chip.cores * 256 * chip.ghz[0] / 1000, chip.cores * 256 * chip.ghz[1] / 1000
        assert chip.tflops_f32[0] == pytest.approx(low, rel=0.08), chip.name  # measured ones lie below
        assert chip.tflops_f32[1] == pytest.approx(high, rel=0.18), chip.name  # sources differ so much
        assert chip.sources
        assert chip.confidence in ("high", "medium", "low")
    assert [chip.name for chip in chips()][:4] == ["M1", "M1 Pro", "M1 Max", "M1 Ultra"]


def test_text_and_json_say_that_it_is_a_model() -> None:
    report = en.explain(add, grid=1000, chip="m2 max")
    assert "This is a model, not a measurement" in str(report)
    data = json.loads(report.to_json())
    assert data["model"] == DISCLAIMER
    assert [each["chip"]["name"] for each in data["estimates"]] == ["M2 Max"]
    low, high = data["estimates"][0]["seconds"]
    assert 0 < low < high


def test_errors() -> None:
    with pytest.raises(en.EnigmaTypeError, match="explain takes a kernel, but it got 5"):
        en.explain(5, grid=1)
    with pytest.raises(en.EnigmaValueError, match="no chip is called 'M9'"):
        en.explain(add, grid=1, chip="M9")

    @en.kernel
    def scale(x: en.f32, a: en.Scalar[en.f32]):
        x[en.thread_position_in_grid] *= a

    with pytest.raises(en.LaunchError, match="kernel scale has the scalars a, but it got none"):
        en.explain(scale, grid=1)
    assert en.explain(scale, grid=4, scalars={"a": np.float32(2)}).flops == 4


def test_command() -> None:
    file = str(EXAMPLES / "saxpy.py")
    args = ["explain", f"{file}:saxpy", "--grid", "1000", "--arg", "a=2", "--arg", "n=990", "--chip", "M1"]
    shown = CliRunner().invoke(main, args)
    assert shown.exit_code == 0, shown.output
    assert "1,980 FLOP" in shown.output
    data = json.loads(CliRunner().invoke(main, [*args, "--json"]).output)
    assert data["flops"] == 1980
