"""Every public name of the language is there, says what it is with an example, and has a test that compares numbers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

import enigma
from enigma.spec.registry import by_public_name
from tests.arch.tree import ROOT
from tests.spec.forms import atomic_rows, composite_rows, lane_rows, pure_rows

SHOWN_AS = {
    "KernelDef": "kernel[", "JitDef": "enigma.jit",
    "KernelHandle": ").launch(", "CompiledKernel": "enigma.compile(", "Carry": "carry[",
    "RegisterTensor": "register_tensor(",
    "DeviceCapabilities": "device_capabilities(", "MetalRuntime": "MetalRuntime(",
    "SimdgroupTile": "simdgroup_tile(", "Pipeline": "pipeline(", "Tensor": "threadgroup_alloc(", "PreparedKernel": ".prepare(",
    "make_layout": "make_", "grid_size": "threadgroups_per_grid(",
}  # fmt: skip
"""What the example of a name shows where a user does not write the name itself."""

LANGUAGE = "tests/unit/test_language.py"
MEMORY, TILES = "tests/unit/test_targets_memory.py", "tests/unit/test_targets_tiles.py"
TARGETS, THREADS = "tests/unit/test_targets.py", "tests/unit/test_targets_threads.py"
QUANTIZED = "tests/unit/test_quantized.py"
NUMERIC: dict[str, str] = {
    f"{LANGUAGE}::test_every_dtype_converts_and_stores": "Float32 Float16 BFloat16 Int8 UInt8 Int16 UInt16 Int32 UInt32 Int64 "
    "UInt64 Bool f32 f16 bf16 i8 u8 i16 u16 i32 u32 i64 u64 b1",
    f"{LANGUAGE}::test_a_kernel_with_its_parameters_runs": "kernel KernelDef compile CompiledKernel Scalar constexpr",
    f"{LANGUAGE}::test_every_position_of_a_two_dimensional_grid": "thread_position_in_grid thread_position_in_grid_xyz "
    "thread_position_in_threadgroup threadgroup_position_in_grid threads_per_threadgroup threads_per_grid threadgroups_per_grid "
    "grid_size thread_index_in_threadgroup thread_index_in_simdgroup simdgroup_index_in_threadgroup threads_per_simdgroup "
    "simdgroups_per_threadgroup arch.thread_idx arch.block_idx arch.block_dim",
    "tests/spec/test_matrices.py::test_products_of_matrices_from_both_memories": "simdgroup_matrix_load simdgroup_matrix_store "
    "simdgroup_multiply simdgroup_multiply_accumulate make_filled_simdgroup_matrix",
    "tests/spec/test_matrices.py::test_tiles_of_matrices_are_carried_through_loops_and_branches": "simdgroup_tile mma "
    "SimdgroupTile",
    "tests/spec/test_small_matrices.py::test_products_transposes_and_determinants": "matmul transpose determinant",
    "tests/unit/trace/test_layouts_of_tensors.py::test_tiles_seen_as_threads_and_values": "tensor_zipped_divide "
    "tensor_composition",
    "tests/unit/trace/test_predicates.py::test_what_an_identity_tensor_is": "make_identity_tensor elem_less",
    "tests/unit/runtime/test_host_functions.py::test_results_are_arrays": "jit JitDef",
    "tests/unit/runtime/test_profiler.py::test_execute_records_its_steps_in_order": "profile",
    "tests/unit/runtime/test_profiler.py::test_without_a_profiler_nothing_is_recorded": "scope record_function ProfilerEvent",
    "tests/unit/runtime/test_profiler.py::test_hooks_give_metrics": "register_kernel_hook unregister_kernel_hook",
    "tests/unit/runtime/test_profiler.py::test_kernels_are_measured": "profile_kernel benchmark_kernel KernelBenchmark",
    "tests/unit/layout/test_oracle.py::test_results_are_those_of_cute": "coalesce complement composition logical_divide "
    "zipped_divide blocked_product recast_layout Swizzle swizzle",
    "tests/unit/layout/test_parts.py::test_a_swizzled_layout_of_existing_kernels": "SwizzledLayout",
    "tests/unit/layout/test_facts.py::test_tuples": "product repeat_like select",
    f"{LANGUAGE}::test_unsigned_comparisons": "cmp_ult cmp_ule cmp_ugt cmp_uge",
    f"{LANGUAGE}::test_where_in_both_orders": "where",
    f"{LANGUAGE}::test_context_managers_of_control_flow": "for_range Carry if_ while_",
    f"{LANGUAGE}::test_ranges": "range range_constexpr",
    f"{LANGUAGE}::test_guarded_access": "load_if store_if",
    f"{LANGUAGE}::test_barriers_between_the_halves_of_a_reversal": "barrier simd_barrier threadgroup_alloc Tensor",
    f"{LANGUAGE}::test_every_atomic_operation": "atomic_load atomic_store atomic_exchange atomic_fetch_add atomic_fetch_sub "
    "atomic_fetch_min atomic_fetch_max atomic_fetch_and atomic_fetch_or atomic_fetch_xor",
    "tests/unit/test_textures.py::test_textures_tell_their_sizes": "Texture1D Texture2D Texture3D Texture2DArray",
    f"{TARGETS}::test_a_loop_around_compare_exchange": "atomic_compare_exchange_weak",
    "tests/unit/test_atomics.py::test_the_last_threadgroup_adds_up_what_the_others_left": "atomic_thread_fence",
    "tests/device/test_metal_device.py::test_each_chip_has_its_family": "MetalRuntime DeviceCapabilities device_capabilities",
    f"{LANGUAGE}::test_every_runtime_prepares_and_executes": "runtime CpuRuntime SimRuntime PreparedKernel",
    f"{LANGUAGE}::test_the_error_of_a_call_outside_of_a_kernel": "EnigmaError",
    f"{LANGUAGE}::test_a_handle_launches_in_a_jit_function_only": "KernelHandle",
    f"{LANGUAGE}::test_layouts_number_their_elements": "Layout make_layout make_ordered_layout make_identity_layout size",
    f"{TILES}::test_each_thread_copies_every_element_and_no_more": "copy",
    f"{MEMORY}::test_register_tensors_are_carried_by_every_statement": "register_tensor",
    "tests/unit/test_targets_memory.py::test_a_register_tensor_tells_its_shape_and_dtype": "RegisterTensor",
    "tests/unit/trace/test_register_tensors.py::test_outer_products_in_a_loop": "make_fragment make_fragment_like",
    f"{TILES}::test_a_pipeline_rotates_in_a_loop_of_the_kernel": "pipeline",
    f"{TILES}::test_a_pipeline_rotates_in_the_context_manager_and_swaps": "Pipeline",
    "tests/spec/test_vectors.py::test_any_all_and_a_component_by_a_traced_number": "vec_extract",
    f"{QUANTIZED}::test_pack_uint8x4_and_unpack_uint8x4": "pack_uint8x4 unpack_uint8x4",
    f"{QUANTIZED}::test_pack_int4x2_and_unpack_int4x2_of_every_byte": "pack_int4x2 unpack_int4x2",
    f"{QUANTIZED}::test_dequantize_int8_of_every_value": "dequantize_int8",
    f"{QUANTIZED}::test_dequantize_int4": "dequantize_int4",
    f"{QUANTIZED}::test_load_int4_in_a_matrix_times_a_vector": "load_int4",
    f"{QUANTIZED}::test_make_vec_and_make_float": "make_vec make_float2 make_float3 make_float4",
    f"{TILES}::test_products_of_tiles": "gemm",
    f"{TILES}::test_tiles_at_the_edge_are_exactly_what_is_given": "async_copy_2d_d2t async_copy_2d_t2d async_copy_wait "
    "async_copy_commit",
    f"{TILES}::test_copies_of_one_axis_both_ways": "async_copy_1d_d2t async_copy_1d_t2d async_copy_to_threadgroup",
    "tests/unit/runtime/test_function_constants.py::test_values_at_launch": "function_constant",
    "tests/unit/layout/test_facts.py::test_results_that_existing_kernels_rely_on": "make_layout_tv",
}
"""The test that compares numbers for each name that the tests generated from the rows do not cover."""


@cache
def names() -> dict[str, str]:
    """Return the section of each public name of the language; one that is still being written has a question mark."""
    found: dict[str, str] = {}
    for line in (ROOT / "tests/data/public_names.txt").read_text(encoding="utf-8").splitlines():
        section, *rest = line.partition("#")[0].split() or [""]
        found |= dict.fromkeys(rest, section)
    return found


PRESENT = [name for name in names() if not name.endswith("?")]


def resolve(name: str) -> object:
    """Return what a public name stands for; reading a grid query's value is possible in a kernel only."""
    *owners, last = name.split(".")
    owner: object = enigma
    for part in owners:
        owner = getattr(owner, part)
    row = by_public_name().get(f"{last}_xyz")
    if row is not None and owner is enigma:
        return getattr(enigma, f"{last}_xyz")
    return getattr(owner, last)


