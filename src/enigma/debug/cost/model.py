"""From counts to a chip's time: occupancy, roofline and the range of what a launch may take."""

from __future__ import annotations

from dataclasses import dataclass

from enigma.debug.cost.chips import Chip

REGISTER_BYTES = 208 * 1024
"""Registers of a core (Apple7 and Apple8, measured by others); later families share one memory out as it is needed."""

THREADGROUP_BYTES = 60 * 1024
"""Threadgroup memory of a core: a little less than two threadgroups of 32 KB."""

RESIDENT = (384, 3072)
"""The fewest and most threads of a core, by their registers."""

LEAST, MOST = 0.5, 0.84
"""The parts of a peak that kernels get: the best published ones reach 84 %; half is what a plain kernel may hope for."""

SATURATED = 24
"""Simdgroups of a core from which on more do not hide more."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How many threads a core holds: `fraction` of its most, and what limits it.

    `dynamic` says that the chip shares registers out as they are needed, so that it may hold more.
    """

    threads: int
    fraction: float
    limit: str
    dynamic: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a launch would cost on one chip.

    - `bound`: "memory" or "compute", whichever takes longer; `ridge`: FLOP per byte from which on a kernel is bound by compute.
    - `roofline_tflops`: what the roofline allows at the kernel's intensity, in 10^12 FLOP/s.
    - `seconds`: the least and most time predicted; starting the launch is not in it.
    """

    chip: Chip
    occupancy: Occupancy
    bound: str
    ridge: float
    roofline_tflops: float
    seconds: tuple[float, float]


def occupancy(chip: Chip, threads: int, registers: int, shared: int) -> Occupancy:
    """Return how many threads of a kernel a core holds: `registers` of a thread, `shared` bytes of a threadgroup."""
    simdgroups = -(-threads // 32)
    room = min(max(REGISTER_BYTES // (4 * registers), RESIDENT[0]), RESIDENT[1])
    by_registers = room // 32 // simdgroups
    by_memory = THREADGROUP_BYTES // shared if shared else by_registers
    groups = max(min(by_registers, by_memory), 1)
    held = groups * simdgroups * 32
    if by_memory < by_registers:
        limit = "threadgroup memory"
    elif room < RESIDENT[1]:
        limit = "registers"
    else:
        limit = "threads"
    return Occupancy(held, min(held / RESIDENT[1], 1.0), limit, chip.family >= 9)


def estimate(
    chip: Chip, *, flops: float, footprint: float, issued: float, groups: int, threads: int, registers: int, shared: int
) -> Estimate:
    """Return what one launch would cost: least time by the `footprint` in bytes, most by all that lanes ask for."""
    held = occupancy(chip, threads, registers, shared)
    bandwidth = chip.gb_per_s * 1e9
    slow, fast = (peak * 1e12 for peak in chip.tflops_f32)
    busy = min(groups / chip.cores, 1.0)  # a threadgroup stays on one core
    hidden = min(held.threads / 32 / SATURATED, 1.0)
    memory = footprint / (bandwidth * MOST), issued / (bandwidth * LEAST * hidden)
    compute = flops / (fast * MOST * busy), flops / (slow * LEAST * busy * hidden)
    bound = "memory" if footprint / bandwidth >= flops / (fast * busy) else "compute"
    ridge = fast / bandwidth
    intensity = flops / footprint if footprint else float("inf")
    roofline = min(fast, intensity * bandwidth) / 1e12
    return Estimate(chip, held, bound, ridge, roofline, (max(memory[0], compute[0]), max(memory[1], compute[1])))
