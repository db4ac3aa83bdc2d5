"""`enigma.lib.attention` against NumPy in float64: lengths that nothing divides, heads, grouped heads, causal, dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.errors import LaunchError
from tests.msl.check import assert_legal
from tests.unit.lib.truth import FLOATS, Array, numbers

LENGTHS = ((1, 1), (1, 1025), (31, 33), (33, 31), (64, 64), (65, 130), (257, 100))
TOLERANCE = {"f32": 4e-6, "f16": 2e-3, "bf16": 1.6e-2}
"""Of results below 4 in size: sums of f32, then one rounding to the dtype."""


def truth(q: Array, k: Array, v: Array, *, causal: bool, scale: float) -> Array:
    """Return what attention is, whole rows of scores in float64; a query without keys gives zeros."""
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    k, v = (np.repeat(x, q.shape[1] // x.shape[1], axis=1) for x in (k, v))
    scores = q @ k.swapaxes(-1, -2) * scale
    if causal:
        rows, columns = np.indices(scores.shape[-2:])
        scores = np.where(columns <= rows + scores.shape[-1] - scores.shape[-2], scores, -np.inf)
    most = scores.max(-1, keepdims=True)
    parts = np.exp(scores - np.where(most == -np.inf, 0, most))
    total = parts.sum(-1, keepdims=True)
    return parts / np.where(total == 0, 1, total) @ v


def check(
    queries: int, keys: int, head: int, dtype: str = "f32", *, heads: int = 1, kv_heads: int = 1, batch: int = 1,
    causal: bool = False, scale: float | None = None, device: str = "cpu", width: int | None = 1,
) -> None:  # fmt: skip
    q = numbers((batch, heads, queries, head), FLOATS[dtype], 1)
    k, v = (numbers((batch, kv_heads, keys, head), FLOATS[dtype], seed) for seed in (2, 3))
    out = np.full_like(q, np.nan)
    plan = en.lib.attention.kernel(
        queries, keys, head, dtype, heads=heads, kv_heads=kv_heads, batch=batch, causal=causal, scale=scale, width=width
    )
    plan.run(q, k, v, out, device=device)
    wanted = truth(q, k, v, causal=causal, scale=head**-0.5 if scale is None else scale)
    assert np.abs(out.astype(np.float64) - wanted).max() <= TOLERANCE[dtype]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("queries", "keys"), LENGTHS)
def test_lengths_that_no_tile_divides(queries: int, keys: int, causal: bool) -> None:
    check(queries, keys, 64, causal=causal, heads=2, kv_heads=1)


@pytest.mark.parametrize("head", [64, 72, 80, 96, 128, 192, 256, 8, 33])
def test_heads_of_many_sizes(head: int) -> None:
    check(40, 50, head, causal=True)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("causal", [False, True])
def test_dtypes_batches_and_grouped_heads(dtype: str, causal: bool) -> None:
    check(37, 45, 64, dtype, heads=6, kv_heads=2, batch=2, causal=causal)


def test_vectors_are_copied_at_once() -> None:
    check(33, 45, 68, causal=True, width=4)


@pytest.mark.parametrize("causal", [False, True])
def test_the_simulator_finds_nothing_out_of_bounds(causal: bool) -> None:
    check(33, 40, 72, "f16", heads=2, causal=causal, device="sim", width=None)


def test_large_scores_do_not_overflow() -> None:
    check(33, 65, 64, scale=100.0)


def test_the_function_on_arrays() -> None:
    q, k, v = (numbers(shape, np.float32, seed) for seed, shape in enumerate(((4, 10, 64), (2, 20, 64), (2, 20, 64))))
    wanted = truth(q[None], k[None], v[None], causal=True, scale=0.125)[0]
    found = en.lib.attention(q, k, v, causal=True)
    assert np.abs(found - wanted).max() <= TOLERANCE["f32"]
    out = np.zeros_like(q)
    assert en.lib.attention(q, k, v, out, causal=True) is out
    assert (out == found).all()


@pytest.mark.parametrize(("dtype", "head"), [("f32", 64), ("f16", 72), ("bf16", 256)])
def test_metal_takes_the_text(dtype: str, head: int) -> None:
    assert_legal(en.lib.attention.kernel(100, 70, head, dtype, causal=True).compile().metal_source)


@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_a_tile_in_threadgroup_memory_meets_no_bank_twice(dtype: str) -> None:
    memory = en.advise(en.lib.attention.kernel(100, 70, 64, dtype).kernel, threads=(256, 1, 1))
    reads = [x for x in memory.accesses if x.space == "threadgroup" and x.kind == "read"]
    assert reads
    assert {x.conflict for x in reads} == {1}


MISTAKES: dict[str, tuple[Any, str]] = {
    "heads": (lambda x: en.lib.attention.kernel(1, 1, 8, heads=3, kv_heads=2), "3 query heads cannot share 2 key heads evenly"),
    "a long head": (lambda x: en.lib.attention.kernel(1, 1, 257), "a head has 257 elements, but 256 is the most"),
    "a width": (lambda x: en.lib.attention.kernel(1, 1, 8, width=3), "width is 3, but it must be 1, 2 or 4"),
    "a size": (lambda x: en.lib.attention.kernel(0, 1, 8), "queries is 0"),
    "shapes": (lambda x: en.lib.attention(x, x[..., :4].copy(), x), "all of one dtype"),
    "dtypes": (lambda x: en.lib.attention(x, x.astype(np.float16), x), "all of one dtype"),
    "axes": (lambda x: en.lib.attention(x[None, None], x, x), "all of one dtype"),
}  # fmt: skip


@pytest.mark.parametrize("which", MISTAKES)
def test_mistakes_are_said(which: str) -> None:
    act, text = MISTAKES[which]
    with pytest.raises(LaunchError) as caught:
        act(np.zeros((2, 4, 8), np.float32))
    assert text in str(caught.value)
