"""The CPU JIT's lowering against the simulator: masks, loops, barriers and index forms, at three vector widths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from enigma.emit.simt.lower import Geometry, lower
from enigma.errors import EnigmaError
from enigma.runtime.native import jit
from enigma.runtime.simulator.machine import simulate
from tests.unit.emit import kernels_simt as kernels
from tests.unit.emit import simt_random, simt_run

Size = tuple[int, int, int]
Array = np.ndarray[Any, Any]

WIDTHS = pytest.mark.parametrize("bits", [512, 256, 128])
LINES = [(1, 32), (31, 32), (33, 64), (255, 64), (1000, 256), (100, 48), (77, 100)]


def floats(count: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).random(count, dtype=np.float32)


def integers(count: int, low: int = -50, high: int = 200, dtype: Any = np.int32, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(low, high, count).astype(dtype)


def agree(name: str, arguments: Sequence[Any], grid: Size, threads: Size, bits: int, **options: Any) -> None:
    """Run a kernel on the simulator and natively, with and without the passes, and compare all arrays."""
    traced = getattr(kernels, name).trace()
    wanted = [value.copy() if isinstance(value, np.ndarray) else value for value in arguments]
    simulate(traced, wanted, grid, threads)
    for canonicalize in (True, False):
        found = [value.copy() if isinstance(value, np.ndarray) else value for value in arguments]
        simt_run.run(traced, found, grid, threads, vector_bits=bits, canonicalize=canonicalize, **options)
        for param, x, y in zip(traced.params, found, wanted, strict=True):
            if not isinstance(x, np.ndarray):
                continue
            if param.dtype.is_float:
                rough = 1e-3 if param.dtype.width == 16 else 1e-5
                np.testing.assert_allclose(x.astype(np.float64), y.astype(np.float64), rough, 1e-5, err_msg=param.name)
            else:
                np.testing.assert_array_equal(x, y, err_msg=param.name)


@WIDTHS
@pytest.mark.parametrize(("n", "size"), LINES)
def test_lines_of_threads_whole_and_partial(n: int, size: int, bits: int) -> None:
    grid, threads = (n, 1, 1), (size, 1, 1)
    some = integers(n)
    agree("guarded", [floats(n + 8), floats(n + 8, 1), n - 1], grid, threads, bits)
    agree("shifted", [integers(n + 8), integers(n + 8, seed=1), n], grid, threads, bits)
    agree("early_return", [floats(n + 8), floats(n + 8, 1), max(n - 3, 0)], grid, threads, bits)
    agree("divergent", [integers(n + 8), integers(n + 8, seed=1), n], grid, threads, bits)
    agree("collatz", [integers(n, 0, 300, np.uint32), np.zeros(n, np.uint32)], grid, threads, bits)
    agree("grid_stride", [floats(3 * n + 5), floats(5 * n + 50), 3 * n + 5], grid, threads, bits)
    agree("find_first", [integers(30, 0, 15), some, 30], grid, threads, bits)
    agree("nested_loops", [integers(300), some, 300], grid, threads, bits)
    agree("mandelbrot", [some, 20, 50], grid, threads, bits)


@WIDTHS
@pytest.mark.parametrize(("n", "size"), LINES)
def test_lanes_exchange_values_in_whole_and_partial_simdgroups(n: int, size: int, bits: int) -> None:
    grid, threads = (n, 1, 1), (size, 1, 1)
    agree("across", [integers(n), integers(n, seed=1)], grid, threads, bits)
    agree("swap_in_loop", [integers(n), integers(n, seed=1), 5], grid, threads, bits)
    agree("uniform_shared", [integers(n), integers(n, seed=1)], grid, threads, bits)


@WIDTHS
@pytest.mark.parametrize(("n", "size"), LINES)
def test_atomics(n: int, size: int, bits: int) -> None:
    grid, threads = (n, 1, 1), (size, 1, 1)
    words = integers(n, 0, 999, np.uint32)
    agree("histogram", [words, np.zeros(16, np.uint32), np.zeros(4, np.uint32), n], grid, threads, bits)
    agree("tickets", [integers(n), integers(n), np.zeros(1, np.int32)], grid, threads, bits)
    agree("locks", [integers(n), np.zeros(4, np.int32)], grid, threads, bits)


@WIDTHS
def test_half_bfloat_and_bool_buffers(bits: int) -> None:
    n = 255
    half, brain = floats(n).astype(np.float16), floats(n, 1).astype(ml_dtypes.bfloat16)
    flags = integers(n, 0, 2).astype(bool)
    agree("halves", [half, brain, half.copy(), flags], (n, 1, 1), (64, 1, 1), bits)


@WIDTHS
def test_strided_reversed_and_repeated_indices(bits: int) -> None:
    agree("strided", [integers(3000), integers(256)], (256, 1, 1), (64, 1, 1), bits)


@WIDTHS
def test_64_bit_indices_and_comparisons(bits: int) -> None:
    grid, threads = (200, 1, 1), (64, 1, 1)
    agree("wide_index", [integers(600), integers(600, seed=1)], grid, threads, bits)
    for first in (-(2**63), 2**63 - 1, 5):
        a = integers(200, dtype=np.int64)
        b = integers(200, 0, 9, dtype=np.uint64)
        a[0], b[0] = first, 2**64 - 3 if first == 5 else 7
        agree("wide_compare", [a, b, integers(200)], grid, threads, bits)


@WIDTHS
def test_indices_that_wrap_around(bits: int) -> None:
    agree("far_apart", [integers(4096), integers(64)], (16, 1, 1), (16, 1, 1), bits)


@WIDTHS
@pytest.mark.parametrize("divisor", [1, 7, -3, 16])
def test_floor_division_of_signed_integers(divisor: int, bits: int) -> None:
    arguments = [integers(200, -999, 999), integers(200, 1, 9), integers(200), divisor]
    agree("signed_division", arguments, (200, 1, 1), (64, 1, 1), bits)


@WIDTHS
@pytest.mark.parametrize("n", [0, 1, 13, 60])
def test_what_all_threads_share_is_computed_alike(n: int, bits: int) -> None:
    agree("uniform_values", [integers(100), integers(100), n], (100, 1, 1), (64, 1, 1), bits)
    agree("carried_across_while", [integers(192), integers(192), n], (192, 1, 1), (64, 1, 1), bits)


@WIDTHS
@pytest.mark.parametrize(
    ("grid", "threads"),
    [((37, 11, 1), (16, 4, 1)), ((16, 16, 3), (8, 8, 1)), ((20, 7, 5), (5, 3, 2)), ((64, 4, 1), (32, 4, 1))],
)
def test_grids_of_two_and_three_dimensions(grid: Size, threads: Size, bits: int) -> None:
    count = grid[0] * grid[1] * grid[2]
    agree("two_d", [integers(count), integers(count, seed=1), grid[0], grid[1]], grid, threads, bits)


@WIDTHS
@pytest.mark.parametrize("size", [32, 64, 256, 100])
@pytest.mark.parametrize("n", [1, 50, 256, 1000])
def test_rows_are_summed_by_a_threadgroup(n: int, size: int, bits: int) -> None:
    agree("row_sum", [floats(n * 3) + 0.1, floats(n * 3), n], (3 * size, 1, 1), (size, 1, 1), bits)


@WIDTHS
@pytest.mark.parametrize("n", [1, 300, 513])
def test_tree_reduction_with_a_barrier_in_a_while_loop(n: int, bits: int) -> None:
    agree("row_max_256", [floats(n * 3), floats(3), n], (768, 1, 1), (256, 1, 1), bits)


@WIDTHS
def test_tiled_matmul_carries_sums_across_barriers(bits: int) -> None:
    arguments = [floats(64 * 48), floats(48 * 32, 1), floats(64 * 32), 32, 48]
    agree("tiled_matmul", arguments, (32, 64, 1), (16, 16, 1), bits)


@WIDTHS
@pytest.mark.parametrize("mode", [1, 3])
def test_barrier_in_a_branch_that_all_threads_take(mode: int, bits: int) -> None:
    agree("uniform_branch", [floats(256), floats(256, 1), mode], (256, 1, 1), (64, 1, 1), bits)


@WIDTHS
@pytest.mark.parametrize("n", [34, 50])
def test_halo_tile(n: int, bits: int) -> None:
    agree("halo", [floats(n * n), floats(n * n, 1), n], (n - 2, n - 2, 1), (16, 16, 1), bits)


@WIDTHS
def test_bools_and_wide_integers_live_across_a_barrier(bits: int) -> None:
    agree("spilled_bool", [integers(256), integers(256, seed=1)], (256, 1, 1), (128, 1, 1), bits)


@WIDTHS
def test_stores_past_the_caches_store_the_same(bits: int) -> None:
    agree("guarded", [floats(1000), floats(1000, 1), 1000], (1000, 1, 1), (256, 1, 1), bits, stream=True)


def test_barrier_that_some_threads_may_not_reach_is_refused_at_its_line() -> None:
    module = simt_run.module_of(kernels.bad_barrier.trace())
    with pytest.raises(EnigmaError, match=r"this barrier is not in uniform control flow") as caught:
        lower(module, Geometry((64, 1, 1)), simt_run.machine())
    assert "en.barrier()" in str(caught.value)
    assert "if A[i] > 3" in str(caught.value)


@pytest.mark.parametrize("name", ["guarded", "row_sum", "row_max_256", "tiled_matmul", "mandelbrot"])
def test_these_kernels_need_no_gather(name: str) -> None:
    threads = (16, 16, 1) if name == "tiled_matmul" else (256, 1, 1)
    lowered = lower(simt_run.module_of(getattr(kernels, name).trace()), Geometry(threads), simt_run.machine(512))
    assert lowered.gathers == ()


def test_gather_is_reported_with_its_line() -> None:
    lowered = lower(simt_run.module_of(kernels.strided.trace()), Geometry((64, 1, 1)), simt_run.machine(512))
    assert {text for _, text in lowered.gathers} == {"gather from A"}
    assert all(loc is not None and loc.short_file == "kernels_simt.py" for loc, _ in lowered.gathers)


def test_contiguous_access_is_a_plain_vector_load() -> None:
    text = lower(simt_run.module_of(kernels.guarded.trace()), Geometry((256, 1, 1)), simt_run.machine(512)).text
    assert "load <16 x float>, ptr" in text
    assert "gather" not in text


def test_text_is_the_same_each_time() -> None:
    module = simt_run.module_of(kernels.row_sum.trace())
    texts = {lower(module, Geometry((256, 1, 1)), simt_run.machine()).text for _ in range(3)}
    assert len(texts) == 1


@pytest.mark.parametrize("seed", range(12))
def test_random_control_flow(seed: int) -> None:
    traced = simt_random.kernel(seed).trace()
    numbers, grid, threads = integers(64, 0, 1024, seed=seed), (40, 1, 1), (32, 1, 1)
    wanted = np.zeros(40 * 64, np.int32)
    simulate(traced, [numbers, wanted], grid, threads)
    for bits, canonicalize in ((512, True), (128, False)):
        found = np.zeros(40 * 64, np.int32)
        simt_run.run(traced, [numbers, found], grid, threads, vector_bits=bits, canonicalize=canonicalize)
        np.testing.assert_array_equal(found, wanted)


def test_text_compiles_without_passes() -> None:
    lowered = lower(simt_run.module_of(kernels.halo.trace()), Geometry((16, 16, 1)), simt_run.machine())
    assert jit.compile_object(lowered.text, opt=0)
