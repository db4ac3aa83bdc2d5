"""Results that count only where something chooses them: `100 // n if n != 0 else 0`, and the right side of `and` and `or`.

The simulator computes both sides of a choice for all lanes. In Metal's text an expression that is used once stands inside of the
choice, `n != 0 ? 100 / n : 0`, and what is not chosen is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from enigma.dtypes import Vector
from enigma.runtime.checking.uses import Uses
from enigma.runtime.simulator.problem import Array
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import Algebra, Effect
from enigma.trace.node import Op, Traced

Tell = Callable[[Array], None]
"""Reports a problem of the lanes that it is given."""


class Guards:
    """Holds problems of a result back until it is known which lanes choose it."""

    def __init__(self, traced: Traced) -> None:
        self._uses = Uses(traced)
        self._held: dict[int, list[tuple[int, Array, Tell]]] = {}

    @staticmethod
    def chooses(row: Intrinsic) -> bool:
        """Return whether a row takes some of its operands in some lanes only."""
        return row.algebra is Algebra.SELECT or row.operator in ("and", "or")

    def tell(self, node: Op, lanes: Array, tell: Tell) -> None:
        """Tell of the lanes now, or where the node's result is chosen."""
        found = self._chooser(node)
        if found is None:
            tell(lanes)
            return
        chooser, place = found
        self._held.setdefault(id(chooser), []).append((place, lanes, tell))

    def chosen(self, node: Op, operands: Sequence[Any]) -> None:
        """A choice is made: tell of the lanes that choose what is wrong."""
        for place, lanes, tell in self._held.pop(id(node), ()):
            condition = np.asarray(operands[0])
            takes = ~condition if node.row.operator == "or" or place == 2 else condition
            if (left := lanes & takes).any():
                tell(left)

    def _chooser(self, node: Op) -> tuple[Op, int] | None:
        """Return the choice that the result is in the end used for, and nothing else, and as which operand."""
        while node.result is not None:
            uses = self._uses.of(node.result)
            user = uses[0] if len(uses) == 1 else None
            if user is None or user.row.effect is not Effect.PURE or self._uses.block(user) != self._uses.block(node):
                return None
            place = next(n for n, operand in enumerate(user.operands) if operand is node.result)
            if place > 0 and self.chooses(user.row):
                # Metal's choice by component, select(), is a function: it computes both
                return None if isinstance(user.operands[0].type, Vector) else (user, place)
            node = user
        return None
