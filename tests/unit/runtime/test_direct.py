"""`kernel[grid, threads](...)` and `kernel.launch(...)`: arguments by position and name, and when a kernel is traced anew."""

from __future__ import annotations

import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma
from enigma import context
from enigma.errors import DeviceError, EnigmaTypeError, InternalError
from enigma.runtime import direct
from enigma.trace.hooks import Hooks
from tests.device.runtimes import DEVICES
from tests.unit.runtime import launched
from tests.unit.runtime.launched import add, by_global, message, saxpy, scaled

N = 50
A = np.arange(N, dtype=np.float32)


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, metal_device: None) -> str:
    """Each device; Metal is a stand-in where this is no Mac."""
    monkeypatch.setenv("ENIGMA_DEVICE", request.param)
    return request.param


def out() -> Any:
    return np.zeros(N, np.float32)


@pytest.mark.parametrize("sizes", [((N, 1, 1), (32, 1, 1)), (N, 32), ((N,), 32), ([N, 1], None)])
def test_a_kernel_is_run_by_subscript_and_call(sizes: Any, device: str) -> None:
    c = out()
    assert add[sizes](A, A, c) is None
    assert np.array_equal(c, A + A)


def test_the_device_of_a_launch_is_an_argument() -> None:
    for name in ("sim", "cpu"):
        c = out()
        add.launch(A, A, c, grid=N, threads=32, device=name)
        assert np.array_equal(c, A + A)
    assert message(lambda: add.launch(A, A, out(), grid=N, device="gpu"), DeviceError).startswith("there is no device")


def test_a_launch_without_threads_chooses_them(device: str) -> None:
    c = out()
    add.launch(A, A, c, grid=N)
    assert np.array_equal(c, A + A)


def test_arguments_may_come_by_name(device: str) -> None:
    y = np.ones(N, np.float32)
    saxpy[N, 32](A, n=N, a=2.0, Y=y)
    assert np.array_equal(y, 2 * A + 1)


@pytest.mark.parametrize(
    ("args", "named", "factor", "offset"),
    [
        ((3,), {}, 3, 1), ((3, 4), {}, 3, 4), ((), {"N": 3}, 3, 1), ((), {"N": 3, "M": 5}, 3, 5), ((3,), {"M": 6}, 3, 6),
    ],
)  # fmt: skip
def test_constexpr_values_come_in_order_or_by_name(
    args: tuple[int, ...], named: dict[str, int], factor: int, offset: int, device: str
) -> None:
    c = out()
    if args:
        scaled[N, 32](A, args[0], c, *args[1:], **named)
    else:
        scaled[N, 32](A, c, **named)
    assert np.array_equal(c, A * factor + offset)
    d = out()
    scaled.launch(A, d, grid=N, threads=32, constants={"N": factor, "M": offset})
    assert np.array_equal(c, d)


def test_each_constexpr_value_has_its_own_program() -> None:
    programs = [direct.program_of(scaled, {"N": n}) for n in (1, 2, 1, 1.0, True)]
    assert programs[0] is programs[2]
    assert len(set(map(id, programs))) == 4


WRONG = [
    ((A,), {}, "kernel add takes 3 arguments (A, B, C), but it got 1\n  help: missing: B, C"),
    ((A, A, A, A), {}, "kernel add takes 3 arguments (A, B, C), but it got 4\n  help: pass every parameter in order, outputs too"),
    ((A, A), {"A": A}, "kernel add takes 3 arguments (A, B, C), but it got 3\n  help: missing: C\n"
     "kernel add got A twice\n  help: pass it by position or by name"),
    ((A, A, A), {"D": 1}, "kernel add has no parameter D\n  help: it has: A, B, C"),
    ((), {}, "kernel add takes 3 arguments (A, B, C), but it got 0\n  help: missing: A, B, C"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "named", "text"), WRONG)
def test_arguments_that_do_not_fit_the_signature(args: Any, named: Any, text: str) -> None:
    assert message(lambda: add[N, 32](*args, **named)) == text


def test_a_constexpr_without_a_value_is_asked_for() -> None:
    text = message(lambda: scaled[N, 32](A, out()), EnigmaTypeError)
    assert "error: constexpr parameter N of scaled has no value\n" in text


@pytest.mark.parametrize("sizes", [256, (256,), (1, 2, 3), [256, 256], None])
def test_a_subscript_is_grid_and_threads(sizes: Any) -> None:
    assert message(lambda: add[sizes]) == (
        f"kernel[...] takes grid and threads, but it got {sizes!r}\n  help: write add[(n,), (256,)](...) or add[n, 256](...)"
    )


