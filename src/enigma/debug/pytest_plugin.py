"""The pytest plugin: a test of a kernel runs on each device of `--enigma-device=sim,cpu,metal`, over sizes that end within a
threadgroup.

    def test_saxpy(enigma_compare):
        enigma_compare(saxpy, inputs, oracle=lambda x, y, a, n: a * x + y)

pytest finds it by itself where enigma is installed; on a tree that is not, `-p enigma.debug.pytest_plugin` loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from enigma.debug.compare import ComparisonError, compare
from enigma.errors import DeviceError, EnigmaTypeError
from enigma.runtime.choose import runtime
from enigma.runtime.program import Program

DEVICES = ("sim", "cpu", "metal")

TAILS = (1, 31, 32, 33, 255, 256, 1023)
"""Sizes around simdgroups and threadgroups: what a kernel forgets shows at one of them."""

MARK = "enigma_device(*devices, reason=None): run this test on these devices only; reason is shown where it is skipped"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--enigma-device`."""
    group = parser.getgroup("enigma")
    group.addoption(
        "--enigma-device", default="sim,cpu", metavar="NAMES",
        help="devices that tests of enigma kernels run on, separated by commas: sim, cpu, metal (default: sim,cpu)",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker and look at the devices' names."""
    config.addinivalue_line("markers", MARK)
    chosen(config)


def chosen(config: pytest.Config) -> list[str]:
    """Return the devices that were asked for. Raises `pytest.UsageError` for a name that is none."""
    names = [name.strip() for name in str(config.getoption("--enigma-device")).split(",") if name.strip()]
    for name in names:
        if name not in DEVICES:
            raise pytest.UsageError(f"--enigma-device: there is no device {name!r}: they are {', '.join(DEVICES)}")
    if not names:
        raise pytest.UsageError("--enigma-device: name at least one device, such as sim,cpu")
    return list(dict.fromkeys(names))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test for each device that `enigma_device` stands for: those asked for that the test's marker allows.

    One that the marker alone names is there as well, and skipped: so the report says what was not run, and why.
    """
    if "enigma_device" not in metafunc.fixturenames:
        return
    asked = chosen(metafunc.config)
    mark = metafunc.definition.get_closest_marker("enigma_device")
    params: list[Any] = []
    for name in _allowed(mark, metafunc.definition.nodeid) or asked:
        missing = None if name in asked else f"not asked for: --enigma-device={','.join(asked)}"
        marks = [pytest.mark.skip(reason=_reason(mark, missing))] if missing is not None else []
        params.append(pytest.param(name, id=name, marks=marks))
    metafunc.parametrize("enigma_device", params, indirect=True)


def _allowed(mark: pytest.Mark | None, test: str) -> list[str]:
    """Return the devices that a marker names, none if it names none. Fails for a name that is no device."""
    names = [str(name) for name in mark.args] if mark is not None else []
    for name in names:
        if name not in DEVICES:
            pytest.fail(f"{test}: there is no device {name!r}: they are {', '.join(DEVICES)}", pytrace=False)
    return names


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a marked test that takes no device from a fixture, where none of the devices of its marker is asked for and there."""
    mark = item.get_closest_marker("enigma_device")
    if mark is None or "enigma_device" in getattr(item, "fixturenames", ()):
        return
    asked = chosen(item.config)
    lacking = [
        absent(name) if name in asked else f"not asked for: --enigma-device={','.join(asked)}"
        for name in _allowed(mark, item.nodeid) or asked
    ]
    if all(lacking):
        pytest.skip(_reason(mark, "; ".join(dict.fromkeys(str(why) for why in lacking))))


def _reason(mark: pytest.Mark | None, why: str) -> str:
    given = mark.kwargs.get("reason") if mark is not None else None
    return f"{given} ({why})" if given else why


@pytest.fixture
def enigma_device(request: pytest.FixtureRequest) -> str:
    """The name of a device; the test runs for each that was asked for, and is skipped where it is absent."""
    name = str(request.param)
    reason = absent(name)
    if reason is not None:
        pytest.skip(_reason(request.node.get_closest_marker("enigma_device"), f"no device {name}: {reason}"))
    return name


def absent(name: str) -> str | None:
    """Return why a device is not there, in one line; None where it is."""
    try:
        runtime(name)
    except DeviceError as error:
        found = [line.strip() for line in error.message.splitlines()]
        reasons = [line.removeprefix("reason: ") for line in found if line.startswith("reason: ")]
        return (reasons or found)[0]
    return None


@dataclass(frozen=True, slots=True)
class Comparer:
    """Runs a kernel on one device over sizes and compares it with an oracle; the fixture `enigma_compare`."""

    device: str
    seed: int = 0

    def __call__(
        self, kernel: Any, inputs: Callable[..., Any], *, oracle: Callable[..., Any], sizes: Iterable[int] = TAILS,
        grid: Callable[[int], Any] | None = None, threads: Any = None, constants: Mapping[Any, Any] | None = None,
        rtol: float | None = None, atol: float | None = None,
    ) -> None:  # fmt: skip
        """Compare for each size n; `inputs(n, rng)` returns the arguments: in order, or a dict by name.

        `oracle` and the tolerances are those of `enigma.compare`. `grid(n)` is the grid, n threads if it is not given.
        Raises `ComparisonError`, an `AssertionError`, at the first size that differs.
        """
        __tracebackhide__ = True  # pytest shows the test's own line, and the message
        names = _parameters(kernel)
        for n in sizes:
            made = inputs(n, np.random.default_rng(self.seed))
            result = compare(
                kernel, _in_order(made, names), grid=n if grid is None else grid(n), threads=threads,
                targets=(self.device,), oracle=oracle, constants=constants, rtol=rtol, atol=atol,
            )  # fmt: skip
            if not result.ok:
                raise ComparisonError(f"at size {n}: {result}")


def _parameters(kernel: Any) -> list[str]:
    """Return the names of what a kernel, or a compiled one, takes; none for anything else, which `compare` refuses."""
    program = getattr(kernel, "program", None)
    if isinstance(program, Program):
        return [argument.name for argument in program.arguments]
    return [parameter.name for parameter in getattr(kernel, "parameters", ())]


def _in_order(made: Any, names: Sequence[str]) -> list[Any]:
    __tracebackhide__ = True
    if isinstance(made, Mapping):
        held = cast("Mapping[str, Any]", made)
        unknown = [name for name in held if name not in names]
        if names and unknown:
            raise EnigmaTypeError(
                f"inputs returned {', '.join(unknown)}, but the kernel has the parameters {', '.join(names)}",
                help="return the arguments by the names of the parameters",
            )
        return [held[name] for name in names or held if name in held]
    return list(cast("Sequence[Any]", made))


@pytest.fixture
def enigma_compare(enigma_device: str) -> Comparer:
    """A function that runs a kernel on the device over tail sizes and compares it with an oracle; see `Comparer`."""
    return Comparer(enigma_device)
