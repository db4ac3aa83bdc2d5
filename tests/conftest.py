"""The `golden` fixture: texts that a person has read, kept in `tests/golden`."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-golden` and `--on-metal`."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files that differ")
    parser.addoption(
        "--on-metal", action="store_true", help="run what tests run on the CPU on Metal: a device or its stand-in"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Put Metal in the CPU's place where that is asked for, before any test module is read."""
    if config.getoption("--on-metal"):
        from tests.device.runtimes import put_metal_in_place_of_the_cpu

        put_metal_in_place_of_the_cpu()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return `golden(text, name, ext="metal")`: compares with `tests/golden/<module>/<name>.<ext>`.

    `<module>` is the test file's name without `test_`. A difference fails with a diff; `--update-golden` rewrites the
    file instead, for a person to read in review.
    """
    folder = GOLDEN / request.path.stem.removeprefix("test_")
    update: bool = request.config.getoption("--update-golden")

    def compare(text: str, name: str, ext: str = "metal") -> None:
        __tracebackhide__ = True
        path = folder / f"{name}.{ext}"
        shown = path.relative_to(GOLDEN.parent).as_posix()
        # bytes: a changed line end is a difference too
        known = path.read_bytes().decode() if path.exists() else None
        if text == known:
            return
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            return
        if known is None:
            pytest.fail(
                f"no golden file {shown}: run with --update-golden and read what it writes\n{text}", pytrace=False
            )
        diff = difflib.unified_diff(
            known.splitlines(True), text.splitlines(True), f"{shown} (golden)", f"{shown} (now)"
        )
        pytest.fail("".join(diff) + "\nif this is right: run with --update-golden, and read the change", pytrace=False)

    return compare
