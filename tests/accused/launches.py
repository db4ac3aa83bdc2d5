"""Arguments that share memory, and arrays that begin inside of a vector."""

from __future__ import annotations

from typing import Any

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, zeros


def same_as(place: int) -> Any:
    """Return what gives the argument at a place again."""
    return lambda made: made[place]


def part_of(place: int, start: int, stop: int) -> Any:
    """Return what gives elements of the argument at a place."""
    return lambda made: made[place].reshape(-1)[start:stop]


def cut(size: int, start: int) -> Any:
    """Return what makes an array that begins some numbers into another one."""
    return lambda made: np.ones(size + start, np.float32)[start:].reshape(-1, 4)


@accused("aliasing", "def output_is_the_input", count(64), same_as(0), grid=64, threads=64)
@en.kernel
def output_is_the_input(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[63 - i]


@accused("aliasing", "def overlapping_halves", count(96), part_of(0, 32, 96), grid=64, threads=64)
@en.kernel
def overlapping_halves(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i] + 1.0


@accused("aliasing", "def two_outputs_in_one", count(64), zeros(64), same_as(1), grid=64, threads=64)
@en.kernel
def two_outputs_in_one(A: en.f32, Low: en.f32, High: en.f32):
    i = en.thread_position_in_grid
    Low[i] = A[i]
    High[i] = A[i] + 1.0


@accused(
    "aliasing",
    "def residual_added_to_itself",
    count(64),
    zeros(64),
    part_of(1, 0, 32),
    grid=32,
    threads=32,
    also=("unwritten-output",),
)
@en.kernel
def residual_added_to_itself(A: en.f32, Out: en.f32, Residual: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i] + Residual[i]


@accused("misaligned-access", "A: en.f32x4", cut(64, 1), zeros(16), grid=16, threads=16, buffer="A", value=4)
@en.kernel
def vectors_from_the_second_number_on(A: en.f32x4, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i].x


@accused("misaligned-access", "Out: en.f32x4", zeros(16), cut(64, 2), grid=16, threads=16, buffer="Out", value=8)
@en.kernel
def vectors_written_half_a_vector_on(A: en.f32, Out: en.f32x4):
    i = en.thread_position_in_grid
    Out[i] = en.f32x4(A[i])


@accused(
    "misaligned-access",
    "A: en.f32x2",
    lambda made: np.ones(17, np.float32)[1:].reshape(-1, 2),
    zeros(8),
    grid=8,
    threads=8,
    buffer="A",
)
@en.kernel
def pairs_from_an_odd_number_on(A: en.f32x2, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i].x + A[i].y
