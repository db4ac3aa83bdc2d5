"""Pitfall 30: how exactly attention must agree for a wrong query to be found."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pitfalls.targets import metal
from tests.test_golden import example

SDPA = example("sdpa")


@pytest.mark.parametrize("wrong", ["zero", "splat", "half the index"])
def test_pitfall_30_the_tolerance_of_attention_refuses_a_wrong_query(wrong: str) -> None:
    random = np.random.default_rng(0)
    q = random.standard_normal((4, SDPA.Q_HEADS, SDPA.D), dtype=np.float32)
    k, v = random.standard_normal((2, 512, SDPA.KV_HEADS, SDPA.D), dtype=np.float32)
    want, allowed = SDPA.attend(q, k, v, 0.125)
    other = {"zero": 0 * q, "splat": np.repeat(q[..., ::2], 2, axis=-1), "half the index": q[..., np.arange(64) // 2]}
    found, _ = SDPA.attend(other[wrong], k, v, 0.125)
    error = np.abs(found - want)
    assert (error > 100 * allowed).mean() > 0.9  # nearly every element alone would show it
    assert allowed.max() < np.abs(want).max() / 1000


def test_pitfall_30_the_kernel_that_is_tested_reads_every_element_of_q() -> None:
    assert "q[row + lane]" in metal(SDPA.sdpa) and "q[row + lane + 32]" in metal(SDPA.sdpa)
