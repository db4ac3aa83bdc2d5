"""Runs a kernel's Python source itself, thread after thread: the body is a generator that stops wherever threads meet.

Python decides what the control flow means, `numbers.py` what the arithmetic means. In the oracle's text a barrier is
`yield None` and a function across lanes is `yield ("name", value, ...)`.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import product
from typing import Any

from tests.laws.functions import INTEGER, extreme, fma, integers, sqrt, whole
from tests.laws.numbers import EPSILON, WIDTH, Doubt, Num, convert, inexact, pair, promoted, typed, wrap

Size = tuple[int, int, int]
LANES = 32


class Buffer:
    """A buffer of numbers; an index outside of it is an error of the generated program."""

    def __init__(self, dtype: str, values: Sequence[Any]) -> None:
        self.dtype = dtype
        self.values = [value if isinstance(value, Num) else Num(value, dtype) for value in values]

    def __getitem__(self, index: Any) -> Num:
        return self.values[self._place(index)]

    def __setitem__(self, index: Any, value: Any) -> None:
        self.values[self._place(index)] = convert(typed(value, self.dtype), self.dtype)

    def load(self, start: Any, lanes: int) -> Vector:
        """The elements from one on."""
        first = self._place(start)
        return Vector([self[first + k] for k in range(lanes)])

    def _place(self, index: Any) -> int:
        place = index.value if isinstance(index, Num) else index
        if not 0 <= place < len(self.values):
            raise IndexError(f"{place} of {len(self.values)}")
        return place


class Vector:
    """Two to four numbers, computed with one by one."""

    def __init__(self, parts: Sequence[Num]) -> None:
        self.parts = list(parts)

    def __getattr__(self, names: str) -> Any:
        found = [self.parts["xyzw".index(name)] for name in names]
        return found[0] if len(found) == 1 else Vector(found)

    def _with(self, other: Any, operator: Callable[[Num, Num], Num]) -> Vector:
        others = other.parts if isinstance(other, Vector) else [other] * len(self.parts)
        return Vector([operator(x, y) for x, y in zip(self.parts, others, strict=True)])

    # fmt: off
    def __add__(self, other: Any) -> Vector: return self._with(other, lambda x, y: x + y)
    def __sub__(self, other: Any) -> Vector: return self._with(other, lambda x, y: x - y)
    def __mul__(self, other: Any) -> Vector: return self._with(other, lambda x, y: x * y)
    def __and__(self, other: Any) -> Vector: return self._with(other, lambda x, y: x & y)
    def __or__(self, other: Any) -> Vector: return self._with(other, lambda x, y: x | y)
    def __xor__(self, other: Any) -> Vector: return self._with(other, lambda x, y: x ^ y)
    # fmt: on


def vector(dtype: str, lanes: int) -> Callable[..., Vector]:
    """Return what makes vectors of a dtype: of a number for each component, or of one for all."""

    def make(*parts: Any) -> Vector:
        given = parts if len(parts) == lanes else parts * lanes
        return Vector([convert(typed(x, dtype), dtype) for x in given])

    return make


class Thread:
    """Where a thread is."""

    def __init__(self, group: Size, local: Size, size: Size, grid: Size, groups: Size) -> None:
        self.vectors = {
            "thread_position_in_threadgroup": local, "threadgroup_position_in_grid": group, "threads_per_threadgroup": size,
            "threads_per_grid": grid, "threadgroups_per_grid": groups,
        }  # fmt: skip
        self.linear = (local[2] * size[1] + local[1]) * size[0] + local[0]
        self.total = size[0] * size[1] * size[2]


class Namespace:
    """What the oracle's text knows as `en`. `thread` is the thread that runs now."""

    def __init__(self) -> None:
        self.thread: Thread | None = None
        for dtype in (*WIDTH, *EPSILON, "b1"):
            setattr(self, dtype, lambda x, dtype=dtype: convert(typed(x, dtype), dtype))
            for lanes in (2, 3, 4):
                setattr(self, f"{dtype}x{lanes}", vector(dtype, lanes))
        for name, exact in INTEGER.items():
            setattr(self, name, integers(exact))
        for name in ("thread_position_in_threadgroup", "threadgroup_position_in_grid", "threads_per_threadgroup",
                     "threads_per_grid", "threadgroups_per_grid"):  # fmt: skip
            setattr(self, name, lambda axis="x", name=name: self._position(name, axis))
        self.fmin, self.fmax, self.fma, self.sqrt = extreme(larger=False), extreme(larger=True), fma, sqrt
        self.floor, self.ceil, self.trunc = whole(math.floor), whole(math.ceil), whole(math.trunc)
        self.range = ranges

    def _position(self, name: str, axis: str) -> Num:
        assert self.thread is not None
        return Num(self.thread.vectors[name]["xyz".index(axis)], "u32")

    def thread_position_in_grid_xyz(self, axis: str) -> Num:
        """The thread's place: whole threadgroups before it, and its place in its own."""
        assert self.thread is not None
        at = "xyz".index(axis)
        group, local = (
            self.thread.vectors[k][at] for k in ("threadgroup_position_in_grid", "thread_position_in_threadgroup")
        )
        return Num(group * self.full[at] + local, "u32")

    full: Size = (1, 1, 1)

    def thread_index_in_threadgroup(self) -> Num:
        """The thread's number, x fastest."""
        assert self.thread is not None
        return Num(self.thread.linear, "u32")

    def thread_index_in_simdgroup(self) -> Num:
        """The thread's lane."""
        assert self.thread is not None
        return Num(self.thread.linear % LANES, "u32")

    def where(self, condition: Any, if_true: Any, if_false: Any) -> Num:
        """One of two values, in the dtype of both."""
        like = next((x.dtype for x in (if_true, if_false) if isinstance(x, Num)), None)
        x, y = typed(if_true, like), typed(if_false, like)
        dtype = x.dtype if x.dtype == y.dtype else promoted(x.dtype, y.dtype)
        return convert(x if condition else y, dtype)

    def load_if(self, buffer: Buffer, index: Any, mask: Any, default: Any = 0) -> Num:
        """An element where the mask holds."""
        return buffer[index] if mask else convert(typed(default, buffer.dtype), buffer.dtype)

    def store_if(self, buffer: Buffer, index: Any, value: Any, mask: Any) -> None:
        """Set an element where the mask holds."""
        if mask:
            buffer[index] = value

    def atomic_fetch_add(self, buffer: Buffer, index: Any, value: Any) -> None:
        """Add to an element."""
        buffer[index] = buffer[index] + value

    def atomic_fetch_or(self, buffer: Buffer, index: Any, value: Any) -> None:
        """Set bits of an element."""
        buffer[index] = buffer[index] | value

    def atomic_fetch_xor(self, buffer: Buffer, index: Any, value: Any) -> None:
        """Turn over bits of an element."""
        buffer[index] = buffer[index] ^ value

    def atomic_fetch_max(self, buffer: Buffer, index: Any, value: Any) -> None:
        """Raise an element."""
        buffer[index] = value if value > buffer[index] else buffer[index]


