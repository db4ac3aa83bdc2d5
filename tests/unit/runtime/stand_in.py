"""Puts the stand-in `xcrun` on PATH."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from enigma.runtime import toolchain

SCRIPT = Path(__file__).parents[2] / "data" / "xcrun.py"


@dataclass(frozen=True)
class XcrunStandIn:
    """The stand-in: how it behaves, and how it was called."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def behave(self, mode: str, line: int = 1) -> None:
        """Choose one of the script's modes; `line` is where it finds a mistake."""
        toolchain._available.cache_clear()  # as in another process
        self.monkeypatch.setenv("XCRUN_MODE", mode)
        self.monkeypatch.setenv("XCRUN_LINE", str(line))

    @property
    def builds(self) -> list[list[str]]:
        """The arguments of every call that was no question for the version."""
        return [call for call in self.calls if call[-1] != "--version"]

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of every call so far."""
        log = self.folder / "calls.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def put_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> XcrunStandIn:
    """Return the stand-in, the only `xcrun` on PATH from now on; `folder` is where it lives and logs."""
    folder.mkdir()
    command = folder / "xcrun"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -S -E {shlex.quote(str(SCRIPT))} "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XCRUN_LOG", str(folder / "calls.jsonl"))
    monkeypatch.setenv("ENIGMA_CACHE_DIR", str(folder / "cache"))
    monkeypatch.delenv("XCRUN_MODE", raising=False)
    return XcrunStandIn(folder, monkeypatch)
