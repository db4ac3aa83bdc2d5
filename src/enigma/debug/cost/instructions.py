"""Which instructions of a simdgroup an operation takes: as its row says, as its algebra says, or as its lowering computes it.

The lowering to the CPU is run on a builder that only counts. So a dot product has as many multiply-adds as it has components.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from enigma.dtypes import Numeric, SimdgroupMatrix, b1, bf16, f16
from enigma.spec.spelling import Unsupported
from enigma.spec.terms import Algebra, Effect
from enigma.spec.work import Work
from enigma.trace.node import Op, Value

_ARITHMETIC = (Algebra.ADD, Algebra.SUB, Algebra.MUL, Algebra.NEG, Algebra.MIN, Algebra.MAX)
_LOGIC = (Algebra.AND, Algebra.OR, Algebra.XOR, Algebra.NOT)
_COMPARISONS = (Algebra.LT, Algebra.LE, Algebra.GT, Algebra.GE, Algebra.EQ, Algebra.NE, Algebra.SELECT)
_FREE = (
    Algebra.CONST, Algebra.TO_INDEX, Algebra.FROM_INDEX, Algebra.SPLAT, Algebra.MAKE_2, Algebra.MAKE_3, Algebra.MAKE_4,
    Algebra.EXTRACT, Algebra.MAKE_TILE, Algebra.TILE_ELEMENT, Algebra.FUNCTION_CONSTANT, Algebra.FUNCTION_CONSTANT_OR,
    Algebra.IS_GIVEN,
)  # fmt: skip
"""What names or moves numbers, which registers do for nothing."""

_CALLS = {
    "llvm.sqrt": (Work.ROOT,), "llvm.floor": (Work.ROUND,), "llvm.ceil": (Work.ROUND,), "llvm.rint": (Work.ROUND,),
    "llvm.trunc": (Work.ROUND,), "llvm.copysign": (Work.LOGIC, Work.LOGIC), "llvm.ctpop": (Work.SHIFT,),
    "llvm.ctlz": (Work.SHIFT,), "llvm.cttz": (Work.SHIFT,), "llvm.bitreverse": (Work.SHIFT,), "llvm.fshl": (Work.SHIFT,),
    "llvm.sadd.sat": (Work.INTEGER,), "llvm.uadd.sat": (Work.INTEGER,), "llvm.ssub.sat": (Work.INTEGER,),
    "llvm.usub.sat": (Work.INTEGER,),
}  # fmt: skip

FLOATS = (Work.F32, Work.F16, Work.BF16)
FUNCTIONS = (
    Work.ROUND, Work.POWER, Work.LOGARITHM, Work.RECIPROCAL_ROOT, Work.ROOT, Work.WAVE,
)  # fmt: skip
"""What counts as a function rather than as arithmetic."""


@dataclass(frozen=True, slots=True)
class Instructions:
    """What one operation takes in one lane.

    - `work`: how many instructions of each kind, None where nobody has measured what it takes.
    - `flops`: float operations, a fused multiply-add being two; `functions` of them are functions such as a sine.
    - `integer`: operations on integers. `shared`: the operations of one call whose parts the compiler computes once.
    """

    work: Counter[Work] | None
    flops: int = 0
    functions: int = 0
    integer: int = 0
    shared: bool = False


def instructions(node: Op) -> Instructions:
    """Return what a pure operation, or one that talks to other lanes, takes in one lane."""
    row, result = node.row, node.result.type if node.result is not None else None
    types = [operand.type for operand in node.operands if isinstance(operand.type, Numeric)]
    if row.flops:
        narrow = types[0].element is f16
        return Instructions(Counter({Work.MATRIX_F16 if narrow else Work.MATRIX_F32: 1}))
    if not isinstance(result, Numeric) or not types or row.whole or row.algebra in _FREE:
        return Instructions(Counter(row.work) if row.work and row.effect is Effect.SYNC else Counter())
    if isinstance(result, SimdgroupMatrix):
        return Instructions(Counter())
    if row.work:
        return _named(node, types[0], result)
    if row.effect is not Effect.PURE:
        return Instructions(None)
    if row.algebra is not None:
        return _algebraic(node, row.algebra, types, result)
    return _lowered(node)


def _named(node: Op, operand: Numeric, result: Numeric) -> Instructions:
    """Return what a row says of itself, for each component."""
    row = node.row
    wide = 2 if operand.element.width == 64 else 1
    work = Counter({_in(kind, operand): many * operand.parts * wide for kind, many in Counter(row.work).items()})
    if row.effect is Effect.SYNC:
        return Instructions(work)
    return Instructions(work, result.parts, result.parts)  # one function for each component, whatever it is made of


def _in(kind: Work, dtype: Numeric) -> Work:
    """Return float arithmetic in a dtype's own kind."""
    return _float(dtype) if kind is Work.F32 else kind


def float_kind(node: Op) -> Work:
    """Return under whose rate the float operations of a function count: that of its first operand's dtype."""
    types = [operand.type for operand in node.operands if isinstance(operand.type, Numeric)]
    return _float(types[0]) if types else Work.F32


