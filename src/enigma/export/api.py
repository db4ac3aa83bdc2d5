"""`enigma.export`: a kernel as a folder that can be shipped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from enigma.errors import EnigmaValueError
from enigma.export.bundle import Files, Tolerance
from enigma.export.subject import bundle, subject
from enigma.export.table import target


def export(
    kernel: Any, *args: Any, to: str, path: Any = None, grid: Any = None, threads: Any = None,
    constants: Mapping[Any, Any] | None = None, device: str = "sim", rtol: float | None = None,
    atol: float | None = None, overwrite: bool = False, **named: Any,
) -> Path:  # fmt: skip
    """Write a kernel as a folder that can be shipped without enigma, and return its path (default `NAME-TO`).

    `to` is what the folder is for: "msl", "torch" and others, which docs/export.md lists. `args`, `named`, `grid`, `threads` and
    `constants` are a launch, as in `kernel.launch`: it is run on copies, and its arrays before and after are part of the folder, to
    test the kernel by. `device` is what runs it: "sim" refuses a launch that goes wrong, "cpu" is quick. `rtol` and `atol` are
    how far floats may be from that, as in `enigma.compare`. `kernel` may be compiled, or be an `@enigma.jit` function of one
    launch. A folder that holds something is left alone unless `overwrite` is True; files of other names in it stay.

    Raises `EnigmaValueError` for an unknown target and a folder that cannot be written, `ToolchainError` where the target needs
    tools that are missing, `EnigmaTypeError` for a kernel that the target cannot have, `LaunchError` and `CheckError` for a launch
    that does not fit or goes wrong.

    >>> import enigma, numpy as np, tempfile
    >>> @enigma.kernel
    ... def halves(A: enigma.f32, Out: enigma.f32):
    ...     i = enigma.thread_position_in_grid
    ...     Out[i] = A[i] / 2
    >>> folder = tempfile.mkdtemp()
    >>> a, out = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    >>> path = enigma.export(halves, a, out, grid=64, to="msl", path=folder)
    >>> sorted(file.name for file in path.iterdir())
    ['README.md', 'halves.json', 'halves.metal', 'vectors']
    """
    wanted = target(to)
    made = bundle(subject(kernel, args, named, grid, threads, constants), device, Tolerance(rtol, atol))
    folder = Path(path) if path is not None else Path(f"{made.name}-{to}")
    write(folder, wanted.files(made), overwrite=overwrite)
    return folder


def write(folder: Path, files: Files, *, overwrite: bool) -> None:
    """Write the files of an export. Raises `EnigmaValueError` for a folder that cannot be written, or holds something."""
    try:
        if not overwrite and folder.is_dir() and any(folder.iterdir()):
            raise EnigmaValueError(
                f"{folder} is not empty", help="give the path of a new folder, or pass overwrite=True (--overwrite)"
            )
        for name, content in files.items():
            path = folder / PurePosixPath(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise EnigmaValueError(
            f"the export cannot be written to {folder}: {(error.strerror or str(error)).lower()}",
            help="give the path of a folder that can be written to",
        ) from error
