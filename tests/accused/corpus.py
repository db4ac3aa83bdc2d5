"""Wrong kernels with the finding that each must give, and right ones that must give none."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import enigma
from enigma.runtime.checking.finding import Finding
from enigma.runtime.checking.report import CheckReport

MODULES = (
    "bounds", "uninitialised", "unwritten", "races", "racing_groups", "barriers", "collectives", "launches", "numbers", "loops",
    "field", "unusual_memory", "unusual_order", "unusual_numbers", "unusual_tiles",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A kernel with its launch. `kind` is what must be found, at a line that contains `at`; "" where nothing must be.

    `other` is part of the second line of a race, `also` are kinds that may be found too, `expected` further fields of the finding.
    """

    kernel: Any
    arguments: Sequence[Any]
    grid: Any
    threads: Any
    kind: str = ""
    at: str = ""
    other: str | None = None
    also: tuple[str, ...] = ()
    check: Any = True
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    expected: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """The kernel's name."""
        return self.kernel.name

    def run(self) -> CheckReport:
        """Check the kernel on fresh arguments."""
        made: list[Any] = []
        for argument in self.arguments:
            made.append(argument(made) if callable(argument) else argument)
        return enigma.check(self.kernel, *made, grid=self.grid, threads=self.threads, check=self.check, **self.options)

    def wrong(self, report: CheckReport) -> str:
        """Return what the report lacks or has too much, "" if it is as it must be."""
        allowed = {self.kind, *self.also}
        extra = [f for f in report.findings if f.kind not in allowed]
        if extra:
            return f"unexpected: {extra[0]}"
        if self.kind and not any(self.met_by(f) for f in report.findings):
            return f"no {self.kind} at {self.at!r} (other: {self.other!r}, {self.expected}) in:\n{report}"
        return ""

    def met_by(self, found: Finding) -> bool:
        """Return whether this finding is the one that must be."""
        there = self.other is None or (found.other is not None and self.other in found.other.text())
        fields = all(getattr(found, name) == value for name, value in self.expected.items())
        return found.kind == self.kind and self.at in found.source and there and fields


CASES: list[Case] = []


def accused(
    kind: str, at: str, *arguments: Any, grid: Any, threads: Any, other: str | None = None, also: Sequence[str] = (),
    check: Any = True, options: dict[str, Any] | None = None, **expected: Any,
) -> Callable[[Any], Any]:  # fmt: skip
    """Return the decorator of a wrong kernel."""

    def keep(kernel: Any) -> Any:
        CASES.append(
            Case(kernel, arguments, grid, threads, kind, at, other, tuple(also), check, options or {}, expected)
        )
        return kernel

    return keep


def clean(
    *arguments: Any, grid: Any, threads: Any, check: Any = True, options: dict[str, Any] | None = None
) -> Callable[[Any], Any]:
    """Return the decorator of a right kernel."""

    def keep(kernel: Any) -> Any:
        CASES.append(Case(kernel, arguments, grid, threads, check=check, options=options or {}))
        return kernel

    return keep


def zeros(*shape: int, dtype: Any = np.float32) -> Callable[[list[Any]], Any]:
    """Return what makes an array of zeros."""
    return lambda made: np.zeros(shape, dtype)


def ones(*shape: int, dtype: Any = np.float32) -> Callable[[list[Any]], Any]:
    """Return what makes an array of ones."""
    return lambda made: np.ones(shape, dtype)


def count(size: int, dtype: Any = np.float32) -> Callable[[list[Any]], Any]:
    """Return what makes the array 0, 1, 2, ..."""
    return lambda made: np.arange(size).astype(dtype)


def values(*numbers: Any, dtype: Any = np.float32) -> Callable[[list[Any]], Any]:
    """Return what makes an array of these numbers."""
    return lambda made: np.array(numbers, dtype)


def load() -> list[Case]:
    """Return all cases, wrong and right."""
    for module in (*MODULES, "right", "suspicious", "suspicious_tiles"):
        importlib.import_module(f"tests.accused.{module}")
    return CASES
