"""What the emitter for MLX returns; apart from it, for that is had without a compiler."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

SMALLEST = 8
"""Elements that an array must have for MLX to declare it as device memory; smaller ones are constant memory."""


@dataclass(frozen=True, slots=True)
class MlxText:
    """A kernel for `mx.fast.metal_kernel`: `header` and `source`, and MLX's names of inputs and outputs, in slot order.

    `inputs` are all parameters that the kernel does not write, numbers too, which MLX gets as arrays without axes. The others must
    have at least `SMALLEST` elements, for the text takes them for device memory.
    """

    header: str
    source: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    msl_version: tuple[int, int]

    def unique(self, kernel: str) -> str:
        """Return a name for a kernel that has this text and no other: MLX keeps what it compiled by name."""
        digest = hashlib.blake2b((self.header + self.source).encode(), digest_size=6).hexdigest()
        return f"{re.sub(r'[^A-Za-z0-9_]', '_', kernel)}_{digest}"
