"""A launch that may still be under way."""

from __future__ import annotations


class Launch:
    """What `prepared.dispatch_async` returns: `wait()` until the outputs are there, `elapsed` in microseconds, `done`.

    On a runtime without a device of its own, such as the CPU's, it is over when one has it.

        handle = prepared.dispatch_async((n, 1, 1), (256, 1, 1))
        handle.wait()
        print(handle.elapsed, "microseconds")
    """

    def wait(self) -> None:
        """Wait until it is over. Raises what the launch raised."""
        raise NotImplementedError

    @property
    def done(self) -> bool:
        """Whether it is over."""
        raise NotImplementedError

    @property
    def elapsed(self) -> float:
        """Microseconds that it took on the device; waits until it is over."""
        raise NotImplementedError


class Finished(Launch):
    """A launch that is over: it took so many microseconds."""

    def __init__(self, microseconds: float) -> None:
        self._microseconds = microseconds

    def __repr__(self) -> str:
        return f"<launch, over after {self._microseconds:.1f} us>"

    def wait(self) -> None:
        """Do nothing: it is over."""

    @property
    def done(self) -> bool:
        """True: it is over."""
        return True

    @property
    def elapsed(self) -> float:
        """Microseconds that it took."""
        return self._microseconds
