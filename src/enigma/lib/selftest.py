"""What only a machine with the device can prove, as checks: `enigma doctor --self-test` runs them.

Each runs something small and compares it with NumPy, or with what Apple's documentation promises. Those about the device itself are
left out on other runtimes. docs/design/metal-runtime.md says what each one settles.
"""

# pyright: basic, reportInvalidTypeForm=false, reportArgumentType=false, reportOperatorIssue=false
# a kernel's annotations say how it is called, which no type checker knows

from __future__ import annotations

import contextlib
import io
import mmap
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import enigma as en
from enigma.lib.selftest_kernels import (
    Pair,
    block_sum,
    brain_sum,
    copy_1d,
    copy_2d,
    copy_3d,
    copy_array,
    count_bits,
    gives_constants,
    matrix_product,
    pair_sum,
    refuses_odd,
    scale_vectors,
    smooth,
    strays,
    tells,
    triad,
)

Runtime = Any


class Failed(Exception):
    """A check found something else than it should: the message says what."""


@dataclass(frozen=True)
class Check:
    """One check: its name, what it proves, and the function that runs it and returns what it saw."""

    name: str
    proves: str
    run: Callable[[Runtime], str]
    needs_device: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a check found: `detail` is what it saw, or what was wrong."""

    check: Check
    passed: bool
    detail: str
    seconds: float

    def __str__(self) -> str:
        return f"{'ok  ' if self.passed else 'FAIL'} {self.check.name}: {self.detail}"


CHECKS: list[Check] = []


def check(function: Callable[[Runtime], str]) -> Callable[[Runtime], str]:
    """Register a check: its name is the function's, what it proves the function's docstring."""
    CHECKS.append(_made(function, needs_device=False))
    return function


def device_check(function: Callable[[Runtime], str]) -> Callable[[Runtime], str]:
    """Register a check that other runtimes than Metal's do without."""
    CHECKS.append(_made(function, needs_device=True))
    return function


def _made(function: Callable[[Runtime], str], *, needs_device: bool) -> Check:
    return Check(function.__name__.replace("_", " "), (function.__doc__ or "").rstrip("."), function, needs_device)


def stray(rt: Runtime) -> None:
    """Let a kernel, `strays`, leave its buffer: a report of shader validation on it shows that there are reports."""
    rt.run(en.compile(strays, emit_only=True).program, [rt.zeros(64)], 1, 1)


def run_checks(rt: Runtime) -> Iterator[Outcome]:
    """Yield the outcome of every check that applies to a runtime, as they are run.

    for outcome in run_checks(enigma.runtime("metal")):
        print(outcome)
    """
    for one in CHECKS:
        if one.needs_device and rt.name != "metal":
            continue
        start = time.perf_counter()
        try:
            passed, detail = True, one.run(rt)
        except (Failed, en.EnigmaError) as error:
            passed, detail = False, str(error)
        yield Outcome(one, passed, detail, time.perf_counter() - start)


