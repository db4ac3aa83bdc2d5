"""Which elements there are: coordinates compared with a shape, and accesses that leave out what is beyond it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any, cast

from enigma.dtypes import Numeric, b1
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout.int_tuple import int_tuple, leaves, shape_of
from enigma.layout.leaf import added, is_static, text
from enigma.source import SourceLoc, caller
from enigma.spec.multiples import Made, divides
from enigma.spec.terms import Algebra
from enigma.trace.fragment import Fragment, Places
from enigma.trace.given import describe
from enigma.trace.identity import IdentityTensor
from enigma.trace.node import Op
from enigma.trace.public import located_calls
from enigma.trace.value import TracedValue, active

Condition = Any
"""A traced bool, or a Python bool where it is known when the kernel is compiled."""


class Predicate(Fragment):
    """Whether the elements of a view have coordinates within a shape: a fragment of bools that knows where they come from.

    Several elements at once are within it if the farthest of them is, on each axis: one comparison for a whole vector.
    """

    __slots__ = ("_origin", "_steps", "bounds", "loc", "view")

    is_carried = False
    instead = (
        "change its bound instead, a number, and compare again where the predicate is used: m = n - 1 in the branch or loop, "
        "and elem_less(where, (m,)) after it"
    )

    def __init__(self, view: IdentityTensor, bounds: Sequence[Any], loc: SourceLoc) -> None:
        self.shape = view.shape
        self.view, self.bounds, self.loc = view, tuple(bounds), loc
        self._origin: tuple[Any, ...] = ()
        self._steps: list[tuple[int, ...]] | None = None

    def of(self, view: IdentityTensor) -> Predicate:  # type: ignore[override]
        """Return the same bounds for a part of the view."""
        return Predicate(view, self.bounds, self.loc)

    @property
    def places(self) -> Places:  # type: ignore[override]
        """Each element is a bool of its own."""
        return tuple((k, 0) for k in range(len(self._each_step())))

    def _each_step(self) -> list[tuple[int, ...]]:
        """Return how far the coordinate of each element is from the first one's."""
        if self._steps is None:
            view = self.view
            if not is_static(view.layout):
                raise EnigmaTypeError(
                    f"elem_less of a tensor of shape {text(view.shape)}, whose extents are known only when the kernel runs",
                    loc=self.loc, help="take the part of one thread first: elem_less(where[tid, None], shape)",
                )  # fmt: skip
            self._origin = leaves(view.coordinate(view.start))
            self._steps = [leaves(view.coordinate(view.layout(k))) for k in range(view.size())]
        return self._steps

    @property
    def chunks(self) -> tuple[TracedValue, ...]:  # type: ignore[override]
        """The single bools, compared anew whenever somebody asks: bools of a branch are not there behind it."""
        loc, tracer = caller(), active()
        return tuple(tracer.value(self.holds([k], loc), loc) for k in range(self.size()))

    def holds(self, elements: Sequence[int], loc: SourceLoc) -> Condition:
        """Return whether all of these elements are within the bounds."""
        all_steps, tests = self._each_step(), list[Condition]()
        for axis, (start, bound) in enumerate(zip(self._origin, self.bounds, strict=True)):
            steps = [all_steps[k][axis] for k in elements]
            tests += _below(start, min(steps), max(steps), bound, loc)
        return conjunction(tests, loc)


def _below(start: Any, first: int, last: int, bound: Any, loc: SourceLoc) -> list[Condition]:
    """Return what must hold for all from `start + first` to `start + last` to be below a bound."""
    ends = [last] if first == last or not _may_wrap(start, last) else [first, last]
    # an unsigned sum that wraps around comes out below the bound again: then the first one is not below it
    return [_less(added(start, end), bound, loc) for end in ends]


def _less(x: Any, bound: Any, loc: SourceLoc) -> Condition:
    return x < bound if is_static(x) and is_static(bound) else active().operator("<", (x, bound), loc)


def _may_wrap(start: Any, step: int) -> bool:
    """Return whether an unsigned `start + step` may wrap around: not inside of a tile that starts at a multiple of more."""
    unsigned = isinstance(start, TracedValue) and isinstance(start.type, Numeric) and start.type.kind == "u"
    return unsigned and step > 0 and not divisible(start, 1 << step.bit_length())


