"""The cost model against counts done by hand: operations and bytes of the examples, occupancy, roofline, and its errors."""

from __future__ import annotations

import importlib
import json
import re
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, cast

import numpy as np
import pytest
from click.testing import CliRunner

import enigma as en
from enigma.cli import main
from enigma.debug.cost.chips import chips, rates
from enigma.debug.cost.model import DISCLAIMER, Demand, estimate, occupancy
from enigma.spec.work import Work
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


def test_a_large_tiled_gemm_is_sampled_and_still_right(monkeypatch: pytest.MonkeyPatch) -> None:
    m, n, k = 1000, 1990, 70  # tails along every axis
    grid = (16 * -(-n // 64), 16 * -(-m // 64))
    report = en.explain(
        example("tiled_gemm", monkeypatch), grid=grid, threads=(16, 16), scalars={"M": m, "N": n, "K": k}, chip="M1"
    )
    # the inner products go on over the zeros that fill up the tiles
    assert report.flops == 2 * (grid[0] * 4) * (grid[1] * 4) * (-(-k // 16) * 16)
    assert report.footprint == 4 * (m * k + k * n + m * n)
    by_name = {each.buffer: each for each in report.moved}
    assert (by_name["A"].read, by_name["B"].read) == (4 * m * k * -(-n // 64), 4 * k * n * -(-m // 64))
    assert by_name["C"].written == 4 * m * n
    assert report.count_error == 0


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
    assert any("of up to 100000 rounds" in note for note in report.notes)


def test_matrices_count_for_the_simdgroup() -> None:
    @en.kernel
    def product(a: en.f32, b: en.f32, c: en.f32):
        acc = en.make_filled_simdgroup_matrix(0.0)
        acc = en.simdgroup_multiply_accumulate(en.simdgroup_matrix_load(a, 8), en.simdgroup_matrix_load(b, 8), acc)
        en.simdgroup_matrix_store(acc, c, 8)

    report = en.explain(product, grid=32, threads=32)
    assert report.matrix_flops == report.flops == 2 * 8**3
    assert report.issued == report.footprint == 3 * 64 * 4
    assert report.work["f32 matrix product"] == 1


def test_matrices_touch_the_rows_that_they_are_made_of() -> None:
    @en.kernel
    def move(a: en.f32, c: en.f32):
        tile = en.threadgroup_alloc(en.f32, (8, 8))
        en.simdgroup_matrix_store(en.simdgroup_matrix_load(a, 100, offset=5), tile, 8)
        en.simdgroup_matrix_store(en.simdgroup_matrix_load(tile, 8), c, 8)

    report = en.explain(move, grid=32, threads=32)
    a = next(each for each in report.moved if each.buffer == "a")
    assert a.footprint == 64 * 4
    rows = [(4 * (5 + 100 * row), 4 * (5 + 100 * row + 8)) for row in range(8)]
    touched = {byte // 128 for low, high in rows for byte in range(low, high)}
    assert (a.fetched, a.lines) == (128 * len(touched), 128 * len(touched))
    assert not report.notes


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
    assert occupancy(M1, 256, 32, 0).threads == 3072
    # 208 KB / (2 x 128) are 832 threads: three threadgroups of 256
    assert (occupancy(M1, 256, 128, 0).threads, occupancy(M1, 256, 128, 0).limit) == (768, "registers")
    # of 60 KB, threadgroups of 24 KB have two
    assert (occupancy(M1, 256, 32, 24 << 10).threads, occupancy(M1, 256, 32, 24 << 10).limit) == (
        512,
        "threadgroup memory",
    )


@pytest.mark.parametrize(
    ("registers", "threads"),
    (
        (104, 1024), (112, 896), (128, 832), (136, 768), (144, 704), (160, 640), (184, 576), (208, 512), (232, 448), (256, 384),
    ),
)  # fmt: skip
def test_occupancy_agrees_with_the_published_table(registers: int, threads: int) -> None:
    """Mesa's driver: the threads that a core of Apple7 or Apple8 holds at so many registers of 16 bits."""
    assert occupancy(M1, 32, registers, 0).threads == threads


def test_f16_takes_half_the_registers() -> None:
    @en.kernel
    def wide(a: en.f32, out: en.f32):
        i = en.thread_position_in_grid
        held = [a[i * 16 + k] for k in range(16)]
        total = held[0]
        for k in range(1, 16):
            total = total * held[k]
        out[i] = total

    @en.kernel
    def narrow(a: en.f16, out: en.f16):
        i = en.thread_position_in_grid
        held = [a[i * 16 + k] for k in range(16)]
        total = held[0]
        for k in range(1, 16):
            total = total * held[k]
        out[i] = total

    found = [en.explain(kernel, grid=32, threads=32).registers for kernel in (wide, narrow)]
    assert 7 <= found[0] - found[1] <= 8  # 15 or 16 values at once, of one register each or of half of one


def test_roofline_by_hand() -> None:
    streaming = Demand(1000, 256, flops={Work.F32: 1e9}, least={Work.F32: 1e9 / 64}, most={Work.F32: 1e9 / 64},
                       fetched=(1.2e10, 1.2e10), lines=1.2e10)  # fmt: skip
    found = estimate(M1, streaming)
    assert found.bound == "memory"
    assert found.ridge == pytest.approx(2.62e12 / 68.3e9)
    assert found.roofline_tflops == pytest.approx(68.3e9 / 12 / 1e12)
    assert found.seconds == pytest.approx((1.2e10 / (68.3e9 * 0.9), 1.2e10 / (68.3e9 * 0.5)))
    # one of eight cores works on 1e12 multiply-adds: 32 of them are an instruction, a core does four for each clock
    work = {Work.F32: 1e12 / 32}
    alone = estimate(M1, Demand(1, 1024, flops={Work.F32: 2e12}, least=work, most=work))
    assert alone.bound == "compute"
    clock = 2.62e12 / 256 / 8
    assert alone.seconds[0] == pytest.approx(1e12 / (128 * clock * 0.95))
    assert alone.seconds[1] == pytest.approx(1e12 / (128 * clock * 0.5))


def test_rates_by_hand() -> None:
    """A core has four schedulers: 8 cores at 1.279 GHz start so many cycles of simdgroups a second."""
    cycles = 8 * 4 * (2.62e12 / 256 / 8)

    def compute(work: Work) -> tuple[float, float]:
        found = estimate(M1, Demand(8000, 1024, least={work: 1e9}, most={work: 1e9})).parts["compute"]
        return found[0] * 0.95 * cycles / 1e9, found[1] * 0.5 * cycles / 1e9

    assert compute(Work.POWER) == pytest.approx((4, 4))
    assert compute(Work.REDUCE) == pytest.approx((14.5, 14.5))
    assert compute(Work.ROOT) == pytest.approx((9, 15))
    assert compute(Work.F16) == pytest.approx((1, 1))
    # 64 bytes of threadgroup memory for each clock of a core
    shared = estimate(M1, Demand(8000, 1024, shared=(1e9, 4e9))).parts["threadgroup memory"]
    assert shared == pytest.approx((1e9 / (64 * cycles / 4), 4e9 / (64 * cycles / 4 * 0.5)))


def test_half_precision_is_faster_on_the_m5_only() -> None:
    m1, m5 = M1, next(chip for chip in chips() if chip.name == "M5")
    for kind, times in ((Work.F32, (1.0, 1.0)), (Work.F16, (1.0, 3.2 / 1.88))):
        for chip, faster in zip((m1, m5), times, strict=True):
            found = estimate(chip, Demand(100, 256, flops={kind: 1e12}, fetched=(4, 4)))
            assert found.roofline_tflops == pytest.approx(chip.tflops_f32[1] * faster, rel=0.01)
    # the measured 6.5 T multiply-adds of an M5 Max by matrices of 8 x 8, where plain ones are 7.6 T
    low, high = rates(10).kinds[Work.MATRIX_F32].low, rates(10).kinds[Work.MATRIX_F32].high
    assert low <= 16 * 7.6 / 6.5 <= high


def test_every_kind_of_work_has_a_rate_in_every_family() -> None:
    for family in {chip.family for chip in chips()}:
        assert set(rates(family).kinds) == set(Work)
        for rate in rates(family).kinds.values():
            assert 0 <= rate.low <= rate.high
            assert rate.confidence in ("high", "medium", "low")
            assert rate.source


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


def test_times_have_three_digits_and_a_unit() -> None:
    report = en.explain(add, grid=1, chip="M1")
    for seconds, text in (
        ((1.234e-9, 9.876e-9), "1.23 to 9.88 ns"), ((4.5e-7, 12.34e-6), "0.45 to 12.3 us"), ((1e-4, 1.5e-3), "0.10 to 1.50 ms"),
        ((0.0, 0.5), "0.00 to 500 ms"), ((1.0, 123.4), "1.00 to 123 s"), ((0.0, 0.0), "0.00 to 0.00 ns"),
    ):  # fmt: skip
        assert report.range(seconds) == text


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


@dataclass
class Window:
    low: en.f32
    high: en.f32


def test_a_struct_is_given_as_at_launch() -> None:
    @en.kernel
    def stretched(x: en.f32, window: Window):
        x[en.thread_position_in_grid] *= window.high - window.low

    for window in (Window(1.0, 3.0), {"high": 3.0, "low": 1.0}):
        assert en.explain(stretched, grid=4, scalars={"window": window}).flops == 8
    for wrong, said in (
        (3, "it is a int"),
        ({"low": 1.0}, "window lacks high"),
        (Window(1.0, "x"), "must be a number"),
    ):
        with pytest.raises(en.LaunchError, match=said):
            en.explain(stretched, grid=4, scalars={"window": wrong})


@pytest.mark.parametrize("n", (1, 65, 1000, 5000))
def test_a_while_loop_that_only_the_launch_decides_is_counted_in_full(n: int) -> None:
    @en.kernel
    def summed(out: en.u32, n: en.Scalar[en.u32]):
        x, total = en.u32(1), en.u32(0)
        while x < n:
            x = x + 1
            total = total + x * 3
        out[en.thread_position_in_grid] = total

    report = en.explain(summed, grid=64, scalars={"n": n}, chip="M1")
    if n < 2048:
        assert (report.integer_ops, report.notes, report.unpriced) == (64 * (4 * (n - 1) + 1), [], {})
    else:
        assert report.notes[0] == "a while loop has 2048 rounds or more: what comes after them was not counted"
        assert report.unpriced == {"rounds of a while loop after 2048": 2}


def test_command() -> None:
    file = str(EXAMPLES / "saxpy.py")
    args = ["explain", f"{file}:saxpy", "--grid", "1000", "--arg", "a=2", "--arg", "n=990", "--chip", "M1"]
    shown = CliRunner().invoke(main, args)
    assert shown.exit_code == 0, shown.output
    assert "1,980 FLOP" in shown.output
    data = json.loads(CliRunner().invoke(main, [*args, "--json"]).output)
    assert data["flops"] == 1980


@pytest.mark.parametrize("n", (1024, 8192))
def test_a_transposed_copy_asks_for_a_line_in_every_lane(n: int) -> None:
    @en.kernel
    def transpose(a: en.f32, out: en.f32, n: en.Scalar[en.u32]):
        x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
        out[x * n + y] = a[y * n + x]

    report = en.explain(transpose, grid=(n, n), threads=(32, 8), scalars={"n": n}, chip="M1")
    a, out = report.moved
    assert (a.read, a.lines, a.fetched) == (4 * n * n, 4 * n * n, 4 * n * n)  # 32 neighbours are a line
    assert (out.written, out.lines, out.fetched) == (4 * n * n, 128 * n * n, 4 * n * n)
    assert report.footprint == 8 * n * n
    low, high = report.estimates[0].parts["memory"]
    straight = 8 * n * n / 68.3e9
    if 8 * n * n > 8e6:  # more than the last cache holds: each line may come again
        assert (low, high) == pytest.approx((straight / 0.9, (4 + 128) * n * n / (68.3e9 * 0.5)))


def test_a_reduction() -> None:
    @en.kernel
    def reduce(x: en.f32, out: en.f32):
        partial = en.threadgroup_alloc(en.f32, 8)
        total = en.simd_sum(x[en.thread_position_in_grid])
        partial[en.simdgroup_index_in_threadgroup()] = total
        en.barrier("mem_threadgroup")
        en.atomic_fetch_add(out, 0, total)

    n = 256 * 1000
    report = en.explain(reduce, grid=n, threads=256)
    assert report.collectives == n
    assert report.work == {"simdgroup reduction": n // 32}
    assert report.unpriced == {"atomic operations": n, "barriers": n // 32}
    assert report.barriers == n
    by_name = {each.buffer: each for each in report.moved}
    assert (by_name["out"].atomic, by_name["out"].footprint) == (4 * n, 4)
    assert by_name["partial"].written == 4 * n
    assert re.search(r"\d to [\d.]+\+ us", str(report))
    assert "the times leave out atomic operations (256,000)" in str(report)


def test_banks_of_threadgroup_memory() -> None:
    """A column of a tile whose rows are 32 words lies in one bank; with rows of 33 words each lane has its own."""
    for row, turns in ((32, 32), (33, 1)):

        @en.kernel
        def columns(out: en.f32, row: en.constexpr):
            tile = en.threadgroup_alloc(en.f32, 32 * row)
            lane = en.thread_index_in_simdgroup()
            out[lane] = tile[lane * row]

        report = en.explain(columns, grid=32, threads=32, constants={"row": row}, chip="M1")
        low, high = report.estimates[0].parts["threadgroup memory"]
        clock = 2.62e12 / 256 / 8
        assert low == pytest.approx(128 / (64 * clock))
        assert high == pytest.approx(128 * turns / (64 * clock * 0.5 / 24))  # one simdgroup hides nothing


@pytest.mark.parametrize(
    ("grid", "w", "h"), (((1000, 770), 990, 701), ((100_000, 7700), 99_990, 7001), ((5000, 1, 3000), 4711, 0))
)
def test_guards_of_large_grids_are_found(grid: tuple[int, ...], w: int, h: int) -> None:
    @en.kernel
    def guarded(a: en.f32, out: en.f32, w: en.Scalar[en.u32], h: en.Scalar[en.u32]):
        x, y, z = (
            en.thread_position_in_grid_xyz("x"),
            en.thread_position_in_grid_xyz("y"),
            en.thread_position_in_grid_xyz("z"),
        )
        if (x < w) & (y <= h):
            out[(z * (h + 1) + y) * w + x] = a[(z * (h + 1) + y) * w + x] + 1.0

    report = en.explain(guarded, grid=grid, threads=(32, 8) if h else (32, 1, 8), scalars={"w": w, "h": h}, chip="M1")
    inside = w * (h + 1) * (grid[2] if len(grid) > 2 else 1)
    assert (report.flops, report.issued, report.footprint) == (inside, 8 * inside, 8 * inside)
    assert report.count_error == 0


def test_what_samples_cannot_tell_is_within_the_error_that_is_stated() -> None:
    @en.kernel
    def triangle(a: en.f32, out: en.f32, n: en.Scalar[en.u32]):
        x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
        total = 0.0
        for k in range(x):
            total += a[y * n + k]
        if x <= y:
            out[y * n + x] = total

    report = en.explain(triangle, grid=(2000, 1000), threads=(16, 16), scalars={"n": 2000}, chip="M1")
    exact = sum(range(2000)) * 1000
    assert 0 < report.count_error < 0.25
    assert report.flops == pytest.approx(exact, rel=report.count_error)
    written = next(each.written for each in report.moved if each.buffer == "out")
    assert written == pytest.approx(4 * sum(range(1, 1001)) + 0, rel=report.count_error)
    assert any("the counts may be off by up to" in note for note in report.notes)


def test_the_range_is_open_below_where_data_decides() -> None:
    @en.kernel
    def gather(x: en.f32, index: en.u32, out: en.f32):
        i = en.thread_position_in_grid
        out[i] = x[index[i]]

    n = 1 << 22
    found = en.explain(gather, grid=n, threads=256, chip="M1").estimates[0].parts["memory"]
    # x may be one line, or one for each lane
    assert found == pytest.approx((8 * n / (68.3e9 * 0.9), (8 * n + 128 * n) / (68.3e9 * 0.5)), rel=1e-4)


def test_diverging_lanes_cost_whole_simdgroups() -> None:
    @en.kernel
    def one_lane(x: en.f32, out: en.f32):
        i = en.thread_position_in_grid
        if i % 32 == 0:
            out[i] = en.exp2(x[i])

    report = en.explain(one_lane, grid=3200, threads=64)
    assert (report.functions, report.work["power of two"]) == (100, 100)


def test_instructions_by_hand() -> None:
    @en.kernel
    def many(a: en.f32, h: en.f16, u: en.u32, out: en.f32):
        i = en.thread_position_in_grid
        v, w = a.load(4 * i, 4), a.load(4 * i + 4, 4)
        out[i] = en.dot(v, w)  # a product and three multiply-adds
        out[i] = en.normalize(v).x  # four of those, a root, four quotients
        h[i] = h[i] * h[i]
        u[i] = u[i] // 7 + u[i] // u[0] + u[i] // 8  # by a constant: a product and a shift; by a power of two: a shift
        out[i] = en.atan(a[i])

    report = en.explain(many, grid=32, threads=32)
    assert report.flops == 32 * (7 + 12 + 1 + 1)
    assert report.functions == 32 * 2
    assert report.unpriced == {"atan": 1}
    work = report.work
    assert (work["f32 arithmetic"], work["f16 arithmetic"], work["root"], work["float quotient"]) == (8, 1, 1, 4)
    assert (work["integer quotient"], work["upper half of a product"], work["shift"]) == (1, 1, 2)
    assert report.flops_by_kind == {"f32 arithmetic": 32 * 20, "f16 arithmetic": 32}


def test_products_fuse_and_indices_fold_at_best() -> None:
    @en.kernel
    def axpy(x: en.f32, y: en.f32, n: en.Scalar[en.u32]):
        i = en.thread_position_in_grid
        y[i * n + 3] = 2.0 * x[i * n] + y[i * n + 3]

    n = 1 << 20
    found = en.explain(axpy, grid=n, threads=256, scalars={"n": 1}, chip="M1").estimates[0].parts["compute"]
    cycles = 8 * 4 * (2.62e12 / 256 / 8)
    assert found[0] == pytest.approx(n / 32 / (cycles * 0.95))  # one multiply-add
    assert found[1] > 4 * found[0]


@pytest.mark.parametrize("name", ("m4-max", "M4 Max", "m4max", "Apple M4 Max", "M4_MAX"))
def test_a_chip_has_many_spellings(name: str) -> None:
    assert [each.chip.name for each in en.explain(add, grid=1, chip=name).estimates] == ["M4 Max"]


def test_a_page(tmp_path: Any) -> None:
    @en.kernel
    def odd(a: en.f32):
        a[en.thread_position_in_grid] = 1.0

    page = tmp_path / "page.html"
    file = str(EXAMPLES / "saxpy.py")
    args = ["explain", f"{file}:saxpy", "--grid", "1000", "--arg", "a=2", "--arg", "n=990", "--html", str(page)]
    shown = CliRunner().invoke(main, args)
    assert shown.exit_code == 0, shown.output
    tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag not in ("meta", "link"):
                tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert tags.pop() == tag

    text = page.read_text(encoding="utf-8")
    Reader().feed(text)
    assert not tags
    assert text.count('class="bar"') == len(chips())
    assert "http" not in text
    assert "1,980 FLOP" in text
    assert "<style>" in cast("Any", en.explain(odd, grid=3))._repr_html_()
