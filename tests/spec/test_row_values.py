"""Every row and dtype computes the same on every target, on values of its domain and on extreme ones.

The simulator is held against the kernel's Metal text compiled by clang, the CPU JIT against the simulator: integers and
bools exactly, floats within the row's ulp.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import enigma
from enigma.dtypes import Numeric
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import Algebra
from tests.msl.check import clang_available
from tests.spec.forms import Form, compiled, forms, pure_rows
from tests.spec.native import Native, compile_native
from tests.spec.values import COUNT, Array, operands, smallest_normal, ulps_apart

FUSED = {"mix", "smoothstep"}
"""Rows of several steps: fused multiply-adds may pass by an overflow in the middle."""

THREADS = (96, 1, 1)
WHOLE_DIVISION = {Algebra.DIV, Algebra.REM, Algebra.FLOOR_DIV, Algebra.FLOOR_MOD}
SHIFTS = {Algebra.SHL, Algebra.SHR}

ORDERED = {"clamp": ("low", "high"), "iclamp": ("low", "high"), "smoothstep": ("low", "high")}
"""Rows that Metal leaves undefined unless the first operand is below the second."""


def inputs(form: Form, *, extreme: bool) -> dict[str, Array]:
    """Return the form's input arrays by buffer name."""
    names = {buffer: buffer.removesuffix("_in") for buffer in form.inputs}
    plain = {name: form.inputs[buffer] for buffer, name in names.items()}
    row = form.row
    if not extreme and isinstance(row.domain, dict):
        assert set(row.domain) >= set(plain)
    values = operands(row, plain, extreme=extreme)
    if row.name in ORDERED:
        low, high = (values[name] for name in ORDERED[row.name])
        with np.errstate(invalid="ignore"):
            wrong = ~(low < high)
        low[wrong], high[wrong] = low.dtype.type(1), high.dtype.type(2)
    return {buffer: values[name] for buffer, name in names.items()}


def run(runtime: Any, kind: str, form: Form, arrays: dict[str, Array]) -> dict[str, Array]:
    """Run a form's kernel on a runtime and return its outputs by name."""
    outputs = {use.output: np.zeros(COUNT, use.dtype.numpy) for use in form.uses}
    runtime.run(compiled(kind, form.name).program, [*arrays.values(), *outputs.values()], (COUNT, 1, 1), THREADS)
    return outputs


def compare(form: Form, arrays: dict[str, Array], found: dict[str, Array], wanted: dict[str, Array], *, slack: float = 0.0,
            keep: Array | None = None) -> list[str]:  # fmt: skip
    """Return a line for each use whose results differ where `keep` holds, with the first values that do."""
    lines: list[str] = []
    for use in form.uses:
        got, want = found[use.output], wanted[use.output]
        if use.dtype.is_float:
            limit = form.row.ulp.get(use.dtype, 0.0)
            wrong = ulps_apart(got, want, use.dtype) > limit + (slack if limit else 0.0)
        else:
            wrong = got != want
        if keep is not None:
            wrong &= keep
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            given = ", ".join(f"{name}={arrays[name][at]!r}" for name in use.operands)
            call = f"{form.row.name} {use.dtype.name} {dict(use.attrs)}: {given}"
            lines.append(f"{call}: {got[at]!r}, not {want[at]!r} ({wrong.sum()} wrong)")
    return lines


def _forms_of(kind: str, row: Intrinsic) -> list[Form]:
    return [form for form in forms(kind) if form.row is row]


def _defined_in_c(form: Form, arrays: dict[str, Array]) -> Array:
    """Return where C defines the result: no division by zero, no shift by the width, no float too large for an integer."""
    keep = np.ones(COUNT, bool)
    row = form.row
    if row.algebra in SHIFTS:
        value, *amounts = form.inputs.items()
        for name, _ in amounts:
            keep &= (arrays[name] >= 0) & (arrays[name] < value[1].width)
    if row.algebra is Algebra.CONVERT:
        (name, dtype), *_ = form.inputs.items()
        if dtype.is_float:
            wide = arrays[name].astype(np.float64)
            keep &= np.isfinite(wide) & (np.abs(wide) < 127) & (wide >= 0)
    return keep