@pytest.mark.parametrize("name", PRESENT)
def test_a_public_name_is_there_and_shows_an_example(name: str) -> None:
    text = getattr(resolve(name), "__doc__", None) or ""
    shown = [*re.findall(r"^ +(.+)$", text, re.MULTILINE), *re.findall(r"`([^`]+)`", text)]
    last = name.rpartition(".")[2]
    word = SHOWN_AS.get(name) or (last.lower() if isinstance(resolve(name), type) else last)
    numeric = resolve(name)
    if isinstance(numeric, type) and issubclass(numeric, enigma.Numeric):
        word = f"enigma.{numeric.name}"
    assert any(word in line or name in line for line in shown), f"{name}: no example in its docstring:\n{text}"


def test_the_sections_are_whole() -> None:
    counts = {section: list(names().values()).count(section) for section in names().values()}
    assert counts["1.7"] == 24 + 7 + 4 + 5
    assert counts["1.14"] == 22
    assert {f"1.{k}" for k in range(7, 19)} <= set(counts)


# ---- tests that compare numbers


def covered() -> dict[str, str]:
    """Return the test of each name that has one."""
    found = {name: place for place, text in NUMERIC.items() for name in text.split()}
    computed = {row.name for row in (*pure_rows(), *lane_rows())}
    for name, row in by_public_name().items():
        if row.name in computed:
            found.setdefault(name, "tests/spec/test_row_values.py")
        if row in composite_rows():
            found.setdefault(name, "tests/spec/test_vector_rows.py")
        if row in atomic_rows():
            found.setdefault(name, "tests/spec/test_atomic_rows.py")
            found.setdefault(f"Tensor.{name}", "tests/spec/test_atomic_rows.py")
    return found


