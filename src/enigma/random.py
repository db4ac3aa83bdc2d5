"""Random numbers in kernels: each is a function of a seed, an index and a stream, and of nothing else.

There is no state. The same three numbers give the same result in every thread, whatever the launch, on every target; so let
`index` be what the number is for (an element, or a sample of it), and `stream` tell apart what is drawn for one index. The
generator is Philox 4x32-10, which passes BigCrush: the counter is (index, stream) and the key is the seed, 64 bits each.
`index`, `stream` and `seed` are Python ints from 0 to 2**64 - 1 or traced integers; a traced one that is signed counts as
its two's complement.

    i = enigma.thread_position_in_grid
    x = enigma.random.uniform(seed, i)                # one number
    y = enigma.random.normal(seed, i, stream=1)       # another one, independent of x
"""

from __future__ import annotations

from typing import Any

from enigma.dtypes import Numeric, f32, i32, u32, u64
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.trace.functions import functions
from enigma.trace.given import describe, literal
from enigma.trace.public import located_calls
from enigma.trace.value import TracedValue, active

__all__ = ["bits", "normal", "philox4x32", "randint", "uniform"]

_WORDS = 4
_ALL = (1 << 32) - 1
_STEP = 2.0**-24


@located_calls
def philox4x32(counter: Any, key: Any) -> tuple[Any, Any, Any, Any]:
    """Return the four u32 that Philox 4x32-10 makes of a counter of four u32 and a key of two, as Random123 does.

    Words that are not used cost nothing. Raises `EnigmaTypeError` for another number of words, or other dtypes.

        a, b, c, d = enigma.random.philox4x32((i, 0, 0, 0), (seed, 0))
    """
    loc = caller()
    words = [*_sequence(counter, 4, "counter", loc), *_sequence(key, 2, "key", loc)]
    tracer = active()
    words = [word if isinstance(word, TracedValue) else tracer.constant(word, u32, loc) for word in words]
    a, b, c, d = (functions()["philox4x32"](*words, word=number) for number in range(_WORDS))
    return a, b, c, d


@located_calls
def bits(seed: Any, index: Any, stream: Any = 0) -> Any:
    """Return 32 random bits, as a u32.

    Raises `EnigmaTypeError` where a seed, index or stream is no integer, `EnigmaValueError` for a Python int beyond 64 bits.

        x = enigma.random.bits(seed, i)
    """
    return _words(seed, index, stream, caller())[0]


@located_calls
def uniform(seed: Any, index: Any, stream: Any = 0) -> Any:
    """Return an f32 in [0, 1): a multiple of 2**-24, each of them equally likely. Raises as `bits` does.

    It is `(bits >> 8) * 2**-24`, which is exact, so all targets agree on every bit.

        x = low + (high - low) * enigma.random.uniform(seed, i)
    """
    return _unit(_words(seed, index, stream, caller())[0])


@located_calls
def normal(seed: Any, index: Any, stream: Any = 0) -> Any:
    """Return an f32 of the normal distribution with mean 0 and variance 1. Raises as `bits` does.

    It is Box and Muller's `sqrt(-2 * log(1 - u)) * cos(2 * pi * v)` of two uniform numbers, so at most 5.77 in magnitude. The
    simulator and the CPU are within 4e-6 of the exact value; targets may differ from each other by as much.

        x = mean + deviation * enigma.random.normal(seed, i)
    """
    first, second = _words(seed, index, stream, caller())[:2]
    known = functions()
    radius = known["sqrt"](-2.0 * known["log"](1.0 - _unit(first)))
    return radius * known["cos"](_unit(second) * 6.283185307179586)


@located_calls
def randint(low: Any, high: Any, seed: Any, index: Any, stream: Any = 0) -> Any:
    """Return an i32 from `low` to `high - 1`, which are Python ints or traced i32 with `low < high`.

    It is `low + (bits * (high - low) >> 32)`: no value is likelier than another by more than (high - low) / 2**32 of it.
    Raises as `bits` does, and `EnigmaValueError` for an empty range of Python ints or one that i32 cannot hold.

        face = enigma.random.randint(1, 7, seed, i)
    """
    loc, tracer = caller(), active()
    first, last = _bound(low, "low", loc), _bound(high, "high", loc)
    if isinstance(first, int) and isinstance(last, int):
        if not i32.min <= first < last <= i32.max + 1 or last - first > _ALL:
            raise EnigmaValueError(
                f"randint: there is no i32 from {first} to {last - 1}", loc=loc,
                help="low must be below high, both within i32; for all 32 bits write enigma.random.bits",
            )  # fmt: skip
        span = tracer.constant(last - first, u32, loc)
    else:
        span = _u32(last, loc) - _u32(first, loc)
    part = functions()["mul_hi"](_words(seed, index, stream, loc)[0], span)
    if isinstance(first, int) and isinstance(last, int) and last - first <= i32.max:
        return tracer.convert(part, i32, loc) + first
    return tracer.convert(_u32(first, loc) + part, i32, loc)


def _u32(x: Any, loc: SourceLoc) -> Any:
    """Return an i32 as u32, whose sums and differences wrap around: those of i32 are undefined where they overflow."""
    tracer = active()
    return tracer.constant(x & _ALL, u32, loc) if isinstance(x, int) else tracer.convert(x, u32, loc)


def _bound(x: Any, what: str, loc: SourceLoc) -> Any:
    number = literal(x)
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    if isinstance(x, TracedValue) and x.type is i32:
        return x
    raise EnigmaTypeError(
        f"randint: {what} must be a Python int or i32, but it is {describe(x)}", loc=loc,
        help="convert it: x.to(enigma.i32)",
    )  # fmt: skip


def _unit(word: Any) -> Any:
    """The upper 24 bits as a fraction: an f32 holds them exactly."""
    return active().convert(word >> 8, f32) * _STEP


def _words(seed: Any, index: Any, stream: Any, loc: SourceLoc) -> tuple[Any, Any, Any, Any]:
    counter = (*_halves(index, "index", loc), *_halves(stream, "stream", loc))
    return philox4x32(counter, _halves(seed, "seed", loc))


def _halves(x: Any, what: str, loc: SourceLoc) -> tuple[Any, Any]:
    """Return the lower and the upper 32 bits of an integer."""
    number = literal(x)
    if isinstance(number, int) and not isinstance(number, bool):
        if not 0 <= number < 1 << 64:
            raise EnigmaValueError(
                f"the {what} of a random number must be from 0 to 2**64 - 1, but it is {number}", loc=loc,
                help="count from 0, or wrap it: x % 2**64",
            )  # fmt: skip
        return number & _ALL, number >> 32
    if not isinstance(x, TracedValue) or not isinstance(x.type, Numeric) or not x.type.is_integer:
        raise EnigmaTypeError(
            f"the {what} of a random number must be an integer, but it is {describe(x)}", loc=loc,
            help="pass an int, or convert it: x.to(enigma.u32)",
        )  # fmt: skip
    tracer = active()
    if x.type.width < 64:
        return tracer.convert(x, u32, loc), 0
    wide = tracer.convert(x, u64, loc)
    return tracer.convert(wide, u32, loc), tracer.convert(wide >> 32, u32, loc)


def _sequence(words: Any, count: int, what: str, loc: SourceLoc) -> tuple[Any, ...]:
    if not isinstance(words, tuple | list) or len(words) != count:  # pyright: ignore[reportUnknownArgumentType]
        raise EnigmaTypeError(
            f"the {what} of philox4x32 must be {count} words of 32 bits, but it is {words!r}", loc=loc,
            help=f"pass a tuple of {count}",
        )  # fmt: skip
    return tuple(words)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
