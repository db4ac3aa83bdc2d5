"""The examples in docstrings of `enigma.interop` and `enigma.export`."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

NAMES = sorted(
    module.name
    for package in ("enigma.interop", "enigma.export")
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")
def test_examples_run(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ImportError as missing:
        pytest.skip(str(missing))
    assert not doctest.testmod(module).failed
