"""The texts of every row and dtype: MLIR that parses back and that mlir-opt accepts, and legal Metal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

import enigma
from enigma.compile import compile as compile_kernel
from enigma.dialect.build import build
from enigma.dialect.text import parse_module, print_module
from enigma.dialect.verify import verify
from enigma.dtypes import DTYPES, Space, b1
from enigma.spec.registry import all_rows
from enigma.spec.spelling import Unsupported
from enigma.spec.terms import Algebra, Buffer, Choice, Texture, Var
from tests.msl.check import assert_legal, clang_available
from tests.spec import test_geometry, test_matrices, test_small_matrices, test_vectors
from tests.spec.forms import atomic_rows, expression, forms, grid_rows, kernels, load, texture_rows
from tests.spec.native import one_text
from tests.unit.dialect.mlir_opt import mlir_opt, needs_mlir_opt


def _memory_source() -> Iterator[str]:
    """Yield kernels for loads, stores, threadgroup memory, constants and loop bounds, per dtype."""
    for dtype in (*(var for row in all_rows() if row.algebra is Algebra.LOAD for var in row.variables[0].dtypes),):
        one = "True" if dtype is b1 else "1.5" if dtype.is_float else "5"
        yield f"""@en.kernel
def memory_{dtype.name}(A: en.{dtype.name}, n: en.Scalar(en.{dtype.name}), Out: en.{dtype.name}):
    i = en.thread_index_in_threadgroup()
    tile = en.threadgroup_alloc(en.{dtype.name}, 64)
    tile[i] = A[i]
    en.barrier()
    Out[i] = tile[63 - i]
    Out[i + 64] = en.{dtype.name}({one})
    Out[i + 128] = n
"""
        if dtype.is_integer:
            yield f"""@en.kernel
def loop_{dtype.name}(A: en.f32, n: en.Scalar(en.{dtype.name}), Out: en.f32):
    total = 0.0
    for k in range(n):
        total += A[k]
    Out[n] = total
"""


def _own_source() -> Iterator[str]:
    """Yield a kernel for each dtype with constant memory of both kinds, and an array of each thread's own."""
    for dtype in DTYPES:
        numbers = (
            "(True, False)"
            if dtype.kind == "b"
            else f"({dtype.min}, {dtype.max}, 3)"
            if dtype.is_integer
            else "(0.1, -2.5, 1e-3)"
        )
        yield f"""@en.kernel
def own_{dtype.name}(A: en.u32, W: en.Constant(en.{dtype.name}), Out: en.{dtype.name}):
    i = en.thread_position_in_grid
    table_{dtype.name} = en.constant({numbers}, en.{dtype.name})
    local = en.thread_alloc(en.{dtype.name}, (2, 8), fill=0)
    local[i % 2, A[i]] = table_{dtype.name}[A[i]]
    local[A[i + 1]] = W[i]
    Out[i] = local[A[i] + 1]
"""


def _constant_source() -> Iterator[str]:
    """Yield kernels for function constants, with and without a default, per dtype."""
    (row,) = [row for row in all_rows() if row.algebra is Algebra.FUNCTION_CONSTANT]
    for dtype in row.variables[0].dtypes:
        one = "True" if dtype is b1 else "1.5" if dtype.is_float else "5"
        yield f"""@en.kernel
def constant_{dtype.name}(A: en.{dtype.name}, Given: en.b1):
    i = en.thread_position_in_grid
    plain_{dtype.name} = en.function_constant(en.{dtype.name}, 0)
    other_{dtype.name} = en.function_constant(en.{dtype.name}, 7, default={one})
    A[i] = plain_{dtype.name}
    A[i + 1] = other_{dtype.name}
    Given[i] = en.is_function_constant_defined(plain_{dtype.name}) or en.is_function_constant_defined(other_{dtype.name})
"""


def _grid_source() -> Iterator[str]:
    for row in grid_rows():
        for axis in "xyz" if row.attributes else "_":
            call = f'en.{row.public_name}("{axis}")' if row.attributes else f"en.{row.public_name}()"
            yield f"@en.kernel\ndef {row.name}_{axis}(Out: en.u32):\n    Out[0] = {call}\n"


