"""The traced IR as a module of the dialect: nodes become operations, blocks become regions of `scf`.

Every operation has the location of its Python line, and values keep the names of their variables.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import func, scf
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, LocationAttr, ModuleOp, StringAttr, UnitAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from enigma.dialect.attributes import SEGMENTS, VALUE, encode, number, numbers, segments
from enigma.dialect.derive import IntrinsicOp, op_class
from enigma.dialect.names import to_hint, to_location
from enigma.dialect.types import to_mlir
from enigma.dtypes import BufferType, Numeric, index
from enigma.errors import InternalError
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra, DTypeArg, Numbers, Precision
from enigma.trace import node as traced_ir
from enigma.trace.node import For, If, Op, Traced, Value, While

KERNEL = "enigma.kernel"
"""The attribute that marks a function as a kernel."""

MATH = "enigma.math"
"""The attribute of a kernel whose math is not the default."""

PART = ("enigma.parameter", "enigma.struct", "enigma.member")
"""The attributes of an argument that is a member of a struct parameter; arguments of one parameter share its slot."""


def build(traced: Traced) -> ModuleOp:
    """Return the module of a traced kernel, not verified: one function with the kernel's parameters in slot order."""
    location = to_location(traced.loc)
    types = [to_mlir(param.value.type) for param in traced.params]
    body = Block(arg_types=types)
    builder = _Builder()
    for param, arg in zip(traced.params, body.args, strict=True):
        arg.name_hint = to_hint(param.name)
        arg.location = to_location(param.loc)
        builder.values[param.value] = arg
    builder.fill(body, traced.body)
    body.add_op(func.ReturnOp.create(location=location))
    function = func.FuncOp(traced.name, (types, ()), Region(body))
    function.attributes[KERNEL] = UnitAttr()
    if traced.math is not Precision.DEFAULT:
        function.attributes[MATH] = StringAttr(traced.math.value)
    if any(param.part is not None for param in traced.params):
        function.arg_attrs = ArrayAttr([_part(param.part) for param in traced.params])
    function.location = location
    module = ModuleOp([function])
    module.location = location
    return module


def _part(part: traced_ir.Part | None) -> DictionaryAttr:
    """Return the attributes of a function's argument: of which struct parameter it is which member, if it is one."""
    if part is None:
        return DictionaryAttr({})
    names = (part.parameter, part.struct.name, part.member)
    return DictionaryAttr({key: StringAttr(text) for key, text in zip(PART, names, strict=True)})


def math_of(function: func.FuncOp) -> Precision:
    """Return the math that a kernel is compiled with."""
    held = function.attributes.get(MATH)
    return Precision(held.data) if isinstance(held, StringAttr) else Precision.DEFAULT


def kernel_of(module: ModuleOp) -> func.FuncOp:
    """Return the kernel function of a module; raises `InternalError` when there is none."""
    for op in module.body.block.ops:
        if isinstance(op, func.FuncOp) and KERNEL in op.attributes:
            return op
    raise InternalError("the module has no kernel")