def _without_traps(form: Form, arrays: dict[str, Array]) -> dict[str, Array]:
    """Return the arrays with integer divisors that a processor traps on replaced."""
    dtypes: list[Numeric] = list(form.inputs.values())
    if form.row.algebra in WHOLE_DIVISION and dtypes[0].is_integer:
        _, y = arrays.values()
        y[(y == 0) | ((y == np.array(-1).astype(y.dtype)) & dtypes[0].is_signed)] = 3
    return arrays


@cache
def _native() -> Native:
    texts = {form.name: compiled("pure", form.name).metal_source for form in forms("pure")}
    return compile_native(texts, {form.name: len(form.inputs) + len(form.uses) for form in forms("pure")})


UNDEFINED_FOR_NAN = {"sign", "saturate", "clamp", "step", "fract"}
"""Rows whose Metal function may give anything for NaN, where the simulator keeps to the row's doc."""


@pytest.mark.clang
@pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")
@pytest.mark.parametrize("extreme", [False, True])
def test_the_simulator_agrees_with_the_metal_text_compiled_by_clang(extreme: bool) -> None:
    native, wrong = _native(), list[str]()
    for form in forms("pure"):
        if form.name in native.missing:
            continue
        arrays = _without_traps(form, inputs(form, extreme=extreme))
        keep = _defined_in_c(form, arrays)
        if form.row.name in UNDEFINED_FOR_NAN:
            keep &= ~np.any([np.isnan(each.astype(np.float64)) for each in arrays.values()], axis=0)
        wanted = {use.output: np.zeros(COUNT, use.dtype.numpy) for use in form.uses}
        native.run(form.name, [*arrays.values(), *wanted.values()], COUNT)
        if form.row.name == "fract":  # the stub's own does not keep a half below 1
            keep &= wanted["out0"] < 1
        found = run(enigma.SimRuntime(check=False), "pure", form, arrays)
        # the C library's functions are within an ulp themselves
        wrong += compare(form, arrays, found, wanted, slack=1.0, keep=keep)
    assert not wrong, "\n".join(wrong)


def test_few_functions_of_metal_lack_a_body_in_the_stub() -> None:
    if clang_available():
        assert {name.split("_")[1] for name in _native().missing} <= {
            "extract",
            "insert",
            "mad",
            "rotate",
            "smoothstep",
        }


@pytest.mark.parametrize("extreme", [False, True], ids=["domain", "extreme"])
@pytest.mark.parametrize("row", pure_rows(), ids=lambda row: row.name)
def test_the_cpu_agrees_with_the_simulator(row: Intrinsic, extreme: bool) -> None:
    wrong: list[str] = []
    for form in _forms_of("pure", row):
        arrays = inputs(form, extreme=extreme)
        wanted = run(enigma.SimRuntime(check=False), "pure", form, arrays)
        found = run(enigma.CpuRuntime(), "pure", form, arrays)
        keep = np.ones(COUNT, bool)
        if row.name in FUSED:
            keep = np.isfinite(wanted["out0"].astype(np.float64)) == np.isfinite(found["out0"].astype(np.float64))
        wrong += compare(form, arrays, found, wanted, keep=keep)
    assert not wrong, "\n".join(wrong)


def test_denormals_are_kept_or_flushed() -> None:
    for form in forms("pure"):
        if not all(dtype.is_float for dtype in form.inputs.values()) or form.row.algebra not in (
            Algebra.ADD,
            Algebra.MUL,
        ):
            continue
        dtype = next(iter(form.inputs.values()))
        tiny = smallest_normal(dtype)
        arrays = {
            name: np.full(COUNT, tiny / 2 * (k + 1), np.float64).astype(dtype.numpy)
            for k, name in enumerate(form.inputs)
        }
        found = run(enigma.CpuRuntime(), "pure", form, arrays)["out0"].astype(np.float64)
        assert np.all(np.abs(found) <= 2 * tiny), form.name