def test_wrong_sizes_and_wrong_arrays_are_said_together() -> None:
    text = message(lambda: add[0, 32](A, A.astype(np.float64), [1.0]))
    assert [line for line in text.splitlines() if not line.startswith("  help")] == [
        "grid is 0 along x, but it must be at least 1",
        "B holds float64, but the kernel's parameter is f32 (float32)",
        "C must be an array, but it is a list",
    ]


def test_a_kernel_is_not_traced_again_without_need() -> None:
    programs = {id(direct.program_of(by_global, {})) for _ in range(3)}
    assert len(programs) == 1
    assert by_global.trace() is by_global.trace()


def test_a_changed_global_traces_again(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for factor in (2.0, 3.0, 2.0):
        monkeypatch.setattr(launched, "FACTOR", factor)
        c = out()
        by_global[N, 32](A, c)
        assert np.array_equal(c, A * factor)


def test_a_changed_closure_traces_again(device: str) -> None:
    offset = 1.0

    @enigma.kernel
    def shifted(A: enigma.f32, Out: enigma.f32):
        i = enigma.thread_position_in_grid
        Out[i] = A[i] + offset

    for offset in (1.0, 5.0, 1.0):
        c = out()
        shifted[N, 32](A, c)
        assert np.array_equal(c, A + offset)


def test_a_list_changed_in_place_traces_again(device: str) -> None:
    weights = [1.0, 2.0]

    @enigma.kernel
    def weighted(A: enigma.f32, Out: enigma.f32):
        i = enigma.thread_position_in_grid
        total = A[i] * 0.0
        for w in weights:
            total += A[i] * w
        Out[i] = total

    for extra in (None, 4.0):
        if extra is not None:
            weights.append(extra)
        c = out()
        weighted[N, 32](A, c)
        assert np.array_equal(c, A * sum(weights))


def test_many_traces_neither_mix_programs_up_nor_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = enigma.kernel(by_global.fn)
    for k in range(200):
        monkeypatch.setattr(launched, "FACTOR", float(k))
        program = direct.program_of(kernel, {})
        assert program.traced is kernel.trace()
        c = out()
        if k % 40 == 0:
            kernel.launch(A, c, grid=N, threads=32, device="sim")
            assert np.array_equal(c, A * k)
        gc.collect(0)
    assert len(kernel.compiled) <= 64


def test_several_threads_launch_one_kernel(device: str) -> None:
    kernel = enigma.kernel(saxpy.fn)  # fresh: the threads trace and compile it at the same time

    def work(k: int) -> bool:
        y = np.zeros(N, np.float32)
        for _ in range(10):
            kernel[N, 32](A, y, N, float(k))
        return bool(np.array_equal(y, A * k * 10))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(work, range(8)))


def test_two_dimensional_arrays_are_flat_to_the_kernel(device: str) -> None:
    a, c = A.reshape(5, 10), np.zeros((10, 5), np.float32)
    add[N, 32](a, a, c)
    assert np.array_equal(c.reshape(-1), A + A)


def test_the_first_launch_loads_what_it_needs() -> None:
    script = (
        "import sys, types, linecache\n"
        "source = 'import enigma\\n@enigma.kernel\\ndef k(A: enigma.f32):\\n    A[0] = 1.0\\n'\n"
        "linecache.cache['<k>'] = (0, None, source.splitlines(True), '<k>')\n"
        "scope = {}\nexec(compile(source, '<k>', 'exec'), scope)\n"
        "assert 'enigma.compile' not in sys.modules and 'numpy' not in sys.modules\n"
        "import numpy as np\na = np.zeros(4, np.float32)\n"
        "scope['k'].launch(a, grid=1, device='sim')\nassert a[0] == 1\nscope['k'][1, 1](a)\n"
        "import enigma\nassert callable(enigma.compile) and callable(enigma.runtime)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=_environment()
    )
    assert done.returncode == 0, done.stderr


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(Path(enigma.__file__).parents[1]), "ENIGMA_DEVICE": "sim"}


@pytest.mark.parametrize("name", ["launcher", "launch"])
def test_without_a_runtime_the_mistake_is_ours(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "load_compiler", lambda: None)
    assert message(lambda: getattr(Hooks(), name)(add, (1, 1)), InternalError) == (
        "internal error: no runtime is registered\n  help: this is a bug in enigma: please report it with the kernel"
    )
