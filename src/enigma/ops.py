"""The functions of kernels as a module of their own: `from enigma import ops`, `ops.exp(x)`.

>>> from enigma import ops
>>> "exp" in dir(ops)
True
"""

from __future__ import annotations

from typing import Any

from enigma.trace.constants import PUBLIC
from enigma.trace.functions import functions


def __getattr__(name: str) -> Any:
    try:
        return {**functions(), **PUBLIC}[name]
    except KeyError:
        raise AttributeError(f"module 'enigma.ops' has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted({**functions(), **PUBLIC})