def _talking_source() -> Iterator[str]:
    """Yield kernels for the atomics on both spaces, and the barriers with each flag."""
    for row in atomic_rows():
        buffer = next(term for term in row.operands.values() if isinstance(term, Buffer))
        assert isinstance(buffer.element, Var)
        for dtype in buffer.element.dtypes:
            one = "True" if dtype is b1 else "1.0" if dtype.is_float else "1"
            values = [one for _ in list(row.operands)[2:]]
            for space, target in ((space.value, "A" if space is Space.DEVICE else "tile") for space in buffer.spaces):
                call = expression(row, [target, "i", *values], {})
                kept = f"Out[i] = {call}" if row.result is not None else call
                if row.outcome is not None:
                    kept = f"won, found = {call}\n    Out[i] = found if won else {one}"
                out = "b1" if row.result is b1 else dtype.name
                yield f"""@en.kernel
def {row.name}_{dtype.name}_{space}(A: en.{dtype.name}, Out: en.{out}):
    i = en.thread_index_in_threadgroup()
    tile = en.threadgroup_alloc(en.{dtype.name}, 64)
    {kept}
"""
    for row in all_rows():
        for name, term in row.attributes.items():
            if isinstance(term, Choice) and row.result is None and not row.operands:
                for member in term.enum:
                    yield f"""@en.kernel
def {row.name}_{member.value}(A: en.f32):
    A[0] = 1.0
    en.{row.public_name}({name}='{member.value}')
    A[1] = 2.0
"""


def _report_source() -> Iterator[str]:
    """Yield kernels that report every dtype, nothing, and texts that need quoting."""
    for row in all_rows():
        if row.reports is None:
            continue
        first = "" if row.public_name == "print" else "A[0] > 0, "
        params = ", ".join(f"X{dtype.name}: en.{dtype.name}" for dtype in DTYPES)
        values = ", ".join(f"X{dtype.name}[0]" for dtype in DTYPES)
        fields = " ".join("{}" for _ in DTYPES)
        odd = repr("' % %d \\ \" \n \t \x07 \u00e9 ??/ {{}} {}")
        messages = (f'"{fields}", {values}', f'"all", {values}', "", f"{odd}, A[0]", '"{:08.3f} {:5d}", A[0], Xi16[0]')
        for number, message in enumerate(messages):
            yield f"@en.kernel\ndef {row.name}_{number}(A: en.f32, {params}):\n    en.{row.public_name}({first}{message})\n"


def _texture_source() -> Iterator[str]:
    """Yield a kernel for each method of each kind of texture, dtype and access."""
    for row in texture_rows():
        term = next(iter(row.params.values()))
        assert isinstance(term, Texture)
        for kind, dtype, access in product(term.kinds, term.element.dtypes, term.accesses):
            name = f"{row.method}_{kind.value}_{dtype.name}_{access.value}"
            cls = f"Texture{kind.axes}D{'Array' if kind.is_array else ''}"
            places = [("i32", f"C[i + {axis}]") for axis in range(kind.axes)] + [("u32", "2")] * kind.is_array
            if row.method == "sample":
                places = [("f32", f"C[i + {axis}] * 0.5") for axis in range(kind.axes)] + [("u32", "2")] * kind.is_array
            at = ", ".join(text for _, text in places)
            coordinate = "f32" if row.method == "sample" else "i32"
            call = {
                "read": f"Out[i] = T.read({at})",
                "write": f"T.write(en.{dtype.name}x4(Out[i]), {at})",
                "sample": f"Out[i] = T.sample({at}{LINEAR if dtype.is_float else ''})",
            }.get(row.method, f"C[i] = en.{coordinate}(T.{row.method}())")
            yield f"""@en.kernel
def {name}(T: en.{cls}(en.{dtype.name}, "{access.value}"), C: en.{coordinate}, Out: en.{dtype.name}x4):
    i = en.thread_position_in_grid
    {call}
"""


LINEAR = ', filter="linear", address="mirrored_repeat"'


def _kernels(kind: str) -> dict[str, Any]:
    if kind in ("pure", "lane"):
        return dict(kernels(kind))
    if kind in ("vectors", "geometry", "matrices", "small"):
        return dict(
            {
                "vectors": test_vectors,
                "geometry": test_geometry,
                "matrices": test_matrices,
                "small": test_small_matrices,
            }[kind].kernels()
        )
    sources = {
        "memory": _memory_source,
        "own": _own_source,
        "grid": _grid_source,
        "constant": _constant_source,
        "talking": _talking_source,
        "report": _report_source,
        "textures": _texture_source,
    }[kind]
    module = load("\n\n".join(sources()), f"texts_{kind}")
    return {name: each for name, each in vars(module).items() if isinstance(each, enigma.KernelDef)}


