"""The passes in their order, run until nothing changes any more."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp

from enigma.dialect.verify import verify
from enigma.passes.branches import simplify_branches
from enigma.passes.cse import share
from enigma.passes.dce import remove_dead
from enigma.passes.licm import hoist
from enigma.passes.loops import simplify_loops
from enigma.passes.simplify import simplify

ROUNDS = 8
"""Rounds at most: each leaves a module that is right, and later ones find next to nothing."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass: its name in dumps, and the function that rewrites a module in place and returns whether it did."""

    name: str
    rewrite: Callable[[ModuleOp], bool]


PASSES: tuple[Pass, ...] = (
    Pass("simplify", simplify),
    Pass("branches", simplify_branches),
    Pass("loops", simplify_loops),
    Pass("cse", share),
    Pass("licm", hoist),
    Pass("dce", remove_dead),
)
"""All passes in the order of a round."""


def run(
    module: ModuleOp,
    *,
    canonicalize: bool = True,
    without: Container[str] = (),
    verify_each: bool = False,
    observe: Callable[[str, ModuleOp], None] | None = None,
) -> None:
    """Rewrite a module in place: rounds of all passes, but those named in `without`, until one changes nothing.

    `canonicalize=False` leaves it as it was built, which is all that emitters need. `verify_each` checks the module
    after each pass that changed it, and `observe(name, module)` sees it then.
    """
    if not canonicalize:
        return
    chosen = [step for step in PASSES if step.name not in without]
    quiet = 0  # passes in a row that changed nothing
    for _ in range(ROUNDS):
        for step in chosen:
            if step.rewrite(module):
                quiet = 0
                if verify_each:
                    verify(module)
                if observe is not None:
                    observe(step.name, module)
            else:
                quiet += 1
            if quiet >= len(chosen):
                return
