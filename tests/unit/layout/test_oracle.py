"""Every recorded result of CuTe for the functions that there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from enigma import layout as lib
from enigma.errors import EnigmaValueError
from tests.unit.layout.oracle import Case, cases, layout, parse


def _crd2idx(text: str, coordinates: list[int]) -> list[str]:
    function = layout(text)
    return [str(function(c)) for c in coordinates]


def _make_layout_tv(thr: str, val: str) -> str:
    tiler, tv = lib.make_layout_tv(layout(thr), layout(val))
    return f"{tiler} | {tv}"


def _swizzle(bits: int, base: int, shift: int, inner: str, coordinates: list[int]) -> list[str]:
    function = lib.make_composed_layout(lib.Swizzle(bits, base, shift), 0, layout(inner))
    return [str(function(c)) for c in coordinates]


CALLS: dict[str, Callable[..., Any]] = {
    "coalesce": lambda a: lib.coalesce(layout(a)),
    "size": lambda a: lib.size(layout(a)),
    "cosize": lambda a: lib.cosize(layout(a)),
    "rank": lambda a: lib.rank(layout(a)),
    "depth": lambda a: lib.depth(layout(a)),
    "crd2idx": _crd2idx,
    "composition": lambda a, b: lib.composition(layout(a), layout(b)),
    "complement": lambda a, n: lib.complement(layout(a), n),
    "filter": lambda a: lib.filter(layout(a)),
    "flatten": lambda a: lib.flatten(layout(a)),
    "left_inverse": lambda a: lib.left_inverse(layout(a)),
    "tiled_divide_tiler": lambda a, b: lib.tiled_divide(layout(a), parse(b)),
    "flat_divide_tiler": lambda a, b: lib.flat_divide(layout(a), parse(b)),
    "blocked_product": lambda a, b: lib.blocked_product(layout(a), layout(b)),
    "zipped_product": lambda a, b: lib.zipped_product(layout(a), layout(b)),
    "tiled_product": lambda a, b: lib.tiled_product(layout(a), layout(b)),
    "flat_product": lambda a, b: lib.flat_product(layout(a), layout(b)),
    "recast_layout": lambda new, old, a: lib.recast_layout(new, old, layout(a)),
    "slice": lambda a, c: lib.slice(parse(c), layout(a)),
    "swizzle": _swizzle,
    "right_inverse": lambda a: lib.right_inverse(layout(a)),
    "logical_divide": lambda a, b: lib.logical_divide(layout(a), layout(b)),
    "logical_divide_tiler": lambda a, b: lib.logical_divide(layout(a), parse(b)),
    "zipped_divide_tiler": lambda a, b: lib.zipped_divide(layout(a), parse(b)),
    "logical_product": lambda a, b: lib.logical_product(layout(a), layout(b)),
    "raked_product": lambda a, b: lib.raked_product(layout(a), layout(b)),
    "make_ordered_layout": lambda a, b: lib.make_ordered_layout(parse(a), parse(b)),
    "make_layout_tv": _make_layout_tv,
}


def outcome(case: Case) -> Any:
    """Return what ours gives, as CuTe would print it, and None for a refusal."""
    try:
        result = CALLS[case.op](*case.args)
    except EnigmaValueError as error:
        assert error.help  # a refusal says what would be right
        return None
    return result if isinstance(result, list) else str(result)


@pytest.mark.parametrize("op", sorted(CALLS))
def test_results_are_those_of_cute(op: str) -> None:
    wrong = [(case, ours) for case in cases()[op] if (ours := outcome(case)) != case.result]
    shown = "\n".join(f"{case.args}: CuTe {case.result}, ours {ours}" for case, ours in wrong[:10])
    assert not wrong, f"{len(wrong)} of {len(cases()[op])} differ:\n{shown}"
