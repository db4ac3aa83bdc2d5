"""A variable that has no value on some path: passed around freely, refused when used."""

from __future__ import annotations

from typing import Any, NoReturn

from enigma.errors import EnigmaNameError
from enigma.source import SourceLoc, caller


class Undefined:
    """Stands for a variable without a value; every use raises `EnigmaNameError` that says why it has none."""

    __slots__ = ("help", "loc", "name", "why")

    def __init__(
        self, name: str, why: str = "it is not assigned before", loc: SourceLoc | None = None, help: str | None = None
    ) -> None:
        self.name, self.why, self.loc, self.help = name, why, loc, help

    def refuse(self) -> NoReturn:
        """Raise the error that a use of this variable deserves."""
        notes = [("assigned in this statement", self.loc)] if self.loc is not None else []
        help = self.help or f"give {self.name} a value before"
        raise EnigmaNameError(f"{self.name} may have no value here: {self.why}", loc=caller(), help=help, notes=notes)

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        self.refuse()

    def _use(self, *_: Any) -> NoReturn:
        self.refuse()

    def __eq__(self, other: object) -> bool:
        self.refuse()

    __hash__ = object.__hash__
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __floordiv__ = _use
    __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = _use
    __rxor__ = __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = __neg__ = __pos__ = __invert__ = __abs__ = _use
    __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __int__ = __float__ = __index__ = __iter__ = __len__ = _use
    __getitem__ = __setitem__ = __call__ = __enter__ = __contains__ = __round__ = _use
