"""What a kernel says while it runs: lines of text, and conditions that did not hold (Metal specification, 6.19).

`ref` and `llvm` hand the values of the lanes that run to the runtime, which shows them when the launch is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enigma.dtypes import DTYPES
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Printf
from enigma.spec.terms import Effect, Report, Static, Text, Variadic

SITES = Static(0, (1 << 31) - 1)
VALUES = Variadic(DTYPES)


def _report(name: str, kind: Report, doc: str, spelling: Printf, *, public: str, example: str) -> Intrinsic:
    def meaning(np: Any, env: Any, *values: Any, text: str, site: int) -> None:
        env.report(kind, site, values)

    def lower(b: Any, *values: Any, text: str, site: int) -> None:
        b.report(kind, site, values)

    llvm: Callable[..., Any] = lower
    return Intrinsic(
        name=name, params={"text": Text(), "site": SITES, "values": VALUES}, result=None, effect=Effect.WRITE, reports=kind,
        doc=doc, msl=spelling, cuda=LATER, llvm=llvm, ref=meaning, msl_version=(3, 2), headers=("metal_logging",), public=public,
        example=example,
    )  # fmt: skip


ROWS: tuple[Intrinsic, ...] = (
    _report("print", Report.LINE, "Print a line for each thread that gets here, with the values in the text.",
            Printf("os_log_default.log"), public="print", example='print("x = {}", x)'),
    _report("assertion_failed", Report.FAILURE, "Make the launch fail if a condition does not hold, with the values in the text.",
            Printf("os_log_default.log_error", "assertion failed"), public="assert_",
            example='assert_(x > 0, "x must be positive, but is {}", x)'),
)  # fmt: skip
