"""The thread pool: every index exactly once, from any thread, after fork, at exit, and with denormals flushed."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from enigma.errors import EnigmaValueError
from enigma.runtime.native import jit
from enigma.runtime.native import pool as pool_module
from enigma.runtime.native.pool import MAX_THREADS, Pool
from tests.unit.runtime.native_kernels import address, meeting

ROOT = Path(__file__).parents[3]
TOTALS = [0, 1, 2, 3, 7, 64, 1000, 4097]
CHUNKS = [1, 2, 3, 16, 999, 4096, 4097, 10**9]
needs_threads = pytest.mark.skipif(
    sys.platform == "win32", reason="no POSIX threads: the pool has only the calling thread"
)


@pytest.fixture(params=[1, 2, 3, 8])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    made = Pool(request.param)
    yield made
    made.close()


def _expected(total: int, times: int = 1) -> np.ndarray:
    return np.arange(1, total + 1, dtype=np.int64) * times


@pytest.mark.parametrize("total", TOTALS)
def test_every_index_is_run_exactly_once(pool: Pool, total: int) -> None:
    for chunk in CHUNKS:
        data = np.zeros(total + 1, np.int64)
        pool.run(address("count"), data.ctypes.data, total, chunk)
        np.testing.assert_array_equal(data[:total], _expected(total), err_msg=f"chunk {chunk}")
        assert data[total] == 0


def test_many_runs_in_a_row(pool: Pool) -> None:
    data = np.zeros(300, np.int64)
    for _ in range(3000):
        pool.run(address("count"), data.ctypes.data, 300, 7)
    np.testing.assert_array_equal(data, _expected(300, 3000))


def test_inline_run_is_one_piece(pool: Pool) -> None:
    data = np.zeros(100, np.int64)
    pool.run_inline(address("piece"), data.ctypes.data, 100)
    assert (data == 100).all()
    pool.run_inline(address("piece"), 0, 0)


@needs_threads
def test_pieces_have_the_length_asked_for() -> None:
    pool = Pool(2)
    data = np.zeros(100, np.int64)
    pool.run(address("piece"), data.ctypes.data, 100, 30)
    assert data.tolist() == [30] * 90 + [10] * 10
    pool.run(address("piece"), data.ctypes.data, 100, 0)
    assert (data == 1).all()
    pool.close()


@needs_threads
@pytest.mark.parametrize("threads", [1, 2, 4, 9])
def test_all_threads_work_at_once(threads: int) -> None:
    pool = Pool(threads)
    for _ in range(5):
        args = meeting(threads)
        pool.run(address("meet"), ctypes.addressof(args), threads, 1)
        assert args[0] == threads
    pool.close()


@needs_threads
@pytest.mark.parametrize("threads", [2, 3, 5])
def test_workers_that_always_sleep_are_always_woken(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module._process, "code", dataclasses.replace(pool_module._code(), spin=0))
    pool = Pool(5)
    data = np.zeros(40, np.int64)
    for _ in range(300):
        args = meeting(threads)
        pool.run(address("meet"), ctypes.addressof(args), threads, 1)
        pool.run(address("count"), data.ctypes.data, 40, 3)
    np.testing.assert_array_equal(data, _expected(40, 300))
    pool.close()


@needs_threads
def test_resize_takes_effect_both_ways() -> None:
    pool = Pool(1)
    for threads in [3, 2, 1, 6]:
        pool.resize(threads)
        assert pool.num_threads == threads
        args = meeting(threads)
        pool.run(address("meet"), ctypes.addressof(args), threads, 1)
        assert args[0] == threads
    pool.close()


@needs_threads
def test_closed_pool_starts_again() -> None:
    pool = Pool(3)
    for _ in range(3):
        args = meeting(3)
        pool.run(address("meet"), ctypes.addressof(args), 3, 1)
        pool.close()
        pool.close()


def test_concurrent_callers_get_their_own_results(pool: Pool) -> None:
    arrays = [np.zeros(200 + 13 * i, np.int64) for i in range(6)]

    def call(data: np.ndarray) -> None:
        for _ in range(400):
            pool.run(address("count"), data.ctypes.data, data.size, 11)

    threads = [threading.Thread(target=call, args=(data,)) for data in arrays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for data in arrays:
        np.testing.assert_array_equal(data, _expected(data.size, 400))


@needs_threads
def test_callers_and_resizes_do_not_disturb_each_other() -> None:
    pool = Pool(2)
    data = np.zeros(500, np.int64)

    def call() -> None:
        for _ in range(300):
            pool.run(address("count"), data.ctypes.data, data.size, 11)

    thread = threading.Thread(target=call)
    thread.start()
    for threads in [1, 4, 2, 3] * 10:
        pool.resize(threads)
    thread.join()
    np.testing.assert_array_equal(data, _expected(500, 300))
    pool.close()


@needs_threads
def test_second_caller_runs_alone_while_the_pool_is_busy() -> None:
    pool = Pool(2)
    gate = meeting(3)  # two threads of the pool cannot open it
    holder = threading.Thread(target=pool.run, args=(address("meet"), ctypes.addressof(gate), 2, 1))
    holder.start()
    while gate[0] < 2:
        pass
    data = np.zeros(50, np.int64)
    pool.run(address("piece"), data.ctypes.data, 50, 1)
    assert holder.is_alive()
    assert (data == 50).all()
    gate[1] = 2
    holder.join()
    pool.close()


def _denormals() -> np.ndarray:
    """Normal numbers whose half is denormal, and denormal numbers whose half is as well."""
    return np.tile(np.array([1.3e-38, -1.3e-38, 1e-40, 8.0], np.float32), 64)


def test_denormals_are_flushed_on_every_thread_and_kept_outside(pool: Pool) -> None:
    for run in (
        lambda at: pool.run(address("halve"), at, 256, 1),
        lambda at: pool.run(address("halve"), at, 256, 256),
        lambda at: pool.run_inline(address("halve"), at, 256),
    ):
        data = _denormals()
        halves = data * np.float32(0.5)
        assert np.count_nonzero(halves) == 256
        run(data.ctypes.data)
        np.testing.assert_array_equal(data, np.where(np.abs(halves) < np.finfo(np.float32).tiny, 0, halves))
        np.testing.assert_array_equal(_denormals() * np.float32(0.5), halves)


def test_denormal_inputs_count_as_zero() -> None:
    pool = Pool(1)
    data = np.array([1e-39], np.float32)
    text = (
        "define void @grow(ptr %a, i64 %l, i64 %h) {\n  %x = load float, ptr %a\n  %y = fmul float %x, 1.0e+10\n"
        "  store float %y, ptr %a\n  ret void\n}\n"
    )
    loaded = jit.load([jit.compile_object(text)], ["grow"])
    pool.run_inline(loaded.address("grow"), data.ctypes.data, 1)
    assert data[0] == 0


@pytest.mark.parametrize("threads", [0, -1, MAX_THREADS + 1])
def test_impossible_thread_counts_are_refused(threads: int) -> None:
    with pytest.raises(EnigmaValueError, match=f"must be from 1 to {MAX_THREADS}, not {threads}"):
        Pool(threads)
    pool = Pool(1)
    with pytest.raises(EnigmaValueError, match="the number of threads must be"):
        pool.resize(threads)


def test_windows_falls_back_to_the_calling_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = dataclasses.replace(pool_module.host(), triple="x86_64-pc-windows-msvc")
    monkeypatch.setattr(pool_module, "host", lambda: fake)
    monkeypatch.setattr(pool_module._process, "code", None)
    with pytest.warns(RuntimeWarning, match="on Windows the CPU runtime uses only the calling thread"):
        pool = Pool(4)
    assert pool.num_threads == 1
    data = np.zeros(50, np.int64)
    pool.run(address("piece"), data.ctypes.data, 50, 1)
    pool.run_inline(address("count"), data.ctypes.data, 50)
    np.testing.assert_array_equal(data, 50 + _expected(50))
    pool.resize(1)


def _script(code: str, **environment: str) -> str:
    """Run Python code that may import from the tests in a fresh process and return what it prints."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "src"), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def test_process_pool_has_the_threads_of_the_environment() -> None:
    code = (
        "from enigma.runtime.native.pool import pool, set_num_threads\n"
        "first = pool().num_threads\nset_num_threads(2)\nprint(first, pool().num_threads, pool() is pool())"
    )
    assert _script(code, ENIGMA_NUM_THREADS="3") == "3 2 True"


