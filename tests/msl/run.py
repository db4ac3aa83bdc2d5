"""Compiles a Metal kernel with clang for this machine and runs it, a thread after the other.

An independent check of index arithmetic and of what spellings mean. Only kernels whose threads do not talk to each
other can be run: no barriers, lane functions, threadgroup memory, atomics, textures or matrices. Float functions are
those of the C library, so compare them with a tolerance.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.msl import words
from tests.msl.clang import CLANG, MODE_A, rewrite, stub_flags
from tests.msl.tokens import Parameter, parse

_TALKING = ("simd_", "quad_", "simdgroup", "threadgroup", "atomic", "texture", "sampler")
_SIMD_WIDTH = 32

# Kernel inputs in terms of the loop's variables: g position in the grid, t in the group, b the group's position,
# n threads in the grid, s threads in a group.
_VECTOR_INPUTS = {
    "thread_position_in_grid": "g{0}",
    "thread_position_in_threadgroup": "t{0}",
    "threadgroup_position_in_grid": "b{0}",
    "threads_per_grid": "n{0}",
    "threads_per_threadgroup": "s{0}",
    "dispatch_threads_per_threadgroup": "s{0}",
    "threadgroups_per_grid": "((n{0} + s{0} - 1) / s{0})",
}
_LINEAR = "(tx + sx * (ty + sy * tz))"
_SCALAR_INPUTS = {
    "thread_index_in_threadgroup": _LINEAR,
    "thread_index_in_simdgroup": f"({_LINEAR} % {_SIMD_WIDTH})",
    "simdgroup_index_in_threadgroup": f"({_LINEAR} / {_SIMD_WIDTH})",
    "threads_per_simdgroup": str(_SIMD_WIDTH),
}

_DRIVER = """
namespace msl {{
struct pointer {{ void *at; template <class T> operator T *() const {{ return (T *)at; }} }};
struct reference {{ void *at; template <class T> operator T &() const {{ return *(T *)at; }} }};
}}
extern "C" void msl_run(void **buffers, const uint *grid, const uint *group) {{
  const uint nx = grid[0], ny = grid[1], nz = grid[2], sx = group[0], sy = group[1], sz = group[2];
  (void)sz;
  for (uint gz = 0; gz < nz; ++gz)
    for (uint gy = 0; gy < ny; ++gy)
      for (uint gx = 0; gx < nx; ++gx) {{
        const uint tx = gx % sx, ty = gy % sy, tz = gz % sz, bx = gx / sx, by = gy / sy, bz = gz / sz;
        (void)tx; (void)ty; (void)tz; (void)bx; (void)by; (void)bz;
        {name}({arguments});
      }}
}}
"""


def run_kernel(
    text: str,
    buffers: Mapping[int, np.ndarray],
    *,
    grid: tuple[int, int, int],
    threads: tuple[int, int, int] = (1, 1, 1),
    name: str | None = None,
) -> None:
    """Runs a kernel of `text` on C-contiguous arrays by buffer index, which it changes in place.

    `grid` counts threads and `threads` those of a group; a scalar argument is an array of one element. `name` picks the
    kernel where there are several. Raises ValueError for a kernel that cannot be run, with clang's message if any.
    """
    kernels = [f for f in parse(text).functions if f.is_kernel and name in {None, f.name.text}]
    if len(kernels) != 1:
        raise ValueError(f"the text has {len(kernels)} kernels to choose from")
    _refuse_talking(text)
    arguments = ", ".join(_argument(param, buffers) for param in kernels[0].params)
    source = rewrite(text, "A") + _DRIVER.format(name=kernels[0].name.text, arguments=arguments)
    with tempfile.TemporaryDirectory() as folder:
        library = ctypes.CDLL(str(_compile(source, Path(folder))))
        top = max(buffers, default=-1) + 1
        pointers = (ctypes.c_void_p * max(top, 1))(
            *(buffers[i].ctypes.data if i in buffers else None for i in range(top))
        )
        library.msl_run(pointers, (ctypes.c_uint * 3)(*grid), (ctypes.c_uint * 3)(*threads))


def _refuse_talking(text: str) -> None:
    inputs = words.POSITIONS | words.INDICES
    for token in parse(text).tokens:
        if token.kind == "name" and token.text.startswith(_TALKING) and token.text not in inputs:
            raise ValueError(f"a kernel with '{token.text}' cannot be run thread by thread")


def _argument(param: Parameter, buffers: Mapping[int, np.ndarray]) -> str:
    for attribute in param.attributes:
        name = attribute.name.text
        if name == "buffer":
            if attribute.index not in buffers:
                raise ValueError(f"no array is given for buffer {attribute.index}")
            if not buffers[attribute.index].flags.c_contiguous:
                raise ValueError(f"the array of buffer {attribute.index} is not contiguous")
            kind = "reference" if "&" in param.words else "pointer"
            return f"msl::{kind}{{buffers[{attribute.index}]}}"
        kind = " ".join(word for word in param.words if word != "const")
        if name in _SCALAR_INPUTS:
            return f"{kind}({_SCALAR_INPUTS[name]})"
        if name in _VECTOR_INPUTS:
            width = int(kind[-1]) if kind[-1:].isdecimal() else 1
            return f"{kind}({', '.join(_VECTOR_INPUTS[name].format(axis) for axis in 'xyz'[:width])})"
    raise ValueError(f"the parameter '{param.name.text if param.name else '?'}' has no value in a run")


def _compile(source: str, folder: Path) -> Path:
    library = folder / "kernel.so"
    command = [CLANG, *MODE_A, *stub_flags(), "-DMSL_RUN", "-D__METAL_VERSION__=320", "-O1", "-w", "-fPIC", "-shared"]
    # Products and sums round apart so that NumPy gives the same bits; integers wrap and pointers may alias.
    command += [
        "-ffp-contract=off",
        "-fwrapv",
        "-fno-strict-aliasing",
        "-Wl,--no-undefined",
        "-o",
        str(library),
        "-",
        "-lm",
    ]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ValueError(f"the kernel does not compile for a run:\n{done.stderr}")
    return library
