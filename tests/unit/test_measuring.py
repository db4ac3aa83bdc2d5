"""`enigma.testing`, `enigma.benchmark` and `enigma.profiler` on every runtime."""

from __future__ import annotations

import doctest
import json
import threading
import time
import unittest
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma import benchmark, profiler, testing
from enigma.errors import DeviceError
from enigma.runtime import events
from enigma.runtime.base import Runtime
from tests.device.runtimes import RUNTIMES
from tests.unit.runtime.launched import add, message

N = 64
A = np.arange(N, dtype=np.float32)
GRID, THREADS = (N, 1, 1), (32, 1, 1)


@pytest.fixture(params=RUNTIMES)
def rt(request: pytest.FixtureRequest) -> Runtime:
    """Each runtime."""
    return RUNTIMES[request.param]()


# ---- testing


def test_what_a_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert (testing.is_darwin(), testing.is_apple_silicon(), testing.is_metal_available()) == (False, False, False)
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    monkeypatch.setenv("ENIGMA_FORCE_NO_METAL", "1")
    assert (testing.is_darwin(), testing.is_apple_silicon(), testing.is_metal_available()) == (True, True, False)


def test_tests_are_skipped_where_there_is_no_metal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert testing.skip_if_no_metal is testing.requires_metal
    monkeypatch.setenv("ENIGMA_FORCE_NO_METAL", "1")

    @testing.requires_metal
    def needs_a_device(value: int) -> int:
        return value

    with pytest.raises(unittest.SkipTest, match="needs a Metal device"):
        needs_a_device(3)
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert testing.requires_apple_silicon(lambda: 5)() == 5
    monkeypatch.setattr("platform.machine", lambda: "x86_64")

    @testing.requires_apple_silicon
    class Case(unittest.TestCase):
        pass

    assert Case.__unittest_skip__ and Case.__unittest_skip_why__ == "needs a Mac with Apple silicon"


# ---- benchmark


def test_bench_calls_a_function_as_often_as_it_is_told() -> None:
    calls: list[Any] = []
    result = benchmark.bench(lambda *args, **named: calls.append((args, named)), 1, repeat=7, warmup=2, label="it", k=2)
    assert calls == [((1,), {"k": 2})] * 9
    assert (result.label, result.n, result.warmup) == ("it", 7, 2)
    assert benchmark.bench(sorted, [2, 1]).label == "sorted"
    slow = benchmark.bench(lambda: time.sleep(0.002), repeat=2, warmup=0)
    assert 1900 < slow.min_us < 1e6


def test_counts_that_measure_nothing_are_refused() -> None:
    assert message(lambda: benchmark.bench(sorted, [], repeat=0), ValueError) == (
        "repeat is 0, but it must be at least 1\n  help: leave it out for 50"
    )
    assert message(lambda: benchmark.bench(sorted, [], warmup=-1), ValueError) == (
        "warmup is -1, but it cannot be negative\n  help: 0 means none"
    )


def test_kernels_are_measured_on_their_device(rt: Runtime) -> None:
    with rt.prepare(en.compile(add), [A, A], N * 4) as prepared:
        result = benchmark.bench_gpu(prepared, GRID, THREADS, repeat=4, warmup=1)
        assert (result.label, result.n, result.warmup) == ("add", 4, 1)
        assert 0 < result.min_us <= result.median_us <= result.max_us
        found = en.benchmark_kernel(
            prepared, grid=GRID, threads=THREADS, repeat=5, warmup=0, flops=N, bytes_moved=12 * N
        )
        assert isinstance(found, en.KernelBenchmark) and (found.kernel_name, found.calls) == ("add", 5)
        assert 0 < found.min_us <= found.median_us <= found.p90_us <= found.max_us
        assert found.gbytes_per_s == pytest.approx(12 * (found.gflops_per_s or 0))
        assert found.summary().startswith("add: 5 calls, median ") and found.summary().endswith(" GB/s")
        assert np.frombuffer(prepared.read_output(), np.float32).tolist() == (A + A).tolist()


