"""The `machine` fixture: a Mac of one's own, checked for misuse and leaks when the test is over."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from enigma.runtime.metal import objc
from tests.device.fake_metal import Machine


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine in place of PyObjC; nothing of it may be left, and nothing misused, when the test is over."""
    made = Machine()
    monkeypatch.setattr(objc, "load", made.bridge)
    yield made
    gc.collect()
    made.check()
    left = sorted(one.OWNER for one in made.alive if one.OWNER != "MTLCaptureManager")
    assert not left, f"alive after the test: {left}"
    assert made.allocated == 0
