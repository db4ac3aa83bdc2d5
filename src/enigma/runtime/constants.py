"""Function constants at launch: the numbers given for them, checked, and the kernel specialised for these numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from enigma.dtypes import Numeric, as_dtype, b1
from enigma.errors import EnigmaTypeError, InternalError, LaunchError
from enigma.runtime.launch import check_scalar, raise_all
from enigma.runtime.program import Program
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra
from enigma.trace.node import Block, Constant, Node, Op, Traced

Number = bool | int | float
Given = Mapping[Any, Any]
"""What `constants=` takes: by index or name, a value, or a pair of its type and the value."""


_KEPT = 64
"""Specialised programs kept per kernel: a value that changes at every launch must not fill the memory."""


def specialised(program: Program, given: Given | None) -> Program:
    """Return the program for these function constants: compiled once for each set of values. Raises `LaunchError`."""
    declared = program.traced.function_constants
    if not declared and not given:
        return program
    found = numbers(program.name, declared, given)
    if not declared:
        return program
    key = tuple((index, repr(value)) for index, value in sorted(found.items()))  # -0.0 is not 0.0, and NaN is NaN
    known = program.specialised.get(key)
    if known is None:
        make_room(program)
        known = program.specialised.setdefault(key, Program(specialise(program.traced, found)))
    return known


def make_room(program: Program) -> None:
    """Forget the oldest specialisations of a program until there is room for another one."""
    while len(program.specialised) >= _KEPT:
        program.specialised.pop(next(iter(program.specialised)), None)


def numbers(kernel: str, declared: Sequence[Constant], given: Given | None) -> dict[int, Number]:
    """Return the number given for each function constant, by index. Raises every complaint together.

    A constant with a default may be left out. Integers of 64 bits are exact, for they stay Python's.
    """
    if given is not None and not isinstance(cast(Any, given), Mapping):
        raise LaunchError(f"constants must be a mapping, but it is {given!r}", help='write constants={0: ("uint", 16)}')
    if given and not declared:
        raise LaunchError(
            f"kernel {kernel} has no function constants, but constants={dict(given)!r} was given",
            help="leave constants= out",
        )
    errors: list[LaunchError] = []
    found: dict[int, Number] = {}
    for key, value in (given or {}).items():
        try:
            constant = _find(kernel, declared, key)
            if constant.index in found:
                raise LaunchError(f"function constant {constant.index} ({constant.name}) was given twice")
            found[constant.index] = _number(constant, value)
        except LaunchError as error:
            errors.append(error)
    for constant in declared:
        if constant.default is None and constant.index not in found and not errors:
            errors.append(LaunchError(
                f"kernel {kernel} needs a value for function constant {constant.index} ({constant.name}, {constant.dtype.name})",
                loc=constant.loc,
                help=f'pass constants={{{constant.index}: ("{constant.dtype.metal_name}", ...)}}, or give it a default',
            ))  # fmt: skip
    raise_all(errors)
    return found


def _find(kernel: str, declared: Sequence[Constant], key: Any) -> Constant:
    for constant in declared:
        if (type(key) is str and key == constant.name) or (not isinstance(key, bool | str) and key == constant.index):
            return constant
    known = ", ".join(f"{constant.index} ({constant.name})" for constant in declared)
    raise LaunchError(f"kernel {kernel} has no function constant {key!r}", help=f"it has: {known}")


def _number(constant: Constant, value: Any) -> Number:
    """Return a value as a number of the constant's dtype, floats rounded to it."""
    name, dtype = f"function constant {constant.index} ({constant.name})", constant.dtype
    if isinstance(value, tuple | list):
        pair = cast("Sequence[Any]", value)
        if len(pair) != 2:
            raise LaunchError(
                f"{name} must be a number or a pair of type and number, but it is {value!r}",
                help=f'write ("{dtype.metal_name}", 1)',
            )
        kind, value = pair
        if _dtype(kind, name) is not dtype:
            raise LaunchError(
                f"{name} is {dtype.name}, but it is given as {_dtype(kind, name).name}", loc=constant.loc,
                help=f'write ("{dtype.metal_name}", {value!r})',
            )  # fmt: skip
    number = check_scalar(value, dtype, name)
    if not dtype.is_float:
        return bool(number) if dtype is b1 else int(number)
    with np.errstate(all="ignore"):
        return float(dtype.numpy.type(number))


def _dtype(kind: Any, name: str) -> Numeric:
    try:
        return as_dtype(kind)
    except EnigmaTypeError as error:
        raise LaunchError(f"{name}: {error.message}", help=error.help) from None


def specialise(traced: Traced, given: Mapping[int, Number]) -> Traced:
    """Return the kernel with numbers in place of its function constants; those not given have their defaults."""
    body = _Specialiser(traced.function_constants, given).block(traced.body)
    return replace(traced, body=body, function_constants=())


@dataclass(frozen=True, slots=True)
class _Specialiser:
    """Copies blocks. A number takes the place of the operation that had its value, so that nothing else changes."""

    declared: tuple[Constant, ...]
    given: Mapping[int, Number]

    def block(self, block: Block) -> Block:
        """Return a block with numbers for constants."""
        return Block(block.args, [self._node(node) for node in block.nodes], block.yields)

    def _node(self, node: Node) -> Node:
        if isinstance(node, Op):
            return self._number(node) if node.row.at_launch else node
        blocks = {name: self.block(inner) for name in _BLOCKS if (inner := getattr(node, name, None)) is not None}
        return cast("Node", replace(cast(Any, node), **blocks))

    def _number(self, node: Op) -> Op:
        if node.result is None or not isinstance(node.result.type, Numeric):
            raise InternalError(f"{node.row.name} has no number", loc=node.loc)
        if node.row.algebra is Algebra.IS_GIVEN:
            owner = node.operands[0].owner
            value: Number | None = isinstance(owner, Op) and owner.attrs["index"] in self.given
        else:
            index = node.attrs["index"]
            default = next(constant.default for constant in self.declared if constant.index == index)
            value = self.given.get(index, default)
        if value is None:
            raise InternalError(f"function constant {node.attrs['index']} has no value", loc=node.loc)
        dtype = node.result.type
        return Op(by_algebra()[Algebra.CONST], (), {"dtype": dtype, "value": value}, node.result, node.loc)


_BLOCKS = ("then", "orelse", "test", "body")
"""The fields of structured statements that hold blocks."""


def packed(kernel: str, declared: Sequence[Constant], given: Given | None) -> list[tuple[int, str, bytes]]:
    """Return what Metal is handed for each constant that was given: its index, its type's name in Metal, and its bytes."""
    found = numbers(kernel, declared, given)
    return [
        (constant.index, constant.dtype.metal_name, np.array(found[constant.index], constant.dtype.numpy).tobytes())
        for constant in declared
        if constant.index in found
    ]
