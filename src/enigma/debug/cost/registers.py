"""How many registers a thread needs, estimated: the most values that are alive at once in the traced kernel."""

from __future__ import annotations

from enigma.dtypes import BufferType, Numeric, Space
from enigma.spec.terms import MEMORY, Algebra
from enigma.trace.node import Block, For, If, Node, Op, Traced, Value, While, walk

OVERHEAD = 16
"""Registers of 16 bits for what no program says: addresses, the thread's own indices."""

LARGEST = 256
"""Registers of 16 bits that a thread can have; a kernel that needs more spills to memory."""


def registers(traced: Traced) -> int:
    """Return the 16-bit registers of a thread; what the compiler recomputes, spills or reorders is not known."""
    halves = OVERHEAD + sum(
        -(-bytes_of(node) // 2)
        for node in walk(traced.body)
        if isinstance(node, Op) and node.row.algebra is Algebra.LOCAL
    )
    return halves + _most(traced.body, {})


def threadgroup_bytes(traced: Traced) -> int:
    """Return the bytes of threadgroup memory that a kernel allocates."""
    return sum(
        bytes_of(node)
        for node in walk(traced.body)
        if isinstance(node, Op) and node.row.algebra is Algebra.ALLOC and _space(node) is Space.THREADGROUP
    )


def bytes_of(node: Op) -> int:
    """Return the bytes of the memory that an operation makes."""
    if node.result is None or not isinstance(node.result.type, BufferType):
        return 0
    return node.result.type.element.size * sum(size for size in node.attrs.values() if type(size) is int)


def _space(node: Op) -> Space | None:
    return node.result.type.space if node.result is not None and isinstance(node.result.type, BufferType) else None


def _halves(value: Value) -> int:
    if not isinstance(value.type, Numeric):
        return 0
    return value.type.parts * max(value.type.element.size // 2, 1)


def _used(node: Node) -> list[Value]:
    """Return what a node reads, inside of it too."""
    match node:
        case Op():
            found = list(node.operands)
        case If():
            found = [node.condition]
        case For():
            found = [node.low, node.high, node.step, *node.inits]
        case While():
            found = list(node.inits)
    for block in node.blocks:
        found += block.yields
        for inner in block.nodes:
            found += _used(inner)
    return found


def _made(node: Node) -> list[Value]:
    if isinstance(node, Op):
        free = node.row.algebra in (Algebra.CONST, *MEMORY)  # a number in the code, or an address
        return [] if free or node.result is None else [node.result]
    return node.results


def _most(block: Block, outside: dict[int, int]) -> int:
    """Return the most registers alive at once in a block, those of `outside` alive all the time."""
    last = {id(value): place for place, node in enumerate(block.nodes) for value in _used(node)}
    last |= {id(value): len(block.nodes) for value in block.yields}
    alive = {**outside, **{id(value): _halves(value) for value in block.args}}
    most = sum(alive.values())
    for place, node in enumerate(block.nodes):
        for inner in node.blocks:
            most = max(most, _most(inner, alive))
        for value in _made(node):
            if id(value) in last:
                alive[id(value)] = _halves(value)
        most = max(most, sum(alive.values()))
        for key in [key for key in alive if key not in outside and last.get(key, -1) <= place]:
            del alive[key]
    return most
