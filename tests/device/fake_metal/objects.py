"""Objects that take messages: only those that exist, with arguments of the right types, and as the system has them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar

from tests.device.fake_metal.machine import Machine
from tests.device.fake_metal.selectors import Selector, find


class NSObject:
    """An object of the machine. A method `_a_b_` of a subclass carries out the message `a:b:`.

    What has no method is a property if it is called like one: `setX:` keeps what `x` gives.
    """

    OWNER: ClassVar[str] = ""
    ONE_THREAD: ClassVar[bool] = False

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.values: dict[str, Any] = {}
        self.thread = threading.get_ident()
        machine.alive.add(self)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "init":
            return lambda: self
        if name == "retainCount":
            return lambda: 2 if self.machine.leaks_new else 1
        selector = find(self.OWNER, name)
        if selector is None or selector.is_class_method:
            raise AttributeError(f"'{self.OWNER}' object has no attribute '{name}'")
        return lambda *arguments: self._send(selector, arguments)

    def _send(self, selector: Selector, arguments: tuple[Any, ...]) -> Any:
        machine, said = self.machine, f"-[{self.OWNER} {selector.name}]"
        machine.log.append((self.OWNER, selector.name))
        if machine.system < selector.since:
            raise AttributeError(
                f"'{self.OWNER}' object has no attribute '{selector.python}': it came with {selector.since}"
            )
        if self.ONE_THREAD and threading.get_ident() != self.thread:
            raise machine.violate(f"{said}: sent from another thread than the one that made it")
        if len(arguments) != len(selector.arguments):
            raise TypeError(f"Need {len(selector.arguments)} arguments, got {len(arguments)}")
        for kind, argument in zip(selector.arguments, arguments, strict=True):
            if (wrong := _refused(kind, argument, selector)) is not None:
                raise machine.violate(f"{said}: {wrong}")
        fault = machine.fault(self.OWNER, selector.name)
        if fault is not None:
            if isinstance(fault.result, BaseException):
                raise fault.result
            return fault.result
        return self._carry_out(selector, arguments)

    def _carry_out(self, selector: Selector, arguments: tuple[Any, ...]) -> Any:
        method = getattr(type(self), f"_{selector.python}", None)
        if method is not None:
            return method(self, *arguments)
        name = selector.name
        if name.startswith("set") and name.count(":") == 1:
            self.values[name[3:-1].lower()] = arguments[0]
            return None
        if not arguments and name.lower() in self.values:
            return self.values[name.lower()]
        raise NotImplementedError(f"the stand-in does not carry out -[{self.OWNER} {name}]")


class NSError(NSObject):
    """An error: domain, code and text."""

    OWNER = "NSError"

    def __init__(self, machine: Machine, domain: str, code: int, text: str) -> None:
        super().__init__(machine)
        self._facts = (domain, code, text)

    def _domain(self) -> str:
        return self._facts[0]

    def _code(self) -> int:
        return self._facts[1]

    def _localizedDescription(self) -> str:
        return self._facts[2]

    def _userInfo(self) -> dict[str, Any]:
        return {}


_POINTERS_OF_KNOWN_LENGTH = {
    "setBytes:length:atIndex:",
    "newBufferWithBytes:length:options:",
    "newBufferWithBytesNoCopy:length:options:deallocator:",
}


def _refused(kind: str, argument: Any, selector: Selector) -> str | None:
    """Return why PyObjC or Metal does not take an argument of a type encoding, or None."""
    whole = type(argument) is int
    match kind:
        case "@":
            fits = argument is None or isinstance(argument, NSObject | str | dict | list) or hasattr(argument, "path")
        case "@?":
            fits = argument is None or callable(argument)
        case "Q":
            fits = whole and 0 <= argument < 1 << 64
        case "I":
            fits = whole and 0 <= argument < 1 << 32
        case "q":
            fits = whole and -(1 << 63) <= argument < 1 << 63
        case "Z":
            fits = isinstance(argument, bool)
        case "d" | "f":
            fits = isinstance(argument, float)
        case "^Q" if selector.name == "sampleTimestamps:gpuTimestamp:":
            fits = argument is None  # where a number goes; PyObjC returns it
        case "^@" if selector.has_error or "reflection:" in selector.name:
            fits = argument is None
        case "^@":
            fits = isinstance(argument, list) and all(one is None or isinstance(one, NSObject) for one in argument)
        case "^Q":
            fits = isinstance(argument, list) and all(type(one) is int and one >= 0 for one in argument)
        case "^v" if selector.name in _POINTERS_OF_KNOWN_LENGTH:
            fits = not isinstance(argument, str | int) and memoryview(argument).c_contiguous
        case "^v":
            fits = argument is None or (whole and argument > 0)  # without metadata, PyObjC takes an address
        case _ if kind.startswith("{") and "=" in kind:
            members = kind.partition("=")[2].count("Q")
            fits = (
                isinstance(argument, tuple) and len(argument) == members and all(type(one) is int for one in argument)
            )
        case _:
            return f"the stand-in does not know the type {kind}"
    return None if fits else f"{argument!r} is no {kind}"
