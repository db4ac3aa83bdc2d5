"""A row that is incomplete or contradicts another is refused when the tables are read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from enigma.dtypes import b1, f32
from enigma.errors import InternalError
from enigma.spec.registry import all_rows, check, collect
from enigma.spec.spelling import Call, Template

ROW = next(row for row in all_rows() if len(row.operands) == 1 and row.variables)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "two words"}, "the name is no identifier"),
        ({"name": "lambda"}, "the name is no identifier"),
        ({"doc": "No full stop"}, "the doc must be a sentence"),
        ({"params": {"operands": f32}}, "a parameter cannot be called 'operands'"),
        ({"msl": {f32: Call("f")}}, "no msl spelling for"),
        ({"cuda": Template("f({nothing})")}, "cuda template for None names nothing"),
    ],
)
def test_a_wrong_row_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InternalError, match=message):
        check(replace(ROW, **change))


def test_two_rows_of_one_name_are_refused() -> None:
    with pytest.raises(InternalError, match=f"two rows are called {ROW.name}"):
        collect([(ROW,), (ROW,)])


def test_a_dtype_without_spelling_is_an_internal_error() -> None:
    row = replace(ROW, msl={f32: Call("f")})
    assert row.spelling("msl", f32) == Call("f")
    with pytest.raises(InternalError, match="no msl spelling for bool"):
        row.spelling("msl", b1)