def same(found: Any, wanted: Any, what: str = "results", *, tolerance: float = 0.0) -> None:
    """Raise `Failed` where arrays differ by more than a relative tolerance."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    wide = np.float64 if found.dtype.kind not in "iub" else found.dtype
    if tolerance:
        agree = np.isclose(found.astype(wide), wanted.astype(wide), rtol=tolerance, atol=tolerance)
    else:
        agree = found == wanted
    if not agree.all():
        at = tuple(int(k) for k in np.argwhere(~agree)[0])
        raise Failed(
            f"{what} differ in {int((~agree).sum())} of {agree.size} places: at {at} {found[at]} is not {wanted[at]}"
        )


def numbers(count: int, dtype: Any = np.float32) -> Any:
    """Return whole numbers from -8 to 8, 0 to 8 where the dtype has no sign."""
    random = np.random.default_rng(7)
    return random.integers(0 if np.dtype(dtype).kind in "ub" else -8, 9, count).astype(dtype)


# ---- kernels


@check
def tails(rt: Runtime) -> str:
    """Buffers, scalars and the ragged end of a grid."""
    program = en.compile(triad, emit_only=True).program
    for n in (1, 31, 32, 33, 255, 1000, 1023):
        a, b = numbers(n), numbers(n)[::-1].copy()
        out = np.full(n + 5, 7, np.float32)
        rt.run(program, [a, b, out, n, 2.5], n + 5, 256)
        same(out[:n], a + 2.5 * b, f"{n} elements")
        same(out[n:], 7, f"what lies behind {n} elements")
    return "sizes 1 to 1023 agree with NumPy"


@check
def structs(rt: Runtime) -> str:
    """The layout of a struct that is passed by value."""
    out = np.zeros(4, np.float32)
    rt.run(en.compile(pair_sum, emit_only=True).program, [Pair(3, 1 << 40, 2.5, True), out], 1, 1)
    same(out, [3.0, float(1 << 40), 2.5, 1.0])
    return "members of 1 to 8 bytes arrive"


@check
def function_constants(rt: Runtime) -> str:
    """Function constants of each type, and defaults of those that are not given."""
    out = np.zeros(9, np.float32)
    program = en.compile(gives_constants, emit_only=True).program
    given = {0: 0.5, 1: 1.5, 2: -2.5, 3: -4, 4: 200, 5: -300, 6: 65535, 7: True}
    rt.run(program, [out], 1, 1, given)
    same(out, [0.5, 1.5, -2.5, -4, 200, -300, 65535, 1, 9])
    rt.run(program, [out], 1, 1, {**given, 8: 6, 3: 5})
    same(out, [0.5, 1.5, -2.5, 5, 200, -300, 65535, 1, 6])
    return "two sets of values make two functions"


@check
def reductions(rt: Runtime) -> str:
    """Threadgroup memory, barriers and sums over simdgroups."""
    n = 1000
    a = numbers(n)
    out = np.zeros(4, np.float32)
    rt.run(en.compile(block_sum, emit_only=True).program, [a, out, n], 1024, 256)
    same(out, [a[k : k + 256].sum() for k in range(0, n, 256)])
    return "sums of 256 threads agree with NumPy"


@check
def atomics(rt: Runtime) -> str:
    """Atomic operations across threadgroups."""
    values = np.arange(4096, dtype=np.uint32)
    counts = np.zeros(33, np.uint32)
    rt.run(en.compile(count_bits, emit_only=True).program, [values, counts], 4096, 64)
    same(counts[:13], [len([v for v in range(4096) if v.bit_count() == k]) for k in range(13)])
    return "4096 threads count into 13 places"


@check
def vectors(rt: Runtime) -> str:
    """Vectors of three and four numbers, which are 16 bytes each."""
    a = numbers(40).reshape(10, 4)
    out = np.zeros_like(a)
    rt.run(en.compile(scale_vectors, emit_only=True).program, [a, out], 10, 10)
    same(out, a * [1, 2, 3, 4])
    return "float4 lies as NumPy has it"


@check
def brain_floats(rt: Runtime) -> str:
    """Bfloat, which needs Metal 3.1."""
    kind = en.bf16.numpy
    a = numbers(100).astype(kind)
    out = np.zeros(100, kind)
    rt.run(en.compile(brain_sum, emit_only=True).program, [a, out], 100, 32)
    same(out.astype(np.float32), 2 * a.astype(np.float32))
    return "sums are exact"


@check
def simdgroup_matrices(rt: Runtime) -> str:
    """Matrices that a simdgroup holds together (apple7 and later), and which lane has which element."""
    a, b = numbers(64).reshape(8, 8), numbers(64)[::-1].reshape(8, 8).copy()
    out = np.zeros((8, 8), np.float32)
    rt.run(en.compile(matrix_product, emit_only=True).program, [a, b, out], 32, 32)
    same(out, a @ b)
    return "a product of 8 x 8 agrees with NumPy"


@check
def textures(rt: Runtime) -> str:
    """Pixel formats, and copies between buffers and textures of one to three axes."""
    count = 0
    for kernel, shape in ((copy_1d, (12,)), (copy_2d, (5, 7)), (copy_3d, (3, 4, 5)), (copy_array, (3, 4, 5))):
        for dtype in (en.f32, en.f16, en.i32, en.u32, en.i16, en.u16):
            program = en.compile(kernel(dtype), emit_only=True).program
            kinds = [dtype.numpy, np.dtype(np.uint8)] if dtype.is_float else [dtype.numpy]
            for kind in kinds:
                for channels in (1, 2, 4):
                    size = (*shape, channels)
                    image = numbers(int(np.prod(size)), kind).reshape(size)
                    out = np.zeros_like(image)
                    grid = (*reversed(shape), 1, 1)[:3]
                    rt.run(program, [image, out], grid, tuple(min(k, 4) for k in grid))
                    same(out, image, f"{kind} x {channels} of {len(shape)} axes")
                    count += 1
    return f"{count} formats and shapes arrive"


@check
def sampling(rt: Runtime) -> str:
    """What linear sampling weighs, within the 8 bits of a texture unit."""
    image = np.array([[0, 1], [2, 3]], np.float32)
    out = np.zeros(5, np.float32)
    rt.run(en.compile(smooth, emit_only=True).program, [image, out], 5, 5)
    same(out, 0.5 * np.clip(np.arange(5) / 2 - 0.5, 0, 1) * 2 + 0.5 * 2, tolerance=1 / 128)
    return "values between texels are their means"


@check
def printing(rt: Runtime) -> str:
    """That the log of a launch is complete when the launch is over."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        rt.run(en.compile(tells, emit_only=True).program, [np.arange(5, dtype=np.float32)], 5, 5)
    lines = said.getvalue().splitlines()
    if len(lines) != 5 or not all(f"value {k}.50" in "\n".join(lines) for k in range(5)):
        raise Failed(f"five lines were expected, but there are {len(lines)}: {lines}")
    return "five threads print five lines"