def divisible(x: Any, power: int) -> bool:
    """Return whether an integer is surely a multiple of a power of two."""
    return x % power == 0 if isinstance(x, int) else divides(power, x, _made)


def _made(value: Any) -> Made | None:
    node = value.owner
    if not isinstance(node, Op) or not isinstance(value.type, Numeric) or not value.type.is_integer:
        return None
    number = node.attrs.get("value") if node.row.algebra is Algebra.CONST else None
    return Made(node.row.algebra, node.operands, value.type.width, number if isinstance(number, int) else None)


def conjunction(tests: Iterable[Condition], loc: SourceLoc) -> Condition:
    """Return whether all conditions hold, as a Python bool where that is known."""
    open: list[Any] = []
    for test in tests:
        if test is False:
            return False
        if test is not True:
            open.append(test)
    return reduce(lambda x, y: active().operator("and", (x, y), loc), open) if open else True


@located_calls
def elem_less(coord: Any, shape: Any) -> Any:
    """Return whether a coordinate is within a shape: each part of it is less than the extent there.

    `coord` is a coordinate, or an identity tensor, for which the result is a fragment of bools to load, store and copy with. The
    parts are ints and traced integers, nested like `shape`, which may be that of a layout or a tensor.

        where = enigma.make_identity_tensor((M, N))
        if enigma.elem_less(where[i, j], (M, N)):
            Out[i, j] = x

    Raises `EnigmaTypeError` and `EnigmaValueError` for what is no coordinate, or does not fit the shape.

    Source: CuTe's `elem_less`.
    """
    loc = caller()
    bounds = shape_of(shape)
    if isinstance(coord, IdentityTensor):
        whole = leaves(coord.whole)
        if len(whole) != len(leaves(bounds)):
            raise EnigmaValueError(
                f"elem_less: coordinates of {coord.whole} do not fit the shape {bounds}", loc=loc,
                help="give one extent for each axis of the identity tensor",
            )  # fmt: skip
        return Predicate(coord, leaves(bounds), loc)
    parts = leaves(int_tuple(coord, "a coordinate"))
    if len(parts) != len(leaves(bounds)):
        raise EnigmaValueError(
            f"elem_less: the coordinate has {len(parts)} parts, and the shape {bounds} has {len(leaves(bounds))}", loc=loc,
            help="give one part for each axis",
        )  # fmt: skip
    return conjunction([_less(part, bound, loc) for part, bound in zip(parts, leaves(bounds), strict=True)], loc)


class Guard:
    """What an access is guarded by: a predicate, a fragment of bools, or one bool for all elements."""

    def __init__(self, pred: Any, size: int, loc: SourceLoc) -> None:
        one = isinstance(pred, bool) or (isinstance(pred, TracedValue) and pred.type is b1)
        if not one and not (isinstance(pred, Fragment) and (isinstance(pred, Predicate) or pred.dtype is b1)):
            raise EnigmaTypeError(
                f"pred is {describe(pred)}, but it says which elements are accessed", loc=loc,
                help="make it with enigma.elem_less(where[tid, None], (M, N)), or compare fragments: x < 0",
            )  # fmt: skip
        if isinstance(pred, Fragment) and len(pred.places) != size:
            raise EnigmaValueError(
                f"pred has {len(pred.places)} elements, and the view has {size}", loc=loc, help="divide both alike"
            )
        self.pred, self.loc = pred, loc
        self.is_one = one
        self._size = size
        self._elements: list[TracedValue] | None = None

    def __len__(self) -> int:
        return self._size

    def holds(self, elements: Sequence[int]) -> Condition:
        """Return whether all of these elements are to be accessed."""
        if self.is_one:
            return self.pred
        if isinstance(self.pred, Predicate):
            return self.pred.holds(elements, self.loc)
        if self._elements is None:
            self._elements = cast(Fragment, self.pred).elements()
        made = self._elements
        return conjunction([made[k] for k in dict.fromkeys(elements)], self.loc)
