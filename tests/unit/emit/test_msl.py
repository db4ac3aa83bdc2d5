"""Metal source of whole kernels: legal, readable, with the user's names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import enigma as en
from enigma.context import current
from enigma.dialect.build import build
from enigma.emit.msl import MslText, emit_msl
from enigma.passes.pipeline import run
from enigma.spec.registry import rows
from enigma.spec.spelling import Precedence, Template
from tests.msl.check import assert_legal
from tests.unit.emit import kernels_msl
from tests.unit.emit.kernels_msl import KERNELS


def emit(kernel: Any, **options: Any) -> MslText:
    module = build(kernel.trace())
    run(module)
    return emit_msl(module, **options)


def body(kernel: Any) -> str:
    """The text between the braces of the kernel, without its first indentation."""
    lines = emit(kernel).text.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("kernel void"))
    first = lines.index("{", start) + 1
    return "\n".join(line.removeprefix("    ") for line in lines[first:-1])


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("optimised", [False, True])
def test_every_kernel_is_legal_metal(kernel: Any, optimised: bool) -> None:
    module = build(kernel.trace())
    if optimised:
        run(module)
    text = emit_msl(module)
    assert_legal(text.text, msl_version=max(text.msl_version, (3, 1)), warnings=optimised)


def test_a_kernel_reads_as_written_by_hand() -> None:
    assert emit(kernels_msl.saxpy).text == (
        "#include <metal_stdlib>\n"
        "using namespace metal;\n"
        "\n"
        "kernel void saxpy(\n"
        "    device const float* X [[buffer(0)]],\n"
        "    device float* Y [[buffer(1)]],\n"
        "    constant uint& n [[buffer(2)]],\n"
        "    constant float& a [[buffer(3)]],\n"
        "    uint i [[thread_position_in_grid]])\n"
        "{\n"
        "    if (i < n) {\n"
        "        Y[i] = a * X[i] + Y[i];\n"
        "    }\n"
        "}\n"
    )


def test_text_is_the_same_every_time() -> None:
    assert emit(kernels_msl.softmax_row).text == emit(kernels_msl.softmax_row).text


def test_early_return_is_a_return() -> None:
    assert body(kernels_msl.early_return) == "if (i >= n) return;\nfloat x = X[i];\nOut[i] = x * x + 1.0f;"


def test_break_leaves_the_loop_without_a_flag() -> None:
    assert body(kernels_msl.find_first) == (
        "int found = -1;\n"
        "for (int i = 0; i < n; i++) {\n"
        "    if (A[i] > limit) {\n"
        "        found = i;\n"
        "        break;\n"
        "    }\n"
        "}\n"
        "Out[0] = found;"
    )


def test_return_inside_a_loop_is_a_return() -> None:
    text = body(kernels_msl.return_in_loop)
    assert "return;" in text
    assert "bool" not in text


def test_carried_values_are_copied_as_if_at_once() -> None:
    assert "uint next_a = b;\n    b += a;\n    a = next_a;" in body(kernels_msl.fibonacci)


def test_a_load_is_not_moved_over_a_store() -> None:
    text = body(kernels_msl.swap)
    assert text.index("float x = A[") < text.index("= A[t0];")
    assert text.endswith("= x;")


def test_a_collective_assigns_to_its_variable_again() -> None:
    text = body(kernels_msl.softmax_row)
    assert "top = simd_max(top);" in text
    assert "total = simd_sum(total);" in text


def test_all_vector_positions_have_one_width() -> None:
    @en.kernel
    def both(Out: en.u32):
        i = en.thread_position_in_grid
        Out[i] = en.threadgroup_position_in_grid("z")

    text = emit(both).text
    assert "uint3 gid [[thread_position_in_grid]]" in text
    assert "uint3 group [[threadgroup_position_in_grid]]" in text
    assert "Out[gid.x] = group.z;" in text


def test_reserved_names_get_an_underscore() -> None:
    text = emit(kernels_msl.reserved).text
    for name in (
        "device const float* device_",
        "device float* float4_",
        "float& exp_",
        "uint kernel_",
        "float thread_ =",
    ):
        assert name in text


def test_a_branch_with_a_guarded_load_is_a_conditional_expression() -> None:
    assert "float x = i < n ? X[i] : 0.0f;" in body(kernels_msl.relu_or_clip)


def test_short_circuit_reads_only_where_the_first_part_holds() -> None:
    assert "if ((i < n && A[i] > 0.0f) || i == 0) {" in body(kernels_msl.short_circuit)


def test_threadgroup_memory_stands_at_the_top_with_its_name() -> None:
    assert body(kernels_msl.block_sum).startswith("threadgroup float tile[256];\n\n")


def test_a_buffer_used_atomically_is_atomic_everywhere() -> None:
    text = emit(kernels_msl.histogram).text
    assert "threadgroup atomic_uint local[256];" in text
    assert "atomic_store_explicit(&local[lid], 0u, memory_order_relaxed);" in text
    assert "device atomic_uint* Bins [[buffer(1)]]" in text


def test_a_buffer_that_another_operation_needs_plain_is_cast_where_it_is_atomic() -> None:
    whole = replace(
        rows()["load"], name="first_element", algebra=None, msl=Template("*({buf} + {i})", Precedence.UNARY, ("buf",))
    )

    @en.kernel
    def both(A: en.u32, F: en.f32, Out: en.u32):
        i = en.thread_position_in_grid
        A.atomic_fetch_add(i, 1)
        F.atomic_compare_exchange_weak(i, 0.0, 1.0)
        Out[i] = current.get().apply(whole, {"buf": A, "i": i}) + A[i]
        Out[i] += current.get().apply(whole, {"buf": F, "i": i}).to(en.u32)

    text = emit(both).text
    assert "device uint* A" in text
    assert "atomic_fetch_add_explicit(&((device atomic_uint*)A)[i], 1u, memory_order_relaxed);" in text
    assert "Out[i] = *(A + i) + A[i];" in text
    assert "compare_exchange_weak(&((device atomic_float*)F)[i], 0.0f, 1.0f)" in text
    assert_legal(text)


def test_line_comments_name_the_python_line() -> None:
    text = emit(kernels_msl.early_return, line_comments=True)
    line = next(line for line in text.text.splitlines() if "float x" in line)
    assert line.startswith("    float x = X[i];  // kernels_msl.py:")


def test_each_line_knows_its_python_line() -> None:
    text = emit(kernels_msl.early_return)
    lines = text.text.splitlines()
    assert len(lines) == len(text.lines)
    place = text.lines[lines.index("    float x = X[i];")]
    assert place is not None
    assert place.text().strip() == "x = X[i]"


def test_source_map_directives_point_to_the_python_file() -> None:
    text = emit(kernels_msl.saxpy, source_map=True)
    assert "#line " in text.text
    assert 'kernels_msl.py"' in text.text
    assert len(text.text.splitlines()) == len(text.lines)


def test_threads_state_the_largest_threadgroup() -> None:
    assert (
        "[[max_total_threads_per_threadgroup(128)]]\nkernel void saxpy("
        in emit(kernels_msl.saxpy, threads=(32, 4, 1)).text
    )


def test_version_follows_what_is_used() -> None:
    assert emit(kernels_msl.saxpy).msl_version == (2, 4)
    assert emit(kernels_msl.half_math).msl_version == (3, 1)


def test_a_long_expression_is_broken_at_a_variable() -> None:
    @en.kernel
    def long(A: en.f32, B: en.f32, Out: en.f32):
        i = en.thread_position_in_grid
        first = A[i] * B[i + 1] + A[i + 2] * B[i + 3] - A[i + 4]
        second = A[i + 5] * B[i + 6] + A[i + 7] * B[i + 8] - B[i + 9]
        Out[i] = first / second + A[i + 10] * second

    assert max(len(line) for line in emit(long).text.splitlines()) <= 110


def test_a_divergent_use_of_a_collective_is_not_moved() -> None:
    @en.kernel
    def vote(A: en.i32, Out: en.i32):
        i = en.thread_position_in_grid
        total = en.simd_sum(A[i])
        if i > 3:
            Out[i] = total

    text = body(vote)
    assert text.index("int total = simd_sum(A[i]);") < text.index("if (i > 3)")


def test_a_value_read_before_a_barrier_is_kept() -> None:
    @en.kernel
    def shift(A: en.f32, Out: en.f32):
        i = en.thread_index_in_threadgroup()
        tile = en.threadgroup_alloc(en.f32, 32)
        x = tile[i]
        en.barrier()
        tile[i] = A[i]
        Out[i] = x

    text = body(shift)
    assert text.index("float x = tile[i];") < text.index("threadgroup_barrier")


def test_unrolled_updates_stay_statements_of_their_own() -> None:
    @en.kernel
    def unrolled(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
        i = en.thread_position_in_grid
        acc = 0.0
        for k in en.range(n):
            for j in range(3):
                acc += A[k * 8 + j]
        Out[i] = acc

    assert body(unrolled).count("acc += A[") == 3


def test_index_arithmetic_stays_in_its_place() -> None:
    assert "acc += A[row * k + j] * B[j];" in body(kernels_msl.dot_row)


def test_a_helper_function_is_written_once_before_the_kernel() -> None:
    text = emit(kernels_msl.bytes_math).text
    assert text.count("inline int floor_mod(int a, int b) {") == 1
    assert text.index("inline int floor_mod") < text.index("kernel void")


def test_a_loop_bound_converted_from_an_outer_counter_is_written() -> None:
    @en.kernel
    def k(A: en.u32, Out: en.f32, q: en.Scalar(en.f32)):
        for outer in range(A[0] & 3):
            i = en.i32(outer)
            for _ in range(i & 7):
                Out[0] = q

    assert "for (int " in body(k)
