"""Samplers at file scope, and fences between a thread's writes to a texture and its reads (Metal specification, 2.9 and 2.10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

from xdsl.dialects import scf
from xdsl.ir import Operation, SSAValue

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.types import texture_of
from enigma.dtypes import TextureAccess
from enigma.emit.base import Line, Names
from enigma.errors import InternalError
from enigma.spec.terms import SAMPLER, Choice, Effect, SamplerCoord

Key = tuple[Enum, ...]
"""What a sampler is: its coordinates, filter and address mode."""


class Samplers:
    """The samplers that a kernel uses, one for each way to sample, named after it: `linear_repeat`."""

    def __init__(self, ops: Sequence[IntrinsicOp], names: Names) -> None:
        self._names: dict[Key, str] = {}
        for op in ops:
            key = _key(op)
            if key and key not in self._names:
                self._names[key] = names.fresh(_wish(key), file_scope=True)

    def name(self, op: IntrinsicOp) -> str:
        """Return the name of the sampler that an operation uses."""
        found = self._names.get(_key(op))
        if found is None:
            raise InternalError(f"{op.ROW.name} uses no sampler")
        return found

    def lines(self) -> list[Line]:
        """Return the definitions, in the order of first use."""
        return [Line(f"constexpr sampler {name}({', '.join(_parts(key))});") for key, name in self._names.items()]


def _key(op: IntrinsicOp) -> Key:
    chosen = [
        op.attr(key) for key, term in op.ROW.attributes.items() if isinstance(term, Choice) and term.enum in SAMPLER
    ]
    return tuple(sorted(chosen, key=lambda one: SAMPLER.index(type(one))))


def _wish(key: Key) -> str:
    coord, *words = key
    return "_".join([*(str(word.value) for word in words), *(["pixel"] if coord is SamplerCoord.PIXEL else [])])


def _parts(key: Key) -> Iterator[str]:
    """Yield a sampler's properties as Metal writes them; normalized coordinates go without saying."""
    for one, kind in zip(key, ("coord", "filter", "address"), strict=True):
        if one is not SamplerCoord.NORMALIZED:
            yield f"{kind}::{one.value}"


def fenced(ops: Sequence[IntrinsicOp]) -> dict[IntrinsicOp, SSAValue]:
    """Return the writes after which a thread may read the same texture, and the texture: a fence makes it see them."""
    writes = [
        (place, op) for place, op in enumerate(ops) if op.ROW.effect is Effect.WRITE and _read_write(op) is not None
    ]
    reads = [
        (place, op) for place, op in enumerate(ops) if op.ROW.effect is Effect.READ and _read_write(op) is not None
    ]
    found: dict[IntrinsicOp, SSAValue] = {}
    for place, write in writes:
        texture = _read_write(write)
        if texture is not None and any(
            _read_write(read) is texture and (after > place or _share_a_loop(write, read)) for after, read in reads
        ):
            found[write] = texture
    return found


def _read_write(op: IntrinsicOp) -> SSAValue | None:
    """Return the texture among the operands that is both read and written, or None."""
    for operand in op.operands:
        texture = texture_of(operand.type)
        if texture is not None and texture.access is TextureAccess.READ_WRITE:
            return operand
    return None


def _share_a_loop(first: Operation, second: Operation) -> bool:
    return bool(_loops(first) & _loops(second))


def _loops(op: Operation) -> set[Operation]:
    found, around = set[Operation](), op.parent_op()
    while around is not None:
        if isinstance(around, scf.ForOp | scf.WhileOp):
            found.add(around)
        around = around.parent_op()
    return found
