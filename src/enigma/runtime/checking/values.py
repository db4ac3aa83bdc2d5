"""Checks of what operations compute: the hazards that rows state, and NaN that comes from nowhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np

from enigma.dtypes import Numeric
from enigma.runtime.checking.guards import Guards
from enigma.runtime.simulator.grid import Batch
from enigma.runtime.simulator.observer import Observer
from enigma.runtime.simulator.problem import Array, Problem
from enigma.spec.hazards import Hazard
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import Buffer, Effect, Fault
from enigma.trace.node import Op, Traced, Value

Report = Callable[[Problem], None]

WIDEST = 64
"""Bits of the integers that nothing is wider than."""


class Hazards(Observer):
    """Finds operands with which an operation's result is undefined in Metal, or not what anyone means."""

    def __init__(self, traced: Traced, faults: frozenset[Fault], report: Report) -> None:
        self.kernel, self.faults, self.report = traced.name, faults, report
        self.guards = Guards(traced)

    def computes(self, row: Intrinsic) -> bool:
        """Return whether the row states a condition that is asked for, or chooses what others have computed."""
        return any(hazard.fault in self.faults for hazard in row.hazards) or self.guards.chooses(row)

    def computed(self, node: Op, operands: Sequence[Any], result: Any, active: Array, batch: Batch) -> None:
        """Ask the row."""
        self.guards.chosen(node, operands)
        for hazard in node.row.hazards:
            if hazard.fault not in self.faults or (hazard.implied and not node.implied):
                continue
            found = hazard.where(np, *operands, **node.attrs)
            if found is None or not found.any():
                continue
            lanes = active & (found.any(axis=0) if found.ndim > 2 else found)
            if not lanes.any():
                continue
            self.guards.tell(node, lanes, partial(self._told, hazard, node, found, operands, result, batch))

    def _told(
        self, hazard: Hazard, node: Op, found: Array, operands: Sequence[Any], result: Any, batch: Batch, lanes: Array
    ) -> None:
        at = _first(lanes, found if found.ndim > 2 else None)
        named = dict(zip(node.row.terms(len(operands)), (_shown(x, at) for x in operands), strict=True))
        dtypes = {"of": _dtype(node.operands[0]), "to": _dtype(node.result) if node.result is not None else ""}
        widest = isinstance(node.operands[0].type, Numeric) and node.operands[0].type.element.width == WIDEST
        self.report(Problem(
            hazard.fault, hazard.message.format(**named, **dtypes, result=_shown(result, at)), node.loc, lanes, batch,
            self.kernel, hazard.help_of_widest if widest and hazard.help_of_widest else hazard.help,
            value=_element(operands[hazard.shown], at), minor=hazard.minor,
        ))  # fmt: skip


class BornNaN(Observer):
    """Finds operations that make NaN of operands none of which is NaN."""

    def __init__(self, traced: Traced, report: Report) -> None:
        self.kernel, self.report = traced.name, report
        self.guards = Guards(traced)

    def computes(self, row: Intrinsic) -> bool:
        """Return whether the row computes with operands, of its own lane or of others."""
        across = row.effect is Effect.SYNC and not any(isinstance(term, Buffer) for term in row.operands.values())
        return (row.effect is Effect.PURE or across) and bool(row.operands)

    def computed(self, node: Op, operands: Sequence[Any], result: Any, active: Array, batch: Batch) -> None:
        """Compare the result with the operands."""
        self.guards.chosen(node, operands)
        if node.result is None or not _is_float(result):
            return
        born = _nan(result)
        if not born.any():
            return
        known = [_nan(x) for x in operands if _is_float(x)]
        if node.row.effect is Effect.SYNC:  # NaN of any lane of the simdgroup is handed on
            known = [(np.broadcast_to(x, active.shape) & active).any(axis=1, keepdims=True) for x in known]
        if not known:  # made of bits: someone means it
            return
        for each in known:
            born = born & ~each
        if not (lanes := active & born).any():
            return
        self.guards.tell(node, lanes, partial(self._told, node, operands, batch))

    def _told(self, node: Op, operands: Sequence[Any], batch: Batch, lanes: Array) -> None:
        at = _first(lanes, None)
        given = ", ".join(_shown(x, at) for x in operands if not isinstance(x, bool))
        self.report(Problem(
            Fault.NAN_BORN, f"{node.row.operator or node.row.shown_name} of {given} is NaN", node.loc, lanes, batch, self.kernel,
            "check what the operands may be: 0/0, inf - inf, 0 * inf, the root or logarithm of a negative number", minor=True,
        ))  # fmt: skip


def _is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and cast("Array", x).dtype.kind in "fV"


def _nan(x: Array) -> Array:
    found: Array = np.asarray(np.isnan(x.astype(np.float32)))
    return np.asarray(found.any(axis=0)) if found.ndim > 2 else found


def _dtype(value: Value) -> str:
    return value.type.name if isinstance(value.type, Numeric) else str(value.type)


def _first(lanes: Array, components: Array | None) -> tuple[int, int, int]:
    """Return the first component, row and lane in question."""
    row, lane = (int(place[0]) for place in np.nonzero(lanes))
    if components is None:
        return 0, row, lane
    shown = np.broadcast_to(components, (components.shape[0], *lanes.shape))[:, row, lane]
    return int(np.argmax(shown)), row, lane


def _element(x: Any, at: tuple[int, int, int]) -> Any:
    component, row, lane = at
    array = np.asarray(x)
    row, lane = (place if size > 1 else 0 for place, size in zip((row, lane), array.shape[-2:], strict=True))
    found = array[min(component, array.shape[0] - 1), row, lane] if array.ndim > 2 else array[row, lane]
    return found.item() if array.dtype.kind in "iub" else float(found)


def _shown(x: Any, at: tuple[int, int, int]) -> str:
    array = np.asarray(x)
    if array.ndim < 2:
        return str(array)
    element = _element(x, at)
    return f"{element:.9g}" if isinstance(element, float) else str(element)
