"""The table of what a kernel can be exported to."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass

from enigma.errors import EnigmaValueError
from enigma.export.bundle import Bundle, Files


@dataclass(frozen=True, slots=True)
class Target:
    """Something to export to: its name, what the help says of it, and the module of `enigma.export.targets` that makes it."""

    name: str
    help: str
    module: str

    def files(self, bundle: Bundle) -> Files:
        """Return the files of an export. Raises `EnigmaError` for a kernel that the target cannot have."""
        return importlib.import_module(f"enigma.export.targets.{self.module}").files(bundle)


TARGETS = {
    each.name: each
    for each in (
        Target("msl", "the Metal text", "msl"),
        Target("metallib", "a compiled library (needs Xcode)", "metallib"),
        Target("swift", "a Swift package with a typed wrapper and the launch as its test", "swift"),
        Target("cpp", "C++ host code on metal-cpp, with a program that tests it", "cpp"),
        Target("torch", "a Python file for PyTorch's MPS tensors", "torch"),
        Target("mlx", "a Python file with an operation of MLX", "mlx"),
        Target("json", "the reflection alone", "json"),
    )
}
"""What a kernel can be exported to, in the order of the help."""


def target(name: str) -> Target:
    """Return a target by name. Raises `EnigmaValueError` for an unknown one."""
    found = TARGETS.get(name)
    if found is None:
        near = difflib.get_close_matches(str(name), TARGETS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise EnigmaValueError(
            f"a kernel cannot be exported to {name!r}", help=f"{hint}targets are {', '.join(TARGETS)}"
        )
    return found
