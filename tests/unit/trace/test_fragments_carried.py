"""Fragments in branches, loops and choices, arranged alike or otherwise: on every target, against NumPy."""

# pyright: reportInvalidTypeForm=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from tests.msl.check import assert_legal

DEVICES = ("sim", "cpu")
ROWS, COLUMNS = en.make_layout((4, 4), (4, 1)), en.make_layout((4, 4), (1, 4))


def tile(A: Any, i: Any, layout: Any) -> Any:
    return en.make_tensor(A, en.make_layout((16, 8), (1, 16)))[None, i].with_layout(layout)


@en.kernel
def chosen(A: en.f32[8, 16], Out: en.f32[3, 128]):
    """Ternaries on fragments: of one that is there, of two that read memory, and of two that are arranged otherwise."""
    i = en.thread_position_in_grid
    f = tile(A, i, COLUMNS).load()
    tile(Out, i, COLUMNS).store(f * 2 if i % 2 == 0 else f)
    g = tile(A, i, COLUMNS).load() if i < 4 else tile(A, 7 - i, COLUMNS).load()
    h = f if i % 3 == 0 else tile(A, i, ROWS).load()
    for k, (x, y) in enumerate(zip(g, h, strict=True)):
        Out[1, 16 * i + k] = x
        Out[2, 16 * i + k] = y


@pytest.mark.parametrize("device", DEVICES)
def test_a_condition_chooses_between_fragments(device: str) -> None:
    a = np.random.default_rng(0).random((8, 16), np.float32)
    out = np.zeros((3, 128), np.float32)
    chosen.launch(a, out, grid=8, threads=8, device=device)
    i = np.arange(8)[:, None]
    turned = a.reshape(8, 4, 4).transpose(0, 2, 1).reshape(8, 16)
    wants = [np.where(i % 2 == 0, a * 2, a), np.where(i < 4, a, a[::-1]), np.where(i % 3 == 0, a, turned)]
    for found, want in zip(out, wants, strict=True):
        assert (found.reshape(8, 16) == want).all()


def test_a_choice_is_made_for_whole_vectors() -> None:
    text = en.compile(chosen).metal_source
    assert "float4" in text and " ? " in text


@en.kernel
def nested(A: en.f32[8, 16], Out: en.f32[8, 16]):
    """A list of fragments that an inner branch turns, in loops inside of each other, beside one that stays in vectors."""
    i = en.thread_position_in_grid
    held = [tile(A, i, COLUMNS).load(), tile(A, i, COLUMNS).load()]
    total = held[0] * 0
    k = en.i32(0)
    while k < 3:
        for n in en.range(i):
            if n % 2 == 1:
                held[1] = tile(A, i, ROWS).load() + held[1]
        total = total + held[0]
        k += 1
    for n in en.range_constexpr(16):
        Out[i, n] = held[1][n] + total[n]


@pytest.mark.parametrize("device", DEVICES)
def test_lists_of_fragments_in_nested_loops(device: str) -> None:
    a = np.random.default_rng(1).integers(0, 9, (8, 16)).astype(np.float32)
    out = np.zeros_like(a)
    nested.launch(a, out, grid=8, threads=8, device=device)
    turned = a.reshape(8, 4, 4).transpose(0, 2, 1).reshape(8, 16)
    times = 3 * (np.arange(8) // 2)[:, None]
    assert (out == a + times * turned + 3 * a).all()


def test_what_is_not_turned_stays_in_vectors() -> None:
    text = en.compile(nested).metal_source
    assert "float4 total0" in text or "total0 +=" in text


@en.kernel
def returned(A: en.f32[8, 16], Out: en.f32[8, 16]):
    """A function with two returns, whose fragments are arranged otherwise, and a loop that ends early."""
    i = en.thread_position_in_grid

    def either(flag: Any) -> Any:
        if flag:
            return tile(A, i, COLUMNS).load()
        return tile(A, i, ROWS).load()

    f = either(i < 3)
    for n in en.range(8):
        if n == i:
            break
        f = f + 1
    for n in en.range_constexpr(16):
        Out[i, n] = f[n]


@pytest.mark.parametrize("device", DEVICES)
def test_returns_and_breaks_carry_fragments(device: str) -> None:
    a = np.random.default_rng(2).integers(0, 9, (8, 16)).astype(np.float32)
    out = np.zeros_like(a)
    returned.launch(a, out, grid=8, threads=8, device=device)
    turned = a.reshape(8, 4, 4).transpose(0, 2, 1).reshape(8, 16)
    assert (out == np.where(np.arange(8)[:, None] < 3, a, turned) + np.arange(8)[:, None]).all()


@pytest.mark.parametrize("kernel", [chosen, nested, returned], ids=lambda kernel: kernel.name)
def test_metal_takes_the_text(kernel: en.KernelDef) -> None:
    assert_legal(en.compile(kernel).metal_source)
