"""A checker of Chrome traces, after the trace event format and what Perfetto asks of complete events."""

from __future__ import annotations

import json
import math
from typing import Any

METADATA: dict[str, tuple[str, type]] = {
    "process_name": ("name", str), "process_labels": ("labels", str), "process_sort_index": ("sort_index", int),
    "thread_name": ("name", str), "thread_sort_index": ("sort_index", int),
}  # fmt: skip
FIELDS = {"ph", "name", "cat", "pid", "tid", "ts", "dur", "args", "id", "bp", "s"}
FLOWS, ASYNC = frozenset("stf"), frozenset("bne")


def problems(text: str) -> list[str]:
    """Return what is wrong with a trace."""

    def refuse(number: str) -> Any:
        raise ValueError(f"{number} is no JSON")

    try:
        document = json.loads(text, parse_constant=refuse)
    except ValueError as error:
        return [str(error)]
    if not isinstance(document, dict) or not isinstance(document.get("traceEvents"), list):
        return ["no object with a list of traceEvents"]
    found = [] if document.get("displayTimeUnit", "ms") in ("ms", "ns") else ["displayTimeUnit is ms or ns"]
    events: list[dict[str, Any]] = document["traceEvents"]
    for number, event in enumerate(events):
        found += [f"event {number}: {text}" for text in _event(event)]
    return found or [*_rows(events), *_nesting(events), *_pairs(events)]


def _event(event: Any) -> list[str]:
    if not isinstance(event, dict):
        return ["no object"]
    found = [f"unknown field {name}" for name in event.keys() - FIELDS]
    phase = event.get("ph")
    if not isinstance(event.get("name"), str) or not event["name"]:
        found.append("a name is a text")
    found += [f"{name} is an integer" for name in ("pid", "tid") if type(event.get(name)) is not int]
    if not isinstance(event.get("args", {}), dict):
        found.append("args is an object")
    if phase == "M":
        key, kind = METADATA.get(str(event.get("name")), ("", object))
        if not key:
            found.append(f"no metadata is called {event.get('name')}")
        elif type(event.get("args", {}).get(key)) is not kind:
            found.append(f"{event['name']} has args.{key}")
        return found
    if phase != "X" and phase not in FLOWS | ASYNC:
        found.append(f"phase {phase!r}")
    times = ("ts", "dur") if phase == "X" else ("ts",)
    found += [f"{name} is {event.get(name)!r}" for name in times if not _is_time(event.get(name))]
    if phase in FLOWS | ASYNC and not isinstance(event.get("id"), str | int):
        found.append("flows and asynchronous events have an id")
    if not isinstance(event.get("cat", ""), str):
        found.append("cat is a text")
    return found


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _rows(events: list[dict[str, Any]]) -> list[str]:
    """Every row has one name, and no two the same."""
    named = [(e["pid"], e["tid"], e["args"]["name"]) for e in events if e["name"] == "thread_name"]
    rows = {(e["pid"], e["tid"]) for e in events if e["ph"] == "X"}
    found = [f"row {row} has no name" for row in rows - {(pid, tid) for pid, tid, _ in named}]
    if len({row[:2] for row in named}) != len(named) or len({name for _, _, name in named}) != len(named):
        found.append("rows are named twice, or alike")
    return found


def _nesting(events: list[dict[str, Any]]) -> list[str]:
    """Complete events of a row lie within one another or apart."""
    found: list[str] = []
    rows: dict[tuple[int, int], list[tuple[int, int, str]]] = {}
    for event in events:
        if event["ph"] == "X":
            start, size = round(event["ts"] * 1000), round(event["dur"] * 1000)
            rows.setdefault((event["pid"], event["tid"]), []).append((start, start + size, event["name"]))
    for row, times in rows.items():
        inside: list[int] = []
        for start, end, name in sorted(times, key=lambda each: (each[0], -each[1])):
            while inside and inside[-1] <= start:
                inside.pop()
            if inside and end > inside[-1]:
                found.append(f"{name} of row {row} ends after what it began in")
            inside.append(end)
    return found


def _pairs(events: list[dict[str, Any]]) -> list[str]:
    """What begins ends."""
    found: list[str] = []
    for first, last in (("b", "e"), ("s", "f")):
        starts, ends = ([(e.get("cat"), e["id"]) for e in events if e["ph"] == phase] for phase in (first, last))
        found += [f"{one} begins or ends alone" for one in {*starts} ^ {*ends}]
    return found
