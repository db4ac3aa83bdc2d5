"""A file as it was at a git revision, `FILE.py:KERNEL@REVISION`: taken out of the repository into a folder of its own.

Only blobs are read: nothing is checked out, no filter or hook of git runs, and the working tree and index stay as they are.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from enigma.cli import Mistake
from enigma.errors import EnigmaError

_NAME = re.compile(r"(?P<file>.+\.[A-Za-z]+)(?P<kernel>:\w+)?@(?P<revision>.+)", re.DOTALL)
_LINK, _FILE = "120000", ("100644", "100755")


@dataclass(frozen=True, slots=True)
class Revision:
    """A file, and a kernel of it if one is named, at a revision of its repository."""

    file: Path
    kernel: str
    revision: str


def parse(name: str) -> Revision | None:
    """Return what `FILE[:KERNEL]@REVISION` names, or None for a name without a revision, or of a file that is there."""
    match = _NAME.fullmatch(name)
    if match is None or Path(name).exists():
        return None
    return Revision(Path(match["file"]), match["kernel"] or "", match["revision"])


@contextmanager
def checked_out(wanted: Revision) -> Generator[str]:
    """Give the name of the kernel, or file, as it was at the revision: valid inside of the `with`.

    The Python files of the whole repository come along, and all files of the kernel's own folder; folders of the repository on
    the path of imports are replaced by those of the revision. Raises `click.ClickException` for what git does not have.
    """
    folder = _nearest(_real(wanted.file).parent)
    top = Path(_git(folder, "rev-parse", "--show-toplevel", what=f"{wanted.file}: ").strip())
    commit = _commit(top, wanted)
    inside = PurePosixPath(_real(wanted.file).relative_to(top).as_posix())
    tree = _tree(top, commit)
    if str(inside) not in tree:
        raise click.ClickException(f"{wanted.file}: there is no such file at {wanted.revision}")
    with tempfile.TemporaryDirectory(prefix="enigma-") as made:
        root = Path(made).resolve()
        _extract(top, {path: entry for path, entry in tree.items() if _belongs(path, inside)}, root)
        with _paths_of(top, root), _told_as(root, wanted.revision):
            yield f"{root / inside}{wanted.kernel}"


def _real(file: Path) -> Path:
    """Return the path without links among its folders; the file itself may be one, or not be there any more."""
    return file.parent.resolve() / file.name


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there: a file of the past may have been in one that is gone."""
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _commit(top: Path, wanted: Revision) -> str:
    try:
        named = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted.revision).strip()
        return _git(top, "rev-parse", "--verify", "--quiet", f"{named}^{{commit}}").strip()
    except click.ClickException as error:
        raise click.ClickException(f"{top} has no revision {wanted.revision!r}") from error


def _tree(top: Path, commit: str) -> dict[str, tuple[str, str]]:
    """Return mode and blob of every file of a commit by its path."""
    found: dict[str, tuple[str, str]] = {}
    for entry in _git(top, "ls-tree", "-r", "-z", "--full-tree", commit).split("\0"):
        if entry:
            facts, _, path = entry.partition("\t")
            mode, _, blob = facts.split(" ")
            found[path] = (mode, blob)
    return found


def _belongs(path: str, file: PurePosixPath) -> bool:
    return path.endswith(".py") or PurePosixPath(path).is_relative_to(file.parent)


def _extract(top: Path, tree: dict[str, tuple[str, str]], root: Path) -> None:
    """Write the blobs of a tree below a folder; links only where they lead to another place in it."""
    wanted = [(path, mode, blob) for path, (mode, blob) in tree.items() if mode in (*_FILE, _LINK)]
    asked = "".join(f"{blob}\n" for _, _, blob in wanted).encode()
    told = _run(top, ("cat-file", "--batch"), asked)
    place = 0
    for path, mode, _ in wanted:
        end = told.index(b"\n", place)
        last = told[place:end].split()[-1]
        if not last.isdigit():
            raise click.ClickException(f"{top}: git has lost {path}")
        size = int(last)
        content = told[end + 1 : end + 1 + size]
        place = end + size + 2
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if mode != _LINK:
            target.write_bytes(content)
        elif Path(os.path.normpath(target.parent / os.fsdecode(content))).is_relative_to(root):
            target.symlink_to(os.fsdecode(content))


@contextmanager
def _paths_of(top: Path, root: Path) -> Generator[None]:
    """Import from the revision what else would be imported from the working tree."""
    before = list(sys.path)
    sys.path[:] = [str(root / here.relative_to(top)) if _in_tree(here, top) else text for text, here in _places(before)]
    try:
        yield
    finally:
        sys.path[:] = before


def _places(paths: list[str]) -> Iterator[tuple[str, Path]]:
    return ((text, Path(text or ".").resolve()) for text in paths)


def _in_tree(here: Path, top: Path) -> bool:
    own = Path(__file__).resolve().parents[2]  # enigma itself stays what it is, in its own repository too
    return (
        here.is_relative_to(top)
        and here != own
        and not (here / "pyvenv.cfg").exists()
        and "site-packages" not in here.parts
    )


@contextmanager
def _told_as(root: Path, revision: str) -> Generator[None]:
    """Name files of the revision in messages as git does, `HEAD~1:kernels.py`, rather than by a folder that is gone by then."""
    try:
        yield
    except click.ClickException as error:
        raise click.ClickException(error.message.replace(f"{root}{os.sep}", f"{revision}:")) from error
    except EnigmaError as error:
        raise Mistake(f"{revision}:{error}") from error


def _git(folder: Path, *arguments: str, what: str = "") -> str:
    return os.fsdecode(_run(folder, arguments, b"", what))


def _run(folder: Path, arguments: tuple[str, ...], given: bytes, what: str = "") -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], input=given, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise click.ClickException(
            f"{what}a revision needs git, and it is not installed (there is no git on the PATH)"
        ) from error
    if done.returncode:
        first = next(iter(os.fsdecode(done.stderr).strip().splitlines()), f"status {done.returncode}")
        raise click.ClickException(f"{what}git says: {first}")
    return done.stdout
