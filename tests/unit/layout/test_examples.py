"""The examples in the docstrings of the layout algebra run and print what they show."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from enigma import layout

MODULES = sorted(module.name for module in pkgutil.iter_modules(layout.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_examples_run_as_shown(name: str) -> None:
    done = doctest.testmod(importlib.import_module(f"enigma.layout.{name}"))
    assert done.attempted > 0
    assert done.failed == 0
