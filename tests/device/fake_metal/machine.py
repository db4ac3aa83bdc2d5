"""The machine: its system and chip, what lives on it, which messages were sent, and what is to go wrong."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from enigma.runtime.metal.objc import Bridge

PAGE = 16384


class Misuse(AssertionError):
    """Something that is undefined on a real machine, or ends the process."""


@dataclass(frozen=True)
class Chip:
    """An Apple chip: name and highest GPU family."""

    name: str
    family: int
    read_write_tier: int = 2


CHIPS = {
    "A12": Chip("Apple A12", 1005, 1), "M1": Chip("Apple M1", 1007), "M2": Chip("Apple M2", 1008), "M3": Chip("Apple M3", 1009),
    "M4": Chip("Apple M4", 1009), "M5": Chip("Apple M5", 1010),
}  # fmt: skip


@dataclass
class Fault:
    """A message that is to fail: it gives `result` instead of being carried out, or raises it; `after` messages pass before."""

    owner: str
    selector: str
    result: Any
    after: int = 0
    times: int = 1


@dataclass
class Machine:
    """A Mac. `limit` is the most threads of a pipeline, `memory` the bytes that buffers and textures may have in all.

    `gpu_ticks` are the ticks of the GPU's clock in a nanosecond.
    """

    chip: str = "M1"
    system: tuple[int, int] = (15, 3)
    limit: int = 1024
    memory: int = 8 << 30
    largest: int = 4 << 30
    has_device: bool = True
    capture_enabled: bool = True
    leaks_new: bool = False
    check_texts: bool = False
    samples_stages: bool = True
    takes_samples: bool = True
    tells_scheduling: bool = True
    counter_sets: tuple[str, ...] = ("stageutilization", "timestamp")
    gpu_ticks: float = 1.0
    log: list[tuple[str, str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    buffer_faults: list[tuple[int, str]] = field(default_factory=list)
    shader_findings: list[tuple[str, str, int]] = field(default_factory=list)
    allocated: int = 0
    memory_lies_idle: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.alive: weakref.WeakSet[Any] = weakref.WeakSet()
        self._pools = threading.local()
        self.sources: list[str] = []
        self.options: list[Any] = []
        self.gpu_clock = 100.0
        self.gpu_worked = 0.0

    # ---- what a test asks

    def bridge(self) -> Bridge:
        """Return what the runtime reaches Objective-C through."""
        from tests.device.fake_metal.framework import Framework

        url: Callable[[str], Any] = lambda path: SimpleNamespace(path=path)  # noqa: E731
        return Bridge(Framework(self), self.pool, url, self.system, PAGE)

    def count(self, owner: str) -> int:
        """Return how many objects of a class are alive."""
        gc.collect()
        return sum(one.OWNER == owner for one in self.alive)

    @contextmanager
    def messages(self) -> Iterator[list[tuple[str, str]]]:
        """Yield a list of the messages that are sent in the `with`: class and selector."""
        start = len(self.log)
        sent: list[tuple[str, str]] = []
        yield sent
        sent += self.log[start:]

    def fail(self, owner: str, selector: str, result: Any = None, *, after: int = 0, times: int = 1) -> None:
        """Let the next message with this selector give `result`; an exception is raised."""
        self.faults.append(Fault(owner, selector, result, after, times))

    def fail_buffer(
        self, code: int, text: str = "Execution of the command buffer was aborted due to an error during execution."
    ) -> None:
        """Let the next command buffer that is run end with this error, nothing written."""
        self.buffer_faults.append((code, text))

    def check(self) -> None:
        """Raise `Misuse` for anything that was wrong so far, though someone caught it."""
        if self.violations:
            raise Misuse("\n".join(self.violations))

    # ---- what its objects use

    def violate(self, text: str) -> Misuse:
        """Note a misuse, and return it to be raised."""
        self.violations.append(text)
        return Misuse(text)

    @contextmanager
    def pool(self) -> Iterator[None]:
        """An autorelease pool of this thread."""
        depth = self._depth()
        self._pools.stack = [*depth, []]
        try:
            yield
        finally:
            self._pools.stack = depth

    def _depth(self) -> list[list[Any]]:
        return getattr(self._pools, "stack", [])

    def autoreleased(self, made: Any) -> Any:
        """Return an object that the innermost pool keeps until it is drained."""
        stack = self._depth()
        if not stack:
            raise self.violate(f"{made.OWNER} is autoreleased with no pool in place: it leaks")
        stack[-1].append(made)
        return made

    def fault(self, owner: str, selector: str) -> Fault | None:
        """Return the fault that a message runs into."""
        for fault in self.faults:
            if (fault.owner, fault.selector) == (owner, selector):
                if fault.after:
                    fault.after -= 1
                    return None
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                return fault
        return None
