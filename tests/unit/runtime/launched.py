"""The kernels that the tests of the runtimes launch, and what a launch error reads like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import enigma

FACTOR = 2.0


@enigma.kernel
def add(A: enigma.f32, B: enigma.f32, C: enigma.f32):
    i = enigma.thread_position_in_grid
    C[i] = A[i] + B[i]


@enigma.kernel
def saxpy(X: enigma.f32, Y: enigma.f32, n: enigma.Scalar(enigma.u32), a: enigma.Scalar(enigma.f32)):
    i = enigma.thread_position_in_grid
    if i < n:
        Y[i] = a * X[i] + Y[i]


@enigma.kernel
def both(A: enigma.i32, k: enigma.Scalar(enigma.i32), Sum: enigma.i32, Product: enigma.i64):
    i = enigma.thread_position_in_grid
    Sum[i] = A[i] + k
    Product[i] = A[i].to(enigma.i64) * k.to(enigma.i64)


@enigma.kernel
def double_bf16(A: enigma.bf16, Out: enigma.bf16):
    i = enigma.thread_position_in_grid
    Out[i] = A[i] + A[i]


@enigma.kernel
def add_one_u8(A: enigma.u8, Out: enigma.u8):
    i = enigma.thread_position_in_grid
    Out[i] = A[i] + 1


@enigma.kernel
def scaled(A: enigma.f32, N: enigma.constexpr, Out: enigma.f32, M: enigma.constexpr = 1):
    i = enigma.thread_position_in_grid
    Out[i] = A[i] * N + M


@enigma.kernel
def by_global(A: enigma.f32, Out: enigma.f32):
    i = enigma.thread_position_in_grid
    Out[i] = A[i] * FACTOR


@enigma.kernel
def numbers(
    Out: enigma.f32,
    small: enigma.Scalar(enigma.i8),
    flag: enigma.Scalar(enigma.b1),
    half: enigma.Scalar(enigma.f16),
):
    i = enigma.thread_position_in_grid
    Out[i] = enigma.where(flag, small.to(enigma.f32), half.to(enigma.f32))


@enigma.kernel
def swap(A: enigma.i32, B: enigma.i32):
    i = enigma.thread_position_in_grid
    a = A[i]
    A[i] = B[i]
    B[i] = a


@enigma.kernel
def positions(Out: enigma.u32, w: enigma.Scalar(enigma.u32), h: enigma.Scalar(enigma.u32)):
    x = enigma.thread_position_in_grid_xyz("x")
    y = enigma.thread_position_in_grid_xyz("y")
    z = enigma.thread_position_in_grid_xyz("z")
    Out[(z * h + y) * w + x] = x + 10 * y + 100 * z


def message(action: Callable[[], Any], kind: type[BaseException] = enigma.LaunchError) -> str:
    """Return the text of the error that `action` must raise."""
    with pytest.raises(kind) as caught:
        action()
    return str(caught.value)
