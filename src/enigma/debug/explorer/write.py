"""`compiled.explore(path)`: writes the explorer's page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enigma.compile import CompiledKernel
from enigma.debug.explorer.page import page
from enigma.errors import EnigmaValueError
from enigma.runtime.constants import specialised
from enigma.runtime.launch import geometry, size3


def explore(
    compiled: CompiledKernel, path: Any = None, *, grid: Any = None, threads: Any = (256, 1, 1), report: Any = None,
    constants: Mapping[Any, Any] | None = None,
) -> Path:  # fmt: skip
    """Write one HTML file that shows every stage of a kernel, and return its path; see `CompiledKernel.explore`."""
    target = Path(path) if path is not None else Path(f"{compiled.kernel_name}.html")
    size = size3(threads, "threads")
    geometry(size if grid is None else grid, size)
    if constants:
        specialised(compiled.program, constants)  # complains of what is wrong with them
    text = page(compiled, threads=size, grid=grid, report=report, constants=constants)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EnigmaValueError(
            f"the page cannot be written to {target}: {(error.strerror or str(error)).lower()}",
            help="give the path of a file in a folder that can be written to",
        ) from error
    return target