KINDS = (
    "pure", "lane", "memory", "own", "grid", "constant", "talking", "report", "vectors", "geometry",
    "matrices", "small", "textures",
)  # fmt: skip


RAW = """@en.kernel
def raw(A: en.f16, Out: en.f16):
    tile = en.threadgroup_alloc(en.f16, 64)
    en.async_copy_wait(en.async_copy_1d_d2t(tile, 0, A, 3, 8), en.async_copy_2d_d2t(tile, 8, 4, A, 0, 9, 4, 2))
    en.async_copy_wait(en.async_copy_1d_t2d(Out, 0, tile, 3, 8), en.async_copy_2d_t2d(Out, 8, 4, tile, 0, 9, 4, 2))
"""
"""A kernel with the operations that stand in Metal texts only, where a program asks for them."""


def test_the_kernels_of_all_kinds_reach_every_row() -> None:
    reached: set[str] = set()
    for kind in KINDS:
        for kernel in _kernels(kind).values():
            reached |= {
                op.name.removeprefix("enigma.") for op in build(kernel.trace()).walk() if op.name.startswith("enigma.")
            }
    raw = build(load(RAW, "texts_raw").raw.trace(raw_copies=True))
    verify(raw)
    assert parse_module(print_module(raw)).is_structurally_equivalent(raw)
    reached |= {op.name.removeprefix("enigma.") for op in raw.walk() if op.name.startswith("enigma.")}
    assert reached == {row.name for row in all_rows()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kernel_verifies_and_its_text_parses_back(kind: str) -> None:
    for kernel in _kernels(kind).values():
        module = build(kernel.trace())
        verify(module)
        for generic in (False, True):
            again = parse_module(print_module(module, generic=generic))
            verify(again)
            assert module.is_structurally_equivalent(again), kernel.name


@needs_mlir_opt
@pytest.mark.mlir
@pytest.mark.parametrize("kind", KINDS)
def test_mlir_opt_accepts_every_kernel(kind: str) -> None:
    modules = [compile_kernel(kernel).program.module for kernel in _kernels(kind).values()]
    modules += [build(kernel.trace()) for kernel in _kernels(kind).values()]
    text = "\n// -----\n".join(print_module(module, generic=True, locations=True) for module in modules)
    status, _, complaints = mlir_opt(text, "--split-input-file", "--canonicalize", "--cse", "-o", "/dev/null")
    assert (status, complaints) == (0, "")


@pytest.mark.clang
@pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")
@pytest.mark.parametrize("kind", KINDS)
def test_the_metal_of_every_kernel_is_legal(kind: str) -> None:
    chosen = _kernels(kind)
    newest = max((3, 1), *(row.msl_version for row in all_rows()))
    # the check erases address spaces, where helpers for two of them are one
    for group in ([n for n in chosen if "_threadgroup" in n], [n for n in chosen if "_threadgroup" not in n]):
        texts = [compile_kernel(chosen[name], emit_only=True).metal_source for name in group]
        for start in range(0, len(texts), 100):
            assert_legal(one_text(texts[start : start + 100]), msl_version=newest)


def test_metal_of_an_unsupported_row_is_an_error_with_the_reason() -> None:
    for row in all_rows():
        spellings = row.msl.values() if isinstance(row.msl, dict) else (row.msl,)
        for spelling in spellings:
            assert not isinstance(spelling, Unsupported) or spelling.why, row


@pytest.mark.parametrize("kind", ["pure", "lane"])
def test_each_call_stands_in_the_metal_once(kind: str) -> None:
    for form in forms(kind):
        text = compile_kernel(kernels(kind)[form.name], emit_only=True).metal_source
        for use in form.uses:
            assert text.count(f"{use.output}[i] = ") == 1, text


def test_signedness_reaches_metal() -> None:
    for form in forms("pure"):
        text = compile_kernel(kernels("pure")[form.name], emit_only=True).metal_source
        for name, dtype in form.inputs.items():
            if re.search(rf"\b{name}\b", text):
                assert re.search(rf"device (const )?{dtype.metal_name}\* {name}\b", text), text
