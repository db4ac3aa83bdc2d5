"""`enigma.advise`: how the lanes of a simdgroup access memory together, found by computing every index exactly."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enigma.debug.program import program_of
from enigma.debug.report import Access, AccessReport
from enigma.debug.sampling import Depends, Seen, is_by_lane, is_matrix, observe
from enigma.dialect.structure import meaning
from enigma.dtypes import BufferType, Numeric, Space, widened
from enigma.errors import InternalError
from enigma.runtime.launch import geometry, size3
from enigma.spec.multiples import Made, divides
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra, Effect, Role
from enigma.trace.node import Block, For, Op, Traced, Value, walk

Array = NDArray[Any]

MATRIX = "8 x 8"
"""The pattern of a simdgroup's matrix."""

LINE = 128
LANES = 32

_ROW = 16
"""Elements between two lanes from which on they are taken to be in different rows of a tile."""

BANKS = 32
WORD = 4
_NOWHERE = np.iinfo(np.int64).min

_TERM = by_algebra()[Algebra.LOAD_VECTOR].operands["buf"]
_PACKED: tuple[Numeric, ...] = getattr(getattr(_TERM, "element", None), "dtypes", ())
"""What a vector can be read of at any element."""


def advise(kernel: Any, *, threads: Any = (256, 1, 1), constants: Mapping[Any, Any] | None = None) -> AccessReport:
    """Return how each simdgroup of a kernel accesses device, constant and threadgroup memory, and what to do better.

    `threads` is the threadgroup's size, as at launch; `constants` gives constexpr parameters by name, and function constants
    by index or name. Nothing is run: indices are computed for the lanes, with sample values for what only a launch knows.
    Buffers are taken to begin at a multiple of 128 bytes.

    Raises `EnigmaTypeError` for something that is no kernel, `LaunchError` for threads that no launch could have, and the
    kernel's own errors.

    >>> import enigma
    >>> @enigma.kernel
    ... def every_second(A: enigma.f32, Out: enigma.f32):
    ...     i = enigma.thread_position_in_grid
    ...     Out[i] = A[2 * i]
    >>> for access in enigma.advise(every_second).accesses:
    ...     print(access.kind, access.buffer, access.pattern, access.lines)
    read A stride 2 (2, 2)
    write Out stride 1 (1, 1)
    """
    size = size3(threads, "threads")
    geometry(size, size)
    return accesses(program_of("advise", kernel, constants).traced, size)


def accesses(traced: Traced, threads: tuple[int, int, int]) -> AccessReport:
    """Return what `advise` does, of a kernel that was traced already."""
    return _Advisor(traced, threads).report()


@dataclass(slots=True)
class _Facts:
    """What was measured at one operation."""

    seen: Seen
    name: str
    type: BufferType
    dtype: Numeric
    kind: str
    pattern: str
    stride: int | None
    depends: str
    lines: tuple[int, int]
    used: int
    whole: int
    conflict: int
    packed: bool


@dataclass(frozen=True, slots=True)
class _Measured:
    """What the lanes of a simdgroup do together at once."""

    pattern: tuple[str, int | None]
    lines: tuple[int, int]
    conflict: int


