"""Time the vector math library against NumPy and libm: `python benchmarks/vmath.py [name ...]`.

Every function runs on an array that fits the second-level cache. The contestants take turns, round by round, and the
ratios are medians over rounds, so that a busy machine disturbs all alike. Above 1.0 means that the other one takes
longer than enigma.
"""

from __future__ import annotations

import ctypes
import statistics
import sys
import time
from collections.abc import Callable

import llvmlite.binding as llvm
import numpy as np

from enigma.emit.simt.vmath import FUNCTIONS, arity, declarations, definition, symbol

COUNT, REPEAT, ROUNDS = 16384, 5, 15
OTHERS = ("numpy", "libm", "called")
NUMPY = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "pow": "power", "atan2": "arctan2"}


def loop(name: str, lanes: int, callee: str, inline: bool) -> str:
    """Return the IR of `run`, which applies the function `callee` of `lanes` lanes to whole arrays."""
    of_type = "float" if lanes == 1 else f"<{lanes} x float>"
    inputs = range(arity(name))
    loads = "".join(
        f"  %q{i} = getelementptr float, ptr %p{i}, i64 %i\n  %a{i} = load {of_type}, ptr %q{i}, align 4\n"
        for i in inputs
    )
    arguments = ", ".join(f"{of_type} %a{i}" for i in inputs)
    return f"""define void @run({", ".join(f"ptr %p{i}" for i in inputs)}, ptr %out, i64 %n) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
{loads}  %r = call {of_type} @{callee}({arguments}) {"" if inline else "noinline"}
  %o = getelementptr float, ptr %out, i64 %i
  store {of_type} %r, ptr %o, align 4
  %next = add i64 %i, {lanes}
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %exit
exit:
  ret void
}}
"""


def compiled(text: str, arguments: int) -> tuple[Callable[..., None], object]:
    """Return the function `run` of an IR module, and what keeps it alive."""
    module = llvm.parse_assembly(text)
    features = llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(features=features, opt=2)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arguments + 1), ctypes.c_int64)(
        engine.get_function_address("run")
    ), engine


def contestants(name: str, width: int) -> dict[str, tuple[Callable[..., None], object]]:
    """Return the loops to compare: the library inlined and called, and libm's scalar function."""
    count = arity(name)
    library = "\n".join([*declarations(name, width), definition(name, width)])
    scalar = f"declare float @{name}f({', '.join(['float'] * count)})\n"
    called = library.replace(") alwaysinline", ") noinline")
    return {
        "enigma": compiled(library + loop(name, width, symbol(name, width), True), count),
        "called": compiled(called + loop(name, width, symbol(name, width), False), count),
        "libm": compiled(scalar + loop(name, 1, f"{name}f", True), count),
    }


def inputs(name: str) -> list[np.ndarray]:
    """Return arguments of everyday size."""
    random = np.random.default_rng(0)
    low, high = {"asin": (-1, 1), "acos": (-1, 1), "pow": (0.1, 10)}.get(
        name, (0.1, 100) if name.startswith("log") else (-8, 8)
    )
    return [random.uniform(low, high, COUNT).astype(np.float32) for _ in range(arity(name))]


def measure(name: str, width: int) -> str:
    """Return one line of the table."""
    arrays, out = inputs(name), np.empty(COUNT, np.float32)
    addresses = [array.ctypes.data for array in arrays]
    runs: dict[str, Callable[[], object]] = {}
    made = contestants(name, width)
    for label, (function, _) in made.items():
        runs[label] = lambda function=function: function(*addresses, out.ctypes.data, COUNT)
    ufunc = getattr(np, NUMPY.get(name, name))
    runs["numpy"] = lambda: ufunc(*arrays, out=out)
    times: dict[str, list[float]] = {label: [] for label in runs}
    for _ in range(ROUNDS):
        for label, run in runs.items():
            run()
            start = time.perf_counter()
            for _ in range(REPEAT):
                run()
            times[label].append((time.perf_counter() - start) / (REPEAT * COUNT) * 1e9)
    own = times["enigma"]
    ratios = [statistics.median(a / b for a, b in zip(times[label], own, strict=True)) for label in OTHERS]
    return f"{name:6} {statistics.median(own):8.2f} " + " ".join(f"{ratio:8.2f}" for ratio in ratios)


def main() -> None:
    """Print ns an element for enigma, and how many times that NumPy, libm and an enigma that is not inlined take."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    width = 16 if llvm.get_host_cpu_features().get("avx512f") else 8 if llvm.get_host_cpu_features().get("avx2") else 4
    print(f"width {width}\n{'':6} {'ns':>8} " + " ".join(f"{label:>8}" for label in OTHERS))
    for name in sys.argv[1:] or sorted(FUNCTIONS):
        print(measure(name, width), flush=True)


if __name__ == "__main__":
    main()
