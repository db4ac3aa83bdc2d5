"""What a kernel wrote to Metal's log: lines to print, and assertions that failed.

The log does not say which thread wrote. Each message begins with the Python file and line of its place, by which it is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enigma import config
from enigma.errors import KernelAssertionError
from enigma.runtime.metal.failures import described, gpu_error
from enigma.runtime.metal.objc import Bridge
from enigma.runtime.reports import FAILURES, Site
from enigma.source import SourceLoc
from enigma.spec.terms import Report

FAILED = "assertion failed"
"""What the text of a failed assertion has behind its place."""

_DEBUG = 1
"""MTLLogLevelDebug: everything is kept."""

_BUFFER_BYTES = 4 << 20
"""Bytes that Metal keeps of one launch's log."""


class DeviceLog:
    """The log of one launch: `state` is Metal's, for the command buffer."""

    def __init__(self, bridge: Bridge, device: Any, kernel: str, sites: Mapping[int, Site]) -> None:
        self._kernel = kernel
        self._sites = [site for site in sites.values() if site.kind is Report.FAILURE]
        self.lines: list[str] = []
        descriptor = bridge.metal.MTLLogStateDescriptor.alloc().init()
        descriptor.setLevel_(_DEBUG)
        descriptor.setBufferSize_(_BUFFER_BYTES)
        self.state, error = device.newLogStateWithDescriptor_error_(descriptor, None)
        if self.state is None:
            raise gpu_error(
                f"Metal made no log for kernel {kernel}, which prints or asserts",
                help="enigma.runtime('cpu') runs the same kernel on the CPU", said=described(error),
            )  # fmt: skip
        lines = self.lines

        def note(_subsystem: Any, _category: Any, _level: int, message: Any) -> None:
            # on a thread of Metal's, which an error would end, and the process with it: appending cannot fail
            lines.append(str(message))

        self.state.addLogHandler_(note)

    def deliver(self) -> None:
        """Print the lines, then raise `KernelAssertionError` if a condition did not hold."""
        failures: list[tuple[Site | None, str]] = []
        printed: list[str] = []
        for line in self.lines:
            place, found, text = line.partition(f": {FAILED}")
            if found:
                failures.append((self._site(place), text.removeprefix(": ")))
            else:
                printed.append(line)
        most = config.print_lines()
        if len(printed) > most:
            more = len(printed) - most
            printed[most:] = [
                f"... {more} more line{'s' if more > 1 else ''} of kernel {self._kernel} not kept (ENIGMA_PRINT_LINES={most})"
            ]
        if printed:
            print("\n".join(printed))
        if failures:
            raise self._failure(failures)

    def _site(self, place: str) -> Site | None:
        return next((site for site in self._sites if f"{site.loc.short_file}:{site.loc.line}" == place), None)

    def _failure(self, failures: list[tuple[Site | None, str]]) -> KernelAssertionError:
        (first, text), *rest = failures
        again = sum(site is first for site, _ in rest)
        more = f"it failed {again + 1} times" if again else "it failed once"
        lost = "" if len(failures) <= FAILURES else f"; {len(failures)} failures in all"
        notes: list[tuple[str, SourceLoc | None]] = [(f"{more}; Metal does not say in which threads{lost}", None)]
        for site in dict.fromkeys(site for site, _ in rest if site is not first):
            said = next(text for other, text in rest if other is site)
            notes.append((f"also failed{': ' if said else ''}{said}", None if site is None else site.loc))
        return KernelAssertionError(
            f"assertion failed in kernel {self._kernel}{': ' if text else ''}{text}",
            loc=None if first is None else first.loc, notes=notes, help="the kernel ran on to its end, so its outputs are written",
        )  # fmt: skip