def _float(dtype: Numeric) -> Work:
    if dtype.element is f16:
        return Work.F16
    return Work.BF16 if dtype.element is bf16 else Work.F32


def _algebraic(node: Op, algebra: Algebra, types: list[Numeric], result: Numeric) -> Instructions:
    """Return what an operation takes whose meaning is known."""
    parts, first = result.parts, types[0].element
    tally = Tally()
    if algebra in _LOGIC:
        tally.work[Work.LOGIC] += parts
        return Instructions(tally.work, integer=parts)
    if algebra in _COMPARISONS:
        tally.work[Work.COMPARE] += parts
        return Instructions(tally.work, integer=0 if first.is_float else parts)
    if algebra is Algebra.CONVERT:
        kind = _conversion(first, result.element)
        return Instructions(Counter({kind: parts} if kind is not None else {}))
    if algebra is Algebra.AT:
        return Instructions(Counter({Work.COMPARE: types[0].parts}))
    for _ in range(parts):
        _component(tally, node, algebra, first)
    return tally.found()


def _component(tally: Tally, node: Op, algebra: Algebra, dtype: Numeric) -> None:
    x = Fake(dtype)
    if algebra in _ARITHMETIC and algebra is not Algebra.MUL:
        tally.add(x, x)
    elif algebra is Algebra.MUL:
        tally.mul(x, x)
    elif algebra is Algebra.FMA:
        tally.fma(x, x, x)
    elif algebra in (Algebra.SHL, Algebra.SHR):
        tally.shl(x, x)
    elif dtype.is_float:
        tally.div(x, x)
        if algebra is not Algebra.DIV:
            tally.work.update({Work.ROUND: 1, _float(dtype): 1})
    else:
        _quotient(tally, node, algebra, dtype)


def _quotient(tally: Tally, node: Op, algebra: Algebra, dtype: Numeric) -> None:
    """Add a division of integers: by a constant it is a product and a shift, by a power of two only that."""
    tally.integer += 1
    by = _constant(node.operands[1])
    rest = algebra in (Algebra.REM, Algebra.FLOOR_MOD)
    unsigned = dtype.min == 0
    if by and by & (by - 1) == 0 and (unsigned or algebra in (Algebra.FLOOR_DIV, Algebra.FLOOR_MOD)):
        tally.work[Work.LOGIC if rest else Work.SHIFT] += 1
        return
    if by:
        tally.work.update({Work.HIGH_PRODUCT: 1, Work.SHIFT: 1})
    else:
        tally.work[Work.DIVIDE_INTEGER] += 1
    if rest:
        tally.work.update({Work.MULTIPLY: 1, Work.INTEGER: 1})
    if not unsigned and algebra in (Algebra.FLOOR_DIV, Algebra.FLOOR_MOD):
        tally.work.update({Work.COMPARE: 2, Work.INTEGER: 1})


def _constant(value: Value) -> int | None:
    made = value.owner
    if not isinstance(made, Op) or made.row.algebra is not Algebra.CONST:
        return None
    number = made.attrs.get("value")
    return number if type(number) is int and number > 0 else None


def _conversion(source: Numeric, target: Numeric) -> Work | None:
    """Return what a conversion takes: integers of 32 bits and less are in registers as they are."""
    if source.is_float and target.is_float:
        return Work.RESIZE
    if source.is_float or target.is_float:
        return Work.COMPARE if b1 in (source, target) else Work.CONVERT
    return Work.COMPARE if target is b1 else None


def _lowered(node: Op) -> Instructions:
    """Return what the lowering computes; nothing is known of one that asks for something else."""
    tally, lower = Tally(), node.row.llvm
    if isinstance(lower, Unsupported):
        return Instructions(None)
    operands = [_fake(x.type) for x in node.operands if isinstance(x.type, Numeric)]
    result = node.result.type if node.result is not None else None
    components = result.parts if node.row.lifts and isinstance(result, Numeric) else 1
    try:
        if components > 1:
            single: list[Any] = [x[0] if isinstance(x, tuple) else x for x in operands]
            for _ in range(components):
                lower(tally, *single, **node.attrs)
        else:
            lower(tally, *operands, **node.attrs)
    except UnknownError:
        is_float = isinstance(node.operands[0].type, Numeric) and node.operands[0].type.element.is_float
        functions = components if is_float else 0
        return Instructions(None, functions, functions)
    return tally.found()


def _fake(dtype: Numeric) -> Any:
    made = Fake(dtype.element)
    return (made,) * dtype.parts if dtype.parts > 1 else made


@dataclass(frozen=True, slots=True)
class Fake:
    """A value that is only a dtype."""

    dtype: Numeric


class UnknownError(Exception):
    """A lowering asked for something whose instructions nobody has measured. It never leaves this module."""


