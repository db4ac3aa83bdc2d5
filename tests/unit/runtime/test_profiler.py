"""The profiler on the runtimes, and the modules `enigma.profiler`, `enigma.benchmark` and `enigma.testing`."""

# pyright: reportInvalidTypeForm=false

from __future__ import annotations

import json
import unittest
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma import benchmark, profiler, testing

N = 256


@en.kernel
def add(A: en.f32, B: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    i = en.thread_position_in_grid
    tile[i % 64] = A[i]
    Out[i] = tile[i % 64] + B[i]


A, B = np.arange(N, dtype=np.float32), np.ones(N, np.float32)
SIZES: dict[str, Any] = {"grid": (N, 1, 1), "threads": (64, 1, 1)}
ORDER = [
    "load_library", "create_pipeline", "create_input_buffers", "create_output_buffers", "gpu_dispatch", "prepared_dispatch",
    "read_output", "release_resources", "execute_total",
]  # fmt: skip


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_execute_records_its_steps_in_order(device: str) -> None:
    runtime, compiled = en.runtime(device), en.compile(add)
    with en.profile() as p:
        raw = runtime.execute(compiled, [A, B], N * 4, **SIZES)
    assert (np.frombuffer(raw, np.float32) == A + B).all()
    events = p.events()
    assert [event.name for event in events] == ORDER
    dispatch = events[4]
    assert (dispatch.kernel_name, dispatch.grid, dispatch.threads) == ("add", (N, 1, 1), (64, 1, 1))
    assert (dispatch.input_bytes, dispatch.output_bytes, dispatch.buffer_count) == (8 * N, 4 * N, 3)
    assert dispatch.gpu_time_us is not None
    assert dispatch.gpu_time_us <= dispatch.duration_us
    assert dispatch.call_path == ("execute_total", "prepared_dispatch")
    assert dispatch.label == "gpu_dispatch:add"
    assert dispatch.node_path == (*dispatch.call_path, "gpu_dispatch:add")
    assert dispatch.metadata["static_threadgroup_memory_bytes"] == 256
    assert dispatch.metadata["thread_execution_width"] == 32
    assert {event.category for event in events} == {"metal", "memory", "runtime"}


def test_without_a_profiler_nothing_is_recorded() -> None:
    with en.profile() as p:
        pass
    en.runtime("cpu").execute(en.compile(add), [A, B], N * 4, **SIZES)
    with en.scope("alone"), en.record_function("too"):
        pass
    profiler.record_event(en.ProfilerEvent("alone"))
    assert p.events() == []
    assert profiler.get_active_profiler() is None


def test_scopes_nest_and_have_rates() -> None:
    with en.profile() as p:
        assert profiler.get_active_profiler() is p
        with en.scope("outer", metrics={"flops": 2e6, "bytes": 1e6}, layer=3), en.record_function("inner"):
            pass
        profiler.record_event(en.ProfilerEvent("mine", start_ns=0, end_ns=2000))
    inner, outer, mine = p.events()
    assert (inner.call_path, inner.category, outer.category) == (("outer",), "python", "scope")
    assert outer.metadata == {"layer": 3}
    assert mine.duration_us == 2
    row = p.key_averages().by_name("outer")
    assert row.gflops_per_s == pytest.approx(2e6 / row.cpu_total_us / 1000)
    assert row.gbytes_per_s == pytest.approx(1e6 / row.cpu_total_us / 1000)
    assert p.tree().splitlines()[1:] == [
        f"outer  n=1  {outer.duration_us:.2f}us",
        f"  inner  n=1  {inner.duration_us:.2f}us",
    ]


def _event(name: str, kernel: str | None, us: int, **facts: Any) -> en.ProfilerEvent:
    return en.ProfilerEvent(name, kernel_name=kernel, start_ns=0, end_ns=us * 1000, **facts)


def test_rows_add_up() -> None:
    with en.profile() as p:
        for event in (
            _event("d", "f", 4, gpu_time_us=3.0, input_bytes=8),
            _event("d", "f", 2, gpu_time_us=1.0),
            _event("d", "g", 9),
        ):
            p.add_event(event)
        p.add_event(_event("other", None, 1, metrics={"flops": 5000.0}))
    found = p.key_averages()
    rows = found.rows()
    assert [(row.name, row.kernel_name, row.calls, row.cpu_total_us) for row in rows] == [
        ("d", "g", 1, 9.0), ("d", "f", 2, 6.0), ("other", None, 1, 1.0),
    ]  # fmt: skip
    assert (rows[1].cpu_avg_us, rows[1].gpu_total_us, rows[1].gpu_avg_us, rows[1].input_bytes) == (3.0, 4.0, 2.0, 8)
    assert (found.by_name("d").calls, found.by_name("d").kernel_name) == (3, None)
    assert found.rows("gpu_total_us")[0].kernel_name == "f"
    heads = "Name Calls CPU total CPU avg GPU total GPU avg Input bytes Output bytes GFLOP/s"
    assert " ".join(found.table().splitlines()[0].split()) == heads
    assert found.table().splitlines()[3].split() == ["other", "1", "1.00", "1.00", "0.00", "0.00", "0", "0", "5.00"]
    assert p.key_averages("call_path").rows()[0].name == "d:g"
    with pytest.raises(KeyError):
        found.by_name("none")
    with pytest.raises(ValueError, match="rows cannot be sorted by 'size'"):
        found.rows("size")
    with pytest.raises(ValueError, match="group_by is 'kernel'"):
        p.key_averages("kernel")


def test_hooks_give_metrics() -> None:
    def hook(kernel_name: str, grid: tuple[int, ...], threads: tuple[int, ...]) -> dict[str, float]:
        return {"flops": float(grid[0]), "bytes": float(threads[0])}

    en.register_kernel_hook("add", hook)
    try:
        with en.runtime("cpu").prepare(en.compile(add), [A, B], N * 4) as prepared, en.profile() as p:
            prepared.dispatch(**SIZES)
        assert p.events()[0].metrics == {"flops": 256.0, "bytes": 64.0}
    finally:
        en.unregister_kernel_hook("add", hook)
    assert "add" not in profiler_hooks()


def profiler_hooks() -> dict[str, Any]:
    from enigma.runtime.profiling.events import hooks

    return hooks


def test_exports_can_be_read(tmp_path: Path) -> None:
    with en.profile() as p, en.scope("step"):
        en.runtime("cpu").execute(en.compile(add), [A, B], N * 4, **SIZES)
    p.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {event["args"]["name"] for event in events if event["ph"] == "M"} == {
        "python",
        "compile",
        "runtime",
        "metal",
        "memory",
    }
    complete = [event for event in events if event["ph"] == "X"]
    assert len(complete) == len(ORDER) + 1
    (dispatch,) = [event for event in complete if event["name"] == "gpu_dispatch:add"]
    assert (dispatch["cat"], dispatch["args"]["grid"], dispatch["dur"] > 0) == ("metal", [N, 1, 1], True)
    p.export_hatchet(tmp_path / "tree.json")
    (root,) = json.loads((tmp_path / "tree.json").read_text())
    assert root["frame"]["name"] == "step"
    assert root["children"][0]["frame"]["name"] == "execute_total"
    assert root["metrics"]["calls"] == 1


def test_kernels_are_measured() -> None:
    with en.runtime("cpu").prepare(en.compile(add), [A, B], N * 4) as prepared:
        result = en.profile_kernel(prepared, **SIZES, repeat=7, warmup=1)
        assert result.by_name("gpu_dispatch").calls == 7
        found = en.benchmark_kernel(prepared, **SIZES, repeat=9, warmup=0, flops=N, bytes_moved=12 * N)
        assert (found.calls, found.kernel_name) == (9, "add")
        samples = benchmark.bench_gpu(prepared, **SIZES, repeat=4)
        assert (samples.n, samples.label, samples.warmup) == (4, "add", 5)
        with pytest.raises(ValueError, match="repeat is 0"):
            en.benchmark_kernel(prepared, **SIZES, repeat=0)
    fixed = en.KernelBenchmark("k", [float(k) for k in range(1, 12)], flops=6000.0, bytes_moved=12000.0)
    assert (fixed.min_us, fixed.max_us, fixed.mean_us, fixed.median_us, fixed.p90_us) == (1, 11, 6, 6, 10)
    assert (fixed.gflops_per_s, fixed.gbytes_per_s) == (1.0, 2.0)
    assert fixed.summary() == "k  n=11  median=6.00us  min=1.00us  max=11.00us  p90=10.00us  1.00 GFLOP/s  2.00 GB/s"
    assert (en.KernelBenchmark("k", [1.0]).gflops_per_s, en.KernelBenchmark("k", [1.0]).p90_us) == (None, 1.0)


def test_python_calls_are_measured() -> None:
    found = benchmark.bench(sorted, [3, 1, 2], repeat=5, warmup=2, reverse=True)
    assert (found.n, found.label, found.warmup) == (5, "sorted", 2)
    fixed = benchmark.BenchResult("x", [1.0, 2.0, 6.0], 0)
    assert (fixed.min_us, fixed.max_us, fixed.median_us, fixed.mean_us) == (1, 6, 2, 3)
    assert fixed.stdev_us == pytest.approx(np.std([1, 2, 6], ddof=1))
    assert benchmark.format_bench_result(fixed) == "x  n=3  median=2.00us  min=1.00us  max=6.00us"
    with pytest.raises(ValueError, match="warmup -1"):
        benchmark.bench(sorted, [], warmup=-1)


def test_captures_need_metal() -> None:
    with pytest.raises(ValueError, match=r"a capture must end in .gputrace"):
        en.profile(capture="trace.json")
    if not testing.is_metal_available():
        with pytest.raises(RuntimeError, match="a capture needs a Metal device"), en.profile(capture="x.gputrace"):
            pass


def test_marks_skip_where_there_is_no_metal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENIGMA_FORCE_NO_METAL", "1")
    assert not testing.is_metal_available()
    assert testing.skip_if_no_metal is testing.requires_metal
    assert testing.is_apple_silicon() <= testing.is_darwin()

    @testing.requires_metal
    def needs() -> None: ...

    with pytest.raises(unittest.SkipTest, match="needs Metal"):
        needs()
    if not testing.is_apple_silicon():
        with pytest.raises(unittest.SkipTest):
            testing.requires_apple_silicon(lambda: None)()
