"""The profiler on the runtimes, and the modules `enigma.profiler`, `enigma.benchmark` and `enigma.testing`."""

# pyright: reportInvalidTypeForm=false

from __future__ import annotations

import asyncio
import json
import threading
import unittest
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import enigma as en
from enigma import benchmark, profiler, testing
from tests.device.runtimes import DEVICES, RUNTIMES
from tests.unit.runtime.chrome import problems

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


def trace_of(p: en.Profiler, folder: Path) -> list[dict[str, Any]]:
    """Return the events of an exported trace, which must be right."""
    p.export_chrome_trace(folder / "trace.json")
    text = (folder / "trace.json").read_text()
    assert not problems(text)
    return json.loads(text)["traceEvents"]


@pytest.mark.parametrize("device", DEVICES)
def test_exports_can_be_read(device: str, tmp_path: Path) -> None:
    with en.profile() as p, en.scope("step"):
        RUNTIMES[device]().execute(en.compile(add), [A, B], N * 4, **SIZES)
    events = trace_of(p, tmp_path)
    names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert list(names.values()) == ["python", "compile", "runtime", "metal", "memory"]
    complete = [event for event in events if event["ph"] == "X"]
    assert [event["name"] for event in complete if event["cat"] == "compile"] == ["trace:add", "emit_metal:add"]
    assert {event["name"].split(":")[0] for event in complete} == {*ORDER, "trace", "emit_metal", "step"}
    (dispatch,) = [event for event in complete if event["name"] == "gpu_dispatch:add"]
    assert (names[dispatch["tid"]], dispatch["args"]["grid"], dispatch["dur"] > 0) == ("metal", [N, 1, 1], True)
    assert dispatch["args"]["gpu_time_us"] <= dispatch["dur"] or device == "metal"
    step = next(event for event in complete if event["name"] == "step")
    assert all(
        step["ts"] <= event["ts"] and event["ts"] + event["dur"] <= step["ts"] + step["dur"] for event in complete
    )


def test_the_checker_of_traces_finds_what_is_wrong() -> None:
    def wrong(*events: Any, **more: Any) -> list[str]:
        named = {"ph": "M", "name": "thread_name", "pid": 0, "tid": 0, "args": {"name": "python"}}
        return problems(json.dumps({"traceEvents": [named, *events], **more}))

    right = {"ph": "X", "name": "a", "cat": "c", "pid": 0, "tid": 0, "ts": 1.0, "dur": 2.0, "args": {}}
    assert wrong(right, {**right, "ts": 1.5, "dur": 1.0}, {**right, "ts": 3.0}) == []
    assert wrong({**right, "ts": -1}) == ["event 1: ts is -1"]
    assert wrong({**right, "dur": None}) == ["event 1: dur is None"]
    assert wrong({**right, "ts": float("nan")}) == ["NaN is no JSON"]
    assert wrong({**right, "tid": "0"}) == ["event 1: tid is an integer"]
    assert wrong({**right, "tid": 3}) == ["row (0, 3) has no name"]
    assert wrong(right, {**right, "name": "b", "ts": 2.0}) == ["b of row (0, 0) ends after what it began in"]
    assert wrong({**right, "ph": "s"}) == ["event 1: flows and asynchronous events have an id"]
    assert wrong({**right, "ph": "b", "id": 1}) == ["('c', 1) begins or ends alone"]
    assert wrong({"ph": "M", "name": "thread_nam", "pid": 0, "tid": 0, "args": {}}) == [
        "event 1: no metadata is called thread_nam"
    ]


