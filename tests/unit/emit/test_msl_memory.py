"""The Metal of kernels with tables, arrays of threads' own, register tensors and tiles is accepted by both checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from tests.msl.check import assert_legal
from tests.unit import test_targets_memory as memory
from tests.unit import test_targets_tiles as tiles

KERNELS: list[tuple[Any, dict[str, Any]]] = [
    *((kernel, {}) for kernel in (memory.tables, memory.from_constant_memory, memory.outside, memory.own_arrays)),
    *((kernel, {}) for kernel in (memory.smallest, memory.registers, tiles.tiled, tiles.edges)),
    (tiles.copies, {"WIDTH": 4, "STATIC": 7}),
    (tiles.copies, {"WIDTH": 2, "STATIC": 0}),
    (tiles.masked_copy, {"WIDTH": 4}),
    (tiles.cooperative, {"WIDTH": 4, "STATIC": 0}),
    (tiles.cooperative, {"WIDTH": 1, "STATIC": 31}),
    (tiles.rotated, {"STAGES": 3, "WITH": False}),
    (tiles.rotated, {"STAGES": 2, "WITH": True}),
]


@pytest.mark.parametrize(("kernel", "constants"), KERNELS, ids=lambda x: x.name if isinstance(x, en.KernelDef) else "")
def test_the_metal_is_legal(kernel: Any, constants: dict[str, Any]) -> None:
    assert_legal(en.compile(kernel, emit_only=True, **constants).metal_source)


def test_a_long_table_is_filled_lines() -> None:
    numbers = tuple(k * 0.37 - 5 for k in range(100))

    @en.kernel
    def read(A: en.u32, Out: en.f32):
        Out[0] = numbers[A[0]] + en.constant((-(2**63), 2**63 - 1, 0))[A[1]].to(en.f32)

    text = en.compile(read, emit_only=True).metal_source
    assert_legal(text)
    assert max(map(len, text.splitlines())) <= 100


def test_a_table_never_hides_a_function_or_a_variable() -> None:
    select = (1, 2, 3)
    x = (4.0, 5.0)

    @en.kernel
    def read(A: en.u32, Out: en.f32):
        i = A[0]
        first = select[i]
        other = x[i]
        x_1 = other * 2
        Out[0] = x_1 * x_1 + first

    assert_legal(en.compile(read, emit_only=True).metal_source)


def test_apples_own_copies_are_written_only_where_they_are_asked_for() -> None:
    plain = en.compile(tiles.tiled, emit_only=True)
    raw = en.compile(tiles.tiled, emit_only=True, async_copy="raw")
    assert "_enigma_async" not in plain.metal_source
    assert "air." not in plain.metal_source
    assert_legal(raw.metal_source)
    head, _, body = raw.metal_source.partition("kernel void tiled(")
    assert head.count("struct _enigma_async_event_t;") == 1
    assert '__asm("air.simdgroup_async_copy_2d.p3i8.p1i8")' in head
    assert '__asm("air.simdgroup_async_copy_2d.p1i8.p3i8")' in head
    assert '__asm("air.wait_simdgroup_events")' in head
    assert "async_copy_1d" not in raw.metal_source
    assert body.count("if (simdgroup == 0)") == 7  # five copies begin, two waits
    assert "raw_copy_2d_d2t" in raw.mlir_source


def test_other_runtimes_share_the_copies_out_all_the_same() -> None:
    compiled = en.compile(tiles.there_and_back, emit_only=True, async_copy="raw")
    assert_legal(compiled.metal_source)
    a = np.arange(120, dtype=np.int16)
    for runtime in (en.SimRuntime(), en.CpuRuntime()):
        out = np.zeros(150, np.int16)
        runtime.run(compiled.program, [a, out], 80, 32)
        np.testing.assert_array_equal(out.reshape(3, 50), [[*row, *row[:10]] for row in a.reshape(3, 40)])


def test_an_unknown_way_to_copy_is_refused() -> None:
    with pytest.raises(en.EnigmaValueError, match="async_copy is 'fast', but it is either 'shared' or 'raw'"):
        en.compile(tiles.tiled, async_copy="fast")