@needs_threads
def test_process_pool_uses_the_cores_it_may_use() -> None:
    code = (
        "import os\nfrom enigma.runtime.native.pool import pool\n"
        "cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()\n"
        "print(pool().num_threads == cores)"
    )
    assert _script(code, ENIGMA_NUM_THREADS="") == "True"


FORK = """
import ctypes, os, sys, threading
from tests.unit.runtime.native_kernels import address, meeting
from enigma.runtime.native.pool import pool
p = pool()
def meet(q):
    args = meeting(3)
    q.run(address("meet"), ctypes.addressof(args), 3, 1)
    return args[0] == 3
def child():
    pid = os.fork()
    if pid == 0:
        ok = pool() is p and meet(p) and meet(p)
        p.resize(2)
        os._exit(0 if ok else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


@needs_threads
def test_forked_child_has_working_threads() -> None:
    code = FORK + "print(meet(p), child(), meet(p), child(), meet(p))"
    assert _script(code, ENIGMA_NUM_THREADS="3") == "True 0 True 0 True"


@needs_threads
def test_fork_before_the_first_run_and_while_the_pool_is_busy() -> None:
    code = FORK + (
        "first = child()\ngate = meeting(4)\n"
        "holder = threading.Thread(target=p.run, args=(address('meet'), ctypes.addressof(gate), 3, 1))\n"
        "holder.start()\nwhile gate[0] < 3: pass\n"
        "second = child()\ngate[1] = 3\nholder.join()\nprint(first, second, meet(p))"
    )
    assert _script(code, ENIGMA_NUM_THREADS="3") == "0 0 True"


@needs_threads
def test_forked_child_that_exits_normally_ends() -> None:
    code = (
        FORK
        + """
meet(p)
pid = os.fork()
if pid:
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
else:
    meet(p)
"""
    )
    assert _script(code, ENIGMA_NUM_THREADS="3") == "0"


@needs_threads
def test_process_ends_while_a_daemon_thread_keeps_running_kernels() -> None:
    code = (
        FORK
        + """
import numpy as np
data = np.zeros(100000, np.int64)
started = threading.Event()
def loop():
    while True:
        p.run(address("count"), data.ctypes.data, data.size, 10)
        started.set()
threading.Thread(target=loop, daemon=True).start()
started.wait()
print("end")
"""
    )
    assert _script(code, ENIGMA_NUM_THREADS="3") == "end"


@needs_threads
def test_dropped_pool_stops_its_workers() -> None:
    code = """
import ctypes, gc, os
from tests.unit.runtime.native_kernels import address, meeting
from enigma.runtime.native.pool import Pool
def count(): return len(os.listdir("/proc/self/task"))
before = count()
p = Pool(5)
lazy = count() - before
args = meeting(5)
p.run(address("meet"), ctypes.addressof(args), 5, 1)
during = count() - before
del p
gc.collect()
print(lazy, during, count() - before)
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("needs /proc to count threads")
    assert _script(code) == "0 4 0"