@pytest.mark.parametrize("name", PRESENT)
def test_a_public_name_has_a_test_that_compares_numbers(name: str) -> None:
    assert name in covered(), f"name a test of {name} in NUMERIC"


def source(place: str) -> str:
    """Return the text of a test with all that it uses of its module."""
    path, _, function = place.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    tree = ast.parse(text)
    parts = {name: ast.get_source_segment(text, node) or "" for node in tree.body for name in defined(node)}
    decorated = {
        name: "\n".join(ast.get_source_segment(text, mark) or "" for mark in node.decorator_list)
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for name in defined(node)
    }
    assert function in parts, f"{path} has no {function}"
    waiting, taken = [function], dict[str, str]()
    while waiting:
        name = waiting.pop()
        if name not in taken:
            taken[name] = parts[name] + decorated.get(name, "")
            waiting += [word for word in re.findall(r"\w+", taken[name]) if word in parts]
    return "\n".join(taken.values())


def defined(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module gives."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name


@pytest.mark.parametrize("place", NUMERIC)
def test_the_named_test_is_there_and_uses_its_names(place: str) -> None:
    text = source(place)
    missing = [name for name in NUMERIC[place].split() if not re.search(rf"\b{name.rpartition('.')[2]}\b", text)]
    assert not missing, f"{place} does not mention {missing}"
    assert "assert" in text