class _Builder:
    """Builds one kernel; `values` maps what was traced to what was built."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[Value, SSAValue] = {}

    def fill(self, block: Block, traced: traced_ir.Block) -> None:
        """Append the operations of a traced block; the terminator is the caller's."""
        for node in traced.nodes:
            match node:
                case Op():
                    self._op(block, node)
                case If():
                    self._if(block, node)
                case For():
                    self._for(block, node)
                case While():
                    self._while(block, node)

    def _get(self, traced: Sequence[Value]) -> list[SSAValue]:
        values = self.values
        try:
            return [values[value] for value in traced]
        except KeyError as error:
            name = getattr(error.args[0], "name", None) or "a value"
            raise InternalError(f"{name} is used where it is not defined") from None

    def _op(self, block: Block, node: Op) -> None:
        row, result = node.row, node.result
        attributes: dict[str, Attribute] = {}
        if node.attrs:
            for key, term in row.attributes.items():
                if isinstance(term, Numbers) and result is not None and isinstance(result.type, BufferType):
                    attributes[key] = numbers(node.attrs[key], result.type.element)
                elif not isinstance(term, DTypeArg):
                    attributes[key] = encode(term, node.attrs[key])
            if row.algebra is Algebra.CONST and result is not None and isinstance(result.type, Numeric):
                attributes[VALUE] = number(node.attrs[VALUE], result.type)
        if row.variadic is not None:
            attributes[SEGMENTS] = segments(row, len(node.operands))
        op = op_class(row).create(
            operands=self._get(node.operands),
            result_types=() if result is None else (to_mlir(result.type),),
            attributes=attributes,
            location=to_location(node.loc),
        )
        block.add_op(op)
        if result is not None:
            self._define(result, op.results[0])

    def _define(self, traced: Value, value: SSAValue) -> None:
        self.values[traced] = value
        if traced.name:
            value.name_hint = to_hint(traced.name)

    def _block(self, traced: traced_ir.Block, args: Sequence[Value], location: LocationAttr) -> Block:
        """Return a filled block with arguments for `args` and, unless a terminator follows, a yield."""
        block = Block(arg_types=[to_mlir(arg.type) for arg in args])
        for arg, value in zip(args, block.args, strict=True):
            value.location = location
            self._define(arg, value)
        self.fill(block, traced)
        return block

    def _finish(self, block: Block, traced: traced_ir.Block, location: LocationAttr) -> Region:
        block.add_op(scf.YieldOp.create(operands=self._get(traced.yields), location=location))
        return Region(block)

    def _results(self, block: Block, op: Operation, results: Sequence[Value]) -> None:
        block.add_op(op)
        for traced, value in zip(results, op.results, strict=True):
            self._define(traced, value)

    def _if(self, block: Block, node: If) -> None:
        location = to_location(node.loc)
        then = self._finish(self._block(node.then, (), location), node.then, location)
        orelse = Region()
        if node.results or node.orelse.nodes:
            orelse = self._finish(self._block(node.orelse, (), location), node.orelse, location)
        op = scf.IfOp.create(
            operands=self._get([node.condition]),
            result_types=[to_mlir(result.type) for result in node.results],
            regions=[then, orelse],
            location=location,
        )
        self._results(block, op, node.results)

    def _to_index(self, block: Block, value: Value, location: LocationAttr) -> SSAValue:
        op = _bridge(Algebra.TO_INDEX).create(
            operands=self._get([value]), result_types=[to_mlir(index)], location=location
        )
        block.add_op(op)
        return op.results[0]

    def _for(self, block: Block, node: For) -> None:
        location = to_location(node.loc)
        bounds = [self._to_index(block, bound, location) for bound in (node.low, node.high, node.step)]
        counter, *carried = node.body.args
        body = Block(arg_types=[to_mlir(index), *(to_mlir(arg.type) for arg in carried)])
        body.args[0].name_hint = "iv"
        for arg, value in zip(carried, body.args[1:], strict=True):
            self._define(arg, value)
        for value in body.args:
            value.location = location
        here = _bridge(Algebra.FROM_INDEX).create(
            operands=[body.args[0]], result_types=[to_mlir(counter.type)], location=location
        )
        body.add_op(here)
        self._define(counter, here.results[0])
        inits = self._get(node.inits)
        self.fill(body, node.body)
        op = scf.ForOp.create(
            operands=[*bounds, *inits],
            result_types=[value.type for value in inits],
            regions=[self._finish(body, node.body, location)],
            location=location,
        )
        self._results(block, op, node.results)

    def _while(self, block: Block, node: While) -> None:
        location = to_location(node.loc)
        inits = self._get(node.inits)
        test = self._block(node.test, node.test.args, location)
        condition = self._get(node.test.yields)
        test.add_op(scf.ConditionOp.create(operands=[*condition, *test.args], location=location))
        body = self._finish(self._block(node.body, node.body.args, location), node.body, location)
        op = scf.WhileOp.create(
            operands=inits,
            result_types=[value.type for value in inits],
            regions=[Region(test), body],
            location=location,
        )
        self._results(block, op, node.results)


def _bridge(algebra: Algebra) -> type[IntrinsicOp]:
    return op_class(by_algebra()[algebra])
