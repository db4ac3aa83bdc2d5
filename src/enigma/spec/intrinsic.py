"""The row: all that enigma knows of one intrinsic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from enigma.dtypes import Numeric
from enigma.errors import InternalError
from enigma.spec.spelling import Spelling, Spellings, Unsupported
from enigma.spec.terms import (
    ANY_LANES,
    Algebra,
    Buffer,
    Choice,
    DTypeArg,
    Effect,
    Element,
    Level,
    Numbers,
    Role,
    Static,
    Term,
    Var,
    Vec,
)  # fmt: skip

Lowering = Callable[..., Any] | Unsupported
"""`llvm(b, *operands, **attributes)`: builds the value with the CPU JIT's builder `b` (emit/simt/ops.py)."""

Meaning = Callable[..., Any]
"""`ref(np, *operands, **attributes)`: the NumPy meaning; rows that touch lanes, memory or the grid get `(np, env, ...)`."""


Compiled = Choice | Static | DTypeArg | Numbers
"""The terms of what is fixed when the kernel is traced."""


@dataclass(frozen=True, kw_only=True)
class Intrinsic:
    """One operation: signature, meaning, spellings and lowering. No other code mentions it by name.

    - `params`, `result`: terms; a shared `Var` is the type rule.
    - `operator`: the Python operator it answers; `public`: its name in `enigma.*` ("" for none; default: `name`).
    - `ref`: the NumPy meaning. `msl`, `cuda`: spellings. `llvm`: lowering. Each is given or `unsupported("why")`.
    - `domain`, `ulp`: where generated tests sample floats, and how far the CPU may be from `ref`, per dtype.
    - `algebra`: the arithmetic meaning passes may use. `negation`: the comparison that is true where this one is false.
    - `level`: for a row without operands, over what its result is the same.
    - `role`: what the language itself uses the operation for, which then needs no name.
    - `together`: over what all threads must be there, or Metal leaves undefined what happens; None: the active ones suffice.
    - `at_launch`: whether it is a number once a launch is known, so that no target but Metal's text ever has it.
    - `prelude`: per target, text of a helper function the spelling calls, with `{T}` for the dtype.
    - `aliases`: further public names. `arch`: the function of `enigma.arch` that gives it for all three axes.
    - `check(bound, attrs)`: extra rule over the bound dtypes and the compile-time arguments; returns what is wrong, or None.
    """

    name: str
    params: Mapping[str, Term]
    result: Term | None
    doc: str
    effect: Effect
    msl: Spellings
    cuda: Spellings
    llvm: Lowering
    ref: Meaning
    public: str | None = None
    operator: str | None = None
    domain: tuple[float, float] | Mapping[str, tuple[float, float]] = (-4.0, 4.0)
    ulp: Mapping[Numeric, float] = field(default_factory=dict[Numeric, float])
    algebra: Algebra | None = None
    commutes: bool = False
    negation: str | None = None
    level: Level | None = None
    role: Role | None = None
    together: Level | None = None
    at_launch: bool = False
    prelude: Mapping[str, str] = field(default_factory=dict[str, str])
    msl_version: tuple[int, int] = (2, 4)
    check: Callable[[Mapping[Var, Numeric], Mapping[str, Any]], str | None] | None = None
    example: str = ""
    aliases: tuple[str, ...] = ()
    arch: str | None = None

    def __repr__(self) -> str:
        return f"<intrinsic {self.name}>"

    @property
    def public_name(self) -> str:
        """The name in `enigma.*`, or the empty string for an operation only the language itself uses."""
        return self.name if self.public is None else self.public

    @cached_property
    def operands(self) -> dict[str, Term]:
        """The parameters that are values at run time, in order."""
        return {name: term for name, term in self.params.items() if not isinstance(term, Compiled)}

    @cached_property
    def attributes(self) -> dict[str, Compiled]:
        """The parameters that are fixed when the kernel is traced, in order."""
        return {name: term for name, term in self.params.items() if isinstance(term, Compiled)}

    @cached_property
    def variables(self) -> tuple[Var, ...]:
        """The type variables of the signature, in order of first use."""
        found: dict[Var, None] = {}
        for term in (*self.params.values(), self.result):
            if isinstance(term, Var):
                found[term] = None
            elif isinstance(term, Buffer | Vec) and isinstance(term.element, Var):
                found[term.element] = None
            elif isinstance(term, Element):
                found[term.of] = None
            elif isinstance(term, DTypeArg):
                found[term.var] = None
        return tuple(found)

    @cached_property
    def lifts(self) -> bool:
        """Whether the operation is done component by component: then every operand may be a vector, scalars are repeated."""
        terms = (*self.operands.values(), self.result)
        scalars = any(isinstance(term, Var) and term.lanes != ANY_LANES for term in terms)
        plain = all(isinstance(term, Var | Numeric) for term in terms)
        return self.effect is Effect.PURE and bool(self.operands) and plain and not scalars

    def spelling(self, target: str, dtype: Numeric | None) -> Spelling:
        """Return how `target` ("msl" or "cuda") writes this operation on `dtype`."""
        spellings: Spellings = self.msl if target == "msl" else self.cuda
        if not isinstance(spellings, Mapping):
            return spellings
        if dtype is None or dtype.element not in spellings:
            raise InternalError(f"{self.name} has no {target} spelling for {dtype}")
        return spellings[dtype.element]
