"""Random numbers: Random123's known answers on every target, the same numbers under any launch, and sound statistics.

The seeds are fixed, so what holds today holds every day: no test of a distribution can fail by chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import enigma as en
from enigma import random
from tests.msl.check import assert_legal, clang_available
from tests.msl.run import run_kernel

Array = NDArray[Any]
COUNT = 100_000

# Random123's kat_vectors: philox4x32 with 10 rounds, counter, key and result
KNOWN = (
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
)


def words(column: int) -> Array:
    return np.array([int(word, 16) for row in KNOWN for word in row[column].split()], np.uint32)


@en.kernel
def known_answers(C: en.u32, K: en.u32, Out: en.u32):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    counter = (C[4 * i], C[4 * i + 1], C[4 * i + 2], C[4 * i + 3])
    a, b, c, d = en.random.philox4x32(counter, (K[2 * i], K[2 * i + 1]))
    Out[4 * i] = a
    Out[4 * i + 1] = b
    Out[4 * i + 2] = c
    Out[4 * i + 3] = d


def test_philox_gives_the_published_answers(launch: Any) -> None:
    out = np.zeros(12, np.uint32)
    launch(known_answers, words(0), words(1), out, grid=3, threads=32)
    np.testing.assert_array_equal(out, words(2))


@pytest.mark.clang
@pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")
def test_the_metal_text_gives_the_published_answers() -> None:
    out, text = np.zeros(12, np.uint32), en.compile(known_answers, emit_only=True).metal_source
    assert_legal(text)
    run_kernel(text, {0: words(0), 1: words(1), 2: out}, grid=(3, 1, 1))
    np.testing.assert_array_equal(out, words(2))


def philox(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """Return the four words, in Python's integers."""
    (a, b, c, d), (k, m) = counter, key
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = q >> 32 ^ b ^ k, q & 0xFFFFFFFF, p >> 32 ^ d ^ m, p & 0xFFFFFFFF
        k, m = (k + 0x9E3779B9) & 0xFFFFFFFF, (m + 0xBB67AE85) & 0xFFFFFFFF
    return a, b, c, d


def expected(seed: int, index: int, stream: int = 0) -> tuple[int, ...]:
    """Return the four words of a number: the counter is (index, stream), the key the seed, lower halves first."""
    low = 0xFFFFFFFF
    return philox((index & low, index >> 32, stream & low, stream >> 32), (seed & low, seed >> 32))


@en.kernel
def wide(Out: en.u32, S: en.u64, L: en.u64, J: en.i32, K: en.i64, n: en.Scalar(en.u64)):  # type: ignore[valid-type]
    Out[0] = en.random.bits(S[0], L[0], n)
    Out[1] = en.random.bits(0x123456789ABCDEF, 5, 1 << 40)
    Out[2] = en.random.bits(7, J[0])
    Out[3] = en.random.bits(7, K[0])


def test_seed_index_and_stream_are_64_bits_each(launch: Any) -> None:
    out = np.zeros(4, np.uint32)
    seed, index, stream = 0xFEDCBA9876543210, 0x1111111122222222, 0x3333333344444444
    launch(
        wide, out, np.array([seed], np.uint64), np.array([index], np.uint64), np.array([-3], np.int32),
        np.array([-3], np.int64), stream, grid=1, threads=1,
    )  # fmt: skip
    wanted = [(seed, index, stream), (0x123456789ABCDEF, 5, 1 << 40), (7, 2**32 - 3), (7, 2**64 - 3)]
    assert out.tolist() == [expected(*three)[0] for three in wanted]


@en.kernel
def draw(U: en.f32, N: en.f32, R: en.i32, seed: en.Scalar(en.u32), n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    if i < n:
        U[i] = en.random.uniform(seed, i)
        N[i] = en.random.normal(seed, i, stream=1)
        R[i] = en.random.randint(-3, 4, seed, i, stream=2)


def drawn(run: Callable[..., None], seed: int, n: int, threads: int = 256, grid: int = 0) -> tuple[Array, Array, Array]:
    out = np.zeros(n, np.float32), np.zeros(n, np.float32), np.zeros(n, np.int32)
    run(draw, *out, seed, n, grid=grid or n, threads=threads)
    return out


@pytest.mark.parametrize("n", [1, 31, 32, 33, 255, 1023])
def test_each_number_is_stated_by_seed_index_and_stream_alone(launch: Any, n: int) -> None:
    u, normal, whole = drawn(launch, 9, n)
    bits = [[expected(9, i, stream) for i in range(n)] for stream in range(3)]
    assert u.tolist() == [(word[0] >> 8) / 2**24 for word in bits[0]]
    assert whole.tolist() == [-3 + (word[0] * 7 >> 32) for word in bits[2]]
    # log, sqrt and cos are good to 2 ulp, and the angle is rounded once: 4e-6 is what the documentation promises
    np.testing.assert_allclose(normal, [exact_normal(*word[:2]) for word in bits[1]], atol=4e-6, rtol=0)


def exact_normal(first: int, second: int) -> float:
    u, v = (first >> 8) / 2**24, (second >> 8) / 2**24
    return math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)


