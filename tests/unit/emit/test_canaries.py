"""The benchmark kernels stay free of gathers: neighbouring lanes are loaded and stored as vectors."""

from __future__ import annotations

import pytest

import enigma
from benchmarks import canaries

WIDTHS = [128, 256, 512]


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("name", [name for name in canaries.CANARIES if name != "heat_halo"])
def test_a_benchmark_kernel_has_no_gathers(name: str, bits: int) -> None:
    assert canaries.gathers(name, bits) == []


@pytest.mark.parametrize("bits", WIDTHS)
def test_the_halo_tile_scatters_nothing_but_its_two_columns(bits: int) -> None:
    # one lane of sixteen writes a column of the tile: those two stores may be scatters
    found = canaries.gathers("heat_halo", bits)
    assert all(text.startswith("scatter to tile") for text in found)
    assert len(found) <= 2


@enigma.kernel
def _fours(x: enigma.f32, y: enigma.f32):
    i = enigma.thread_position_in_grid * 4
    y.store(i, x.load(i, 4) + y.load(i, 4))


def test_vectors_of_neighbouring_lanes_are_one_run_of_memory() -> None:
    text = enigma.compile(_fours, emit_only=True).asm["llvm"]
    assert "gather" not in text and "scatter" not in text and "shufflevector" in text
    for width in (2, 3, 4):
        wide = enigma.compile(_sum, vec_width=width, emit_only=True).asm["llvm"]
        assert "gather" not in wide and "scatter" not in wide


@enigma.kernel
def _sum(x: enigma.f32, y: enigma.f32):
    i = enigma.thread_position_in_grid
    y[i] += x[i]
