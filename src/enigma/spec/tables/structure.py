"""Operations that only the language itself makes: constants, and the bridge to the index type that scf loops count in."""

from __future__ import annotations

from enigma.dtypes import DTYPES, index
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Structural
from enigma.spec.terms import INDEX, Algebra, DTypeArg, Effect, Var

VALUE = Var("T", DTYPES)

ROWS: tuple[Intrinsic, ...] = (
    Intrinsic(
        name="const", params={"dtype": DTypeArg(VALUE)}, result=VALUE, effect=Effect.PURE, public="", algebra=Algebra.CONST,
        doc="A number known when the kernel is compiled.", msl=Structural(), cuda=LATER,
        llvm=lambda b, dtype, value: b.constant(value, dtype), ref=lambda np, dtype, value: np.array(value, dtype.numpy)),
    Intrinsic(
        name="to_index", params={"x": INDEX}, result=index, effect=Effect.PURE, public="", algebra=Algebra.TO_INDEX,
        doc="An integer as a loop bound.", msl=Structural(), cuda=LATER, llvm=lambda b, x: b.index(x),
        ref=lambda np, x: x.astype(np.int64)),
    Intrinsic(
        name="from_index", params={"x": index, "dtype": DTypeArg(INDEX)}, result=INDEX, effect=Effect.PURE, public="",
        algebra=Algebra.FROM_INDEX, doc="A loop counter as an integer of the language.", msl=Structural(), cuda=LATER,
        llvm=lambda b, x, dtype: b.convert(x, dtype), ref=lambda np, x, dtype: x.astype(dtype.numpy)),
)  # fmt: skip
