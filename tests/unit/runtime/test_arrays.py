"""What may be passed as an array, and which arrays share memory."""

from __future__ import annotations

import array
from itertools import combinations
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enigma.dtypes import Numeric, b1, bf16, f16, f32, i32, u8
from enigma.runtime.arrays import as_array, check_array, is_plain, overlapping
from tests.unit.runtime.launched import message


class DLPack:
    """An object that offers DLPack and nothing else, as other libraries' arrays do."""

    def __init__(self, held: np.ndarray[Any, Any], error: Exception | None = None) -> None:
        self.held, self.error = held, error

    def __dlpack__(self, **options: Any) -> Any:
        if self.error is not None:
            raise self.error
        return self.held.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.held.__dlpack_device__()


class Interface:
    """An object that offers NumPy's array interface."""

    def __init__(self, held: np.ndarray[Any, Any]) -> None:
        self.held = held

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self.held.__array_interface__


SOURCES = {
    "numpy": lambda x: x,
    "dlpack": DLPack,
    "array interface": Interface,
    "memoryview": memoryview,
    "array.array": lambda x: array.array("f", x),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_kind_of_array_is_seen_without_a_copy(source: str) -> None:
    made = SOURCES[source](np.arange(5, dtype=np.float32))
    seen = as_array(made, "A", f32)
    assert seen.dtype == np.float32
    assert seen.tolist() == [0, 1, 2, 3, 4]
    seen[2] = 9  # the user's memory, not a copy
    assert as_array(made, "A", f32)[2] == 9
    assert check_array(seen, f32, "A", written=True) is None


def test_a_bytearray_is_elements_of_the_parameter() -> None:
    raw = bytearray(np.array([1.5, -2.0], np.float32).tobytes())
    seen = as_array(raw, "A", f32)
    assert seen.tolist() == [1.5, -2.0]
    seen[0] = 4.0
    assert np.frombuffer(raw, np.float32)[0] == 4.0


def test_bytes_are_elements_that_cannot_be_written() -> None:
    seen = as_array(np.array([1, 2], ml_dtypes.bfloat16).tobytes(), "A", bf16)
    assert seen.dtype == ml_dtypes.bfloat16
    wrong = check_array(seen, bf16, "A", written=True)
    assert str(wrong) == "A is read-only, but the kernel writes it\n  help: pass a writable array"


def test_bytes_that_are_no_whole_elements_are_refused() -> None:
    assert message(lambda: as_array(b"12345", "A", f32)) == (
        "A has 5 bytes, but an element, f32, has 4\n  help: pass as many bytes as whole elements have"
    )


@pytest.mark.parametrize("given", [[1.0, 2.0], 3, "text", None])
def test_what_is_no_array_is_refused(given: Any) -> None:
    assert message(lambda: as_array(given, "A", f32)) == (
        f"A must be an array, but it is a {type(given).__name__}\n  help: pass a NumPy array, a DLPack object or a buffer"
    )


def test_an_array_on_another_device_is_refused() -> None:
    far = DLPack(np.zeros(1, np.float32), BufferError("it is on a GPU"))
    assert message(lambda: as_array(far, "A", f32)) == (
        "A: this array cannot be shared with NumPy: it is on a GPU\n  help: pass a CPU array"
    )


def read_only(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    x.flags.writeable = False
    return x


def misaligned(n: int) -> np.ndarray[Any, Any]:
    return np.zeros(4 * n + 1, np.uint8)[1:].view(np.float32)


WRONG = [
    (
        np.zeros(3),
        f32,
        False,
        "A holds float64, but the kernel's parameter is f32 (float32)",
        "convert it: A.astype(np.float32)",
    ),
    (
        np.zeros(3, ">f4"),
        f32,
        False,
        "A holds >f4, but the kernel's parameter is f32 (float32)",
        "convert it: A.astype(np.float32)",
    ),
    (
        np.zeros(3, np.float32),
        i32,
        False,
        "A holds float32, but the kernel's parameter is i32 (int32)",
        "annotate the parameter for float32, or convert it",
    ),
    (
        np.zeros(3, np.uint8),
        b1,
        False,
        "A holds uint8, but the kernel's parameter is b1 (bool)",
        "annotate the parameter for uint8, or convert it",
    ),
    (
        np.zeros(3, np.uint16),
        bf16,
        False,
        "A holds uint16, but the kernel's parameter is bf16 (bfloat16)",
        "A.view(ml_dtypes.bfloat16)",
    ),
    (
        np.zeros(3, np.float32),
        bf16,
        False,
        "A holds float32, but the kernel's parameter is bf16 (bfloat16)",
        "convert it: A.astype(ml_dtypes.bfloat16)",
    ),
    (
        np.zeros(3, np.float32),
        f16,
        False,
        "A holds float32, but the kernel's parameter is f16 (float16)",
        "convert it: A.astype(np.float16)",
    ),
    (
        np.zeros(0, np.float32),
        f32,
        False,
        "A is empty, but a buffer needs at least one element",
        "skip the launch for empty arrays",
    ),
    (
        np.zeros(6, np.float32)[::2],
        f32,
        False,
        "A is not contiguous (strides (8,))",
        "pass a contiguous array: np.ascontiguousarray(A)",
    ),
    (
        np.zeros((2, 3), np.float32).T,
        f32,
        True,
        "A is not contiguous (strides (4, 12))",
        "let the kernel write a contiguous array, then copy",
    ),
    (misaligned(3), f32, False, "A starts at an address that is no multiple of 4 bytes", "pass a copy: A.copy()"),
    (
        read_only(np.zeros(3, np.float32)),
        f32,
        True,
        "A is read-only, but the kernel writes it",
        "pass a writable array",
    ),
]


@pytest.mark.parametrize(("x", "dtype", "written", "complaint", "advice"), WRONG)
def test_an_array_that_does_not_fit_says_what_to_do(
    x: np.ndarray[Any, Any], dtype: Numeric, written: bool, complaint: str, advice: str
) -> None:
    assert str(check_array(x, dtype, "A", written=written)) == f"{complaint}\n  help: {advice}"
    assert not is_plain(x, dtype.numpy, written=written)


@pytest.mark.parametrize(
    ("x", "dtype", "written"),
    [
        (np.zeros((2, 3), np.float32), f32, True), (np.array(3, np.float32), f32, True), (np.zeros(3, bool), b1, True),
        (read_only(np.zeros(3, np.uint8)), u8, False), (np.zeros(3, ml_dtypes.bfloat16), bf16, True),
    ],
)  # fmt: skip
def test_an_array_that_fits_is_taken(x: np.ndarray[Any, Any], dtype: Numeric, written: bool) -> None:
    assert check_array(x, dtype, "A", written=written) is None
    assert is_plain(x, dtype.numpy, written=written)


def test_a_subclass_is_looked_at_closely() -> None:
    assert not is_plain(np.zeros(3, np.float32).view(np.recarray), np.dtype(np.float32), written=False)


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 12), st.booleans()), min_size=1, max_size=8
    )
)  # fmt: skip
def test_overlap_is_found_exactly_when_a_written_array_shares_an_element(
    spans: list[tuple[int, int, bool]],
) -> None:
    memory = np.zeros(64, np.float32)
    arrays = [(f"P{k}", memory[start : start + size], written) for k, (start, size, written) in enumerate(spans)]
    cells = [set(range(start, start + size)) for start, size, _ in spans]
    guilty = {
        (f"P{a}", f"P{b}")
        for a, b in combinations(range(len(spans)), 2)
        if cells[a] & cells[b] and (spans[a][2] or spans[b][2])
    }
    found = overlapping(arrays)
    if not guilty:
        assert found is None
    else:
        assert found is not None
        a, b, writer = found.message.replace(" and the kernel writes ", " ").replace(" share memory,", "").replace(
            " and ", " "
        ).split()  # fmt: skip
        assert (a, b) in guilty
        assert writer in (a, b)
        assert spans[int(writer[1:])][2]


def test_arrays_that_share_memory_are_named() -> None:
    x = np.zeros(8, np.float32)
    assert str(overlapping([("A", x, False), ("B", x[4:], True)])) == (
        "A and B share memory, and the kernel writes B\n"
        "  help: Metal leaves this undefined: pass separate arrays, or let the kernel read and write one parameter"
    )
    assert overlapping([("A", x, False), ("B", x, False)]) is None
    assert overlapping([("A", x[:4], True), ("B", x[4:], True)]) is None