@check
def assertions(rt: Runtime) -> str:
    """That a failed assertion is an error of the launch."""
    program = en.compile(refuses_odd, emit_only=True).program
    rt.run(program, [np.array([2, 4], np.int32)], 2, 2)
    try:
        rt.run(program, [np.array([2, 5], np.int32)], 2, 2)
    except en.KernelAssertionError as error:
        if "5 is odd" in str(error):
            return "5 is odd"
        raise Failed(f"the text is not the kernel's: {error}") from error
    raise Failed("nothing was raised")


# ---- launches


@check
def batches(rt: Runtime) -> str:
    """That launches of a batch see what those before them wrote."""
    n = 300
    compiled = en.compile(triad, emit_only=True)
    a, b = rt.array(numbers(n)), rt.zeros(n)
    out = rt.zeros(n)
    with rt.batch():
        for k in range(20):
            source, target = (b, out) if k % 2 else (out, b)
            rt.run(compiled.program, [a, source, target, n, 1.0], n, 64)
    same(out, 20 * a)
    return "twenty launches in one encoder, each reading the last one's output"


@check
def launches_under_way(rt: Runtime) -> str:
    """That a launch goes on while the caller does, and ends with its outputs in place."""
    n = 100_000
    a, b = numbers(n), numbers(n)
    prepared = rt.prepare(en.compile(triad, emit_only=True), [a, b], n * 4, scalars=[n, 1.0])
    handles = [prepared.dispatch_async((n, 1, 1), (256, 1, 1)) for _ in range(5)]
    for handle in handles:
        handle.wait()
    same(np.frombuffer(prepared.read_output(), np.float32), a + b)
    if not all(0 < handle.elapsed < 1e6 for handle in handles):
        raise Failed(f"elapsed is {[handle.elapsed for handle in handles]} microseconds")
    return f"five launches of {handles[-1].elapsed:.1f} us"


@check
def memory(rt: Runtime) -> str:
    """Zero-copy arrays, wrapped pages, and copies of everything else."""
    n = 16384
    program = en.compile(triad, emit_only=True).program
    pages = np.frombuffer(mmap.mmap(-1, n * 4), np.float32)
    shared = rt.empty(n + 1)
    seen: list[str] = []
    for name, out in {
        "shared": shared[:n],
        "pages": pages,
        "shifted": shared[1:],
        "NumPy": np.zeros(n, np.float32),
    }.items():
        a, b = numbers(n), numbers(n)
        rt.run(program, [a, b, out, n, -3.0], n, 256)
        same(out, a - 3 * b, name)
        seen.append(name)
    return f"{', '.join(seen)} memory hold the same results"


# ---- the device


@device_check
def ownership(rt: Runtime) -> str:
    """That objects are not retained once too often (pyobjc issue 690), or no buffer would ever be freed."""
    buffer = rt.device.newBufferWithLength_options_(4096, 0)
    count = int(buffer.retainCount())
    if count != 1:
        raise Failed(f"a new buffer is retained {count} times: install pyobjc-core 13 or later")
    return "a new buffer is retained once"


@device_check
def freed_memory(rt: Runtime) -> str:
    """That memory of buffers comes back."""
    size = 64 << 20
    before = int(rt.device.currentAllocatedSize())
    for _ in range(4):
        rt.device.newBufferWithLength_options_(size, 0)
    after = int(rt.device.currentAllocatedSize())
    if after - before >= 2 * size:
        raise Failed(f"{(after - before) >> 20} MiB of 256 MiB stay allocated")
    return "four buffers of 64 MiB are gone"


