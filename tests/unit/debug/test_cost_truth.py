"""The counts of the cost model against a run of the simulator, whose accesses are counted one by one."""

from __future__ import annotations

import importlib
import sys
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.dtypes import Space
from enigma.runtime.launch import geometry
from enigma.runtime.program import Program
from enigma.runtime.simulator.machine import simulate
from enigma.runtime.simulator.memory import Access
from enigma.runtime.simulator.observer import Observer
from tests.test_examples import EXAMPLES


class Witness(Observer):
    """Bytes, lines of 128 bytes, and places of each buffer, as plain Python counts them; collectives too."""

    def __init__(self) -> None:
        self.bytes: dict[str, int] = defaultdict(int)
        self.lines: dict[str, int] = defaultdict(int)
        self.places: dict[tuple[str, str], set[int]] = defaultdict(set)
        self.threadgroup = 0

    def access(self, access: Access) -> None:
        size = access.memory.data.itemsize
        index = np.broadcast_to(access.index, access.active.shape)
        for row, live in zip(index.tolist(), access.active.tolist(), strict=True):
            touched = [place for place, is_live in zip(row, live, strict=True) if is_live]
            if access.memory.space is Space.THREADGROUP:
                self.threadgroup += size * len(touched)
                continue
            self.bytes[access.memory.name] += size * len(touched)
            self.lines[access.memory.name] += 128 * len({place * size // 128 for place in touched})
            self.places[access.memory.name, str(access.kind)] |= set(touched)


@en.kernel
def ragged(a: en.f16, out: en.f32, n: en.Scalar[en.u32]):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    total = 0.0
    for k in range(y, x, 3):
        if (k + x) % 5 != 2:
            total += en.f32(a[k * n + x])
    if (x ^ y) & 3 != 0:
        out[x * n + y] = total


CASES: dict[str, tuple[Any, tuple[int, ...], tuple[int, ...], dict[str, Any], list[int]]] = {
    "softmax": ("softmax", (3 * 64,), (64,), {"n": 100}, [300, 300]),
    "tiled_gemm": ("tiled_gemm", (32, 16), (16, 16), {"M": 50, "N": 70, "K": 20}, [50 * 20, 20 * 70, 50 * 70]),
    "ragged": (ragged, (45, 37), (8, 6), {"n": 45}, [45 * 45, 45 * 45]),
    "ragged, whole simdgroups": (ragged, (64, 20), (32, 4), {"n": 64}, [64 * 64, 64 * 64]),
}


@pytest.mark.parametrize("name", CASES)
def test_every_access_is_counted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, grid, threads, scalars, sizes = CASES[name]
    if isinstance(kernel, str):
        monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
        kernel = getattr(importlib.import_module(kernel), kernel)
    program, launch, witness = Program(kernel.trace({})), geometry(grid, threads), Witness()
    arrays = iter(sizes)
    arguments = [
        scalars[param.name] if param.is_scalar else np.zeros(next(arrays), param.dtype.numpy)
        for param in program.params
    ]
    simulate(program.traced, arguments, launch.grid, launch.threads, observer=witness)
    report = en.explain(kernel, grid=grid, threads=threads, scalars=scalars, chip="M1")
    outside = [each for each in report.moved if each.space == "device"]
    assert {each.buffer: each.read + each.written for each in outside} == witness.bytes
    assert {each.buffer: each.lines for each in outside} == witness.lines
    element = {param.name: param.dtype.size for param in program.params}
    footprint: dict[str, int] = defaultdict(int)
    for (buffer, _), places in witness.places.items():
        footprint[buffer] += element[buffer] * len(places)
    assert {each.buffer: each.footprint for each in outside} == footprint
    assert sum(each.read + each.written for each in report.moved if each.space == "threadgroup") == witness.threadgroup
    assert report.count_error == 0