def test_nine_of_ten_are_no_longer_than_p90() -> None:
    found = en.KernelBenchmark("k", tuple(float(k) for k in range(1, 11)))
    assert (found.p90_us, found.median_us, found.mean_us) == (9.0, 5.5, 5.5)
    assert found.gflops_per_s is None and found.gbytes_per_s is None
    assert en.KernelBenchmark("k", (3.0,)).p90_us == 3.0


# ---- profiler


def test_the_steps_of_execute_are_events_in_their_order(rt: Runtime) -> None:
    with en.profile() as p:
        raw = rt.execute(en.compile(add), [A, A], N * 4, grid=GRID, threads=THREADS)
    assert np.frombuffer(raw, np.float32).tolist() == (A + A).tolist()
    found = p.events()
    assert [one.name for one in found] == list(events.ORDER)
    assert [one.category for one in found] == [
        "metal",
        "metal",
        "memory",
        "memory",
        "metal",
        "memory",
        "memory",
        "runtime",
    ]
    dispatch, total = found[4], found[7]
    assert (dispatch.kernel_name, dispatch.grid, dispatch.threads) == ("add", GRID, THREADS)
    assert (dispatch.input_bytes, dispatch.output_bytes, dispatch.buffer_count) == (8 * N, 4 * N, 3)
    assert dispatch.gpu_time_us is not None and 0 < dispatch.gpu_time_us <= dispatch.duration_us * 1.01
    assert all(total.start_ns <= one.start_ns <= one.end_ns <= total.end_ns for one in found)
    assert (dispatch.label, dispatch.node_path) == ("gpu_dispatch:add", ("gpu_dispatch:add",))


def test_direct_and_prepared_launches_are_events(rt: Runtime) -> None:
    out = np.zeros(N, np.float32)
    with (
        rt.prepare(en.compile(add), [A, A], N * 4) as prepared,
        en.profile(record_shapes=True, profile_memory=True) as p,
    ):
        prepared.dispatch(GRID, THREADS)
        prepared.dispatch(GRID, THREADS)
        rt.run(en.compile(add).program, [A, A, out], N, 32)
    names = [one.name for one in p.events()]
    assert names == ["create_pipeline", *["gpu_dispatch", "prepared_dispatch"] * 2, "gpu_dispatch"]
    last = p.events()[-1]
    assert last.metadata["shapes"] == [(N,)] * 3 and last.metadata["memory_bytes"] == 12 * N
    if rt.name == "metal":
        assert last.metadata["thread_execution_width"] == 32
        assert last.metadata["threadgroup_occupancy"] == 32 / last.metadata["max_threads_per_threadgroup"]
    np.testing.assert_array_equal(out, A + A)
    assert not events.recorders
    prepared_again = en.profile_kernel(rt.prepare(en.compile(add), [A, A], N * 4), grid=GRID, threads=THREADS, repeat=3)
    assert prepared_again.by_name("gpu_dispatch").calls == 3


def test_a_batch_is_profiled_without_times_of_the_gpu() -> None:
    rt = RUNTIMES["metal"]()
    prepared = rt.prepare(en.compile(add), [A, A], N * 4)
    with en.profile() as p:
        rt.dispatch_batch([(prepared, GRID, THREADS)])
    assert [one.gpu_time_us for one in p.events() if one.name == "gpu_dispatch"] == [None]


