"""Events in the forms of other tools: a tree, Hatchet's literal graph, a Chrome trace."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from enigma.runtime.profiling.events import ProfilerEvent

CATEGORIES = ("python", "compile", "runtime", "metal", "memory")
"""The rows of a Chrome trace; scopes, and categories of one's own, go with Python."""


@dataclass(slots=True)
class Branch:
    """All events of one name within the same scopes: how many, how long together, when the first began, and what is inside."""

    name: str
    count: int = 0
    total_us: float = 0.0
    start_ns: float = math.inf
    children: list[Branch] = field(default_factory=list["Branch"])


def forest(events: Sequence[ProfilerEvent]) -> list[Branch]:
    """Return events as trees, siblings in the order in which they began. A scope that is not over is there without a time."""
    known: dict[tuple[str, ...], Branch] = {}
    roots: list[Branch] = []

    def at(path: tuple[str, ...]) -> Branch:
        if path not in known:
            known[path] = Branch(path[-1])
            (roots if len(path) == 1 else at(path[:-1]).children).append(known[path])
        return known[path]

    for event in events:
        branch = at((*event.call_path, event.name))
        branch.count += 1
        branch.total_us += event.duration_us
        for depth in range(len(event.call_path) + 1):
            above = at((*event.call_path, event.name)[: depth + 1])
            above.start_ns = min(above.start_ns, event.start_ns)
    for siblings in (roots, *(branch.children for branch in known.values())):
        siblings.sort(key=lambda branch: branch.start_ns)
    return roots


def literal(branches: Sequence[Branch]) -> list[dict[str, Any]]:
    """Return trees as Hatchet's literal graph: "time (inc)" is all of a node's time, "time" is that outside of its children."""
    return [
        {
            "frame": {"name": branch.name, "type": "function"},
            "metrics": {
                "time (inc)": branch.total_us,
                "time": max(branch.total_us - sum(child.total_us for child in branch.children), 0.0),
                "calls": branch.count,
            },
            "children": literal(branch.children),
        }
        for branch in branches
    ]


def chrome_trace(events: Sequence[ProfilerEvent]) -> dict[str, Any]:
    """Return events as a Chrome trace: a row for each category, and more of them where events overlap but do not nest."""
    rows = {(category, 0): number for number, category in enumerate(CATEGORIES)}
    open_until: dict[tuple[str, int], list[int]] = {}
    made: list[dict[str, Any]] = []
    for event in sorted(events, key=lambda event: (event.start_ns, -event.end_ns)):
        category = event.category if event.category in CATEGORIES else CATEGORIES[0]
        lane = 0
        while not _nests(open_until.setdefault((category, lane), []), event):
            lane += 1
        made.append({
            "ph": "X", "name": event.label, "cat": event.category, "pid": 0,
            "tid": rows.setdefault((category, lane), len(rows)), "ts": event.start_ns / 1000, "dur": event.duration_us,
            "args": _facts(event),
        })  # fmt: skip
    named: list[dict[str, Any]] = [{"ph": "M", "name": "process_name", "pid": 0, "tid": 0, "args": {"name": "enigma"}}]
    for place, ((category, lane), number) in enumerate(sorted(rows.items(), key=_by_category)):
        shown = f"{category} ({lane + 1})" if lane else category
        named.append({"ph": "M", "name": "thread_name", "pid": 0, "tid": number, "args": {"name": shown}})
        named.append({"ph": "M", "name": "thread_sort_index", "pid": 0, "tid": number, "args": {"sort_index": place}})
    return {"traceEvents": [*named, *made], "displayTimeUnit": "ns"}


def _by_category(row: tuple[tuple[str, int], int]) -> tuple[int, int]:
    (category, lane), _ = row
    return CATEGORIES.index(category), lane


def _nests(ends: list[int], event: ProfilerEvent) -> bool:
    """Return whether an event lies within, or after, those of a row that are open when it begins; it is then one of them."""
    while ends and ends[-1] <= event.start_ns:
        ends.pop()
    if ends and event.end_ns > ends[-1]:
        return False
    ends.append(event.end_ns)
    return True


def _facts(event: ProfilerEvent) -> dict[str, Any]:
    named = ("kernel_name", "grid", "threads", "input_bytes", "output_bytes", "buffer_count", "gpu_time_us")
    facts = {name: value for name in named if (value := getattr(event, name)) is not None and value != 0}
    return cast("dict[str, Any]", _written({**facts, **event.metrics, **event.metadata}))


def _written(value: Any) -> Any:
    """Return a value as JSON has it: numbers of NumPy as Python's, and what is no number, or infinite, as text."""
    if isinstance(value, Mapping):
        return {str(key): _written(one) for key, one in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_written(one) for one in cast("Sequence[Any]", value)]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)
