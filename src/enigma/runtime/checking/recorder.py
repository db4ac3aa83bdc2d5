"""Keeps what the checkers find: one entry for each kind and place, with how often it happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enigma.runtime.checking.finding import Finding
from enigma.runtime.simulator.problem import Problem
from enigma.source import SourceLoc


@dataclass(slots=True)
class _Entry:
    first: Problem
    count: int


class Recorder:
    """Collects problems and findings; the first problem of a kind and place tells the details."""

    def __init__(self) -> None:
        self._entries: dict[Any, _Entry] = {}
        self._doubts: dict[Any, _Entry] = {}
        self._findings: dict[Any, Finding] = {}
        self._counted: dict[Any, int] = {}

    def problem(self, problem: Problem) -> None:
        """Keep a problem, or count it to the one that is known of its place."""
        key = (problem.fault, _place(problem.loc), _place(problem.other), problem.buffer, problem.minor)
        kept = self._doubts if problem.if_it_counts else self._entries
        known = kept.get(key)
        if known is None:
            kept[key] = _Entry(problem, problem.count)
        else:
            known.count += problem.count

    def finding(self, finding: Finding) -> None:
        """Keep a finding that no lanes made."""
        self._findings.setdefault((finding.kind, _place(finding.loc), finding.buffer), finding)

    @property
    def doubts(self) -> bool:
        """Whether there are problems that are such only where results depend on them."""
        return bool(self._doubts)

    def settle(self, *, count: bool) -> None:
        """End the doubts: results depend on them, or not."""
        if count:
            self._entries.update(self._doubts)
        self._doubts.clear()

    def keys(self) -> set[Any]:
        """Return what stands for each kind and place."""
        return {*self._entries, *self._findings}

    def close(self) -> None:
        """End a run: what the next one finds again counts once, the larger number of the two."""
        for key, entry in self._entries.items():
            finding = _finding(entry)
            known = self._findings.get(key)
            if known is None or known.count < finding.count:
                self._findings[key] = finding
        self._entries.clear()

    def findings(self) -> list[Finding]:
        """Return what was found in all runs, errors first, otherwise in the order in which it happened.

        A warning of what is an error too, in other lanes at the same place, tells nothing more.
        """
        self.close()
        graver = {_place_of(finding) for finding in self._findings.values() if finding.severity == "error"}
        kept = (
            finding for finding in self._findings.values()
            if finding.severity == "error" or _place_of(finding) not in graver
        )  # fmt: skip
        return sorted(kept, key=lambda finding: finding.severity != "error")


def _place(loc: SourceLoc | None) -> Any:
    return None if loc is None else (loc.file, loc.line, loc.col)


def _place_of(finding: Finding) -> Any:
    return (finding.kind, _place(finding.loc), _place(finding.other), finding.buffer)


def _finding(entry: _Entry) -> Finding:
    problem = entry.first
    row, lane = problem.first
    batch = problem.batch
    return Finding(
        problem.fault, "warning" if problem.minor else "error", problem.message, problem.help, problem.kernel, problem.loc,
        entry.count, problem.buffer, problem.index, problem.value, batch.thread(row, lane), batch.threadgroup(row),
        batch.within(row, lane), problem.where(entry.count), problem.other, problem.other_note,
    )  # fmt: skip
