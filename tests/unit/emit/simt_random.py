"""The random kernels of `random_kernels`, run by many threads that each take other ways through them."""

from __future__ import annotations

import linecache
import re
from typing import Any

from tests.unit.emit.random_kernels import Writer

HEAD = "def k(A: en.i32, Out: en.i32, p: en.Scalar(en.i32), q: en.Scalar(en.i32)):"


def source(seed: int) -> str:
    """Return a kernel in which each thread has its own start values and its own 64 elements of Out."""
    text = Writer(seed).source("k")
    text = re.sub(r"Out\[\((\w+) \^ (\w+)\) & 63\]", r"Out[i * 64 + ((\1 ^ \2) & 63)]", text)
    text = re.sub(r"Out\[(\w+) & 63\]", r"Out[i * 64 + (\1 & 63)]", text)
    text = re.sub(r"Out\[(\d+)\]", r"Out[i * 64 + \1]", text)
    text = re.sub(r"Out\[\((\w+) & 31\) \+ 4\]", r"Out[i * 64 + ((\1 & 31) + 4)]", text)
    starts = ["i = en.i32(en.thread_position_in_grid)", "p = A[i & 63]", "q = i * 37 & 255"]
    assert HEAD in text
    return "import enigma as en\n\n" + text.replace(HEAD, "\n    ".join(["def k(A: en.i32, Out: en.i32):", *starts]))


def kernel(seed: int) -> Any:
    """Return the kernel of a seed."""
    text, file = source(seed), f"<random {seed}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope: dict[str, Any] = {"__name__": f"random_{seed}"}
    exec(compile(text, file, "exec"), scope)
    return scope["k"]
