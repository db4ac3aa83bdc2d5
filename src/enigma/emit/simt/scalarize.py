"""Vectors taken apart before a kernel is lowered: each value of n components becomes n values, each elementwise operation n.

All that follows (the analysis, masks, loops, slots) then handles numbers only. What is left of vectors is `PartsOp`: an operation
whose row takes or gives whole vectors, such as a load of four elements, on the components one after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from xdsl.dialects import func, scf
from xdsl.dialects.builtin import ArrayAttr, IntAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import attr_def, irdl_op_definition, traits_def, var_operand_def, var_result_def

from enigma.dialect.derive import op_class
from enigma.dialect.operation import IntrinsicOp, Shape, shape
from enigma.dialect.types import dtype_of, is_memory, to_mlir
from enigma.dtypes import widened
from enigma.errors import InternalError
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import MAKES, Algebra, DTypeArg

GROUPS = "groups"

_MAKES = frozenset((*MAKES.values(), Algebra.MAKE_TILE))
_TAKES = (Algebra.EXTRACT, Algebra.TILE_ELEMENT)


class PartsOp(IntrinsicOp):
    """An operation on components: the attribute `groups` says how many of its operands belong to each operand of the row."""

    def attr(self, key: str) -> Any:
        """Return a compile-time argument; a dtype that is asked for is that of all results together."""
        if isinstance(self.ROW.params.get(key), DTypeArg):
            return widened(dtype_of(self.results[0].type), len(self.results))
        return super().attr(key)

    def group(self, values: Sequence[Any]) -> list[Any]:
        """Return one entry for each operand of the row: a value, or a tuple of components."""
        found: list[Any] = []
        rest = list(values)
        for count in _group_sizes(self):
            found.append(tuple(rest[:count]) if count > 1 else rest[0])
            del rest[:count]
        return found


def _group_sizes(op: PartsOp) -> list[int]:
    return [entry.data for entry in cast("ArrayAttr[IntAttr]", op.attributes[GROUPS])]


_classes: dict[str, type[PartsOp]] = {}


def _parts_class(row: Intrinsic) -> type[PartsOp]:
    cls = _classes.get(row.name)
    if cls is None or cls.ROW is not row:
        cls = _classes[row.name] = _derive(row)
    return cls


def _derive(row: Intrinsic) -> type[PartsOp]:
    fields: dict[str, Any] = {"inputs": var_operand_def(), "outputs": var_result_def()}
    fields |= {name: attr_def(Attribute) for name, term in row.attributes.items() if not isinstance(term, DTypeArg)}
    members = {
        "name": f"enigma.{row.name}.parts",
        "__doc__": row.doc,
        "__module__": __name__,
        "__annotations__": {"ROW": ClassVar[Intrinsic], "SHAPE": ClassVar[Shape]},
        "ROW": row,
        "SHAPE": shape(row),
        "traits": traits_def(),
        **fields,
    }
    return irdl_op_definition(type("PartsOp", (PartsOp,), members))


def scalarized(kernel: func.FuncOp) -> func.FuncOp:
    """Return the kernel with vectors taken apart; the kernel itself where it has none."""
    if not any(_parts(value) > 1 for op in kernel.walk() for value in (*op.results, *_arguments(op))):
        return kernel
    return _Scalarizer().kernel(kernel)


def _arguments(op: Operation) -> tuple[SSAValue, ...]:
    return tuple(arg for region in op.regions for block in region.blocks for arg in block.args)


def _parts(value: SSAValue) -> int:
    """Return how many numbers a value is; a buffer is one, and so is its memory."""
    return 1 if is_memory(value.type) else dtype_of(value.type).parts


def _types(value: SSAValue) -> list[Attribute]:
    count = _parts(value)
    return [value.type] if count == 1 else [to_mlir(dtype_of(value.type).element)] * count


class _Scalarizer:
    def __init__(self) -> None:
        self.values: dict[SSAValue, tuple[SSAValue, ...]] = {}

    def kernel(self, kernel: func.FuncOp) -> func.FuncOp:
        body = self._block(kernel.body.block)
        made = func.FuncOp(kernel.sym_name.data, (tuple(arg.type for arg in body.args), ()), Region(body))
        made.attributes.update(kernel.attributes)
        made.location = kernel.location
        return made

    def _block(self, block: Block) -> Block:
        made = Block(arg_types=[type for arg in block.args for type in _types(arg)])
        rest = list(made.args)
        for arg in block.args:
            self._know(arg, tuple(rest.pop(0) for _ in range(_parts(arg))))
        for op in block.ops:
            self._op(made, op)
        return made

    def _know(self, value: SSAValue, parts: tuple[SSAValue, ...]) -> None:
        self.values[value] = parts
        for part in parts:
            part.name_hint = value.name_hint

    def _flat(self, values: Sequence[SSAValue]) -> list[SSAValue]:
        return [part for value in values for part in self.values[value]]

    def _op(self, block: Block, op: Operation) -> None:
        if isinstance(op, IntrinsicOp):
            self._intrinsic(block, op)
            return
        if not isinstance(op, scf.IfOp | scf.ForOp | scf.WhileOp | scf.YieldOp | scf.ConditionOp | func.ReturnOp):
            raise InternalError(f"the CPU runtime cannot lower {op.name}")
        operands = self._flat(op.operands)
        regions = [
            Region([self._block(inner) for inner in region.blocks]) if region.blocks else Region()
            for region in op.regions
        ]
        self._add(block, op, type(op), operands, [type for result in op.results for type in _types(result)], regions)

    def _add(
        self, block: Block, op: Operation, cls: type[Operation], operands: Sequence[SSAValue],
        types: Sequence[Attribute], regions: Sequence[Region] = (),
    ) -> Operation:  # fmt: skip
        """Append the new form of an operation and note what its results have become."""
        made = cls.create(
            operands=operands, result_types=types, attributes=dict(op.attributes), regions=regions, location=op.location
        )
        block.add_op(made)
        rest = list(made.results)
        for result in op.results:
            self._know(result, tuple(rest.pop(0) for _ in range(_parts(result))))
        return made

    def _intrinsic(self, block: Block, op: IntrinsicOp) -> None:
        whole = all(_parts(value) == 1 for value in (*op.operands, *op.results))
        algebra = op.ROW.algebra
        if whole:
            self._add(block, op, type(op), self._flat(op.operands), [result.type for result in op.results])
        elif algebra in _MAKES:
            self._know_again(op, tuple(self._flat(op.operands)))
        elif algebra is Algebra.SPLAT:
            self._know_again(op, self.values[op.operands[0]] * _parts(op.results[0]))
        elif algebra in _TAKES:
            lane: int = op.attr("lane")
            self._know_again(op, (self.values[op.operands[0]][lane],))
        elif op.ROW.by_component:
            self._each_component(block, op)
        else:
            made = self._add(
                block, op, _parts_class(op.ROW), self._flat(op.operands),
                [type for result in op.results for type in _types(result)],
            )  # fmt: skip
            if isinstance(made, PartsOp):
                made.attributes[GROUPS] = ArrayAttr([IntAttr(_parts(operand)) for operand in op.operands])

    def _know_again(self, op: IntrinsicOp, parts: tuple[SSAValue, ...]) -> None:
        """Note that a result is made of values that exist already, which keep their names."""
        self.values[op.results[0]] = parts

    def _each_component(self, block: Block, op: IntrinsicOp) -> None:
        result = op.results[0]
        made: list[SSAValue] = []
        for type, operands in zip(_types(result), self._columns(op), strict=True):
            one = op_class(op.ROW).create(
                operands=operands, result_types=[type], attributes=dict(op.attributes), location=op.location
            )
            block.add_op(one)
            made.append(one.results[0])
        self._know(result, tuple(made))

    def _columns(self, op: IntrinsicOp) -> list[tuple[SSAValue, ...]]:
        """Return the operands of each component; a number is the same for all."""
        count = _parts(op.results[0])
        parts = [self.values[operand] for operand in op.operands]
        return list(zip(*(each * count if len(each) == 1 else each for each in parts), strict=True))