def ranges(*args: Any) -> Iterator[Any]:
    """A range of the language: of Python's ints it is Python's."""
    if not any(isinstance(arg, Num) for arg in args):
        yield from builtins.range(*args)
        return
    dtype = next(arg.dtype for arg in args if isinstance(arg, Num))
    for value in builtins.range(*(arg.value if isinstance(arg, Num) else arg for arg in args)):
        yield Num(value, dtype)


def _shared(name: str, operands: list[Any], lane: int) -> Num:
    """Return a function across lanes for one lane; `operands` has an entry per lane that is there."""
    prefix, _, kind = name.partition("_")
    width = {"simd": LANES, "quad": 4}[prefix]
    start = lane // width * width
    operands, lane = operands[start : start + width], lane - start
    if kind == "broadcast_first":
        return operands[0][0]
    if "shuffle" in kind or kind == "broadcast":
        x, by = operands[lane]
        amount = typed(by).value
        source = {
            "shuffle_up": lane - amount, "shuffle_down": lane + amount, "shuffle_xor": lane ^ amount,
            "shuffle_rotate_up": (lane - amount) % width, "shuffle_rotate_down": (lane + amount) % width,
        }.get(kind, amount)  # fmt: skip
        if not 0 <= source < width:
            return x
        return operands[source][0] if source < len(operands) else Num(type(x.value)(0), x.dtype)
    values = [x for (x,) in operands]
    if kind.startswith("prefix"):
        values = values[: lane + (1 if "inclusive" in kind else 0)]
    dtype = operands[lane][0].dtype
    if dtype in EPSILON:
        return _float_reduction(kind.rpartition("_")[2], values, dtype)
    steps: dict[str, Callable[[int, int], int]] = {
        "sum": lambda a, b: a + b, "product": lambda a, b: a * b, "min": min, "max": max, "and": lambda a, b: a & b,
        "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
    }  # fmt: skip
    step = steps[kind.rpartition("_")[2]]
    total = 1 if kind.endswith("product") else 0
    for place, value in enumerate(values):
        total = value.value if place == 0 else step(total, value.value)
    return Num(wrap(total, dtype), dtype)


