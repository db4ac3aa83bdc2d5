"""Finds the kernel that `FILE.py:KERNEL` names."""

from __future__ import annotations

import difflib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import click

from enigma.errors import EnigmaError
from enigma.trace.kernel import KernelDef


def load_file(path: Path) -> ModuleType:
    """Return a Python file as a module, imports from its own folder included. Raises `click.ClickException`."""
    if not path.is_file():
        raise click.ClickException(f"{path}: {'it is a folder' if path.is_dir() else 'there is no such file'}")
    name = f"_enigma_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise click.ClickException(f"{path}: it is no Python file")
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)  # stays, as for a script: a kernel may import when it is traced
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except EnigmaError:
        raise
    except SyntaxError as error:
        raise click.ClickException(f"{error.filename}:{error.lineno}: {error.msg}") from error
    except Exception as error:
        raise click.ClickException(f"{path}: {type(error).__name__}: {error}") from error
    return module


def load_kernel(name: str) -> KernelDef:
    """Return the kernel for `FILE.py:KERNEL`; the file alone is enough when it has one. Raises `click.ClickException`."""
    file, colon, wanted = name.rpartition(":")
    if not colon or not file.endswith(".py"):
        file, wanted = name, ""
    module = load_file(Path(file))
    kernels = {key: value for key, value in vars(module).items() if isinstance(value, KernelDef)}
    if wanted in kernels:
        return kernels[wanted]
    if wanted:
        raise click.ClickException(f"{file} has no kernel {wanted}{_known(kernels, wanted)}")
    if len(kernels) != 1:
        raise click.ClickException(f"{file} has {len(kernels) or 'no'} kernels{_known(kernels, '')}")
    return next(iter(kernels.values()))


def _known(kernels: dict[str, KernelDef], wanted: str) -> str:
    near: Sequence[str] = difflib.get_close_matches(wanted, kernels, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; name one: {', '.join(kernels)}" if kernels else " (a kernel is a function under @enigma.kernel)"
