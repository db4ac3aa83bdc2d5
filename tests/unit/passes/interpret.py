"""A plain interpreter of modules, one thread after another: passes may not change what it computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue

from enigma.dialect.build import kernel_of
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.types import dtype_of, is_memory
from enigma.spec.terms import Effect

STEPS = 20_000
"""Operations that one thread may run: no test needs more, and a loop without end is found."""


class Geometry:
    """A grid of one threadgroup with threads along x."""

    def __init__(self, thread: int, threads: int) -> None:
        self.thread, self.threads = thread, threads

    def _number(self, value: int) -> Any:
        return np.array([value], np.uint32)

    def group(self, axis: Any) -> Any:
        return self._number(0)

    def local(self, axis: Any) -> Any:
        return self._number(self.thread if axis.value == "x" else 0)

    def size(self, axis: Any) -> Any:
        return self._number(self.threads if axis.value == "x" else 1)

    full_size = grid = size

    def groups(self, axis: Any) -> Any:
        return self._number(1)

    def linear(self) -> Any:
        return self._number(self.thread)

    def lane(self) -> Any:
        return self._number(self.thread % 32)

    def add(self, x: Any, y: Any) -> Any:
        return x + y

    def mul(self, x: Any, y: Any) -> Any:
        return x * y


class Memory:
    """The buffers, for the rows that read and write."""

    def load(self, buffer: Any, i: Any) -> Any:
        return buffer[int(i[0]) : int(i[0]) + 1].copy()

    def store(self, buffer: Any, i: Any, x: Any) -> None:
        buffer[int(i[0])] = x[0]


class Thread:
    """One thread: the value of everything that it has computed."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry, self.values, self.steps = geometry, dict[SSAValue, Any](), 0

    def block(self, block: Block, args: Sequence[Any] = ()) -> list[Any]:
        for arg, value in zip(block.args, args, strict=True):
            self.values[arg] = value
        for op in block.ops:
            self.steps += 1
            assert self.steps < STEPS, "a loop without end"
            if op is block.last_op:
                return [self.values[operand] for operand in op.operands]
            self.run(op, [self.values[operand] for operand in op.operands])
        raise AssertionError("a block without terminator")

    def run(self, op: Operation, operands: list[Any]) -> None:
        match op:
            case IntrinsicOp():
                results = [self.intrinsic(op, operands)]
            case scf.IfOp():
                region = op.true_region if operands[0][0] else op.false_region
                results = self.block(region.block) if region.blocks else []
            case scf.ForOp():
                low, high, step = (int(bound[0]) for bound in operands[:3])
                results = operands[3:]
                for i in range(low, high, step):
                    results = self.block(op.body.block, [np.array([i], np.int64), *results])
            case scf.WhileOp():
                condition, *results = self.block(op.before_region.block, operands)
                while condition[0]:
                    condition, *results = self.block(op.before_region.block, self.block(op.after_region.block, results))
            case _:
                raise AssertionError(op.name)
        for result, value in zip(op.results, results, strict=False):
            self.values[result] = value

    def intrinsic(self, op: IntrinsicOp, operands: list[Any]) -> Any:
        row = op.ROW
        with np.errstate(all="ignore"):
            if row.level is not None:
                return row.ref(np, self.geometry, **op.attrs())
            if row.effect is not Effect.PURE:
                return row.ref(np, Memory(), *operands, **op.attrs())
            found = np.asarray(row.ref(np, *operands, **op.attrs())).reshape(-1)
        return found.astype(dtype_of(op.results[0].type).numpy)


def interpret(module: ModuleOp, arguments: Sequence[Any], threads: int) -> None:
    """Run a module; buffers are arrays, written in place, and scalars are numbers."""
    body = kernel_of(module).body.block
    args = [
        value if is_memory(arg.type) else np.array([value], dtype_of(arg.type).numpy)
        for arg, value in zip(body.args, arguments, strict=True)
    ]
    for thread in range(threads):
        Thread(Geometry(thread, threads)).block(body, args)
