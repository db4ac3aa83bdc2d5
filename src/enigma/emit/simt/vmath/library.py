"""The table of the vector math functions, and the IR text of each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from enigma.emit.simt.vmath.exponential import exp, exp2
from enigma.emit.simt.vmath.hyperbolic import cosh, sinh, tanh
from enigma.emit.simt.vmath.inverse import acos, asin, atan, atan2
from enigma.emit.simt.vmath.logarithm import log, log2, log10
from enigma.emit.simt.vmath.power import pow
from enigma.emit.simt.vmath.remainder import fmod
from enigma.emit.simt.vmath.srgb import srgb_code, srgb_linear
from enigma.emit.simt.vmath.trigonometric import cos, sin, tan
from enigma.emit.simt.vmath.writer import Body, Kind, Value
from enigma.errors import InternalError

_UNARY = {
    f.__name__: f
    for f in (exp, exp2, log, log2, log10, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, srgb_code, srgb_linear)
}
_BINARY = {f.__name__: f for f in (pow, atan2, fmod)}

FUNCTIONS: frozenset[str] = frozenset(_UNARY) | frozenset(_BINARY)
"""The names of all functions; every one takes and returns f32."""


def arity(name: str) -> int:
    """Return how many arguments the function takes: 1 or 2."""
    _check(name, 1)
    return 1 if name in _UNARY else 2


def symbol(name: str, width: int) -> str:
    """Return the LLVM symbol of the function, without the @.

    >>> symbol("exp", 16), symbol("exp", 1)
    ('enigma_exp_v16f32', 'enigma_exp_f32')
    """
    _check(name, width)
    return f"enigma_{name}_{Kind.F32.suffix(width)}"


def definition(name: str, width: int) -> str:
    """Return the IR text that defines the function for `width` lanes, internal to its module.

    It is `alwaysinline`, which takes effect where LLVM's always-inline pass runs: in a loop that saves 5 to 15 % over a
    call, for some 0.7 ms (exp) to 2 ms (sin) of compile time each use. Some functions bring a second definition,
    `<symbol>_rare`, for the lanes that the short way does not serve.
    Definitions of different names or widths can be concatenated; `declarations` has what they need besides.
    """
    return _build(name, width)[0]


def declarations(name: str, width: int) -> tuple[str, ...]:
    """Return the `declare` lines that the definition needs, without repetition; a module must have each only once."""
    return _build(name, width)[1]


def _check(name: str, width: int) -> None:
    if name not in FUNCTIONS:
        raise InternalError(f"no vector math function is called {name!r}")
    if width < 1 or width & (width - 1):
        raise InternalError(f"{name} for {width} lanes: a width is a power of two")


@cache
def _build(name: str, width: int) -> tuple[str, tuple[str, ...]]:
    body = Body(symbol(name, width), width)
    arguments = [Value(body, Kind.F32, text) for text in ("%x", "%y")[: arity(name)]]
    make: Callable[..., Value] = _UNARY[name] if name in _UNARY else _BINARY[name]
    text = body.define(arguments, make(body, *arguments), "alwaysinline")
    return text, tuple(body.declarations)
