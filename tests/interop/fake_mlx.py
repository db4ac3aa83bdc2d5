"""A stand-in for `mx.fast.metal_kernel`, and the texts that the real one makes.

The real one runs on a Mac only, but MLX writes its text anywhere while it exports a function: `real_text` asks for it, and tests
compare the stand-in's with it. What the stand-in knows of MLX, from its sources: an input is `const constant` with fewer than
eight elements, else `const device`; it is a reference without axes; `NAME_shape`, `NAME_strides` and `NAME_ndim` are declared for
an input with axes where the body has that text; so are attributes; outputs are `device T*`; the grid counts threads.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma
from enigma.runtime.foreign import from_mlx_dtype, new_mlx
from tests.msl import check
from tests.msl.run import run_kernel

mx: Any = pytest.importorskip("mlx.core")

TYPES = {
    "bool_": "bool", "int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "int64": "int64_t", "uint8": "uint8_t",
    "uint16": "uint16_t", "uint32": "uint32_t", "uint64": "uint64_t", "float16": "float16_t", "bfloat16": "bfloat16_t",
    "float32": "float",
}  # fmt: skip
VECTORS = (
    "dispatch_threads_per_threadgroup", "grid_origin", "grid_size", "thread_position_in_grid", "thread_position_in_threadgroup",
    "threadgroup_position_in_grid", "threadgroups_per_grid", "threads_per_grid", "threads_per_threadgroup",
)  # fmt: skip
NUMBERS = (
    "dispatch_quadgroups_per_threadgroup", "dispatch_simdgroups_per_threadgroup", "quadgroup_index_in_threadgroup",
    "quadgroups_per_threadgroup", "simdgroup_index_in_threadgroup", "simdgroups_per_threadgroup", "thread_execution_width",
    "thread_index_in_quadgroup", "thread_index_in_simdgroup", "thread_index_in_threadgroup", "threads_per_simdgroup",
)  # fmt: skip
INFOS = (
    ("_shape", "const constant int* "),
    ("_strides", "const constant int64_t* "),
    ("_ndim", "const constant int& "),
)
FORMS = {"math_mode": ("safe", "relaxed", "fast")}


def type_name(dtype: Any) -> str:
    """Return what MLX calls a dtype in Metal."""
    return next(text for name, text in TYPES.items() if getattr(mx, name) == dtype)


class Kernel:
    """What `metal_kernel` returns; called, it checks the text that MLX would make, and runs it."""

    def __init__(
        self, *, name: str, input_names: list[str], output_names: list[str], source: str, header: str = "",
        ensure_row_contiguous: bool = True, atomic_outputs: bool = False, compile_options: Any = None,
    ) -> None:  # fmt: skip
        names = [*input_names, *output_names]
        if not output_names or len(set(names)) != len(names) or not re.fullmatch(r"\w+", name):
            raise ValueError(f"names are {name}, {names}")
        for option, value in (compile_options or {}).items():
            if value not in FORMS[option]:
                raise ValueError(f"{option} cannot be {value}")
        self.name, self.inputs, self.outputs = name, list(input_names), list(output_names)
        self.source, self.header = source, header
        self.contiguous, self.atomic = ensure_row_contiguous, atomic_outputs
        self.calls: list[str] = []

    def text(self, inputs: list[Any], output_dtypes: list[Any]) -> str:
        """Return the whole text."""
        name = f"custom_kernel_{self.name}"
        lines: list[str] = []
        place = 0
        for given, x in zip(self.inputs, inputs, strict=True):
            kind = type_name(x.dtype)
            name += f"_{kind}{'s' if x.ndim == 0 else 'c' if x.size < 8 else ''}"
            space = "constant" if x.size < 8 else "device"
            lines.append(f"  const {space} {kind}{'&' if x.ndim == 0 else '*'} {given} [[buffer({place})]]")
            place += 1
            for suffix, declared in INFOS if x.ndim else ():
                if given + suffix in self.source:
                    lines.append(f"  {declared}{given}{suffix} [[buffer({place})]]")
                    place += 1
        for made, dtype in zip(self.outputs, output_dtypes, strict=True):
            kind = type_name(dtype)
            name += f"_{kind}"
            lines.append(f"  device {f'atomic<{kind}>' if self.atomic else kind}* {made} [[buffer({place})]]")
            place += 1
        for attribute in sorted((*VECTORS, *NUMBERS)):
            if attribute in self.source:
                kind = "uint3" if attribute in VECTORS else "uint"
                lines.append(f"  {kind} {attribute} [[{attribute}]]")
        signature = ",\n".join(lines)
        return f"{self.header}[[kernel]] void {name}(\n{signature}) {{\n{self.source}\n}}\n"

    def __call__(
        self, *, inputs: list[Any], output_shapes: list[Any], output_dtypes: list[Any], grid: Any, threadgroup: Any,
        template: Any = None, init_value: float | None = None, verbose: bool = False, stream: Any = None,
    ) -> list[Any]:  # fmt: skip
        if template is not None or self.atomic:
            raise ValueError("the stand-in knows no templates and no atomic outputs")
        if not len(output_shapes) == len(output_dtypes) == len(self.outputs) or len(inputs) != len(self.inputs):
            raise ValueError("counts do not fit")
        for sizes in (grid, threadgroup):
            if not isinstance(sizes, tuple) or len(sizes) != 3 or not all(type(n) is int and n > 0 for n in sizes):
                raise TypeError(f"{sizes} are no sizes")
        if stream is not None and stream != mx.gpu:
            raise ValueError("[metal_kernel] Only supports the GPU.")
        given = [x if isinstance(x, mx.array) else mx.array(x) for x in inputs]
        text = self.text(given, output_dtypes)
        self.calls.append(text)
        made = [new_mlx(tuple(s), from_mlx_dtype(d)) for s, d in zip(output_shapes, output_dtypes, strict=True)]
        for _, memory in made:  # MLX leaves memory as it was, unless it is told what to put there
            memory[...] = np.asarray(77 if init_value is None else init_value).astype(memory.dtype)
        run_text(text, given, [memory for _, memory in made], grid, threadgroup)
        return [x for x, _ in made]


def plain(text: str) -> str:
    """Return a text as the checks read it: MLX's preamble declares the names of half precision."""
    words = {"[[kernel]] void": "kernel void", "bfloat16_t": "bfloat", "float16_t": "half"}
    for word, other in words.items():
        text = text.replace(word, other)
    return text