@device_check
def launch_cost(rt: Runtime) -> str:
    """GPU timestamps, and what a launch costs besides."""
    n = 1024
    prepared = rt.prepare(en.compile(triad, emit_only=True), [rt.zeros(n), rt.zeros(n)], n * 4, scalars=[n, 1.0])
    gpu = [prepared.dispatch_timed(n, 256) for _ in range(50)]
    start = time.perf_counter()
    for _ in range(50):
        prepared.dispatch(n, 256)
    alone = (time.perf_counter() - start) / 50 * 1e6
    start = time.perf_counter()
    rt.dispatch_batch([(prepared, n, 256)] * 200)
    together = (time.perf_counter() - start) / 200 * 1e6
    if not 0 < float(np.median(gpu)) < 1e6:
        raise Failed(f"the GPU says that it took {np.median(gpu)} us")
    return f"{np.median(gpu):.1f} us on the GPU, {alone:.1f} us a launch, {together:.1f} us in a batch"


@device_check
def compile_errors(rt: Runtime) -> str:
    """That errors of the Metal compiler are read, down to the line."""
    program = en.compile(triad, emit_only=True).program
    text = program.metal.text
    program.metal = replace(program.metal, text=text.replace("b[i]", "double(b[i])"))
    try:
        rt.run(program, [numbers(4), numbers(4), np.zeros(4, np.float32), 4, 1.0], 4, 4)
    except en.DeviceError as error:
        if "double" not in str(error) or not error.notes:
            raise Failed(f"the compiler's words were not understood: {error}") from error
        return "a type that Metal lacks is found at its Python line"
    raise Failed("a text with a double was compiled")


@device_check
def languages(rt: Runtime) -> str:
    """That Metal compiles the newest language that this macOS should have."""
    program = en.compile(triad, emit_only=True).program
    newest = rt.newest_language
    program.metal = replace(program.metal, msl_version=newest)
    out = np.zeros(4, np.float32)
    rt.run(program, [numbers(4), numbers(4), out, 4, 1.0], 4, 4)
    same(out, 2 * numbers(4))
    return f"a kernel compiled as Metal {newest[0]}.{newest[1]} runs"


@device_check
def profiled_times(rt: Runtime) -> str:
    """Times of scheduling, waiting and encoding, as a profiler shows them."""
    n = 100_000
    prepared = rt.prepare(en.compile(triad, emit_only=True), [rt.zeros(n), rt.zeros(n)], n * 4, scalars=[n, 1.0])
    with en.profile() as found:
        for _ in range(5):
            prepared.dispatch(n, 256)
    last = [event for event in found.events() if event.name == "gpu_dispatch"][-1]
    absent = dict(last.metadata.get("absent", {}))
    if "encoder_gpu_us" in absent and rt.supports_stage_counters():
        raise Failed(f"no time of the encoder: {absent['encoder_gpu_us']}")
    taken = last.metadata.get("encoder_gpu_us", 0.0)
    if taken > 2 * last.gpu_time_us + 50:
        raise Failed(f"the encoder took {taken:.1f} us of a launch of {last.gpu_time_us:.1f} us")
    named = ("scheduling_us", "queue_wait_us", "encoder_gpu_us")
    return ", ".join(f"{name} {last.metadata[name]:.1f}" if name in last.metadata else f"no {name}" for name in named)


@device_check
def captures(rt: Runtime) -> str:
    """That launches are recorded for Xcode, where MTL_CAPTURE_ENABLED=1 is set."""
    if os.environ.get("MTL_CAPTURE_ENABLED", "0") in ("", "0"):
        return "not checked, for MTL_CAPTURE_ENABLED=1 is not set"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "selftest.gputrace"
        with rt.capture(target):
            rt.run(
                en.compile(triad, emit_only=True).program,
                [numbers(4), numbers(4), np.zeros(4, np.float32), 4, 1.0],
                4,
                4,
            )
        if not target.exists():
            raise Failed("Metal wrote no capture")
    return "a launch was recorded"


@device_check
def libraries_built_ahead(rt: Runtime) -> str:
    """That a .metallib of Apple's tools loads and runs, where the tools are."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = en.compile(triad, work_dir=folder)
        if not compiled.has_metallib:
            return "not checked, for none is built here: `enigma doctor` says what is missing"
        out = np.zeros(4, np.float32)
        rt.run(compiled.program, [numbers(4), numbers(4), out, 4, 1.0], 4, 4)
    same(out, 2 * numbers(4))
    return "a library from xcrun was loaded"


@device_check
def capabilities(rt: Runtime) -> str:
    """What the device says of itself."""
    found = rt.device_capabilities()
    if found.generation < 1 or found.max_threadgroup_memory < 32768 or found.max_threads_per_threadgroup < 1024:
        raise Failed(f"{found}")
    return f"{found.device_name}, {found.gpu_family}, {found.max_threads_per_threadgroup} threads per threadgroup"
