"""The report of a checked run: text for a terminal or a notebook, JSON, or an exception."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from enigma.errors import CheckError, EnigmaValueError, KernelAssertionError, OutOfBoundsError
from enigma.markup import BLUE, RED, heading, pre
from enigma.runtime.checking.finding import Finding
from enigma.spec.terms import Fault

if TYPE_CHECKING:
    from rich.console import RenderableType


class OutOfBoundsFound(CheckError, OutOfBoundsError):
    """A `CheckError` of a run in which a kernel left a buffer."""


@dataclass(frozen=True, slots=True)
class OrderDifference:
    """A buffer whose contents depend on the order in which threads take their turns; printed, it is a line.

    `count` elements differ, the first at `index`, where the two orders have left `values`. `how` they differ: "rounding" where they
    are floats that differ by no more than sums of another order, "places" where the same numbers lie elsewhere, "values" otherwise.
    Of a vector, or a texel, `component` is the first that differs: "x", "y", "z" or "w".
    """

    buffer: str
    index: int
    values: tuple[Any, Any]
    count: int
    how: str
    component: str = ""

    def __str__(self) -> str:
        one, other = (f"{value:.9g}" if isinstance(value, float) else str(value) for value in self.values)
        place = f"[{self.index}]" + (f".{self.component}" if self.component else "")
        what = f"{self.buffer}{place} is {one}, or {other} in another order of threads"
        more = f" ({self.count} elements differ)" if self.count > 1 else ""
        return f"note: {what}{more}: {_HOW[self.how]}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        values = [None if isinstance(value, float) and not math.isfinite(value) else value for value in self.values]
        return {
            "buffer": self.buffer, "index": self.index, "values": values, "count": self.count, "how": self.how,
            "component": self.component,
        }  # fmt: skip


_HOW = {
    "rounding": "floats that are added up in another order are rounded otherwise",
    "places": "the same numbers in other places, as where slots are handed out",
    "values": "right only if you mean any of them",
}


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a checked run of a kernel found: `.findings`, one for each kind and place, errors first; `.ok` if there are none.

    - `kernel`: its name. `schedules`: how many orders of the threads were run; a second one only where it can matter.
    - `failure`: the assertion of the kernel that failed, or None.
    - `order_differences`: an `OrderDifference` for each buffer whose contents differ between two orders of threads, and
      `order_dependent`: their names. With atomic operations that may be meant (slots are handed out in another order, a sum of
      floats is rounded otherwise), so it is no finding, and `ok` does not count it.

    >>> import enigma, numpy as np
    >>> @enigma.kernel
    ... def shifted(A: enigma.f32, Out: enigma.f32):
    ...     i = enigma.thread_position_in_grid
    ...     Out[i] = A[i + 1]
    >>> report = enigma.check(shifted, np.zeros(8, np.float32), np.zeros(8, np.float32), grid=8, threads=8)
    >>> report.ok, [(f.kind.value, f.buffer, f.index, f.thread) for f in report.findings]
    (False, [('out-of-bounds', 'A', 8, (7, 0, 0))])
    """

    kernel: str
    findings: list[Finding]
    schedules: int = 1
    order_differences: tuple[OrderDifference, ...] = ()
    failure: KernelAssertionError | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing was found, and no assertion of the kernel failed."""
        return not self.findings and self.failure is None

    @property
    def order_dependent(self) -> tuple[str, ...]:
        """The buffers whose contents depend on the order of threads."""
        return tuple(each.buffer for each in self.order_differences)

    @property
    def errors(self) -> list[Finding]:
        """The findings of what Metal leaves undefined."""
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def warnings(self) -> list[Finding]:
        """The findings that have a meaning, which is hardly ever meant."""
        return [finding for finding in self.findings if finding.severity == "warning"]

    def __str__(self) -> str:
        failed = [str(self.failure)] if self.failure is not None else []
        parts = [*failed, *self.findings, *self.order_differences, self.summary]
        return "\n".join(map(str, parts))

    def __repr__(self) -> str:
        return f"<check of {self.kernel}: {self._counts()}>"

    @property
    def summary(self) -> str:
        """One line: the kernel, and how many errors and warnings there are."""
        order = f"; the order of threads shows in {', '.join(self.order_dependent)}" if self.order_dependent else ""
        return f"kernel {self.kernel}: {self._counts()}{order}"

    def _counts(self) -> str:
        parts = [
            f"{len(found)} {word}{'s' if len(found) > 1 else ''}"
            for word, found in (("error", self.errors), ("warning", self.warnings)) if found
        ]  # fmt: skip
        if self.failure is not None:
            parts.append("a failed assertion")
        return ", ".join(parts) or "nothing found"

    def to_json(self) -> str:
        """Return the report as JSON.

        `kernel`, `ok`, `failure`, `schedules`, `order_dependent`, `order_differences`, and `findings`, an object for each with the
        fields of `Finding` as texts, numbers, lists of three for positions, and null.
        """
        return json.dumps(
            {
                "kernel": self.kernel, "ok": self.ok, "failure": None if self.failure is None else str(self.failure),
                "schedules": self.schedules, "order_dependent": list(self.order_dependent),
                "order_differences": [each.as_dict() for each in self.order_differences],
                "findings": [finding.as_dict() for finding in self.findings],
            },
            indent=2,
        )  # fmt: skip

    def raise_if_any(self, severity: str = "warning") -> None:
        """Raise `CheckError` with all findings if there is one of at least this severity: "warning" (any) or "error".

        With "note" it is raised too where the order of threads shows, without any finding. The error is an `OutOfBoundsError` too
        if the kernel left a buffer. Where an assertion of the kernel failed, its `KernelAssertionError` is raised, with the other
        error as its cause. Raises `EnigmaValueError` for another severity.
        """
        if severity not in ("note", "warning", "error"):
            raise EnigmaValueError(
                f"there is no severity {severity!r}", help='write "note", "warning", which is the default, or "error"'
            )
        found = self.errors if severity == "error" else self.findings
        if not found:
            if self.failure is not None:
                raise self.failure
            if severity == "note" and self.order_differences:
                self._raise_order()
            return
        outside = any(finding.kind is Fault.OUT_OF_BOUNDS for finding in found)
        first, *rest = found
        error = (OutOfBoundsFound if outside else CheckError)(
            first.message, loc=first.loc, notes=first.notes, help=first.help, more=[str(each) for each in rest],
            kinds=[str(each.kind) for each in found],
        )  # fmt: skip
        error.report = self
        if self.failure is not None:  # what the kernel asserts often tells why
            raise self.failure from error
        raise error

    def _raise_order(self) -> None:
        error = CheckError(
            self.summary,
            notes=[(str(each).removeprefix("note: "), None) for each in self.order_differences],
            help="make them the same in any order, or leave the severity at a warning where that is meant",
        )
        error.report = self
        raise error

    def __rich__(self) -> RenderableType:
        from rich.console import Group  # rich is heavy
        from rich.text import Text

        colours = {"error": "bold red", "warning": "bold yellow"}
        texts = [Text(str(self.failure), style="bold red")] if self.failure is not None else []
        for finding in self.findings:
            text = Text(str(finding))
            text.highlight_words([f" {finding.severity}: "], colours[finding.severity])
            text.highlight_words([f"[{finding.kind}]"], "cyan")
            text.highlight_regex(r"(?m)^ +\^$", "bold green")
            text.highlight_regex(r"(?m)^  (help|note):|: note:", "bold")
            texts.append(text)
        for each in self.order_differences:
            text = Text(str(each))
            text.highlight_words(["note:"], "bold cyan")
            texts.append(text)
        style = "bold green" if self.ok else "bold red" if self.errors else "bold yellow"
        return Group(*texts, Text(self.summary, style=style))

    def _repr_html_(self) -> str:
        failed = [pre(str(self.failure), RED)] if self.failure is not None else []
        findings = (finding.html() for finding in self.findings)
        orders = (pre(str(each), BLUE) for each in self.order_differences)
        return "".join([heading(self.summary), *failed, *findings, *orders])
