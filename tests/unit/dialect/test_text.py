"""Modules print as people write them, parse back to the same module, and LLVM's mlir-opt accepts them."""

from __future__ import annotations

from textwrap import dedent

import pytest

from enigma.dialect.build import build, kernel_of
from enigma.dialect.derive import constant
from enigma.dialect.names import place
from enigma.dialect.text import parse_module, print_module
from enigma.dialect.verify import verify
from enigma.dtypes import f16, f32, i64, u8
from enigma.errors import EnigmaValueError
from enigma.spec.intrinsic import Intrinsic
from tests.unit.dialect.mlir_opt import mlir_opt, needs_mlir_opt
from tests.unit.dialect.samples import SAMPLES, every_row, row_sample


def test_a_kernel_reads_as_in_the_documentation() -> None:
    assert print_module(build(SAMPLES["vadd"]())) == dedent("""\
        builtin.module {
          func.func @vadd(%A: !enigma.buffer<f32>, %B: !enigma.buffer<f32>, %C: !enigma.buffer<f32>, %n: ui32) attributes {enigma.kernel} {
            %i = enigma.thread_position_in_grid {dim = "x"} : ui32
            %0 = enigma.cmp_lt %i, %n : ui32
            scf.if %0 {
              %x = enigma.load %A, %i : !enigma.buffer<f32>, ui32
              %1 = enigma.load %B, %i : !enigma.buffer<f32>, ui32
              %2 = enigma.add %x, %1 : f32
              enigma.store %C, %i, %2 : !enigma.buffer<f32>, ui32
            }
            func.return
          }
        }
        """)  # fmt: skip # noqa: E501


def test_a_loop_carries_its_values_by_name() -> None:
    text = print_module(build(SAMPLES["dot"]()))
    assert "%acc-0 = scf.for %iv = %3 to %4 step %5 iter_args(%acc-0_1 = %0) -> (f32) {" in text
    assert "%k = enigma.from_index %iv : index -> si32" in text


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("generic", [False, True])
def test_text_parses_back_to_the_same_module(name: str, generic: bool) -> None:
    module = build(SAMPLES[name]())
    verify(module)
    again = parse_module(print_module(module, generic=generic))
    verify(again)
    assert module.is_structurally_equivalent(again)
    assert print_module(again) == print_module(module)


@pytest.mark.parametrize("row", every_row(), ids=lambda row: row.name)
def test_every_row_builds_verifies_and_parses_back(row: Intrinsic) -> None:
    module = build(row_sample(row))
    verify(module)
    for generic in (False, True):
        again = parse_module(print_module(module, generic=generic))
        assert module.is_structurally_equivalent(again)


@pytest.mark.parametrize("name", SAMPLES)
def test_locations_survive_the_text(name: str) -> None:
    module = build(SAMPLES[name]())
    again = parse_module(print_module(module, generic=True, locations=True))
    lines = [str(place(op)) for op in module.walk()]
    assert lines == [str(place(op)) for op in again.walk()]
    assert all(line.startswith("sample.py:") for line in lines)


def test_every_operation_knows_its_own_line() -> None:
    traced = SAMPLES["vadd"]()
    built = [str(place(op)) for op in kernel_of(build(traced)).body.block.ops]
    assert built[:3] == [str(node.loc) for node in traced.body.nodes]


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (0.1, f32, "1.000000e-01 : f32"),
        (1e39, f32, "0x7f800000 : f32"),
        (-65520, f16, "0xfc00 : f16"),
        (65519, f16, "6.550400e+04 : f16"),
        (-1, u8, "255 : ui8"),
        (2**63, i64, "-9223372036854775808 : si64"),
    ],
)
def test_constants_round_and_wrap_to_their_dtype(value: float, dtype: object, text: str) -> None:
    assert str(constant(value, dtype).attributes["value"]) == text  # type: ignore[arg-type]


def test_text_that_is_no_module_is_refused_with_the_place() -> None:
    with pytest.raises(EnigmaValueError, match=r"not a module of the enigma dialect(.|\n)*enigma.nonsense"):
        parse_module("enigma.nonsense")


@needs_mlir_opt
def test_mlir_opt_accepts_and_optimises_every_sample() -> None:
    modules = [build(sample()) for sample in SAMPLES.values()] + [build(row_sample(row)) for row in every_row()]
    text = "\n".join(print_module(module, generic=True, locations=True) for module in modules)
    status, _, complaints = mlir_opt(text, "--canonicalize", "--cse", "-o", "/dev/null")
    assert (status, complaints) == (0, "")