class _Advisor:
    def __init__(self, traced: Traced, threads: tuple[int, int, int]) -> None:
        self.traced, self.threads = traced, threads
        self.counters = {id(n.body.args[0]): n for n in traced.nodes() if isinstance(n, For)}
        self.made = {id(n.result): n for n in traced.nodes() if isinstance(n, Op) and n.result is not None}
        self.known: dict[tuple[bytes, int, int], _Measured] = {}

    def report(self) -> AccessReport:
        facts = [self.facts(seen) for seen in observe(self.traced, self.threads) if _space(seen) is not Space.THREAD]
        joined = _neighbours(facts, _stretches(self.traced.body))
        found: dict[Access, int] = {}
        for each in facts:
            access = _access(each, joined.get(id(each)))
            found[access] = found.get(access, 0) + 1
        accesses = [replace(access, count=count) for access, count in found.items()]
        return AccessReport(self.traced.name, self.threads, accesses, self.skipped())

    def skipped(self) -> list[str]:
        texts: dict[str, None] = {}
        for node in self.traced.nodes():
            if (
                isinstance(node, Op)
                and not is_by_lane(node)
                and not is_matrix(node)
                and any(map(_in_memory, node.operands))
            ):
                texts[f"{node.loc.short_file}:{node.loc.line}: {node.row.shown_name}"] = None
        return list(texts)

    def facts(self, seen: Seen) -> _Facts:
        node = seen.node
        buffer = node.operands[0]
        if not isinstance(buffer.type, BufferType):
            raise InternalError("an access without a buffer", loc=node.loc)
        dtype = _moved(node, buffer.type)
        rows = _rows(seen)
        measured = [self.measured(row, buffer.type.element.size, dtype.size) for row in rows]
        patterns = {each.pattern for each in measured}
        pattern, stride = patterns.pop() if len(patterns) == 1 else _common(patterns)
        if is_matrix(node):
            pattern, stride = MATRIX, None
        touched = [each.lines for each in measured]
        worst = max(touched, key=lambda pair: (pair[0], -pair[1]))
        vector = node.row.algebra in (Algebra.LOAD_VECTOR, Algebra.STORE_VECTOR)
        could = vector and buffer.type.space is Space.DEVICE
        aligned = dtype.lanes != 3 and divides(dtype.lanes, node.operands[1], self.look)
        data = seen.depends & Depends.DATA
        return _Facts(
            seen, buffer.name or "memory", buffer.type, dtype, _kind(node),
            "irregular" if data and "varies" in pattern else pattern, stride, "data" if data else "sample" if seen.depends else "",
            (min(lines for lines, _ in touched), worst[0]), worst[1] // worst[0], -(-worst[1] // LINE),
            max(each.conflict for each in measured), could and not aligned,
        )  # fmt: skip

    def measured(self, row: Array, element: int, width: int) -> _Measured:
        """Return what was measured of a row, once for all that are alike: an unrolled loop has thousands of one kind."""
        lanes, places = row
        if LINE % element == 0:  # as many whole lines further on, all is the same
            each = LINE // element
            places = places - int(places.min()) // each * each
        alike = np.stack([lanes, places])
        key = (alike.tobytes(), element, width)
        if key not in self.known:
            self.known[key] = _Measured(
                _pattern(alike), _lines(alike, element, width), _conflict(alike, element, width)
            )
        return self.known[key]

    def look(self, value: Value) -> Made | None:
        loop = self.counters.get(id(value))
        dtype = value.type
        if not isinstance(dtype, Numeric) or not dtype.is_integer or dtype.parts > 1:
            return None
        if loop is not None:
            return Made(Algebra.ADD, (loop.low, loop.step), dtype.width)
        node = self.made.get(id(value))
        if node is None:
            return None
        number = node.attrs.get("value") if node.row.algebra is Algebra.CONST else None
        return Made(meaning(node.row), node.operands, dtype.width, number if isinstance(number, int) else None)


def _space(seen: Seen) -> Space:
    type = seen.node.operands[0].type
    return type.space if isinstance(type, BufferType) else Space.THREAD


def _in_memory(value: Value) -> bool:
    return isinstance(value.type, BufferType) and value.type.space is not Space.THREAD


def _kind(node: Op) -> str:
    """Return what an access does."""
    if is_matrix(node):
        return "read" if node.row.role is Role.TILE_LOAD else "write"
    return {Effect.READ: "read", Effect.WRITE: "write"}.get(node.row.effect, "atomic")


def _moved(node: Op, buffer: BufferType) -> Numeric:
    if is_matrix(node):
        return widened(buffer.element, 2)  # of a lane
    match node.row.algebra:
        case Algebra.LOAD_VECTOR:
            return widened(buffer.element, node.attrs["lanes"])
        case Algebra.STORE_VECTOR:
            value = node.operands[2].type
            return value if isinstance(value, Numeric) else buffer.element
        case _:
            return buffer.element


def _rows(seen: Seen) -> list[Array]:
    """Return, for each simdgroup of each time, the lanes (first row) and their indices (second row), each case once."""
    found: dict[bytes, Array] = {}
    for index, active in seen.times:
        for places in np.where(active, index, _NOWHERE):
            found.setdefault(places.tobytes(), places)
    rows = [(np.flatnonzero(places != _NOWHERE), places) for places in found.values()]
    return [np.stack([lanes, places[lanes]]) for lanes, places in rows if lanes.size]


def _pattern(row: Array) -> tuple[str, int | None]:
    """Return the index as a function of the lane, in words, and the stride."""
    lanes, places = row
    if len(lanes) == 1:
        return "one lane", None
    steps = np.diff(places)
    if (np.diff(lanes) != 1).any():
        return ("uniform", 0) if not steps.any() else ("some lanes", None)
    first = int(steps[0])
    if (steps == first).all():
        return ("uniform", 0) if first == 0 else (f"stride {first}", first)
    breaks = np.flatnonzero(steps != first) + 1
    run = int(breaks[0])
    if run > 1 and (breaks % run == 0).all() and len(set(steps[breaks - 1].tolist())) == 1:
        return (f"uniform in runs of {run}" if first == 0 else f"stride {first} in runs of {run}"), first
    return "irregular", None


def _common(patterns: set[tuple[str, int | None]]) -> tuple[str, int | None]:
    """Return what patterns that differ between simdgroups, rounds or samples have in common."""
    if any(words == "irregular" for words, _ in patterns):
        return "irregular", None
    if all(words == f"stride {stride}" for words, stride in patterns):
        return "stride varies", None
    return "varies", None


