"""The benchmark kernels stay free of gathers: neighbouring lanes are loaded and stored as vectors."""

from __future__ import annotations

import pytest

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
