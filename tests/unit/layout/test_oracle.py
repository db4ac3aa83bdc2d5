"""Every recorded result of CuTe for the functions that there are."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from enigma import layout as lib
from enigma.errors import EnigmaValueError
from enigma.layout.leaf import text
from tests.unit.layout.oracle import Case, cases, layout, parse, value


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


def _part(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what gives the start and the layout of a part: those of a layout composed with a swizzle of no bits."""

    def call(a: str, *args: Any) -> str:
        found = function(lib.make_composed_layout(lib.Swizzle(0, 0, 0), 0, layout(a)), *map(value, args))
        return f"{found.offset} | {found.inner}"

    return call


def _call(name: str) -> Callable[..., Any]:
    """Return what calls the function of an operation of the second file."""
    plain = name.removeprefix("composed_").removesuffix("_tiler").removesuffix("_proj")
    function = getattr(lib, {"coalesce_profile": "coalesce", "complement_shape": "complement"}.get(plain, plain), None)
    if plain in ("local_tile", "local_partition"):
        return _part(getattr(lib, plain))
    if plain == "get":
        return lambda a, mode: value(a)[mode]
    if plain == "call":
        return lambda a, places: [str(value(a)(place)) for place in places]
    if plain in ("slice", "dice", "crd2idx"):
        return lambda a, c: getattr(lib, plain)(value(c), value(a))
    if plain == "recast_layout":
        return lambda new, old, a: lib.recast_layout(new, old, value(a))
    assert function is not None
    return lambda *args: function(*map(value, args))


def outcome(case: Case, calls: dict[str, Callable[..., Any]]) -> Any:
    """Return what ours gives, as CuTe would print it, and None for a refusal."""
    try:
        result = calls[case.op](*case.args)
    except EnigmaValueError as error:
        assert error.help  # a refusal says what would be right
        return None
    return result if isinstance(result, list) else text(result) if isinstance(result, tuple) else str(result)


def differences(op: str, number: int, calls: dict[str, Callable[..., Any]]) -> str:
    """Return the calls in which ours and CuTe's results differ, one a line."""
    wrong = [(case, ours) for case in cases(number)[op] if (ours := outcome(case, calls)) != case.result]
    shown = "\n".join(f"{case.args}: CuTe {case.result}, ours {ours}" for case, ours in wrong[:10])
    return f"{len(wrong)} of {len(cases(number)[op])} differ:\n{shown}" if wrong else ""


@pytest.mark.parametrize("op", sorted(CALLS))
def test_results_are_those_of_cute(op: str) -> None:
    assert not differences(op, 0, CALLS)


@pytest.mark.parametrize("op", sorted(cases(1)))
def test_results_of_parts_and_composed_layouts_are_those_of_cute(op: str) -> None:
    assert not differences(op, 1, {op: _call(op)})


def test_the_tool_that_records_says_what_it_needs() -> None:
    tool = Path(__file__).parents[3] / "tools" / "layout_oracle.py"
    if importlib.util.find_spec("cutlass") is not None:
        pytest.skip("this Python has CuTe, and the tool would record")
    done = subprocess.run([sys.executable, str(tool), "none.gz"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "install nvidia-cutlass-dsl" in done.stderr
