"""`enigma.lib.attention` against NumPy in float64: any number of queries and keys, heads that share keys, masks."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

import enigma as en
from enigma.errors import LaunchError
from enigma.lib.attention import Blocks
from tests.unit.lib.truth import FLOATS, STEP, Array, numbers


class Case(NamedTuple):
    """What is computed: queries, keys, elements of a head, heads of q and of k, batches."""

    m: int
    n: int
    head: int
    heads: int = 1
    kv_heads: int = 1
    batch: int = 1
    causal: bool = False


def attend(q: Array, k: Array, v: Array, causal: bool, scale: float) -> tuple[Array, Array, Array]:
    """Return the exact result, how far roundings in f32 may move it, and the average of |v| that was taken."""
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    k, v = (np.repeat(x, q.shape[-3] // k.shape[-3], axis=-3) for x in (k, v))
    turned = k.swapaxes(-1, -2)
    scores = scale * q @ turned
    rows, columns = scores.shape[-2:]
    if causal:
        row, column = np.indices((rows, columns))
        seen = column <= row + columns - rows
        scores = np.where(seen, scores, -np.inf)
    most = scores.max(-1, keepdims=True)
    weights = np.exp(scores - np.where(most == -np.inf, 0, most))
    total = weights.sum(-1, keepdims=True)
    weights /= np.where(total == 0, 1, total)
    # a score is off by roundings of its products, and scores by a few of their own; a weight by as much relative to itself;
    # sums of weights and of values by a few roundings more, which grow as the root of the number of keys
    off = abs(scale) * (np.abs(q) @ np.abs(turned)) * (math.sqrt(q.shape[-1]) + 4)
    off += 3 * np.abs(np.where(scores == -np.inf, 0, scores)) + math.sqrt(columns) + 16
    return weights @ v, 2.0**-24 * (weights * off) @ np.abs(v), weights @ np.abs(v)


def assert_attended(found: Array, q: Array, k: Array, v: Array, causal: bool, scale: float, weights: str) -> None:
    """Assert that a result is right but for roundings; `weights` is the dtype that weights are rounded to."""
    truth, allowed, average = attend(q, k, v, causal, scale)
    dtype = next(name for name, kind in FLOATS.items() if kind == found.dtype)
    if weights != "f32":
        allowed += STEP[weights] * average
    if dtype != "f32":
        allowed += STEP[dtype] / 2 * np.abs(truth)
    allowed += {"f32": 2.0**-100, "f16": 2.0**-20, "bf16": 2.0**-100}[
        dtype
    ]  # of f16: weights below the smallest normal one
    error = np.abs(found.astype(np.float64) - truth)
    assert np.all(error <= allowed), f"off by {error.max()}"


def check(
    case: Case, dtype: str = "f32", device: str = "cpu", simdgroups: bool = False, scale: float | None = None
) -> None:
    m, n, head, heads, kv_heads, batch, causal = case
    q = numbers((batch, heads, m, head), FLOATS[dtype], seed=m)
    k, v = (numbers((batch, kv_heads, n, head), FLOATS[dtype], seed=n + s) for s in (1, 2))
    whole = np.full(q.size + 2 * head, np.nan, FLOATS[dtype])
    out = whole[head:-head].reshape(q.shape)  # between neighbours, which must not be written
    plan = en.lib.attention.kernel(
        m,
        n,
        head,
        dtype,
        heads=heads,
        kv_heads=kv_heads,
        batch=batch,
        causal=causal,
        scale=scale,
        simdgroups=simdgroups,
    )
    plan.run(q, k, v, out, device=device)
    assert np.isnan(np.r_[whole[:head], whole[-head:]].astype(np.float32)).all()
    used = head**-0.5 if scale is None else scale
    assert_attended(out, q, k, v, causal, used, dtype if simdgroups else "f32")


LENGTHS = (
    (1, 1),
    (1, 1023),
    (31, 33),
    (33, 31),
    (32, 32),
    (64, 64),
    (65, 127),
    (255, 63),
    (129, 1),
    (3, 1025),
    (257, 513),
)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("m", "n"), LENGTHS)
def test_any_number_of_queries_and_keys(m: int, n: int, causal: bool) -> None:
    check(Case(m, n, 64, causal=causal))


@pytest.mark.parametrize("head", [8, 33, 72, 80, 96, 128, 168, 192, 256])
def test_heads_of_any_size(head: int) -> None:
    check(Case(35, 50, head, 2, 2, causal=head % 16 == 0))


@pytest.mark.parametrize(("dtype", "head"), [("f16", 64), ("bf16", 128), ("f16", 136)])
def test_heads_that_share_keys(dtype: str, head: int) -> None:
    for causal in (False, True):
        check(Case(17, 70, head, 6, 2, 2, causal), dtype)


@pytest.mark.parametrize(("dtype", "head"), [("f32", 64), ("f16", 128), ("bf16", 64)])
def test_simdgroup_matrices_on_a_processor(dtype: str, head: int) -> None:
    check(Case(37, 70, head, 4, 2, causal=True), dtype, simdgroups=True)


# what the simulator finds out of bounds, it raises; buffers are exactly as large as the arrays
@pytest.mark.parametrize("simdgroups", [False, True])
@pytest.mark.parametrize(("dtype", "head"), [("f32", 64), ("f16", 64), ("bf16", 72), ("f32", 128), ("f16", 256)])
def test_nothing_is_accessed_out_of_bounds(dtype: str, head: int, simdgroups: bool) -> None:
    check(Case(5, 37, head, 2, 1, causal=True), dtype, "sim", simdgroups)
    check(Case(33, 3, head), dtype, "sim", simdgroups)


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_queries_that_see_nothing_give_zeros(device: str) -> None:
    q, k, v = numbers((9, 16), np.float32), *(numbers((4, 16), np.float32, seed=s) for s in (1, 2))
    out = np.full_like(q, np.nan)
    for simdgroups in (False, True):
        en.lib.attention.kernel(9, 4, 16, causal=True, simdgroups=simdgroups).run(q, k, v, out, device=device)
        assert (out[:5] == 0).all()
        np.testing.assert_allclose(out[5], v[0], rtol=1e-6)


def test_large_scores_do_not_overflow() -> None:
    q, k, v = (numbers((1, 40, 64), np.float32, seed=s, scale=c) for s, c in ((0, 1e3), (1, 1e3), (2, 1)))
    found = en.lib.attention(q, k, v)
    best = (q.astype(np.float64) @ k.astype(np.float64).swapaxes(1, 2)).argmax(-1)
    np.testing.assert_allclose(found, v[0][best], atol=1e-4)


@pytest.mark.parametrize("simdgroups", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_stay_in_their_query(bad: float, simdgroups: bool) -> None:
    q, k, v = (numbers((1, 40, 64), np.float32, seed=s) for s in range(3))
    q[0, 33, 5] = bad
    out = np.zeros_like(q)
    en.lib.attention.kernel(40, 40, 64, simdgroups=simdgroups).run(q, k, v, out, device="sim")
    found = np.isnan(out)
    assert found[0, 33].all()
    assert found.sum() == 64


def test_functions_on_arrays() -> None:
    q, k, v = numbers((2, 4, 10, 64), np.float32), *(numbers((2, 2, 20, 64), np.float32, seed=s) for s in (1, 2))
    out = np.zeros_like(q)
    assert en.lib.attention(q, k, v, out, causal=True, scale=0.25) is out
    assert_attended(out, q, k, v, True, 0.25, "f32")
    one = en.lib.attention(q[1], k[1], v[1], causal=True, scale=0.25)
    assert np.array_equal(one, out[1])
    alone = en.lib.attention(q[1, 3], k[1, 1], v[1, 1], causal=True, scale=0.25)
    assert np.array_equal(alone, out[1, 3])


def test_one_kernel_serves_any_number_of_queries_keys_and_heads() -> None:
    plans = [en.lib.attention.kernel(m, n, 64, en.f16, heads=h, kv_heads=2) for m, n, h in ((1, 100, 2), (50, 7, 8))]
    assert plans[0].kernel is plans[1].kernel
    assert plans[1].scalars == (50, 7, 4, 0.125)
    assert (plans[1].grid, plans[1].threads) == ((2 * 128, 8, 1), (128, 1, 1))


@pytest.mark.parametrize("dtype", [en.f32, en.f16])
def test_tiles_of_every_head_fit_into_threadgroup_memory(dtype: Any) -> None:
    for simdgroups in (False, True):
        kinds = {Blocks.of(head, dtype, simdgroups=simdgroups): head for head in (64, 128, 256)}
        for head in kinds.values():
            en.lib.attention.kernel(1, 1, head, dtype, simdgroups=simdgroups).compile()


@pytest.mark.parametrize("dtype", [en.f32, en.f16])
def test_accesses_of_single_elements_meet_no_bank_twice(dtype: Any) -> None:
    plan = en.lib.attention.kernel(100, 70, 64, dtype)
    found = en.advise(plan.kernel, threads=plan.threads).accesses
    assert {x.conflict for x in found if x.buffer in {"scores", "weights", "partial", "factors"}} == {1}


MISTAKES: dict[str, tuple[Any, str]] = {
    "head": (
        lambda: en.lib.attention.kernel(1, 1, 264),
        "a head has 264 elements, but 256 is the most\n  help: split the heads",
    ),
    "heads": (
        lambda: en.lib.attention.kernel(1, 1, 64, heads=6, kv_heads=4),
        "6 heads of q cannot share 4 of k and v\n  help: give q a multiple of as many heads as k and v have",
    ),
    "shapes": (
        lambda: en.lib.attention(*(np.zeros(s, np.float32) for s in ((2, 3, 64), (2, 3, 32), (2, 3, 32)))),
        "q has the shape (2, 3, 64) and k (2, 3, 32), which do not fit\n"
        "  help: shapes are (batch, heads, queries, elements) and (batch, heads of k, keys, elements), or the last two or three",
    ),
    "values": (
        lambda: en.lib.attention(*(np.zeros(s, np.float32) for s in ((2, 3, 64), (2, 3, 64), (2, 4, 64)))),
        "k has the shape (2, 3, 64), but v (2, 4, 64)\n  help: give a value for each key",
    ),
    "dtypes": (
        lambda: en.lib.attention(*(np.zeros((2, 64), t) for t in (np.float32, np.float32, np.float16))),
        "q holds float32, but v holds float16\n  help: convert it: v.astype(q.dtype)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_said_before_anything_runs(name: str) -> None:
    call, text = MISTAKES[name]
    with pytest.raises(LaunchError) as caught:
        call()
    assert str(caught.value) == text
