"""Finds what `FILE.py:NAME` names: a kernel, or another function of the file."""

from __future__ import annotations

import difflib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from enigma.debug.users import is_users
from enigma.errors import EnigmaError
from enigma.trace.kernel import KernelDef


@dataclass(frozen=True, slots=True)
class Loaded:
    """A kernel, the module it was found in, and what the module calls it: one that a function made has a name of its own."""

    kernel: KernelDef
    name: str
    module: ModuleType
    file: str

    def function(self, name: str, option: str) -> Callable[..., Any]:
        """Return a function of the file by name. Raises `click.ClickException`, which names the option that asked for it."""
        found = getattr(self.module, name, None)
        if found is None:
            near = difflib.get_close_matches(name, vars(self.module), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise click.ClickException(f"{self.file} has no function {name}, which {option} names{hint}")
        if not callable(found) or isinstance(found, KernelDef):
            raise click.ClickException(f"{name} of {self.file}, which {option} names, is no plain function")
        return _guarded(found, f"{name} of {self.file}, which {option} names,")


@contextmanager
def aside() -> Generator[None]:
    """Run code of the user's: what it prints goes to standard error, for standard output is the command's result."""
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def alone() -> Generator[None]:
    """Load a file without a trace: the user's modules are forgotten after, so that another version's are not taken for them."""
    paths, modules = list(sys.path), set(sys.modules)
    try:
        yield
    finally:
        sys.path[:] = paths
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and is_users(file):
                del sys.modules[name]


def _guarded(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    """Return a function of the user's whose exceptions are told as the user's, and not as enigma's."""

    def call(*arguments: Any) -> Any:
        try:
            with aside():
                return function(*arguments)
        except (EnigmaError, click.ClickException, KeyboardInterrupt):
            raise
        except SystemExit as error:
            raise click.ClickException(f"{what} ends the program") from error
        except BaseException as error:
            raise click.ClickException(f"{what} failed: {_told(error)}") from error

    return call


def load_file(path: Path) -> ModuleType:
    """Return a Python file as a module, imports from its own folder included. Raises `click.ClickException`."""
    if not path.is_file():
        what = "it is a folder" if path.is_dir() else "it is no file" if path.exists() else "there is no such file"
        raise click.ClickException(f"{path}: {what}")
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
        with aside():
            spec.loader.exec_module(module)
    except (EnigmaError, click.ClickException, KeyboardInterrupt):
        raise
    except SyntaxError as error:
        named = path if error.filename in (None, spec.origin) else error.filename
        place = f"{named}:{error.lineno}" if error.lineno else str(named)
        raise click.ClickException(f"{place}: {error.msg}") from error
    except SystemExit as error:
        raise click.ClickException(
            f'{path}: it ends the program when it is imported (put that under `if __name__ == "__main__":`)'
        ) from error
    except BaseException as error:
        raise click.ClickException(f"{_place(error, path, spec.origin)}: {_told(error)}") from error
    return module


def _told(error: BaseException) -> str:
    """Return the class and the first line of an exception."""
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _place(error: BaseException, path: Path, origin: str | None) -> str:
    """Return the last line of a file that an exception went through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == origin]
    return f"{path}:{lines[-1]}" if lines and lines[-1] else str(path)


def load(name: str) -> Loaded:
    """Return the kernel for `FILE.py:KERNEL`; the file alone is enough when it has one. Raises `click.ClickException`."""
    file, colon, wanted = name.rpartition(":")
    if not colon or not (file.endswith(".py") or (Path(file).exists() and not Path(name).exists())):
        file, wanted = name, ""
    if not file:
        raise click.ClickException(f"{name!r} names no file: write FILE.py:KERNEL")
    module = load_file(Path(file))
    kernels = {key: value for key, value in vars(module).items() if isinstance(value, KernelDef)}
    if wanted in kernels:
        return Loaded(kernels[wanted], wanted, module, file)
    if wanted:
        other = getattr(module, wanted, None)
        if other is not None:
            kind = type(other).__name__
            raise click.ClickException(
                f"{wanted} of {file} is no kernel but a {kind}: kernels are under @enigma.kernel"
            )
        raise click.ClickException(f"{file} has no kernel {wanted}{_known(kernels, wanted)}")
    if len(kernels) != 1:
        raise click.ClickException(f"{file} has {len(kernels) or 'no'} kernels{_known(kernels, '')}")
    ((only, kernel),) = kernels.items()
    return Loaded(kernel, only, module, file)


def load_kernel(name: str) -> KernelDef:
    """Return the kernel for `FILE.py:KERNEL`. Raises `click.ClickException`."""
    return load(name).kernel


def _known(kernels: dict[str, KernelDef], wanted: str) -> str:
    near: Sequence[str] = difflib.get_close_matches(wanted, kernels, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; name one: {', '.join(kernels)}" if kernels else " (a kernel is a function under @enigma.kernel)"
