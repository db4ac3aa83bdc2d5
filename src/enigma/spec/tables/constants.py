"""Function constants: numbers given at launch that the kernel is specialised for (Metal specification, 5.8).

Before a kernel runs they are numbers (`enigma.runtime.constants`), so only Metal's text ever spells them.
"""

from __future__ import annotations

from typing import Any, NoReturn

from enigma.dtypes import DTYPES
from enigma.errors import InternalError
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Structural
from enigma.spec.terms import BIT, Algebra, DTypeArg, Effect, Level, Static, Var

VALUE = Var("T", DTYPES)
MAX_INDEX = 65535


def _at_launch(*_operands: Any, **_attributes: Any) -> NoReturn:
    raise InternalError("a function constant is a number before its kernel runs")


ROWS: tuple[Intrinsic, ...] = (
    Intrinsic(
        name="function_constant", params={"dtype": DTypeArg(VALUE), "index": Static(0, MAX_INDEX)}, result=VALUE,
        effect=Effect.PURE, public="", algebra=Algebra.FUNCTION_CONSTANT, level=Level.GRID, at_launch=True,
        doc="The number given at launch for this index.", msl=Structural(), cuda=LATER, llvm=_at_launch, ref=_at_launch),
    Intrinsic(
        name="function_constant_or", params={"default": VALUE, "index": Static(0, MAX_INDEX)}, result=VALUE, effect=Effect.PURE,
        public="", algebra=Algebra.FUNCTION_CONSTANT_OR, at_launch=True,
        doc="The number given at launch for this index, or the default.", msl=Structural(), cuda=LATER, llvm=_at_launch,
        ref=_at_launch),
    Intrinsic(
        name="is_function_constant_defined", params={"x": VALUE}, result=BIT, effect=Effect.PURE, public="",
        algebra=Algebra.IS_GIVEN, at_launch=True, doc="Whether a function constant was given at launch.",
        msl=Structural(), cuda=LATER, llvm=_at_launch, ref=_at_launch),
)  # fmt: skip
