"""The check of a module: operations against their definitions, values against their scope, loops against their yields.

The tracer has told users of their mistakes already, with the better message. So what is found here is ours, but for a
row's own rule over compile-time arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects import scf
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from enigma.dialect.names import place, user_name
from enigma.dialect.operation import IntrinsicOp
from enigma.errors import EnigmaValueError, InternalError


def verify(module: Operation) -> None:
    """Return when the module is right; raises at the Python line of the first operation that is not.

    `InternalError` for what a tracer or pass did wrong, `EnigmaValueError` where a row refuses what the user wrote.
    """
    _verify(module, set())


def _verify(op: Operation, visible: set[SSAValue]) -> None:
    for operand in op.operands:
        if operand not in visible:
            raise InternalError(f"{op.name} uses {user_name(operand) or 'a value'} outside of its scope", loc=place(op))
    if isinstance(op, IntrinsicOp) and (wrong := op.broken_rule()) is not None:
        raise EnigmaValueError(wrong, loc=place(op))
    try:
        _check_structure(op)
        op.verify(verify_nested_ops=False)
    except VerifyException as error:
        message = " ".join(str(error).split())
        raise InternalError(f"{op.name} is malformed: {message}", loc=place(op)) from error
    for region in op.regions:
        for block in region.blocks:
            inside = visible | set(block.args)
            for child in block.ops:
                _verify(child, inside)
                inside.update(child.results)


def _check_structure(op: Operation) -> None:
    """Check what a structured statement hands from block to block; raises `VerifyException`."""
    match op:
        case scf.ForOp():
            body = _only_block(op, 0)
            carried = [value.type for value in op.iter_args]
            _same("the body's arguments", [arg.type for arg in body.args[1:]], carried)
            _same("the results", op.result_types, carried)
            _same("the body's yield", _yielded(body), carried)
        case scf.WhileOp():
            test, body = _only_block(op, 0), _only_block(op, 1)
            _same("the test's arguments", [arg.type for arg in test.args], [value.type for value in op.arguments])
            last = test.last_op
            if not isinstance(last, scf.ConditionOp):
                raise VerifyException("the test does not end in a condition")
            forwarded: list[Attribute] = [value.type for value in tuple(last.operands)[1:]]
            _same("the body's arguments", [arg.type for arg in body.args], forwarded)
            _same("the results", op.result_types, forwarded)
            _same("the body's yield", _yielded(body), [arg.type for arg in test.args])
        case scf.IfOp():
            _same("the first branch's yield", _yielded(_only_block(op, 0)), op.result_types)
            if op.false_region.blocks or op.results:
                _same("the second branch's yield", _yielded(_only_block(op, 1)), op.result_types)
        case _:
            return


def _only_block(op: Operation, region: int) -> Block:
    blocks = op.regions[region].blocks
    if len(blocks) != 1:
        raise VerifyException(f"region {region} has {len(blocks)} blocks instead of one")
    return blocks[0]


def _yielded(block: Block) -> Sequence[Attribute]:
    if not isinstance(block.last_op, scf.YieldOp):
        raise VerifyException("a block does not end in a yield")
    return [value.type for value in block.last_op.arguments]


def _same(what: str, found: Iterable[Attribute], expected: Iterable[Attribute]) -> None:
    has, wants = tuple(found), tuple(expected)
    if has != wants:
        raise VerifyException(f"{what} have types ({_list(has)}) where ({_list(wants)}) is expected")


def _list(types: Iterable[Attribute]) -> str:
    return ", ".join(str(type) for type in types)