def run_text(text: str, inputs: list[Any], outputs: list[Any], grid: Any, threads: Any) -> None:
    """Check a whole text with clang, and run it on memory of arrays."""
    check.assert_legal(plain(text))
    arrays = [np.array(enigma_array(x)) for x in inputs]
    program = PROGRAMS.get(_body(text))
    if program is not None:
        _run_program(program, text, arrays, outputs, grid, threads)
        return
    run_kernel(plain(text), dict(enumerate([*arrays, *outputs])), grid=grid, threads=threads)


PROGRAMS: dict[str, Any] = {}
"""Programs by the body that is exported of them: what runs a kernel whose threads talk to each other."""


def _body(text: str) -> str:
    return text[text.index(") {\n") + 4 : text.rindex("\n}\n")]


def _run_program(program: Any, text: str, inputs: list[Any], outputs: list[Any], grid: Any, threads: Any) -> None:
    """Run a program on arrays by its parameters' names, which those of MLX begin with."""
    names = re.findall(r" (\w+) \[\[buffer\(", text)
    given = dict(zip(names, [*inputs, *outputs], strict=True))
    arguments = [given.get(a.name, given.get(f"{a.name}_data", given.get(f"{a.name}_"))) for a in program.arguments]
    rounded = [x.item() if a.is_scalar else _whole(x, a) for a, x in zip(program.arguments, arguments, strict=True)]
    enigma.runtime("cpu").run(program, rounded, grid, threads)


def _whole(x: Any, argument: Any) -> Any:
    """Return an array without what was put behind its end so that it is long enough for MLX."""
    return x.reshape(-1)[: x.size // argument.params[0].dtype.parts * argument.params[0].dtype.parts]


def enigma_array(x: Any) -> Any:
    """Return an array of MLX as one of NumPy."""
    from enigma.interop import as_array

    return as_array(x)


def real_text(capfd: Any, monkeypatch: Any, folder: Path, function: Any, *args: Any) -> list[str]:
    """Return the texts that MLX itself makes of the kernels in a function, by exporting it: nothing is run."""
    real = mx.fast.metal_kernel
    monkeypatch.setattr(mx.metal, "is_available", lambda: True)
    monkeypatch.setattr(mx.fast, "metal_kernel", lambda **made: lambda **call: real(**made)(**call, verbose=True))
    capfd.readouterr()
    mx.export_function(str(folder / "graph.mlxfn"), function, *args)
    said = capfd.readouterr().out
    return re.findall(r"Generated source code for `\w+`:\n```\n(.*?)\n```", said, re.DOTALL)