def _bytes(row: Array, element: int, width: int) -> Array:
    starts = row[1] * element
    return np.unique(starts[:, None] + np.arange(width)[None, :])


def _lines(row: Array, element: int, width: int) -> tuple[int, int]:
    """Return how many lines are touched, and how many different bytes."""
    touched = _bytes(row, element, width)
    return len(np.unique(touched // LINE)), len(touched)


def _conflict(row: Array, element: int, width: int) -> int:
    """Return the turns that the banks take over those that so many words need at least."""
    words = np.unique(_bytes(row, element, width) // WORD)
    most = int(np.bincount(words % BANKS).max())
    return -(-most // -(-len(words) // BANKS))


def _stretches(block: Block) -> dict[int, int]:
    """Return of each access to an element a number that it shares with those of its buffer and kind that could be made at once.

    Between two reads nothing may write to the buffer, between two writes nothing may read it, and no barrier may stand between.
    """
    found: dict[int, int] = {}
    now: dict[tuple[int, bool], int] = {}
    for number, node in enumerate(block.nodes):
        inside = [inner for each in node.blocks for inner in walk(each)]
        for other in (node, *inside):
            if not isinstance(other, Op) or other.row.effect is Effect.PURE:
                continue
            buffers = [id(x) for x in other.operands if isinstance(x.type, BufferType)]
            if not buffers and other.row.effect is Effect.SYNC:
                now = dict.fromkeys(now, number)
            for buffer in buffers:
                if other.row.effect is not Effect.READ:
                    now[buffer, False] = number
                if other.row.effect is not Effect.WRITE or other is not node:
                    now[buffer, True] = number
        if isinstance(node, Op) and node.row.effect in (Effect.READ, Effect.WRITE) and node.operands:
            found[id(node)] = now.setdefault((id(node.operands[0]), node.row.effect is Effect.WRITE), number)
        for each in node.blocks:
            found |= _stretches(each)
    return found


def _neighbours(facts: Sequence[_Facts], stretches: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Return which accesses could be part of one vector: the vector's length and the place in it."""
    groups: dict[tuple[int, int, str, int], list[_Facts]] = {}
    for each in facts:
        scalar = each.dtype in _PACKED and each.seen.node.row.algebra in (Algebra.LOAD, Algebra.STORE)
        if scalar and each.type.space is Space.DEVICE and each.stride != 1:
            node = each.seen.node
            key = (id(each.seen.block), id(node.operands[0]), each.kind, stretches[id(node)])
            groups.setdefault(key, []).append(each)
    found: dict[int, tuple[int, int]] = {}
    for group in groups.values():
        for offsets in _clusters(group):
            places = sorted(offsets)
            while places:
                run = 1
                while run < min(4, len(places)) and places[run] == places[0] + run:
                    run += 1
                if run == 3 and abs(group[0].stride or 0) != 3:  # what is three of more is two and one
                    run = 2
                for place in range(run if run > 1 else 0):
                    found[id(offsets[places[place]])] = (run, place)
                places = places[run:]
    return found


def _clusters(group: Sequence[_Facts]) -> list[dict[int, _Facts]]:
    """Return the accesses that are always equally far apart, by how far each is from the first of them."""
    found: list[dict[int, _Facts]] = []
    for each in group:
        for cluster in found:
            distance = _distance(cluster[0], each)
            if distance is not None:
                cluster.setdefault(distance, each)
                break
        else:
            found.append({0: each})
    return found


def _distance(first: _Facts, other: _Facts) -> int | None:
    """Return how many elements after another one an access is, where that is the same in every lane and sample."""
    pairs = zip(first.seen.times, other.seen.times, strict=False)
    if len(first.seen.times) != len(other.seen.times):
        return None
    distances = {int(d) for (x, _), (y, _) in pairs for d in np.unique(y - x)}
    return distances.pop() if len(distances) == 1 else None


def _index_text(each: _Facts) -> str:
    """Return the index as the program writes it."""
    loc = each.seen.node.loc
    try:
        tree = ast.parse(loc.text().strip())
    except SyntaxError:
        return "i"
    shift = len(loc.text()) - len(loc.text().lstrip())
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and node.col_offset + shift == loc.col - 1:
            return ast.unparse(node.slice)
    return "i"


def _access(each: _Facts, joined: tuple[int, int] | None) -> Access:
    loc = each.seen.node.loc
    shared = each.type.space is Space.THREADGROUP
    verdict, help = _judged(each, joined)
    return Access(
        loc.short_file, loc.line, loc.col, loc.text().strip(), each.name, each.type.space.value, each.kind, each.dtype.name,
        each.dtype.size, 1, each.pattern, each.stride, each.depends, None if shared else each.lines,
        None if shared else each.used, each.conflict if shared else None, each.packed, verdict, help,
    )  # fmt: skip


def _judged(each: _Facts, joined: tuple[int, int] | None) -> tuple[str, str]:
    """Return the verdict and the help of an access."""
    if each.type.space is Space.THREADGROUP:
        return _judged_banks(each)
    if joined is not None:
        return _judged_neighbours(each, joined)
    if each.packed:
        return "packed", (
            f"nothing shows that the index is a multiple of {each.dtype.lanes}, so the vector is packed; "
            f"make it one, such as {each.dtype.lanes} * i, or mask its low bits"
            if each.dtype.lanes != 3
            else "a vector of 3 is always packed; vectors of 4 are read and written whole"
        )
    if each.type.space is Space.CONSTANT and each.pattern not in ("uniform", "one lane"):
        return "not uniform", (
            "constant memory is best where all lanes read one element; for an index that differs by lane take device memory"
        )
    if each.lines[1] <= each.whole:
        return "good", ""
    dense = (
        each.stride is not None
        and "runs" not in each.pattern
        and abs(each.stride) * each.type.element.size == each.dtype.size
    )
    if each.lines[1] == each.whole + 1 and dense:
        return "shifted", (
            "the simdgroup starts within a 128-byte line and so touches one line more; start rows and tiles at a multiple of "
            f"{LINE // each.type.element.size} elements where that is possible"
        )
    return _judged_scattered(each)


def _judged_scattered(each: _Facts) -> tuple[str, str]:
    cost = f"{each.lines[1]} lines for what fits into {each.whole}"
    if each.pattern == MATRIX:
        return "rows apart", (
            f"the 8 rows of the matrix touch {cost}; where several simdgroups need it, load it from a tile in threadgroup memory"
        )
    if each.depends == "data" and each.kind == "atomic":
        return "gather", (
            f"the index comes from memory, and lanes touch up to {cost}; collect in threadgroup memory first, and then change "
            "each element once for each threadgroup"
        )
    if each.depends == "data":
        return "gather", (
            f"the index comes from memory, and lanes touch up to {cost}; sort the work by index, or stage what is read "
            "again in threadgroup memory"
        )
    if " in runs of " in each.pattern and each.stride is not None and abs(each.stride) <= 1:
        run = int(each.pattern.rsplit(" ", 1)[1])
        return "short rows", (
            f"only {run} lanes in a row take neighbouring elements, {cost}; let all {LANES} do, such as in a threadgroup that is "
            f"{LANES} threads wide"
        )
    if each.stride is not None and abs(each.stride) > 1:
        return "strided", (
            f"lanes are {each.stride} elements apart, {cost}; let neighbouring lanes take neighbouring elements, or go "
            "through a tile in threadgroup memory"
        )
    return "scattered", f"lanes touch {cost}; let neighbouring lanes take neighbouring elements"


def _judged_neighbours(each: _Facts, joined: tuple[int, int]) -> tuple[str, str]:
    lanes, place = joined
    if place:
        return "not vectorised", ""
    index = _index_text(each)
    call = f"{each.name}.load({index}, {lanes})" if each.kind == "read" else f"{each.name}.store({index}, vector)"
    if lanes == 3:
        return "not vectorised", (
            f"3 neighbouring elements are moved one by one, which wastes no line; {call} writes it as one, though packed"
        )
    return "not vectorised", f"{lanes} neighbouring elements are moved one by one; {call} moves them at once"


def _judged_banks(each: _Facts) -> tuple[str, str]:
    if each.conflict <= 1:
        return "good", ""
    if each.pattern == MATRIX:
        return "bank conflict", (
            f"the matrix's rows fall into few of the {BANKS} banks, so that it takes {each.conflict} times the turns; make the "
            "rows of the tile 16 bytes longer"
        )
    turns = (
        f"the lanes' words fall into few of the {BANKS} banks, so that the access takes {each.conflict} times the turns"
    )
    stride, element = abs(each.stride or 0), each.type.element.size
    if 1 < stride < _ROW:
        return "bank conflict", (
            f"{turns}; lanes are {stride} elements apart: let neighbouring lanes take neighbouring elements, or swizzle the memory"
        )
    row = stride or BANKS
    longer = _padded(row, element)
    return "bank conflict", (
        f"{turns}; make the rows {longer - row} element{'s' if longer > row + 1 else ''} longer, "
        f"such as ({BANKS}, {longer}) for a tile of ({BANKS}, {row}), or swizzle the tile"
    )


def _padded(row: int, element: int) -> int:
    """Return how many elements a row has whose words are odd in number, so that a column lies in all banks."""
    if element >= 2 * WORD:
        return row + 1
    return next(n for n in range(row + 1, row + 2 * WORD + 1) if n * element % WORD == 0 and n * element // WORD % 2)
