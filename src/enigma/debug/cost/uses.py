"""What the compiler is free to leave out: products that fuse with a sum, indices that fold into an address, repeated work."""

from __future__ import annotations

from dataclasses import dataclass, field

from enigma.debug.cost.instructions import Instructions, instructions
from enigma.debug.sampling import is_matrix
from enigma.dtypes import Numeric
from enigma.spec.terms import MEMORY, Algebra, Effect
from enigma.trace.node import Block, For, If, Node, Op, Traced, Value, While, walk

_SUMS = (Algebra.ADD, Algebra.SUB)


@dataclass(slots=True)
class Plan:
    """What each operation takes, by its identity; those that may be `left_out` take nothing at best.

    `needed` are the values that say where memory is accessed, or how often: the others need not be computed to count.
    """

    work: dict[int, Instructions] = field(default_factory=dict[int, Instructions])
    left_out: set[int] = field(default_factory=set[int])
    repeated: set[int] = field(default_factory=set[int])
    needed: set[int] = field(default_factory=set[int])


def plan(traced: Traced) -> Plan:
    """Return what each operation of a kernel takes."""
    made = Plan()
    for node in walk(traced.body):
        if isinstance(node, Op) and node.row.effect in (Effect.PURE, Effect.SYNC) and node.row.algebra not in MEMORY:
            made.work[id(node)] = instructions(node)
    _repeats(traced.body, made)
    made.needed = _needed(traced)
    readers = _readers(traced)
    for node in reversed(list(walk(traced.body))):
        if isinstance(node, Op) and node.result is not None and isinstance(node.result.type, Numeric):
            used = readers.get(id(node.result), [])
            if _fuses(node, used) or _only_addresses(node, used, made):
                made.left_out.add(id(node))
    return made


def _repeats(block: Block, made: Plan) -> None:
    """Note the operations whose common part another one of the same block has done for the same operands."""
    seen: set[tuple[str, tuple[int, ...]]] = set()
    for node in block.nodes:
        for inner in node.blocks:
            _repeats(inner, made)
        if isinstance(node, Op) and id(node) in made.work and made.work[id(node)].shared:
            key = node.row.name, tuple(id(operand) for operand in node.operands)
            if key in seen:
                made.repeated.add(id(node))
            seen.add(key)


def _readers(traced: Traced) -> dict[int, list[tuple[Node | None, int]]]:
    """Return who reads each value, and as which operand; None is a block that yields it."""
    found: dict[int, list[tuple[Node | None, int]]] = {}

    def note(values: tuple[Value, ...] | list[Value], node: Node | None) -> None:
        for place, value in enumerate(values):
            found.setdefault(id(value), []).append((node, place))

    for node in walk(traced.body):
        match node:
            case Op():
                note(node.operands, node)
            case If():
                note([node.condition], node)
            case For():
                note([node.low, node.high, node.step], node)
                note(node.inits, None)
            case While():
                note(node.inits, None)
        for block in node.blocks:
            note(block.yields, None)
    return found


def _fuses(node: Op, used: list[tuple[Node | None, int]]) -> bool:
    """Return whether a float product is read by one sum alone, with which it makes a fused multiply-add."""
    if node.row.algebra is not Algebra.MUL or len(used) != 1 or not node.operands:
        return False
    ((reader, _),) = used
    dtype = node.result.type if node.result is not None else None
    return (
        isinstance(dtype, Numeric) and dtype.element.is_float and isinstance(reader, Op) and reader.row.algebra in _SUMS
    )


def _only_addresses(node: Op, used: list[tuple[Node | None, int]], made: Plan) -> bool:
    """Return whether an integer or truth value only says where memory is accessed, how often, or whether."""
    dtype = node.result.type if node.result is not None else None
    if not isinstance(dtype, Numeric) or dtype.element.is_float or node.row.effect is not Effect.PURE or not used:
        return False
    return all(_addresses(reader, place, made) for reader, place in used)


def _addresses(reader: Node | None, place: int, made: Plan) -> bool:
    match reader:
        case None:
            return False
        case Op():
            return (reader.row.indexed is not None and place == 1) or id(reader) in made.left_out
        case _:
            return True


def _needed(traced: Traced) -> set[int]:
    """Return the values that indices, conditions and the bounds of loops are made of."""
    found: set[int] = set()
    nodes = list(walk(traced.body))
    for node in nodes:
        match node:
            case Op() if node.row.indexed is not None:
                found |= {id(operand) for operand in node.operands[1 : 3 if is_matrix(node) else 2]}
            case If():
                found.add(id(node.condition))
            case For():
                found |= {id(node.low), id(node.high), id(node.step)}
            case While():
                found |= {id(value) for value in node.test.yields}
            case _:
                pass
    before = -1
    while len(found) != before:  # what a loop carries comes around
        before = len(found)
        for node in reversed(nodes):
            found |= {id(value) for value in _made_of(node, found)}
    return found


def _made_of(node: Node, needed: set[int]) -> list[Value]:
    """Return what the needed results of a node are made of."""
    match node:
        case Op():
            return list(node.operands) if node.result is not None and id(node.result) in needed else []
        case If():
            sources = [node.then.yields, node.orelse.yields]
            held = [[result] for result in node.results]
        case For():
            sources = [node.inits, node.body.yields]
            held = [[result, arg] for result, arg in zip(node.results, node.body.args[1:], strict=True)]
        case While():
            sources = [node.inits, node.body.yields]
            held = [list(each) for each in zip(node.results, node.test.args, node.body.args, strict=True)]
    places = [place for place, values in enumerate(held) if any(id(value) in needed for value in values)]
    return [values[place] for values in sources for place in places]