def _float_reduction(kind: str, values: list[Num], dtype: str) -> Num:
    numbers = [v.value for v in values]
    if kind in ("min", "max"):
        known = [v for v in numbers if not math.isnan(v)] or [math.nan]
        return Num((min if kind == "min" else max)(known), dtype, max(v.error for v in values))
    assert kind == "sum"
    size = sum(abs(v) for v in numbers)
    total = math.fsum(numbers) if math.isfinite(size) else math.nan
    unit = 2.0 ** (math.frexp(size)[1] - 24) if math.isfinite(size) else 0.0
    if not unit or any(x % unit for x in numbers):  # else every sum of some of them is a float
        Doubt.order = True
    result = inexact(total, sum(v.error for v in values) + size * LANES * EPSILON["f32"], dtype)
    return result if numbers else Num(0.0, dtype)


def run(source: str, arguments: dict[str, Any], tiles: dict[str, tuple[str, int]], grid: Size, threads: Size) -> None:
    """Run the oracle's text of a kernel; `arguments` are its buffers and numbers, `tiles` its threadgroup memory."""
    en = Namespace()
    en.full = threads
    scope: dict[str, Any] = {
        "en": en,
        "Buffer": Buffer,
        "range": ranges,
        "min": _min_or_max(larger=False),
        "max": _min_or_max(larger=True),
    }
    exec(compile(source, "<oracle>", "exec"), scope)
    groups: Any = tuple(-(-g // t) for g, t in zip(grid, threads, strict=True))
    for z, y, x in product(*(range(n) for n in reversed(groups))):
        group = (x, y, z)
        size: Any = tuple(min(t, g - p * t) for t, g, p in zip(threads, grid, group, strict=True))
        members = [
            Thread(group, (i, j, k), size, grid, groups) for k, j, i in product(*(range(n) for n in reversed(size)))
        ]
        memory = {name: Buffer(dtype, [0] * count) for name, (dtype, count) in tiles.items()}
        _run_threadgroup(en, members, [scope["kernel"](**arguments, **memory) for _ in members])


def _min_or_max(*, larger: bool) -> Callable[..., Any]:
    def choose(x: Any, y: Any) -> Any:
        if not isinstance(x, Num) and not isinstance(y, Num):
            return max(x, y) if larger else min(x, y)
        a, b, _ = pair(x, y)
        return (b if b > a else a) if larger else (b if b < a else a)

    return choose


def _run_threadgroup(en: Namespace, members: list[Thread], bodies: list[Generator[Any, Any, None]]) -> None:
    """Run the threads of a threadgroup from one meeting to the next."""
    answers: list[Any] = [None] * len(members)
    while True:
        asked: list[Any] = []
        ended = 0
        for thread, body, answer in zip(members, bodies, answers, strict=True):
            en.thread = thread
            try:
                asked.append(body.send(answer))
            except StopIteration:
                ended += 1
        if ended:
            assert ended == len(members), "threads meet in uniform control flow only"
            return
        answers = [None] * len(members)
        if asked[0] is not None:
            for first in range(0, len(members), LANES):
                operands = [list(entry[1:]) for entry in asked[first : first + LANES]]
                for lane in range(len(operands)):
                    answers[first + lane] = _shared(asked[0][0], operands, lane)