def test_scopes_nest_and_hooks_give_metrics(rt: Runtime) -> None:
    def hook(*, kernel_name: str, grid: Any, threads: Any) -> dict[str, float]:
        return {"flops": float(grid[0]), "bytes": 12.0 * grid[0]}

    prepared = rt.prepare(en.compile(add), [A, A], N * 4)
    en.register_kernel_hook("add", hook)
    try:
        with en.scope("not profiled"), en.profile() as p:
            with en.scope("model", metrics={"flops": 100.0}, layer=3):
                with en.record_function("first"):
                    prepared.dispatch(GRID, THREADS)
                prepared.dispatch(GRID, THREADS)
            profiler.record_event(en.ProfilerEvent("mine", "python", 0, 2000))
    finally:
        en.unregister_kernel_hook("add", hook)
        en.unregister_kernel_hook("add")
    by_name = {one.name: one for one in p.events()}
    assert by_name["model"].call_path == () and by_name["model"].metadata == {"layer": 3}
    assert by_name["first"].call_path == ("model",) and by_name["first"].category == "python"
    paths = [one.node_path for one in p.events() if one.name == "gpu_dispatch"]
    assert paths == [("model", "first", "gpu_dispatch:add"), ("model", "gpu_dispatch:add")]
    assert isinstance(p, en.Profiler) and isinstance(p.key_averages(), en.ProfilerResult)
    row = p.key_averages().by_name("gpu_dispatch")
    assert (row.calls, row.metrics) == (2, {"flops": 2.0 * N, "bytes": 24.0 * N})
    assert row.gbytes_per_s == pytest.approx(12 * (row.gflops_per_s or 0))
    assert row.input_bytes == 16 * N and row.cpu_avg_us == row.cpu_total_us / 2
    table = p.key_averages().table().splitlines()
    assert (table[0].split("  ")[0] == "Name" and table[0].endswith("GFLOP/s      GB/s")) or "GB/s" in table[0]
    assert any(line.startswith("gpu_dispatch:add ") for line in table)
    assert {row.name for row in p.key_averages("call_path").rows("calls")} >= {
        "model",
        "model/first",
        "model/first/gpu_dispatch",
    }
    tree = p.tree().splitlines()
    assert tree[0].startswith("model  calls=1  ") and tree[1].startswith("  first  calls=1")
    assert "mine  calls=1  2.00us" in tree


def test_wrong_questions_to_a_profiler() -> None:
    with en.profile() as p:
        pass
    assert message(lambda: p.key_averages("kernel"), ValueError) == (
        'group_by is \'kernel\'\n  help: it is either "name" or "call_path"'
    )
    assert message(lambda: p.key_averages().rows("time"), ValueError).startswith(
        "rows cannot be sorted by 'time'\n  help: columns are "
    )
    with pytest.raises(KeyError, match="nothing"):
        p.key_averages().by_name("nothing")
    assert message(lambda: en.profile(capture="trace.json").__enter__(), ValueError) == (
        "capture is 'trace.json'\n  help: a capture ends in .gputrace"
    )


def test_a_profile_with_a_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from enigma.runtime.metal import runtime

    monkeypatch.setattr(runtime, "_made", [])
    target = tmp_path / "a.gputrace"
    assert message(lambda: en.profile(capture=target).__enter__(), DeviceError) == (
        "there is nothing to capture: no Metal runtime was made yet\n  help: call enigma.runtime('metal') first"
    )
    assert not events.recorders


def test_traces_are_what_other_tools_read(tmp_path: Path, rt: Runtime) -> None:
    with en.profile() as p, en.scope("outer"):
        rt.execute(en.compile(add), [A, A], N * 4, grid=GRID, threads=THREADS)
    p.export_chrome_trace(tmp_path / "trace.json")
    found = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    rows = {one["args"]["name"]: one["tid"] for one in found if one["ph"] == "M"}
    assert {"python", "compile", "runtime", "metal", "memory"} <= rows.keys()
    complete = [one for one in found if one["ph"] == "X"]
    assert len(complete) == len(p.events())
    for one, event in zip(complete, p.events(), strict=True):
        assert (
            one["tid"] == rows[event.category]
            and one["ts"] == event.start_ns / 1000
            and one["dur"] == event.duration_us
        )
    p.export_hatchet(tmp_path / "graph.json")
    (root,) = json.loads((tmp_path / "graph.json").read_text())
    assert root["frame"] == {"name": "outer", "type": "function"}
    inner = sum(child["metrics"]["time (inc)"] for child in root["children"])
    assert root["metrics"]["time (inc)"] == pytest.approx(root["metrics"]["time"] + inner)


def test_launches_of_other_threads_are_profiled_too() -> None:
    rt = en.CpuRuntime()
    with en.profile() as p:
        threads = [
            threading.Thread(target=lambda: rt.run(en.compile(add).program, [A, A, np.zeros(N, np.float32)], N, 32))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert p.key_averages().by_name("gpu_dispatch").calls == 4
    assert profiler.get_active_profiler() is None


@pytest.mark.parametrize("module", [benchmark, profiler])
def test_the_examples_in_the_docstrings_hold(module: Any) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
