"""Random kernels race exactly where two accesses that nothing orders race, judged pair by pair."""

from __future__ import annotations

import importlib.util
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import enigma as en

GROUPS, THREADS = 2, 64
PLACES: dict[str, Callable[[int], int]] = {
    "t": lambda t: t, "t ^ 1": lambda t: t ^ 1, "t ^ 32": lambda t: t ^ 32, "(t + 1) % 64": lambda t: (t + 1) % 64,
    "t // 2": lambda t: t // 2, "63 - t": lambda t: 63 - t, "t * 0": lambda t: 0, "t & 31": lambda t: t & 31,
}  # fmt: skip
CONDITIONS: dict[str, Callable[[int, int], bool]] = {
    "True": lambda t, g: True, "t < 32": lambda t, g: t < 32, "t >= 32": lambda t, g: t >= 32,
    "t % 2 == 0": lambda t, g: t % 2 == 0, "t % 2 == 1": lambda t, g: t % 2 == 1, "t == 0": lambda t, g: t == 0,
    "t == 33": lambda t, g: t == 33, "g == 0": lambda t, g: g == 0, "g == 1": lambda t, g: g == 1,
}  # fmt: skip
TEXTS = {"read": "x += {m}[{i}]", "write": "{m}[{i}] = t + g * 64 + {n}", "atomic": "en.atomic_fetch_add({m}, {i}, 1)"}


@dataclass(frozen=True)
class Step:
    """A barrier of a threadgroup or simdgroup that names memory, or an access of `tile` or `Out`, apart for each group or not."""

    kind: str
    memory: str
    place: str = "t"
    condition: str = "True"
    apart: bool = True

    def text(self, number: int) -> str:
        if self.kind in ("barrier", "simd_barrier"):
            return f"    en.{self.kind}({self.memory!r})\n"
        at = f"g * 64 + ({self.place})" if self.memory == "Out" and self.apart else self.place
        line = TEXTS[self.kind].format(m=self.memory, i=at, n=number)
        return f"    {line}\n" if self.condition == "True" else f"    if {self.condition}:\n        {line}\n"

    def orders(self, memory: str, one: tuple[int, int], other: tuple[int, int]) -> bool:
        """Whether it is a barrier that two threads of a threadgroup both wait at, and that names the memory."""
        named = ("device" if memory == "Out" else "threadgroup") in self.memory
        return named and (self.kind == "barrier" or (self.kind == "simd_barrier" and one[1] // 32 == other[1] // 32))


def steps(chance: random.Random) -> list[Step]:
    def step() -> Step:
        what = chance.random()
        if what < 0.3:
            named = ("mem_threadgroup", "mem_device", "mem_device_and_threadgroup", "mem_none")
            return Step("barrier", chance.choice(named))
        if what < 0.42:
            return Step("simd_barrier", chance.choice(("mem_threadgroup", "mem_device")))
        kind, memory = chance.choice(("read", "write", "atomic", "read", "write")), chance.choice(("tile", "Out"))
        return Step(kind, memory, chance.choice(list(PLACES)), chance.choice(list(CONDITIONS)), chance.random() < 0.5)

    return [step() for _ in range(chance.randint(2, 7))]


def races(program: list[Step]) -> bool:
    """Compare every two accesses of every element."""
    found: dict[tuple[str, int], list[tuple[int, str, tuple[int, int]]]] = {}
    for number, step in enumerate(program):
        if step.kind in TEXTS:
            for g, t in itertools.product(range(GROUPS), range(THREADS)):
                if CONDITIONS[step.condition](t, g):
                    place = PLACES[step.place](t) + 64 * g * (step.memory == "tile" or step.apart)
                    found.setdefault((step.memory, place), []).append((number, step.kind, (g, t)))
    for (memory, _), accesses in found.items():
        for (one, kind, mine), (other, another, theirs) in itertools.combinations(accesses, 2):
            harmless = {kind, another} == {"read"} or {kind, another} == {"atomic"}
            if mine == theirs or harmless:
                continue
            between = program[one + 1 : other] if mine[0] == theirs[0] else []
            if not any(step.orders(memory, mine, theirs) for step in between):
                return True
    return False


@pytest.mark.parametrize("seed", range(0, 60, 10))
def test_random_kernels_race_where_pairs_of_accesses_do(seed: int, tmp_path: Path) -> None:
    for number in range(seed, seed + 10):
        program = steps(random.Random(number))
        text = "import enigma as en\n\n\n@en.kernel\ndef made(Out: en.u32, Sink: en.u32):\n"
        text += "    tile = en.threadgroup_alloc(en.u32, 64)\n"
        text += "    t, g = en.thread_index_in_threadgroup(), en.threadgroup_position_in_grid()\n"
        text += "    x = en.u32(0)\n    tile[t] = 0\n    en.barrier('mem_device_and_threadgroup')\n"
        text += "".join(step.text(n) for n, step in enumerate(program)) + "    Sink[g * 64 + t] = x\n"
        path = tmp_path / f"made{number}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        out, sink = np.zeros(128, np.uint32), np.zeros(128, np.uint32)
        report = en.check(module.made, out, sink, grid=128, threads=64, check=["data-race"])
        assert bool(report.findings) == races(program), f"{text}\n{report}"
