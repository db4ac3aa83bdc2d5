"""Every exception that enigma raises, and how one reads.

blur.py:14:9: error: exp takes f16, bf16 or f32, but x is i32
    y = en.exp(x)
        ^
  help: convert it first: en.exp(x.to(en.f32))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from enigma.mistakes import page_of


class Place(Protocol):
    """A position in somebody's Python source: prints as `file:line:col` and can show its line with a caret."""

    def __str__(self) -> str: ...

    def snippet(self) -> str | None:
        """Return the source line and the caret line under it, or None when the source is not at hand."""
        ...


class EnigmaError(Exception):
    """The root of all errors: a message, where it happened, and what would be right.

    `str(error)` is the whole text; `.message`, `.loc`, `.help` and `.notes` are its parts. `notes` are further places with a
    word each, for a mistake that two lines make together. `.page` is the name of the page of the documentation about it, with a
    wrong and a right kernel, or None; `enigma errors PAGE` prints it, and a traceback says so in its last line.

        try:
            enigma.compile(kernel)
        except enigma.EnigmaError as error:
            print(error)
    """

    errors: Sequence[Any] = ()  # of a group

    def __init__(
        self,
        message: str,
        *,
        loc: Place | None = None,
        help: str | None = None,
        notes: Sequence[tuple[str, Place | None]] = (),
    ) -> None:
        self.message, self.loc, self.help, self.notes = message, loc, help, tuple(notes)
        super().__init__(self.render())
        for page in self._pages():
            self.add_note(f"  more: enigma errors {page}")

    @property
    def page(self) -> str | None:
        """The name of the page about this error, such as `implicit-conversion`; None where there is none."""
        return next(iter(self._pages()), None)

    def _pages(self) -> list[str]:
        pages = [error.page for error in self.errors] or [page_of(self.message)]
        return [page for page in dict.fromkeys(pages) if page is not None]

    def at(self, loc: Place) -> None:
        """Say where it happened, for an error that was raised where nobody knew."""
        self.loc = loc
        self.args = (self.render(),)

    def render(self) -> str:
        """Return the text a user reads: place, what is wrong, the source line with a caret, what would be right."""
        lines = [f"{self.loc}: error: {self.message}" if self.loc is not None else self.message]
        if self.loc is not None and (snippet := self.loc.snippet()) is not None:
            lines.append(snippet)
        for text, place in self.notes:
            lines.append(f"{place}: note: {text}" if place is not None else f"  note: {text}")
            if place is not None and (snippet := place.snippet()) is not None:
                lines.append(snippet)
        if self.help is not None:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)


class EnigmaTypeError(EnigmaError, TypeError):
    """A value, annotation or argument has the wrong type."""


class EnigmaValueError(EnigmaError, ValueError):
    """A value has the right type and is still not allowed."""


class EnigmaSyntaxError(EnigmaError, SyntaxError):
    """A Python construct that a kernel cannot contain."""

    # SyntaxError prints itself from its own fields, which would drop our text
    def __str__(self) -> str:
        return self.render()


class EnigmaIndexError(EnigmaError, IndexError):
    """A static index outside of what it indexes."""


class EnigmaNameError(EnigmaError, NameError):
    """A variable that has no value on some path through the kernel."""


class EnigmaAttributeError(EnigmaError, AttributeError):
    """Something that a buffer or a value of a kernel does not have."""


class LaunchError(EnigmaError, ValueError, TypeError, RuntimeError):
    """Arrays, grid or threads that do not fit the kernel; found before anything runs.

    It derives from the three built-in classes that launch mistakes raised in older code: `ValueError` (sizes), `TypeError`
    (dtypes) and `RuntimeError` (counts).
    """


class ToolchainError(EnigmaError, RuntimeError):
    """A tool of the Metal toolchain is missing or failed."""


class DeviceError(EnigmaError, RuntimeError):
    """The device, or the runtime asked for, is not there or failed while running."""


class OutOfBoundsError(EnigmaError, IndexError):
    """A kernel read or wrote outside of a buffer (reported by the simulator)."""


class CheckError(EnigmaError, RuntimeError):
    """What a checked run of a kernel found wrong, all of it; `.report` is the `CheckReport`, `.kinds` are the findings' kinds."""

    report: Any = None

    def __init__(
        self, message: str, *, loc: Place | None = None, help: str | None = None, notes: Sequence[tuple[str, Place | None]] = (),
        more: Sequence[str] = (), kinds: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.more, self.kinds = tuple(more), tuple(dict.fromkeys(kinds))
        super().__init__(message, loc=loc, help=help, notes=notes)

    def _pages(self) -> list[str]:
        return list(self.kinds)  # each kind of findings has its page

    def render(self) -> str:
        """Return the text of the first finding as of any error, then those of the others."""
        return "\n".join([super().render(), *self.more])


class KernelAssertionError(EnigmaError, AssertionError):
    """A condition that a kernel asserts did not hold in some thread; raised when the launch is over."""


class InternalError(EnigmaError, RuntimeError):
    """A mistake of enigma's own: the message asks for a report."""

    def __init__(self, message: str, *, loc: Place | None = None) -> None:
        super().__init__(
            f"internal error: {message}", loc=loc, help="this is a bug in enigma: please report it with the kernel"
        )


class ErrorGroup(EnigmaTypeError, EnigmaValueError):
    """Several independent mistakes, reported together; `.errors` holds them one by one."""

    def __init__(self, errors: Sequence[EnigmaError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in errors))


def raise_all(errors: Sequence[EnigmaError]) -> None:
    """Raise nothing for no error, the error itself for one, and an `ErrorGroup` for several."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ErrorGroup(errors)