def test_a_launch_of_another_shape_gives_the_same_numbers(launch: Any) -> None:
    first = drawn(launch, 3, 700, threads=256)
    for threads, grid in ((1, 700), (48, 1000), (1024, 2000)):
        for one, other in zip(first, drawn(launch, 3, 700, threads=threads, grid=grid), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.clang
@pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")
def test_the_metal_text_draws_the_same_numbers() -> None:
    n, text = 1000, en.compile(draw, emit_only=True).metal_source
    assert_legal(text)
    out = np.zeros(n, np.float32), np.zeros(n, np.float32), np.zeros(n, np.int32)
    scalars = np.array([3], np.uint32), np.array([n], np.uint32)
    run_kernel(text, dict(enumerate((*out, *scalars))), grid=(n, 1, 1), threads=(256, 1, 1))
    u, normal, whole = drawn(on_cpu, 3, n)
    np.testing.assert_array_equal(out[0], u)
    np.testing.assert_allclose(out[1], normal, atol=8e-6, rtol=0)
    np.testing.assert_array_equal(out[2], whole)


def on_cpu(kernel: Any, *arguments: Any, grid: int, threads: int) -> None:
    kernel.launch(*arguments, grid=grid, threads=threads, device="cpu")


def distance(sample: Array, cumulative: Callable[[float], float]) -> float:
    """Return the Kolmogorov-Smirnov statistic times the root of the sample's size."""
    n = len(sample)
    wanted = np.array([cumulative(x) for x in np.sort(sample)])
    steps = np.arange(n + 1) / n
    return math.sqrt(n) * float(max((steps[1:] - wanted).max(), (wanted - steps[:-1]).max()))


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_the_numbers_are_distributed_as_they_should(seed: int) -> None:
    u, normal, whole = drawn(on_cpu, seed, COUNT)
    # each bound is passed once in more than 1000 seeds
    assert 0 <= u.min() < 1e-4 and 1 - 1e-4 < u.max() < 1
    assert abs(u.mean() - 0.5) * math.sqrt(12 * COUNT) < 3.5
    assert abs(normal.mean()) * math.sqrt(COUNT) < 3.5
    assert abs(normal.astype(np.float64).var() - 1) * math.sqrt(COUNT / 2) < 3.5
    assert distance(u, lambda x: x) < 1.95
    assert distance(normal, lambda x: 0.5 * math.erfc(-x / math.sqrt(2))) < 1.95
    counts = np.bincount(whole + 3, minlength=7)
    assert len(counts) == 7 and float(((counts - COUNT / 7) ** 2 / (COUNT / 7)).sum()) < 22.5  # chi-squared, 6 degrees
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) * math.sqrt(COUNT) < 3.5
    assert abs(np.corrcoef(u, normal)[0, 1]) * math.sqrt(COUNT) < 3.5


@en.kernel
def ranges(Out: en.i32, low: en.Scalar(en.i32), high: en.Scalar(en.i32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    Out[3 * i] = en.random.randint(low, high, 5, i)
    Out[3 * i + 1] = en.random.randint(-(2**31), 2**31 - 1, 5, i)
    Out[3 * i + 2] = en.random.randint(2**31 - 1, 2**31, 5, i)


def test_random_integers_cover_any_range_of_i32(launch: Any) -> None:
    out, (low, high) = np.zeros(300, np.int32), (-(2**31), 2**31 - 1)
    launch(ranges, out, low, high, grid=100, threads=32)
    word = [expected(5, i)[0] for i in range(100)]
    assert out[::3].tolist() == out[1::3].tolist() == [low + (w * (high - low) >> 32) for w in word]
    assert set(out[2::3].tolist()) == {2**31 - 1}


def test_the_module_is_found_under_its_name_and_says_what_it_offers() -> None:
    assert en.random is random
    assert {"uniform", "normal", "randint", "bits", "philox4x32"} == set(random.__all__)


def test_the_metal_reads_as_written_by_hand(golden: Any) -> None:
    golden(en.compile(draw, emit_only=True).metal_source, "draw")
