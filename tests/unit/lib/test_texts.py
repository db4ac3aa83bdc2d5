"""The Metal texts of the small kernels of `enigma.lib`, and how their accesses reach memory."""

from __future__ import annotations

from typing import Any

import pytest

import enigma as en
from enigma.lib.launch import Plan
from tests.msl.check import assert_legal

gelu = en.lib.elementwise(lambda x: x * 0.5 * (1 + en.tanh(x * 0.79788456)))

PLANS: dict[str, Any] = {
    **{f"elementwise {d.name}": lambda d=d: gelu.kernel(1000, d) for d in (en.f32, en.f16, en.bf16)},
    **{
        f"transpose {d.name}": lambda d=d: en.lib.transpose.kernel(100, 70, d) for d in (en.f32, en.bf16, en.u8, en.i64)
    },
    **{f"softmax {n}": lambda n=n: en.lib.softmax.kernel(4, n, en.f16) for n in (3, 132, 1026, 5000)},
    **{
        f"gemm {d.name} {n} {trans}": lambda d=d, n=n, trans=trans: en.lib.gemm.kernel(
            100, n, n, d, trans_a=trans, trans_b=trans
        )
        for d in (en.f32, en.f16, en.bf16)
        for n, trans in ((100, False), (101, True))
    },
    **{
        f"attention {d.name} {head}": lambda d=d, head=head: en.lib.attention.kernel(
            100, 90, head, d, heads=4, kv_heads=2, causal=head != 72
        )
        for d in (en.f32, en.f16, en.bf16)
        for head in (64, 72, 256)
    },
    "attention without simdgroups": lambda: en.lib.attention.kernel(100, 90, 64, en.bf16, simdgroups=False),
    "gemm without simdgroups": lambda: en.lib.gemm.kernel(100, 100, 100, en.f16, trans_b=True, simdgroups=False),
    **{f"rmsnorm {n}": lambda n=n: en.lib.rmsnorm.kernel(4, n, en.bf16, en.f32) for n in (3, 132, 1026)},
}


@pytest.mark.parametrize("name", PLANS)
def test_metal_takes_the_text(name: str) -> None:
    assert_legal(PLANS[name]().compile().metal_source)


def accesses(plan: Plan, space: str) -> list[Any]:
    report = en.advise(plan.kernel, threads=plan.threads)
    return [access for access in report.accesses if access.space == space]


@pytest.mark.parametrize("dtype", [en.f32, en.f16, en.bf16, en.u8, en.i32, en.i16])
def test_a_transpose_meets_no_bank_twice_and_has_its_lanes_side_by_side(dtype: Any) -> None:
    plan = en.lib.transpose.kernel(128, 128, dtype)
    assert [access.conflict for access in accesses(plan, "threadgroup")] == [1, 1]
    assert {access.pattern for access in accesses(plan, "device")} <= {"stride 1", "stride 1?"}


@pytest.mark.parametrize(("dtype", "word"), [(en.f32, "float4"), (en.f16, "half4"), (en.i32, "int4")])
def test_elementwise_kernels_read_four_elements_at_once(dtype: Any, word: str) -> None:
    text = en.lib.elementwise(lambda x, y: x + y).kernel(1000, dtype, dtype).compile().metal_source
    assert (
        f"*(device {word}*)(out + first) = *(device const {word}*)(x + first) + *(device const {word}*)(y + first);"
        in text
    )


def test_rows_of_a_multiple_of_four_are_read_four_at_once() -> None:
    assert "*(device const float4*)(x + " in en.lib.rmsnorm.kernel(3, 4096).compile().metal_source
    assert "*(device half4*)(out + " in en.lib.softmax.kernel(3, 132, en.f16).compile().metal_source
    assert "half4" not in en.lib.softmax.kernel(3, 133, en.f16).compile().metal_source


def test_a_product_reads_vectors_where_rows_are_multiples_of_four() -> None:
    text = en.lib.gemm.kernel(100, 100, 100, en.f16).compile().metal_source
    assert "*(device const half4*)(a + " in text
    assert "*(device const packed_half4*)(a + " in en.lib.gemm.kernel(100, 100, 101, en.f16).compile().metal_source
    assert "simdgroup_multiply_accumulate(acc3_3" in text


def test_tiles_of_a_product_are_filled_without_bank_conflicts() -> None:
    plan = en.lib.gemm.kernel(128, 128, 128)
    found = [access.conflict for access in accesses(plan, "threadgroup") if access.kind == "write"]
    assert found[:2] == [1, 1]
