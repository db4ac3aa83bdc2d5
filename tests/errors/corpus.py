"""The corpus of wrong kernels: each a module's source and the exact text of the error that it gives.

A file of `cases` holds blocks of this form; `@@ name.py` starts a further module that the first one may import:

    ==== what is wrong
    source of kernel.py, after its first line `import enigma as en`
    ----
    the error's class, and its text
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enigma.errors import EnigmaError

CASES = Path(__file__).parent / "cases"
HEADER = "import enigma as en\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One wrong kernel."""

    family: str
    name: str
    source: str
    expected: str

    def __str__(self) -> str:
        return f"{self.family}: {self.name}"

    @property
    def text(self) -> str:
        """The block as it stands in its file."""
        return f"==== {self.name}\n{self.source}----\n{self.expected}\n"

    def modules(self) -> dict[str, str]:
        """Return the modules' names and texts, the kernel's own first."""
        first, *others = self.source.split("@@ ")
        future, _, rest = first.partition("\n") if first.startswith("from __future__") else ("", "", first)
        found = {"kernel.py": f"{future}\n{HEADER}{rest}" if future else HEADER + first}
        for other in others:
            name, _, text = other.partition("\n")
            found[name] = text
        return found


def read(path: Path) -> list[Case]:
    """Return the cases of one file."""
    blocks = path.read_text(encoding="utf-8").split("==== ")[1:]
    cases: list[Case] = []
    for block in blocks:
        name, _, rest = block.partition("\n")
        source, _, expected = rest.partition("----\n")
        cases.append(Case(path.stem, name, source, expected.strip("\n")))
    return cases


def every() -> list[Case]:
    """Return all cases."""
    return [case for path in sorted(CASES.glob("*.txt")) for case in read(path)]


def found(case: Case, folder: Path) -> str:
    """Return the class and text of the error that a case gives: while it is imported, or when its kernel is traced."""
    for name, text in case.modules().items():
        (folder / name).write_text(text, encoding="utf-8")
    with _importable(folder), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            module: Any = importlib.import_module("kernel")
            module.kernel.trace()
        except EnigmaError as error:
            return f"{type(error).__name__}\n{error}"
        except Warning as warning:
            return f"{type(warning).__name__}\n{warning}"
    return "nothing was raised"


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    names = [path.stem for path in folder.glob("*.py")]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in names:
            sys.modules.pop(name, None)
