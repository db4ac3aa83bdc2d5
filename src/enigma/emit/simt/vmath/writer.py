"""A writer of straight-line LLVM IR text whose values are Python objects with arithmetic.

`Body` is one function under construction; `Value` is one SSA value of it, scalar when the width is 1 and a vector
otherwise. Python numbers mix with values and become splat constants. Nothing here carries fast-math flags: the
functions built with it rely on the rounding of every single operation, and must give the same bits at every width.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """The element type of a value, as LLVM spells it."""

    I1 = "i1"
    I32 = "i32"
    I64 = "i64"
    F32 = "float"
    F64 = "double"

    @property
    def is_float(self) -> bool:
        """Whether this is f32 or f64."""
        return self in (Kind.F32, Kind.F64)

    @property
    def bits(self) -> Kind:
        """The integer kind of the same size."""
        return Kind.I64 if self in (Kind.F64, Kind.I64) else Kind.I32

    def type(self, width: int) -> str:
        """Return the LLVM type of `width` elements: `float`, `<16 x float>`."""
        return self.value if width == 1 else f"<{width} x {self.value}>"

    def suffix(self, width: int) -> str:
        """Return the mangling of that type in intrinsic names: `f32`, `v16f32`."""
        short = {Kind.F32: "f32", Kind.F64: "f64"}.get(self, self.value)
        return short if width == 1 else f"v{width}{short}"


def spell_number(kind: Kind, number: float) -> str:
    """Return the LLVM spelling of a constant: the bits of the double that equals the value rounded to `kind`.

    >>> spell_number(Kind.F32, 0.1)
    '0x3FB99999A0000000'
    """
    if kind is Kind.I1:
        return "true" if number else "false"
    if not kind.is_float:
        return str(int(number))
    rounded = struct.unpack("<f", struct.pack("<f", number))[0] if kind is Kind.F32 else float(number)
    return f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """An SSA value: `kind` times the width of `body`, written as `text`.

    Comparisons are ordered, so false on NaN, and signed.
    """

    body: Body
    kind: Kind
    text: str

    def _binary(self, float_name: str, int_name: str, other: Operand) -> Value:
        name = float_name if self.kind.is_float else int_name
        return self.body.emit(self.kind, f"{name} {self.typed}, {self.body.lift(self.kind, other).text}")

    def _compare(self, predicate: str, other: Operand) -> Value:
        signed = predicate if predicate in ("eq", "ne") else f"s{predicate}"
        name = f"fcmp {'u' if predicate == 'ne' else 'o'}{predicate}" if self.kind.is_float else f"icmp {signed}"
        return self.body.emit(Kind.I1, f"{name} {self.typed}, {self.body.lift(self.kind, other).text}")

    @property
    def typed(self) -> str:
        """The value with its type in front, as an instruction's first operand is written."""
        return f"{self.kind.type(self.body.width)} {self.text}"

    def __add__(self, other: Operand) -> Value:
        return self._binary("fadd", "add", other)

    def __sub__(self, other: Operand) -> Value:
        return self._binary("fsub", "sub", other)

    def __rsub__(self, other: float) -> Value:
        return self.body.lift(self.kind, other) - self

    def __mul__(self, other: Operand) -> Value:
        return self._binary("fmul", "mul", other)

    def __truediv__(self, other: Operand) -> Value:
        return self._binary("fdiv", "sdiv", other)

    def __mod__(self, other: Operand) -> Value:
        return self._binary("frem", "srem", other)

    def __and__(self, other: Operand) -> Value:
        return self._binary("and", "and", other)

    def __or__(self, other: Operand) -> Value:
        return self._binary("or", "or", other)

    def __xor__(self, other: Operand) -> Value:
        return self._binary("xor", "xor", other)

    def __invert__(self) -> Value:
        return self ^ (1 if self.kind is Kind.I1 else -1)

    def __lshift__(self, other: Operand) -> Value:
        return self._binary("shl", "shl", other)

    def __rshift__(self, other: Operand) -> Value:
        """Return the logical shift to the right: zeros come in from the left."""
        return self._binary("lshr", "lshr", other)

    def __neg__(self) -> Value:
        if not self.kind.is_float:
            return self.body.lift(self.kind, 0) - self
        return self.body.emit(self.kind, f"fneg {self.typed}")

    def __lt__(self, other: Operand) -> Value:
        return self._compare("lt", other)

    def __le__(self, other: Operand) -> Value:
        return self._compare("le", other)

    def __gt__(self, other: Operand) -> Value:
        return self._compare("gt", other)

    def __ge__(self, other: Operand) -> Value:
        return self._compare("ge", other)

    def equals(self, other: Operand) -> Value:
        """Return the mask of lanes where both are equal."""
        return self._compare("eq", other)

    def differs(self, other: Operand) -> Value:
        """Return the mask of lanes where the two are not equal; a NaN differs from everything."""
        return self._compare("ne", other)

    def shift_arithmetic(self, count: int) -> Value:
        """Return the shift to the right that copies the sign bit."""
        return self._binary("ashr", "ashr", count)

    def convert(self, name: str, kind: Kind) -> Value:
        """Return this through the conversion instruction `name`: fpext, fptrunc, zext, trunc, sitofp, fptosi."""
        return self.body.emit(kind, f"{name} {self.typed} to {kind.type(self.body.width)}")

    def as_bits(self) -> Value:
        """Return the same bits as an integer."""
        return self.convert("bitcast", self.kind.bits)

    def as_float(self) -> Value:
        """Return the same bits as f32 or f64."""
        return self.convert("bitcast", Kind.F64 if self.kind is Kind.I64 else Kind.F32)

    def abs(self) -> Value:
        """Return the magnitude of a float."""
        return self.body.intrinsic("llvm.fabs", self)

    def sqrt(self) -> Value:
        """Return the correctly rounded square root."""
        return self.body.intrinsic("llvm.sqrt", self)

    def copy_sign(self, source: Value) -> Value:
        """Return this magnitude with the sign of `source`."""
        return self.body.intrinsic("llvm.copysign", self, source)

    def sign_bit(self) -> Value:
        """Return the bits with all but the sign cleared."""
        bits = self.as_bits()
        return bits & (-(1 << 63) if bits.kind is Kind.I64 else -(1 << 31))

    def flip_sign(self, bits: Value) -> Value:
        """Return this with its sign inverted where `bits`, a result of `sign_bit`, is set."""
        return (self.as_bits() ^ bits).as_float()

    def fma(self, factor: Operand, addend: Operand) -> Value:
        """Return self * factor + addend, fused where the target does that fast and rounded twice elsewhere.

        `llvm.fma` would call libm once a lane on a target without the instruction.
        """
        lift = self.body.lift
        return self.body.intrinsic("llvm.fmuladd", self, lift(self.kind, factor), lift(self.kind, addend))

    def polynomial(self, coefficients: Sequence[float]) -> Value:
        """Return the polynomial in this value, coefficients from the constant upwards."""
        result = self.body.lift(self.kind, coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            result = result.fma(self, coefficient)
        return result


Operand = Value | float
"""What arithmetic on values takes: another value, or a number that every lane gets."""


@dataclass(slots=True, eq=False)
class Body:
    """A function under construction: `symbol`, lanes a value, instructions so far, and the declarations they need."""

    symbol: str
    width: int
    lines: list[str] = field(default_factory=list[str])
    declarations: dict[str, None] = field(default_factory=dict[str, None])
    outlined: list[str] = field(default_factory=list[str])
    counter: int = 0

    def fresh(self) -> str:
        """Return a name that no value of this function has."""
        self.counter += 1
        return f"%v{self.counter}"

    def emit(self, kind: Kind, text: str) -> Value:
        """Append the instruction `text` and return its result, a value of `kind`."""
        result = Value(self, kind, self.fresh())
        self.lines.append(f"  {result.text} = {text}")
        return result

    def lift(self, kind: Kind, operand: Operand) -> Value:
        """Return `operand` as a value: a number becomes a constant with all lanes equal."""
        if isinstance(operand, Value):
            return operand
        number = spell_number(kind, operand)
        return Value(self, kind, number if self.width == 1 else f"splat ({kind.value} {number})")

    def f32(self, number: float) -> Value:
        """Return an f32 constant."""
        return self.lift(Kind.F32, number)

    def f64(self, number: float) -> Value:
        """Return an f64 constant."""
        return self.lift(Kind.F64, number)

    def intrinsic(self, name: str, *operands: Value) -> Value:
        """Return the LLVM intrinsic `name` of operands that all have the result's type."""
        kind = operands[0].kind
        spelled, of_type = f"@{name}.{kind.suffix(self.width)}", kind.type(self.width)
        self.declarations[f"declare {of_type} {spelled}({', '.join([of_type] * len(operands))})"] = None
        return self.emit(kind, f"call {of_type} {spelled}({', '.join(operand.typed for operand in operands)})")

    def select(self, mask: Value, chosen: Operand, other: Operand) -> Value:
        """Return `chosen` where `mask` is set and `other` elsewhere; at least one of the two is a value."""
        kind = chosen.kind if isinstance(chosen, Value) else other.kind if isinstance(other, Value) else Kind.F32
        first, second = self.lift(kind, chosen), self.lift(kind, other)
        return self.emit(kind, f"select {mask.typed}, {first.typed}, {second.typed}")

    def _any(self, mask: Value) -> str:
        """Append the test whether a lane of `mask` is set; frozen, for idle lanes may be poison."""
        test = mask.text
        if self.width > 1:
            test = self.fresh()
            name = f"@llvm.vector.reduce.or.v{self.width}i1"
            self.declarations[f"declare i1 {name}(<{self.width} x i1>)"] = None
            self.lines.append(f"  {test} = call i1 {name}({mask.typed})")
        frozen = self.fresh()
        self.lines.append(f"  {frozen} = freeze i1 {test}")
        return frozen

    def repair(self, mask: Value, fast: Value, arguments: Sequence[Value], exact: Callable[..., Value]) -> Value:
        """Return `fast`, or where a lane of `mask` is set `exact(body, *arguments)` for those lanes.

        `exact` becomes a function of its own that stays out of line, called only when some lane needs it.
        """
        symbol = f"{self.symbol}_rare"
        rare = Body(symbol, self.width)
        names = [Value(rare, argument.kind, f"%a{i}") for i, argument in enumerate(arguments)]
        result = exact(rare, *names)
        self.declarations |= rare.declarations
        self.outlined.append(rare.define(names, result, "noinline cold"))
        of_type = fast.kind.type(self.width)
        self.lines += [f"  br i1 {self._any(mask)}, label %rare, label %done", "rare:"]
        called = self.emit(fast.kind, f"call {of_type} @{symbol}({', '.join(value.typed for value in arguments)})")
        mixed = self.select(mask, called, fast)
        self.lines += ["  br label %done", "done:"]
        return self.emit(fast.kind, f"phi {of_type} [ {fast.text}, %entry ], [ {mixed.text}, %rare ]")

    def define(self, arguments: Sequence[Value], result: Value, attributes: str) -> str:
        """Return the text of the whole function, its outlined parts first."""
        parameters = ", ".join(argument.typed for argument in arguments)
        attributes = f"{attributes} nounwind willreturn memory(none)"
        head = f"define internal {result.kind.type(self.width)} @{self.symbol}({parameters}) {attributes} {{"
        return "\n".join([*self.outlined, head, "entry:", *self.lines, f"  ret {result.typed}", "}", ""])
