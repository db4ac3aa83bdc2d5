"""No pass changes what a kernel computes: random kernels run before and after, in a plain interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from enigma.dialect.build import build
from enigma.dialect.text import print_module
from enigma.passes.pipeline import PASSES, run
from tests.unit.passes.interpret import interpret
from tests.unit.passes.programs import SIZE, STORED, random_kernel

THREADS = 3


def inputs(seed: int) -> list[Any]:
    random = np.random.default_rng(seed)
    buffers: list[Any] = []
    for dtype in STORED:
        if dtype.is_float:
            buffers.append(random.choice([0.0, -0.0, 1.5, -2.25, 7.0, np.inf, np.nan], SIZE).astype(dtype.numpy))
        elif dtype.is_integer:
            buffers.append(random.choice([0, 1, 2, 5, 100, dtype.max, dtype.min], SIZE).astype(dtype.numpy))
        else:
            buffers.append(random.integers(0, 2, SIZE).astype(dtype.numpy))
    return [*buffers, int(random.integers(-5, 40)), int(random.integers(0, 40))]


def results(module: Any, seed: int) -> list[Any]:
    arguments = inputs(seed)
    interpret(module, arguments, THREADS)
    return arguments[: len(STORED)]


def check(seed: int, step: str | None) -> None:
    module, changed = build(random_kernel(seed)), build(random_kernel(seed))
    without = () if step is None else [other.name for other in PASSES if other.name != step]
    run(changed, verify_each=True, without=without)
    for expected, found in zip(results(module, seed), results(changed, seed), strict=True):
        message = f"seed {seed}\n{print_module(module)}\n{print_module(changed)}"
        np.testing.assert_array_equal(found, expected, err_msg=message)
        if expected.dtype.kind == "f":  # zeros keep their signs
            ordered = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(found[ordered]), np.signbit(expected[ordered]), err_msg=message)


@pytest.mark.parametrize("seed", range(40))
def test_random_kernels_compute_the_same_after_all_passes(seed: int) -> None:
    check(seed, None)


@pytest.mark.parametrize("step", [step.name for step in PASSES])
@pytest.mark.parametrize("seed", range(1000, 1006))
def test_random_kernels_compute_the_same_after_each_pass_alone(seed: int, step: str) -> None:
    check(seed, step)
