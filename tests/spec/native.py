"""The Metal text of many kernels compiled by clang for this machine, in one go, and run one thread after the other.

What the spellings mean is then decided by C++ and the C library, not by us. The stub has no body for some functions.
"""

from __future__ import annotations

import ctypes
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.msl.clang import CLANG, MODE_A, rewrite, stub_flags
from tests.spec.values import Array

_HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"
_LOGGING = "#include <metal_logging>\n"
_HELPER = re.compile(r"^(?:template .*\n)?inline .*?\n\}\n", re.MULTILINE | re.DOTALL)
_POINTER = (
    "namespace msl { struct pointer { void *at; template <class T> operator T *() const { return (T *)at; } }; }\n"
)
_UNDEFINED = re.compile(r"in function `(?:run_)?(\w+)[('][^\n]*\n[^\n]*undefined reference")
# integers wrap, pointers may alias, and products and sums round apart
_FLAGS = ("-DMSL_RUN", "-D__METAL_VERSION__=320", "-O1", "-w", "-fPIC", "-shared", "-ffp-contract=off", "-fwrapv",
          "-fno-strict-aliasing", "-Wl,--no-undefined")  # fmt: skip


_SAMPLER = re.compile(r"^constexpr sampler .*;$", re.MULTILINE)


def one_text(texts: Sequence[str]) -> str:
    """Return many Metal texts as one, each helper function once."""
    helpers: dict[str, None] = {}
    bodies: list[str] = []
    for text in texts:
        body = text.replace(_LOGGING, "").removeprefix(_HEAD)
        assert body != text.replace(_LOGGING, "")
        helpers |= dict.fromkeys([*_SAMPLER.findall(body), *_HELPER.findall(body)])
        bodies.append(_HELPER.sub("", _SAMPLER.sub("", body)))
    head = _HEAD.replace("using", f"{_LOGGING}using") if any(_LOGGING in text for text in texts) else _HEAD
    return "\n".join([head, *helpers, *bodies])


@dataclass(frozen=True)
class Native:
    """Compiled kernels of buffers and one position along x; `missing` names those that need a function without a body."""

    library: ctypes.CDLL
    missing: frozenset[str]

    def run(self, name: str, arrays: Sequence[Array], threads: int) -> None:
        """Run a kernel on C-contiguous arrays, which it changes."""
        pointers = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
        getattr(self.library, f"run_{name}")(pointers, ctypes.c_uint(threads))


def compile_native(texts: Mapping[str, str], buffers: Mapping[str, int]) -> Native:
    """Compile Metal texts by kernel name; `buffers` counts each kernel's parameters but the position."""
    missing: set[str] = set()
    while True:
        chosen = [name for name in texts if name not in missing]
        source = rewrite(one_text([texts[name] for name in chosen]), "A") + _POINTER
        for name in chosen:
            arguments = ", ".join(f"msl::pointer{{b[{k}]}}" for k in range(buffers[name]))
            source += f'extern "C" void run_{name}(void **b, uint n) {{ for (uint i = 0; i < n; ++i) {name}({arguments}, i); }}\n'
        library = Path(tempfile.mkdtemp(prefix="enigma-native-")) / "kernels.so"
        command = [CLANG, *MODE_A, *stub_flags(), *_FLAGS, "-o", str(library), "-", "-lm"]
        done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return Native(ctypes.CDLL(str(library)), frozenset(missing))
        lacking = set(_UNDEFINED.findall(done.stderr)) & set(chosen)
        assert lacking, done.stderr[:2000]
        missing |= lacking
