"""Wrong launches, each with the exact text that its user reads: place, what is wrong, what would be right.

`{line}` in a text stands for the line of the kernel that holds the mark `# <- here`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import enigma

ADD_HELP = "\n  help: pass every parameter in order, outputs too"


@enigma.kernel
def add(A: enigma.f32, B: enigma.f32, C: enigma.f32):
    i = enigma.thread_position_in_grid
    C[i] = A[i] + B[i]


@enigma.kernel
def scale(
    A: enigma.f32,  # <- here
    n: enigma.Scalar(enigma.u32),
    factor: enigma.Scalar(enigma.f16),
):
    i = enigma.thread_position_in_grid
    if i < n:
        A[i] = A[i] * factor.to(enigma.f32)


@enigma.kernel
def brain(A: enigma.bf16, Flags: enigma.b1, Out: enigma.i64):
    i = enigma.thread_position_in_grid
    if Flags[i]:
        Out[i] = A[i].to(enigma.i64)


@enigma.kernel
def sized(A: enigma.f32, N: enigma.constexpr):  # <- here
    A[0] = N


@enigma.kernel
def past_the_end(A: enigma.f32):
    i = enigma.thread_position_in_grid
    A[i + 1] = 0.0  # <- here


def f32s(n: int = 4) -> np.ndarray[Any, Any]:
    return np.zeros(n, np.float32)


def read_only() -> np.ndarray[Any, Any]:
    x = f32s()
    x.flags.writeable = False
    return x


def in_place(n: int = 8) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    x = f32s(n)
    return x, x[2:]


def released() -> Any:
    prepared = SIM.prepare(enigma.compile(add), [f32s(), f32s()], 16)
    prepared.release()
    return prepared


SIM = enigma.SimRuntime()
CASES: dict[str, tuple[Callable[[], Any], type[BaseException], str]] = {}


def case(name: str, kind: type[BaseException], action: Callable[[], Any], text: str) -> None:
    """Add a wrong launch, the built-in error class that also catches it, and what it says."""
    CASES[name] = (action, kind, text)


def call(kernel: enigma.KernelDef, *args: Any, grid: Any = 4, threads: Any = 4, **named: Any) -> Callable[[], Any]:
    return lambda: kernel[grid, threads](*args, **named)


def run(kernel: enigma.KernelDef, *args: Any, **named: Any) -> Callable[[], Any]:
    return lambda: SIM.execute(enigma.compile(kernel), *args, grid=4, threads=4, **named)


# ---- arrays
case(
    "dtype",
    TypeError,
    call(add, np.zeros(4), f32s(), f32s()),
    "A holds float64, but the kernel's parameter is f32 (float32)\n  help: convert it: A.astype(np.float32)",
)
case(
    "dtype of another kind",
    TypeError,
    call(add, np.zeros(4, np.complex64), f32s(), f32s()),
    "A holds complex64, but the kernel's parameter is f32 (float32)\n  help: annotate the parameter for complex64, or convert it",
)
case(
    "bits of a bfloat",
    TypeError,
    call(brain, np.zeros(4, np.uint16), np.zeros(4, bool), np.zeros(4, np.int64)),
    "A holds uint16, but the kernel's parameter is bf16 (bfloat16)\n  help: A.view(ml_dtypes.bfloat16)",
)
case(
    "no array",
    TypeError,
    call(add, f32s(), [0.0] * 4, f32s()),
    "B must be an array, but it is a list\n  help: pass a NumPy array, a DLPack object or a buffer",
)
case(
    "a number for an array",
    TypeError,
    call(add, f32s(), f32s(), 4),
    "C must be an array, but it is a int\n  help: pass a NumPy array, a DLPack object or a buffer",
)
case(
    "empty",
    ValueError,
    call(add, f32s(0), f32s(), f32s()),
    "A is empty, but a buffer needs at least one element\n  help: skip the launch for empty arrays",
)
case(
    "strided output",
    ValueError,
    call(add, f32s(), f32s(), f32s(8)[::2]),
    "C is not contiguous (strides (8,))\n  help: let the kernel write a contiguous array, then copy",
)
case(
    "read-only output",
    ValueError,
    call(add, f32s(), f32s(), read_only()),
    "C is read-only, but the kernel writes it\n  help: pass a writable array",
)
case(
    "bytes as output",
    ValueError,
    call(add, f32s(), f32s(), bytes(16)),
    "C is read-only, but the kernel writes it\n  help: pass a writable array",
)
case(
    "half an element",
    ValueError,
    call(add, bytes(15), f32s(), f32s()),
    "A has 15 bytes, but an element, f32, has 4\n  help: pass as many bytes as whole elements have",
)
case(
    "shared memory",
    ValueError,
    call(add, in_place()[0], *in_place()),
    "B and C share memory, and the kernel writes C\n  help: Metal leaves this undefined: pass separate arrays, or let the kernel "
    "read and write one parameter",
)
case(
    "several arrays",
    TypeError,
    call(brain, f32s(), np.zeros(4, np.uint8), [1]),
    "A holds float32, but the kernel's parameter is bf16 (bfloat16)\n  help: convert it: A.astype(ml_dtypes.bfloat16)\n"
    "Flags holds uint8, but the kernel's parameter is b1 (bool)\n  help: annotate the parameter for uint8, or convert it\n"
    "Out must be an array, but it is a list\n  help: pass a NumPy array, a DLPack object or a buffer",
)

# ---- counts and names
case(
    "too few",
    RuntimeError,
    call(add, f32s(), f32s()),
    "kernel add takes 3 arguments (A, B, C), but it got 2\n  help: missing: C",
)
case(
    "too many",
    RuntimeError,
    call(add, f32s(), f32s(), f32s(), 4),
    "kernel add takes 3 arguments (A, B, C), but it got 4" + ADD_HELP,
)
case(
    "unknown name",
    RuntimeError,
    call(add, f32s(), f32s(), f32s(), n=4),
    "kernel add has no parameter n\n  help: it has: A, B, C",
)
case(
    "twice",
    RuntimeError,
    call(add, f32s(), f32s(), f32s(), A=f32s()),
    "kernel add got A twice\n  help: pass it by position or by name",
)
case(
    "inputs and outputs",
    RuntimeError,
    run(add, [f32s()], 16),
    "kernel add has 3 buffers and 0 scalars (A, B, C), but it got 1 inputs and 1 outputs\n  help: inputs come in slot order, "
    "Scalars are passed as scalars=[...], the remaining buffers are outputs",
)
case(
    "inputs not in a list",
    TypeError,
    run(add, f32s(), 16),
    "inputs must be a list of arrays, but it is a ndarray\n  help: write [a, b]",
)
case(
    "scalars missing",
    RuntimeError,
    run(scale, [f32s()], inout=["A"]),
    "kernel scale has 2 scalars (n, factor), but it got 0\n  help: pass them in order: scalars=[...]",
)
case(
    "scalars unknown",
    RuntimeError,
    run(scale, [f32s()], scalars={"n": 4, "f": 1}, inout=["A"]),
    "kernel scale has the scalars n, factor, but it got n, f\n  help: name each of them once: scalars={...}",
)
case(
    "constexpr missing",
    TypeError,
    call(sized, f32s()),
    "test_launch_errors.py:{line}:26: error: constexpr parameter N of sized has no value\n"
    "    def sized(A: enigma.f32, N: enigma.constexpr):  # <- here\n                             ^\n"
    "  help: pass it: enigma.compile(sized, N=...)",
)
case(
    "constexpr unknown",
    TypeError,
    lambda: enigma.compile(add, N=4),
    "kernel add has no constexpr parameter N (it has: none)",
)

# ---- scalars
case(
    "negative for unsigned",
    ValueError,
    call(scale, f32s(), -1, 1.0),
    "n is -1, which does not fit into u32 (0 to 4294967295)\n  help: annotate the Scalar with a wider dtype, "
    "or wrap the number first",
)
case(
    "fraction for an int",
    ValueError,
    call(scale, f32s(), 3.5, 1.0),
    "n is 3.5, but the parameter is u32\n  help: round it first",
)
case(
    "beyond half",
    ValueError,
    call(scale, f32s(), 4, 1e6),
    "factor is 1e+06, which does not fit into f16\n  help: pass float('inf') for infinity",
)
case(
    "no numbers",
    TypeError,
    call(scale, f32s(), "4", None),
    "n must be a number, but it is a str\n  help: it is a Scalar of u32\n"
    "factor must be a number, but it is a NoneType\n  help: it is a Scalar of f16",
)

# ---- grid and threads
case(
    "zero grid",
    ValueError,
    call(add, f32s(), f32s(), f32s(), grid=0),
    "grid is 0 along x, but it must be at least 1\n  help: skip the launch when there is no work",
)
case(
    "negative grid",
    ValueError,
    call(add, f32s(), f32s(), f32s(), grid=(4, -2, 1)),
    "grid is -2 along y, but it must be at least 1\n  help: skip the launch when there is no work",
)
case(
    "fractional grid",
    TypeError,
    call(add, f32s(), f32s(), f32s(), grid=(4 / 2, 1, 1)),
    "grid must be an int or up to three ints, but it is (2.0, 1, 1)\n  help: write grid=(256, 1, 1)",
)
case(
    "four axes",
    ValueError,
    call(add, f32s(), f32s(), f32s(), grid=(1, 1, 1, 1)),
    "grid must be an int or up to three ints, but it is (1, 1, 1, 1)\n  help: write grid=(256, 1, 1)",
)
case(
    "zero threads",
    ValueError,
    call(add, f32s(), f32s(), f32s(), threads=(4, 0, 1)),
    "threads is 0 along y, but it must be at least 1\n  help: skip the launch when there is no work",
)
case(
    "too many threads",
    ValueError,
    call(add, f32s(), f32s(), f32s(), threads=(64, 32, 1)),
    "threads is (64, 32, 1), 2048 per threadgroup, but the limit is 1024\n  help: use fewer threads per threadgroup, for example "
    "(256, 1, 1) or (16, 16, 1); grid counts all threads",
)
case(
    "subscript",
    TypeError,
    lambda: add[256],
    "kernel[...] takes grid and threads, but it got 256\n  help: write add[(n,), (256,)](...) or add[n, 256](...)",
)
case(
    "everything at once",
    TypeError,
    call(scale, np.zeros(4), 2**32, "x", grid=-1),
    "grid is -1 along x, but it must be at least 1\n  help: skip the launch when there is no work\n"
    "A holds float64, but the kernel's parameter is f32 (float32)\n  help: convert it: A.astype(np.float32)\n"
    "n is 4294967296, which does not fit into u32 (0 to 4294967295)\n  help: annotate the Scalar with a wider dtype, or wrap the "
    "number first\n"
    "factor must be a number, but it is a str\n  help: it is a Scalar of f16",
)

# ---- outputs
case(
    "no output",
    RuntimeError,
    run(add, [f32s(), f32s()]),
    "no output was asked for from kernel add\n  help: give output_size=, output_sizes=, or output_shapes= with output_dtypes=, "
    "or name updated inputs in inout=",
)
case(
    "half an element of output",
    ValueError,
    run(add, [f32s(), f32s()], 15),
    "the output C cannot have 15 bytes: its elements, f32, have 4\n  help: sizes count bytes: elements times the size of one",
)
case(
    "output dtype",
    TypeError,
    run(add, [f32s(), f32s()], output_shapes=[4], output_dtypes=[float]),
    "C holds float64, but the kernel's parameter is f32 (float32)\n  help: convert it: C.astype(np.float32)",
)
case(
    "output shapes that are no list",
    RuntimeError,
    run(add, [f32s(), f32s()], output_shapes=4, output_dtypes=np.float32),
    "output_shapes and output_dtypes must be given together, one of each per output\n"
    "  help: for example output_shapes=[(n,)], output_dtypes=[np.float32]",
)
case(
    "inout that is no list",
    RuntimeError,
    run(scale, [f32s()], scalars=[4, 2], inout="A"),
    "inout must be a list of inputs, but it is 'A'\n  help: write inout=['A']",
)
case(
    "input written",
    RuntimeError,
    run(scale, [f32s()], scalars=[4, 2], inout=[]),
    "no output was asked for from kernel scale\n  help: give output_size=, output_sizes=, or output_shapes= with output_dtypes=, "
    "or name updated inputs in inout=",
)
case(
    "input written, not named",
    RuntimeError,
    run(scale, [f32s()], output_sizes=[], scalars=[4, 2], inout=["n"]),
    "inout has 'n', but the inputs of kernel scale are: A\n"
    "test_launch_errors.py:{line}:5: error: the kernel writes its input A, and the array would not change\n"
    "    A: enigma.f32,  # <- here\n    ^\n"
    "  help: pass inout=['A'] to update the array in place, or make it an output",
)
case(
    "released",
    RuntimeError,
    lambda: released().dispatch(4, 4),
    "kernel add was released and cannot be used any more\n  help: prepare it again",
)

# ---- devices and targets
case(
    "unknown device",
    RuntimeError,
    lambda: enigma.runtime("cuda"),
    "there is no device 'cuda'\n  help: devices are cpu, sim, metal",
)
case(
    "not a kernel",
    TypeError,
    lambda: enigma.compile(max),
    "compile takes a kernel, but it got <built-in function max>\n  help: decorate the function with @enigma.kernel or @enigma.jit",
)
case(
    "vectors",
    ValueError,
    lambda: enigma.compile(add, vec_width=8),
    "vec_width is 8, but a vector has 2, 3 or 4 elements\n  help: 0 means no vectors",
)


@pytest.mark.parametrize("name", CASES)
def test_the_text_is_exact(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENIGMA_DEVICE", "sim")
    action, kind, text = CASES[name]
    with pytest.raises(enigma.EnigmaError) as caught:
        action()
    assert isinstance(caught.value, kind)
    assert str(caught.value) == text.replace("{line}", str(_marked_line(text)))


def _marked_line(text: str) -> int:
    """Return the line of the kernel that a text is about."""
    kernel = next((k for k in (sized, scale, past_the_end) if k.name in text), sized)
    lines, first = inspect.getsourcelines(kernel.fn)
    return first + next(k for k, line in enumerate(lines) if "# <- here" in line)


def test_a_store_past_the_end_names_line_and_thread() -> None:
    lines, first = inspect.getsourcelines(past_the_end.fn)
    line = first + next(k for k, text in enumerate(lines) if "# <- here" in text)
    with pytest.raises(IndexError) as caught:
        past_the_end.launch(f32s(4), grid=4, threads=4, device="sim")
    assert str(caught.value).startswith(
        f"test_launch_errors.py:{line}:5: error: write outside of buffer A: index 4, but it has 4 elements\n"
        "    A[i + 1] = 0.0  # <- here\n    ^"
    )


def test_metal_without_a_device_says_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(RuntimeError) as caught:
        enigma.MetalRuntime()
    assert str(caught.value) == (
        "enigma GPU error: no Metal device\n  reason: this is not macOS\n  platform: linux\n"
        "  help: use enigma.runtime(), which runs the same kernel on the CPU, or enigma.SimRuntime(), which checks it"
    )


def test_a_library_without_xcrun_names_what_is_missing(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError) as caught:
        enigma.compile(add, emit_only=False)
    assert str(caught.value) == (
        "xcrun was not found, so no .metallib can be built\n  help: on a Mac install Xcode; elsewhere pass emit_only=True "
        "(or set ENIGMA_EMIT_ONLY=1) to stop at Metal source"
    )