@dataclass(slots=True)
class Tally:
    """A builder that counts what it is asked to build: the part of the CPU's that rows on numbers use."""

    work: Counter[Work] = field(default_factory=Counter[Work])
    flops: int = 0
    integer: int = 0
    is_shared: bool = False

    def found(self) -> Instructions:
        """Return what was counted."""
        functions = sum(self.work[kind] for kind in FUNCTIONS)
        return Instructions(self.work, self.flops + functions, functions, self.integer, self.is_shared)

    def __getattr__(self, name: str) -> Any:
        raise UnknownError(name)

    def _arithmetic(self, x: Fake, narrow: Work, wide: Work, flops: int = 1) -> Fake:
        if x.dtype.is_float:
            self.work[_float(x.dtype)] += 1
            self.flops += flops
        else:
            self.work[wide if x.dtype.width == 64 else narrow] += 1
            self.integer += 1
        return x

    def add(self, x: Fake, y: Fake) -> Fake:
        """A sum."""
        return self._arithmetic(x, Work.INTEGER, Work.WIDE_ADD)

    def sub(self, x: Fake, y: Fake) -> Fake:
        """A difference."""
        return self.add(x, y)

    def mul(self, x: Fake, y: Fake) -> Fake:
        """A product."""
        return self._arithmetic(x, Work.MULTIPLY, Work.WIDE_PRODUCT)

    def fma(self, x: Fake, y: Fake, z: Fake) -> Fake:
        """A product and a sum at once."""
        return self._arithmetic(x, Work.MULTIPLY, Work.WIDE_PRODUCT, 2)

    def fmin(self, x: Fake, y: Fake) -> Fake:
        """The smaller one."""
        return self.add(x, y)

    fmax = least = greatest = fmin

    def div(self, x: Fake, y: Fake) -> Fake:
        """A quotient."""
        if x.dtype.is_float:
            self.work[Work.QUOTIENT] += 1
            self.flops += 1
        else:
            self.work[Work.DIVIDE_INTEGER] += 1
            self.integer += 1
        return x

    def mul_hi(self, x: Fake, y: Fake) -> Fake:
        """The upper half of a product."""
        self.work[Work.WIDE_PRODUCT if x.dtype.width == 64 else Work.HIGH_PRODUCT] += 1
        self.integer += 1
        return x

    def mad_sat(self, x: Fake, y: Fake, z: Fake) -> Fake:
        """A product and a sum that stop at the ends: both halves of the product, and two comparisons."""
        self.work[Work.COMPARE] += 2
        return self.add(self.mul_hi(self.mul(x, y), y), z)

    def neg(self, x: Fake) -> Fake:
        """The opposite, which a float operand is for nothing."""
        if not x.dtype.is_float:
            self.work[Work.INTEGER] += 1
            self.integer += 1
        return x

    def fabs(self, x: Fake) -> Fake:
        """The magnitude of a float, which it is for nothing."""
        return x

    def and_(self, x: Fake, y: Fake) -> Fake:
        """Bits."""
        self.work[Work.LOGIC] += 1
        self.integer += 1
        return x

    or_ = xor = and_

    def shl(self, x: Fake, n: Fake) -> Fake:
        """Bits moved."""
        self.work[Work.SHIFT] += 1
        self.integer += 1
        return x

    shr = shl

    def cmp(self, kind: str, x: Fake, y: Fake) -> Fake:
        """A comparison."""
        self.work[Work.COMPARE] += 1
        return Fake(b1)

    def signbit(self, x: Fake) -> Fake:
        """Whether the sign is set."""
        return self.cmp("", x, x)

    def select(self, condition: Fake, x: Fake, y: Fake) -> Fake:
        """One of two."""
        self.work[Work.COMPARE] += 1
        return x

    def convert(self, x: Fake, dtype: Numeric) -> Fake:
        """Another dtype."""
        kind = _conversion(x.dtype, dtype)
        if kind is not None:
            self.work[kind] += 1
        return Fake(dtype)

    def bitcast(self, x: Fake, dtype: Numeric) -> Fake:
        """The same bits."""
        return Fake(dtype)

    def const(self, value: Any, like: Fake) -> Fake:
        """A number in the code."""
        return like

    def constant(self, value: Any, dtype: Numeric) -> Fake:
        """A number in the code."""
        return Fake(dtype)

    def to_f32(self, x: Fake) -> Fake:
        """The number as it is: the hardware computes in its dtype."""
        return x

    def from_f32(self, x: Fake, dtype: Numeric) -> Fake:
        """The number as it is."""
        return Fake(dtype)

    def in_f32(self, make: Callable[..., Any], *operands: Any) -> Any:
        """What it makes, in the operands' own dtype."""
        return make(*operands)

    def call(self, name: str, *operands: Fake) -> Fake:
        """An intrinsic of LLVM."""
        if name not in _CALLS:
            raise UnknownError(name)
        for kind in _CALLS[name]:
            self.work[kind] += 1
        self.integer += not operands[0].dtype.is_float
        return operands[0]

    def shared(self, key: str, make: Callable[..., Any], *operands: Fake) -> Any:
        """What several operations on the same operands have in common."""
        self.is_shared = True
        return make(self, *operands)