def test_traces_are_right_whatever_happened(tmp_path: Path) -> None:
    """Events that overlap get rows of their own, and what JSON has not becomes text."""
    with en.profile() as p:
        for start, end in ((0, 10), (5, 15), (6, 9), (10, 20), (12, 30), (0, 30), (7, 7)):
            p.add_event(en.ProfilerEvent(f"{start} to {end}", start_ns=start, end_ns=end))
        with en.scope(
            "odd",
            metrics={"flops": float("inf")},
            at=np.float32(2),
            what=float("nan"),
            where=Path("x"),
            n={1: [np.int64(3)]},
        ):
            pass
        with en.scope("own", category="network"):
            pass
    events = trace_of(p, tmp_path)
    rows = {event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert {"python", "python (2)", "python (3)"} <= rows
    odd = next(event for event in events if event["name"] == "odd")
    assert odd["args"] == {"flops": "inf", "at": 2.0, "what": "nan", "where": "x", "n": {"1": [3]}}
    assert next(event["cat"] for event in events if event["name"] == "own") == "network"


def test_hatchet_has_times_with_and_without_children(tmp_path: Path) -> None:
    with en.profile() as p:
        for name, start, end, path in (
            ("late", 50, 60, ("step",)), ("early", 0, 30, ("step",)), ("late", 70, 80, ("step",)), ("step", 0, 100, ()),
            ("orphan", 5, 6, ("lost", "found")),
        ):  # fmt: skip
            p.add_event(en.ProfilerEvent(name, start_ns=start * 1000, end_ns=end * 1000, call_path=path))
    p.export_hatchet(tmp_path / "tree.json")
    step, lost = json.loads((tmp_path / "tree.json").read_text())
    assert step == {
        "frame": {"name": "step", "type": "function"}, "metrics": {"time (inc)": 100.0, "time": 50.0, "calls": 1},
        "children": [
            {
                "frame": {"name": name, "type": "function"}, "metrics": {"time (inc)": time, "time": time, "calls": calls},
                "children": [],
            }
            for name, time, calls in (("early", 30.0, 1), ("late", 20.0, 2))
        ],
    }  # fmt: skip
    assert lost["children"][0]["children"][0]["frame"]["name"] == "orphan"
    assert lost["metrics"] == {"time (inc)": 0.0, "time": 0.0, "calls": 0}
    assert p.tree().splitlines() == [
        "step  n=1  100.00us", "  early  n=1  30.00us", "  late  n=2  20.00us", "lost  n=0  0.00us", "  found  n=0  0.00us",
        "    orphan  n=1  1.00us",
    ]  # fmt: skip


@pytest.mark.parametrize("device", DEVICES)
def test_direct_launches_are_recorded(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, out = RUNTIMES[device](), np.zeros(N, np.float32)
    en.register_kernel_hook("add", lambda kernel_name, grid, threads: {"bytes": 12 * grid[0]})
    try:
        with en.profile() as p:
            runtime.run(en.compile(add).program, [A, B, out], N, 64)
            with runtime.prepare(en.compile(add), [A, B], N * 4) as prepared:
                prepared.dispatch_async(N, 64).wait()
                with runtime.batch():
                    prepared.dispatch(N, 64)
    finally:
        en.unregister_kernel_hook("add")
    assert (out == A + B).all()
    direct, started, gathered = [event for event in p.events() if event.name == "gpu_dispatch"]
    assert (direct.call_path, started.call_path, gathered.call_path) == (("launch",), (), ("prepared_dispatch",))
    for event in (direct, started, gathered):
        assert (event.input_bytes, event.output_bytes, event.buffer_count) == (8 * N, 4 * N, 3)
        assert (event.grid, event.threads, event.metrics) == ((N, 1, 1), (64, 1, 1), {"bytes": 12 * N})
        assert event.metadata["max_threads_per_threadgroup"] >= 64
        assert event.metadata["shapes"] == [(N,), (N,), (N,)]
    assert direct.gpu_time_us is not None
    assert started.gpu_time_us is not None
    assert (gathered.gpu_time_us is None) == (device == "metal")


def test_the_call_of_a_kernel_is_recorded() -> None:
    out = np.zeros(N, np.float32)
    with en.profile() as p, en.scope("step"):
        add[N, 64](A, B, out)
        add.launch(A, B, out, grid=N, threads=64, device="sim")
    assert [event.node_path for event in p.events() if event.name == "gpu_dispatch"] == [
        ("step", "launch", "gpu_dispatch:add")
    ] * 2


def test_what_raises_is_recorded_and_scopes_go_on() -> None:
    with en.profile() as p:
        with pytest.raises(ZeroDivisionError), en.scope("outer"), en.scope("inner", part=1):
            raise ZeroDivisionError
        with en.scope("after"):
            pass
        with pytest.raises(en.LaunchError):
            add[N, 5000](A, B, A.copy())
    inner, outer, after = p.events()[:3]
    assert (inner.call_path, inner.metadata) == (("outer",), {"part": 1, "error": "ZeroDivisionError"})
    assert (outer.call_path, outer.metadata) == ((), {"error": "ZeroDivisionError"})
    assert (after.call_path, after.metadata) == ((), {})
    assert profiler.get_active_profiler() is None


def test_profilers_nest() -> None:
    with en.profile() as outer, en.scope("a"):
        with en.profile() as inner, en.scope("b"):
            pass
        with outer, en.scope("again"):
            assert profiler.get_active_profiler() is outer
        assert profiler.get_active_profiler() is outer
    assert [(event.name, event.call_path) for event in inner.events()] == [("b", ())]
    assert [event.node_path for event in outer.events()] == [("a", "again"), ("a",)]


def test_threads_are_recorded_and_keep_their_scopes_apart(tmp_path: Path) -> None:
    ready = threading.Barrier(4)
    compiled = en.compile(add)

    def work(number: int) -> None:
        out = np.zeros(N, np.float32)
        for turn in range(3):
            with en.scope(f"thread {number}"):
                ready.wait(10)
                with en.scope(f"turn {turn}"):
                    en.runtime("cpu").run(compiled.program, [A, B, out], N, 64)

    def alone() -> None:
        with en.profile() as own, en.scope("own"):
            pass
        assert [event.name for event in own.events()] == ["own"]

    with en.profile() as p, en.scope("main"):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)] + [
            threading.Thread(target=alone)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    paths = [event.call_path for event in p.events() if event.name == "gpu_dispatch"]
    assert sorted(paths) == sorted((f"thread {n}", f"turn {turn}", "launch") for n in range(4) for turn in range(3))
    assert not any("main" in event.call_path for event in p.events())
    assert len(p.events()) == 12 * 4 + 1
    trace_of(p, tmp_path)


def test_tasks_keep_their_scopes_apart() -> None:
    async def work(name: str) -> None:
        with en.scope(name):
            await asyncio.sleep(0)
            with en.scope("inside"):
                await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(work("one"), work("two"))

    with en.profile() as p:
        asyncio.run(both())
    assert sorted(event.node_path for event in p.events()) == [("one",), ("one", "inside"), ("two",), ("two", "inside")]


def test_bad_input() -> None:
    with pytest.raises(en.EnigmaValueError, match="the event 'x' ends at 1 ns, before it starts at 2 ns"):
        en.ProfilerEvent("x", start_ns=2, end_ns=1)
    with en.profile() as p:
        with pytest.raises(en.EnigmaTypeError, match="a profiler takes events, but it got 'x'"):
            p.add_event(cast("Any", "x"))
        with pytest.raises(en.EnigmaTypeError, match="a scope's name is a text, but it is 5"), en.scope(cast("Any", 5)):
            pass
        with (
            pytest.raises(
                en.EnigmaTypeError, match="metrics are a dict of numbers, but scope 'x' gave 'many' for 'flops'"
            ),
            en.scope("x", metrics=cast("Any", {"flops": "many"})),
        ):
            pass
        with (
            pytest.raises(en.EnigmaTypeError, match="metrics are a dict of numbers, but scope 'x' gave 5"),
            en.scope("x", metrics=cast("Any", 5)),
        ):
            pass
    with pytest.raises(en.EnigmaTypeError, match="a hook is a function of kernel_name, grid and threads, but it is 5"):
        en.register_kernel_hook("add", cast("Any", 5))
    with pytest.raises(
        en.EnigmaTypeError, match="a hook is registered for a kernel's name, but it is <enigma.kernel add>"
    ):
        en.register_kernel_hook(cast("Any", add), lambda **_: {})
    en.register_kernel_hook("add", cast("Any", lambda **_: None))
    try:
        with en.profile() as p:
            add[N, 64](A, B, A.copy())
        assert p.events()[0].metrics == {}
        en.register_kernel_hook("add", cast("Any", lambda **_: [5]))
        with en.profile() as p, pytest.raises(en.EnigmaTypeError, match=r"the hook of kernel add gave \[5\]"):
            add[N, 64](A, B, A.copy())
    finally:
        en.unregister_kernel_hook("add")
    for measure in (
        en.benchmark_kernel,
        en.profile_kernel,
        lambda x, grid, threads: benchmark.bench_gpu(x, grid, threads),
    ):
        with pytest.raises(en.EnigmaTypeError, match="takes a prepared kernel, but it got <enigma.kernel add>"):
            measure(add, grid=N, threads=64)
    with pytest.raises(en.EnigmaTypeError, match="bench takes a function and its arguments, but it got 5"):
        benchmark.bench(cast("Any", 5))
    with pytest.raises(en.EnigmaTypeError, match=r"repeat is 2.5"):
        benchmark.bench(sorted, [], repeat=cast("Any", 2.5))


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
