"""The row: all that enigma knows of one intrinsic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from enigma.dtypes import Numeric, Space
from enigma.errors import InternalError
from enigma.spec.hazards import Hazard
from enigma.spec.spelling import Spelling, Spellings, Unsupported
from enigma.spec.terms import (
    ANY_LANES,
    INDEX,
    Algebra,
    Buffer,
    Choice,
    DTypeArg,
    Effect,
    Element,
    Level,
    Numbers,
    Precision,
    Report,
    Role,
    Static,
    Term,
    Text,
    Texture,
    Var,
    Variadic,
    Vec,
)
from enigma.spec.work import Work

Lowering = Callable[..., Any] | Unsupported
"""`llvm(b, *operands, **attributes)`: builds the value with the CPU JIT's builder `b` (emit/simt/ops.py)."""

Meaning = Callable[..., Any]
"""`ref(np, *operands, **attributes)`: the NumPy meaning; rows that touch lanes, memory or the grid get `(np, env, ...)`."""


Compiled = Choice | Static | DTypeArg | Numbers | Text
"""The terms of what is fixed when the kernel is traced."""


@dataclass(frozen=True, kw_only=True)
class Intrinsic:
    """One operation: signature, meaning, spellings and lowering. No other code mentions it by name.

    - `params`, `result`: terms; a shared `Var` is the type rule.
    - `operator`: the Python operator it answers; `public`: its name in `enigma.*` ("" for none; default: `name`).
    - `ref`: the NumPy meaning. `msl`, `cuda`: spellings. `llvm`: lowering. Each is given or `unsupported("why")`.
    - `domain`, `ulp`: where generated tests sample floats, and how far the CPU may be from `ref`, per dtype.
    - `algebra`: the arithmetic meaning passes may use. `negation`: the comparison that is true where this one is false.
    - `whole`: whether a vector is taken as the bits that it is made of, so that the row is not applied to each component.
    - `level`: for a row without operands, over what its result is the same.
    - `role`: what the language itself uses the operation for, which then needs no name.
    - `together`: over what all threads must be there, or Metal leaves undefined what happens; None: the active ones suffice.
    - `at_launch`: whether it is a number once a launch is known, so that no target but Metal's text ever has it.
    - `prelude`: per target, text of a helper function the spelling calls, with `{T}` for the dtype.
    - `aliases`: further public names. `arch`: the function of `enigma.arch` that gives it for all three axes.
    - `family`: the first Apple GPU family that surely has it; 0 for all that run the language version.
    - `instead`: for a dtype that a buffer of the row cannot have, what to write instead.
    - `outcome(call, result, operands)`: what the public function returns where that is more than the result;
      `call(name, **arguments)` applies another row. `outcome_type` is how the type stub writes it.
    - `reports`: what it tells whoever launched the kernel; its parameters are then `text`, `site` and the values.
    - `method`: the name under which textures of its kinds have it; its first parameter is then the texture.
    - `folds`: the operator with which it first combines the elements of a fragment, whose result it then takes.
    - `headers`: what Metal source that uses it includes beside the standard library.
    - `hazards`: operands with which Metal leaves the result undefined, or that nobody means: the simulator's checkers ask.
    - `flops`: float operations that the threads of `together` do as one, where `algebra` does not tell: the cost model asks.
    - `work`: the instructions that each component takes, where neither `algebra` nor `llvm` tells: the cost model asks.
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
    whole: bool = False
    level: Level | None = None
    role: Role | None = None
    together: Level | None = None
    at_launch: bool = False
    prelude: Mapping[str, str] = field(default_factory=dict[str, str])
    msl_version: tuple[int, int] = (2, 4)
    family: int = 0
    instead: Mapping[Numeric, str] = field(default_factory=dict[Numeric, str])
    outcome: Callable[[Callable[..., Any], Any, Mapping[str, Any]], Any] | None = None
    outcome_type: str = ""
    check: Callable[[Mapping[Var, Numeric], Mapping[str, Any]], str | None] | None = None
    example: str = ""
    aliases: tuple[str, ...] = ()
    arch: str | None = None
    reports: Report | None = None
    headers: tuple[str, ...] = ()
    method: str = ""
    hazards: tuple[Hazard, ...] = ()
    folds: str | None = None
    flops: int = 0
    work: tuple[Work, ...] = ()

    def __repr__(self) -> str:
        return f"<intrinsic {self.name}>"

    @property
    def public_name(self) -> str:
        """The name in `enigma.*`, or the empty string for an operation only the language itself uses."""
        return self.name if self.public is None else self.public

    @property
    def shown_name(self) -> str:
        """The name that messages use."""
        return self.public_name or self.name

    @cached_property
    def operands(self) -> dict[str, Term]:
        """The parameters that are values at run time, in order."""
        return {name: term for name, term in self.params.items() if not isinstance(term, Compiled)}

    @cached_property
    def attributes(self) -> dict[str, Compiled]:
        """The parameters that are fixed when the kernel is traced, in order."""
        return {name: term for name, term in self.params.items() if isinstance(term, Compiled)}

    @cached_property
    def variadic(self) -> str | None:
        """The parameter that stands for any number of operands, or None."""
        return next((name for name, term in self.params.items() if isinstance(term, Variadic)), None)

    def terms(self, count: int) -> dict[str, Term]:
        """Return name and term of each of an operation's `count` operands; variadic ones are called `values0`, `values1`, ..."""
        if self.variadic is None:
            return self.operands
        fixed = {name: term for name, term in self.operands.items() if name != self.variadic}
        more = {f"{self.variadic}{i}": self.operands[self.variadic] for i in range(count - len(fixed))}
        return fixed | more

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The compile-time arguments that need not be given, and what they then are."""
        return {
            name: term.default
            for name, term in self.attributes.items()
            if isinstance(term, Choice | Static) and term.default is not None
        }

    @cached_property
    def precision(self) -> str | None:
        """The parameter that chooses between Metal's fast and precise versions, or None where it has but one."""
        found = (name for name, term in self.params.items() if isinstance(term, Choice) and term.enum is Precision)
        return next(found, None)

    @cached_property
    def variables(self) -> tuple[Var, ...]:
        """The type variables of the signature, in order of first use."""
        found: dict[Var, None] = {}
        for term in (*self.params.values(), self.result):
            if isinstance(term, Var):
                found[term] = None
            elif isinstance(term, Buffer | Texture | Vec) and isinstance(term.element, Var):
                found[term.element] = None
            elif isinstance(term, Element):
                found[term.of] = None
            elif isinstance(term, DTypeArg):
                found[term.var] = None
        return tuple(found)

    @cached_property
    def lifts(self) -> bool:
        """Whether every operand may be a vector: then the operation is done by component, and all else is repeated."""
        return self.effect is Effect.PURE and self._is_by_component

    @cached_property
    def by_component(self) -> bool:
        """Whether the operation on vectors is that on each component.

        Of a row that talks to other lanes the variables may be vectors; an operand of a fixed dtype is a number all the same.
        """
        return self.lifts or (self.effect is Effect.SYNC and bool(self.variables) and self._is_by_component)

    @cached_property
    def _is_by_component(self) -> bool:
        terms = (*self.operands.values(), self.result)
        scalars = any(isinstance(term, Var) and term.lanes != ANY_LANES for term in terms)
        plain = all(isinstance(term, Var | Numeric) for term in terms)
        return bool(self.operands) and plain and not scalars and not self.whole

    def spelling(self, target: str, dtype: Numeric | None, space: Space | None = None) -> Spelling:
        """Return how `target` ("msl" or "cuda") writes this operation on `dtype`, with its buffer in `space`."""
        spellings: Spellings = self.msl if target == "msl" else self.cuda
        if not isinstance(spellings, Mapping):
            return spellings
        known = cast("Mapping[Any, Spelling]", spellings)
        element = None if dtype is None else dtype.element
        found = known.get(element) or known.get((element, space))
        if found is None:
            where = f" in {space.value} memory" if space is not None else ""
            raise InternalError(f"{self.name} has no {target} spelling for {dtype}{where}")
        return found

    @cached_property
    def is_method(self) -> bool:
        """Whether the function is a method of its first argument too: a buffer."""
        return isinstance(next(iter(self.params.values()), None), Buffer)

    @cached_property
    def indexed(self) -> tuple[str, str] | None:
        """The parameters of an operation on an element: the buffer's and the index's, or None for other operations."""
        names, terms = tuple(self.params), tuple(self.params.values())
        if len(terms) > 1 and isinstance(terms[0], Buffer) and terms[1] == INDEX:
            return names[0], names[1]
        return None
