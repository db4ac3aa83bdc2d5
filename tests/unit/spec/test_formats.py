"""The texts that kernels print, against Python's own `format` and C's `printf`."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enigma.dtypes import DTYPES, b1, f32, i32, u32
from enigma.spec.formats import Field, FormatError, joined, parse, refused, rendered

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
FIELDS = st.sampled_from(["", "d", "5d", "08d", "x", "04X", ".3f", "10.2e", "012.4f", "g", ".1g", "7"]).map(
    lambda spec: parse(f"{{:{spec}}}" if spec else "{}")[0]
)


@given(st.lists(st.one_of(TEXTS, FIELDS), max_size=6))
def test_a_text_made_of_pieces_is_read_as_these_pieces(pieces: list[str | Field]) -> None:
    again = parse(joined(pieces))
    assert [piece for piece in again if isinstance(piece, Field)] == [p for p in pieces if isinstance(p, Field)]
    assert joined(list(again)) == joined(pieces)
    fields = [piece for piece in again if isinstance(piece, Field)]
    values = [float(n) if field.kind in "efg" and field.kind else n for n, field in enumerate(fields, 3)]
    assert rendered(again, tuple(values)) == joined(pieces).format(*values)


def printf(text: str, value: float | int) -> str:
    """Return what the C library makes of a format and one value."""
    buffer = ctypes.create_string_buffer(200)
    passed = ctypes.c_double(value) if isinstance(value, float) else ctypes.c_longlong(value)
    ctypes.CDLL(None).snprintf(buffer, ctypes.c_size_t(200), text.encode(), passed)
    return buffer.value.decode()


@given(
    st.floats(-(2.0**100), 2.0**100, width=32),
    st.sampled_from([".3f", "12.1f", "012.4f", "e", ".2e", "g", "10.3g", "G", "08.1E"]),
)
def test_float_formats_are_those_of_c(value: float, spec: str) -> None:
    assert rendered(parse(f"{{:{spec}}}"), (np.float32(value),)) == printf(f"%{spec}", float(np.float32(value)))


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["d", "5d", "030d"]))
def test_integer_formats_are_those_of_c(value: int, spec: str) -> None:
    assert rendered(parse(f"{{:{spec}}}"), (np.int64(value),)) == printf(f"%{spec[:-1]}lld", value)


@given(st.integers(0, 2**63 - 1), st.sampled_from(["x", "X", "9x", "020X"]))
def test_hexadecimal_formats_are_those_of_c(value: int, spec: str) -> None:
    assert rendered(parse(f"{{:{spec}}}"), (np.uint64(value),)) == printf(f"%{spec[:-1]}ll{spec[-1]}", value)


@pytest.mark.parametrize(
    "text", ["{", "}", "{0}", "{x}", "{!r}", "{:^5}", "{:,}", "{:+d}", "{:.2}", "{:.2d}", "{:0d}", "{:s}", "{:{}}"]
)
def test_what_python_and_c_do_not_share_is_no_format(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse(text)
    assert caught.value.help


def test_a_field_takes_the_dtypes_that_c_has_a_letter_for() -> None:
    taken = {
        spec: {dtype.name for dtype in DTYPES if refused(parse(spec)[0], dtype) is None}
        for spec in ("{}", "{:d}", "{:x}", "{:f}", "{:5}")
    }  # type: ignore[arg-type]
    every = {dtype.name for dtype in DTYPES}
    assert taken["{}"] == every and taken["{:5}"] == every - {b1.name}
    assert taken["{:d}"] == {dtype.name for dtype in DTYPES if dtype.is_integer}
    assert taken["{:f}"] == {dtype.name for dtype in DTYPES if dtype.is_float}
    assert taken["{:x}"] == {"u8", "u16", "u32", "u64"}
    assert i32.name not in taken["{:x}"] and u32.name in taken["{:x}"] and f32.name not in taken["{:d}"]
