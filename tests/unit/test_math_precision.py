"""Fast and precise math: of one call and of a kernel, in the IR, MLIR, Metal, the key, and what refuses it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.dialect.build import build, math_of
from enigma.dialect.text import parse_module, print_module
from enigma.dialect.verify import verify
from enigma.dtypes import Numeric, bf16, f16, f32
from enigma.errors import EnigmaError, InternalError
from enigma.runtime.program import Program
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import all_rows
from enigma.spec.terms import Precision
from enigma.trace.dump import dump
from tests.msl.check import assert_legal
from tests.unit.dialect.mlir_opt import mlir_opt, needs_mlir_opt

ROWS = tuple(row for row in all_rows() if row.precision is not None)
CHOSEN = ("fast", "precise")


def calling(row: Intrinsic, precision: str, dtype: Numeric = f32) -> Any:
    """Return a kernel that calls a row in a precision."""
    operands = len(row.operands)

    def body(A, Out):  # type: ignore[no-untyped-def]
        i = en.thread_position_in_grid
        values = [A[i + k] for k in en.range_constexpr(operands)]
        Out[i] = getattr(en, row.public_name)(*values, precision=precision)

    body.__annotations__ = {"A": dtype, "Out": dtype}
    return en.kernel(body)


def test_the_rows_with_precisions_are_those_whose_bounds_differ_in_the_specification() -> None:
    rounded = {"sqrt", "rsqrt", "fmod", "pow", "atan2"}
    powers = {"exp", "exp2", "log", "log2", "log10"}
    angles = {"sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"}
    assert {row.name for row in ROWS} == rounded | powers | angles


@pytest.mark.parametrize("precision", CHOSEN)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_is_called_in_metals_namespace(row: Intrinsic, precision: str) -> None:
    text = en.compile(calling(row, precision)).metal_source
    assert_legal(text)
    assert text.count(f"{precision}::{row.public_name}(") == 1
    assert f"::{row.public_name}(" not in en.compile(calling(row, "default")).metal_source


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_precision_is_kept_in_every_text_and_in_the_key(row: Intrinsic) -> None:
    keys: set[str] = set()
    for precision in ("default", *CHOSEN):
        traced = calling(row, precision).trace()
        keys.add(Program(traced).key)
        assert (f"precision={precision}" in dump(traced)) is (precision != "default")
        module = build(traced)
        verify(module)
        for generic in (False, True):
            text = print_module(module, generic=generic)
            shown = f'precision = "{precision}"'
            assert (shown in text) is (precision != "default" or generic)
            assert print_module(parse_module(text), generic=generic) == text
    assert len(keys) == 3


@needs_mlir_opt
def test_mlir_opt_accepts_a_known_precision_only() -> None:
    text = print_module(build(calling(ROWS[0], "fast").trace()), generic=True)
    assert mlir_opt(text)[0] == 0
    assert mlir_opt(print_module(build(quick.trace()), generic=True))[0] == 0
    code, _, said = mlir_opt(text.replace('"fast"', '"quick"'))
    assert code != 0, said


@pytest.mark.parametrize("dtype", [f16, bf16], ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("precision", CHOSEN)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_metal_has_none_for_other_floats(row: Intrinsic, precision: str, dtype: Numeric) -> None:
    with pytest.raises(en.EnigmaTypeError) as caught:
        calling(row, precision, dtype).trace()
    assert f"Metal has a {precision} version for f32 only, but this is {dtype.name}" in str(caught.value)
    assert caught.value.loc is not None
    assert caught.value.loc.file == __file__


def test_a_wrong_precision_is_refused_at_the_call() -> None:
    with pytest.raises(en.EnigmaValueError, match="exp: precision cannot be 'exact'") as caught:
        calling(next(row for row in ROWS if row.name == "exp"), "exact").trace()
    assert "'default', 'fast', 'precise'" in str(caught.value)


@pytest.mark.parametrize("name", ["floor", "fma", "isnan"])
def test_functions_with_one_precision_take_none(name: str) -> None:
    row = next(row for row in all_rows() if row.name == name)
    with pytest.raises(EnigmaError, match="unexpected keyword argument 'precision'"):
        calling(row, "fast").trace()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_processor_and_the_simulator_compute_all_three_alike(row: Intrinsic) -> None:
    a = np.linspace(0.1, 0.9, 40, dtype=np.float32)
    for device in ("cpu", "sim"):
        results: list[bytes] = []
        for precision in ("default", *CHOSEN):
            out = np.zeros(33, np.float32)
            calling(row, precision).launch(a, out, grid=33, threads=32, device=device)
            results.append(out.tobytes())
        assert len(set(results)) == 1


def test_a_constant_is_folded_in_any_precision() -> None:
    @en.kernel
    def folded(A: en.f32):
        A[0] = en.exp(en.f32(1.0), precision="fast")

    assert "A[0] = 2.7182817f;" in en.compile(folded).metal_source


@en.kernel(math="fast")
def quick(A: en.f32, H: en.f16):
    i = en.thread_position_in_grid
    A[i] = en.exp(A[i]) ** 0.5 + en.tanh(A[i], precision="precise") + en.floor(A[i])
    H[i] = en.exp(H[i])


def test_the_math_of_a_kernel_is_an_option_of_it_and_of_compile() -> None:
    assert quick.math == "fast"
    assert en.compile(quick).math == "fast"
    assert en.compile(quick, math="default").math == "default"
    keys = {en.compile(quick, math=math).program.key for math in (None, "default", "precise")}
    assert len(keys) == 3


def test_fast_math_leaves_the_text_plain_and_precise_math_says_so_at_every_call() -> None:
    text = en.compile(quick).metal_source
    assert " = pow(exp(" in text
    assert "::pow" not in text
    text = en.compile(quick, math="precise").metal_source
    assert_legal(text)
    assert "precise::pow(precise::exp(" in text
    assert text.count("precise::tanh(") == 1
    assert " floor(" in text  # exact either way
    assert "H[i] = exp(H[i]);" in text


def test_a_fast_call_stays_fast_in_a_precise_kernel() -> None:
    text = en.compile(calling(ROWS[0], "fast"), math="precise").metal_source
    assert "precise::" not in text
    assert "fast::" in text


def test_mlir_keeps_the_math_of_the_kernel() -> None:
    module = build(quick.trace())
    text = print_module(module)
    assert 'attributes {enigma.kernel, enigma.math = "fast"}' in text
    again = parse_module(text)
    assert print_module(again) == text
    (function,) = again.body.block.ops
    assert math_of(function) is Precision.FAST  # type: ignore[arg-type]
    assert "enigma.math" not in print_module(build(calling(ROWS[0], "fast").trace()))


@pytest.mark.parametrize("make", [lambda: en.kernel(math="loose"), lambda: en.compile(quick, math="loose")])
def test_a_wrong_math_is_refused(make: Any) -> None:
    with pytest.raises(en.EnigmaValueError, match="math cannot be 'loose'") as caught:
        make()
    assert "write one of 'default', 'fast', 'precise'" in str(caught.value)


def test_nan_and_infinity_mean_what_they_say_by_default_pitfall_90() -> None:
    @en.kernel
    def classes(A: en.f32, Nan: en.b1, Inf: en.b1, Self: en.b1):
        i = en.thread_position_in_grid
        Nan[i] = en.isnan(A[i])
        Inf[i] = en.isinf(A[i])
        Self[i] = A[i] == A[i]

    assert en.compile(classes).math == "default"
    a = np.array([np.nan, np.inf, -np.inf, 0.0, 1.0], np.float32)
    for device in ("cpu", "sim"):
        nan, inf, same = (np.zeros(5, bool) for _ in range(3))
        classes.launch(a, nan, inf, same, grid=5, device=device)
        assert nan.tolist() == np.isnan(a).tolist()
        assert inf.tolist() == np.isinf(a).tolist()
        assert same.tolist() == (a == a).tolist()


def test_a_row_without_a_lowering_cannot_have_precisions() -> None:
    from dataclasses import replace

    from enigma.spec.kit import precisions
    from enigma.spec.spelling import Unsupported

    with pytest.raises(InternalError, match="without a lowering"):
        precisions(replace(ROWS[0], llvm=Unsupported("no")))


def test_the_decorator_takes_a_function_or_its_options() -> None:
    assert isinstance(en.kernel()(lambda A: None), en.KernelDef)
    with pytest.raises(en.EnigmaTypeError, match="@enigma.kernel takes a function, but it got None"):
        en.kernel(None)  # type: ignore[call-overload]
