"""From counts to a chip's time: occupancy, roofline and the range of what a launch may take.

The least time is what the counts need at the best published rates, each resource working while the others do, and with all left
out that the compiler may leave out. The most is what they need at half of the chip's rates, or at the whole rates one after
another; at less where too few threads hide waiting; and with lines of memory coming again each time that they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from enigma.debug.cost.chips import CONFIDENCE, Chip, Rate, rates
from enigma.debug.cost.registers import LARGEST
from enigma.spec.work import Work

DISCLAIMER = (
    "This is a model, not a measurement: counts follow the traced kernel, registers and times are estimates, "
    "and the chips' numbers are priors of varying confidence."
)

REGISTER_BYTES = 208 * 1024
"""Registers of a core (Apple7 and Apple8, measured by others); later families share one memory out as it is needed."""

STEP = 8, 64
"""Registers of 16 bits are given in eights; threads of a core come in so many (Mesa's table of Apple's limits)."""

THREADGROUP_BYTES = 60 * 1024
"""Threadgroup memory of a core: a little less than two threadgroups of 32 KB."""

RESIDENT = (384, 3072)
"""The fewest and most threads of a core, by their registers."""

REGISTER_ERROR = 1.5
"""How many times the registers that were counted the compiler may need; nobody has published what it makes of a kernel."""

LEAST = 0.5
"""The part of a peak that a plain kernel may hope for."""

BEST_MEMORY, BEST_COMPUTE = 0.9, 0.95
"""The parts of the peaks that the best published kernels reach: 84 to 90 % of the memory's, 94 % of the arithmetic's."""

SATURATED = 24
"""Simdgroups of a core from which on more do not hide more."""

SCHEDULERS, FLOPS = 4, 256
"""Of a core: schedulers, each with 32 lanes, and float operations for each clock."""

MATRIX_AS_FMA = 8 * 8 * 8 / 32
"""Fused multiply-adds of a simdgroup that make the product of two matrices of 8 x 8."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a launch asks for, however it is counted.

    - `flops` of each kind of arithmetic; `least` and `most`: instructions of simdgroups of each kind.
    - `fetched`: bytes of the lines of memory that are touched, each once, at least and at most; `lines`: each time counted.
    - `shared`: bytes of threadgroup memory, without and with conflicts of banks.
    - `groups` of `threads` threads, with so many `registers` of 16 bits each, and `threadgroup_bytes` of memory.
    """

    groups: int
    threads: int
    registers: int = 16
    threadgroup_bytes: int = 0
    flops: Mapping[Work, float] = field(default_factory=dict[Work, float])
    least: Mapping[Work, float] = field(default_factory=dict[Work, float])
    most: Mapping[Work, float] = field(default_factory=dict[Work, float])
    fetched: tuple[float, float] = (0.0, 0.0)
    lines: float = 0.0
    shared: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How many threads a core holds: `fraction` of its most, and what limits it.

    `dynamic` says that the chip shares registers out as they are needed, so that it may hold more.
    """

    threads: int
    fraction: float
    limit: str
    dynamic: bool

    @property
    def shown(self) -> str:
        """The fraction in words: `+` says that the chip may hold more."""
        return f"{self.fraction:.0%}" + ("+" if self.dynamic else "")


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a launch would cost on one chip.

    - `bound`: "memory", "compute" or "threadgroup memory", whichever takes longest at the chip's peaks.
    - `ridge`: FLOP per byte from which on a kernel of this arithmetic is bound by compute.
    - `roofline_tflops`: what the roofline allows at the kernel's intensity, in 10^12 FLOP/s.
    - `seconds`: the least and most time predicted; starting the launch is not in it. `parts`: the same of each resource.
    - `confidence`: "high", "medium" or "low", the lowest of the numbers that `bound` rests on.
    """

    chip: Chip
    occupancy: Occupancy
    bound: str
    ridge: float
    roofline_tflops: float
    seconds: tuple[float, float]
    parts: dict[str, tuple[float, float]]
    confidence: str


def occupancy(chip: Chip, threads: int, registers: int, shared: int) -> Occupancy:
    """Return how many threads of a kernel a core holds.

    `registers` are those of 16 bits of a thread, `shared` the bytes of a threadgroup.
    """
    simdgroups = -(-threads // 32)
    unit, step = STEP
    given = -(-min(max(registers, 1), LARGEST) // unit) * unit
    room = min(max(REGISTER_BYTES // (2 * given) // step * step, RESIDENT[0]), RESIDENT[1])
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


def estimate(chip: Chip, demand: Demand) -> Estimate:
    """Return what a launch would cost on a chip."""
    held = occupancy(chip, demand.threads, demand.registers, demand.threadgroup_bytes)
    known = rates(chip.family)
    slow, fast = (peak * 1e12 for peak in chip.tflops_f32)
    clocks = slow / FLOPS, fast / FLOPS  # of all cores together
    each = -(-demand.groups // chip.cores)  # of the core that has most: a threadgroup stays on one
    busy = demand.groups / (chip.cores * each), min(demand.groups / chip.cores, 1.0)
    hidden = _hidden(chip, demand, each)
    share = LEAST * hidden * busy[0] * clocks[0]
    best = busy[1] * clocks[1]
    least = _cycles(demand.least, known.kinds, most=False) / SCHEDULERS
    compute = least / (best * BEST_COMPUTE), _cycles(demand.most, known.kinds, most=True) / SCHEDULERS / share
    shared = (demand.shared[0] / (known.threadgroup_bytes.high * best),
              demand.shared[1] / (known.threadgroup_bytes.low * share))  # fmt: skip
    memory = _memory(chip, demand, known.cache_bytes, (best, share), hidden)
    parts = {"memory": memory, "compute": compute, "threadgroup memory": shared}
    bandwidth = chip.gb_per_s * 1e9
    at_peak = {
        "memory": demand.fetched[1] / bandwidth, "compute": least / best,
        "threadgroup memory": 2 * demand.shared[0] / ((known.threadgroup_bytes.low + known.threadgroup_bytes.high) * best),
    }  # fmt: skip
    bound = max(at_peak, key=lambda part: at_peak[part])
    peak, flops = _peak(demand.flops, known.kinds, fast), sum(demand.flops.values())
    intensity = flops / demand.fetched[1] if demand.fetched[1] else float("inf")
    highs = [high for _, high in parts.values()]
    seconds = max(low for low, _ in parts.values()), max(*highs, LEAST * sum(highs))
    return Estimate(
        chip, held, bound, peak / bandwidth, min(peak, intensity * bandwidth) / 1e12, seconds, parts,
        _confidence(chip, demand, bound),
    )  # fmt: skip


def _hidden(chip: Chip, demand: Demand, each: int) -> float:
    """Return how much of waiting is hidden at worst: with more registers than counted, and no more threads than launched."""
    worst = occupancy(chip, demand.threads, round(demand.registers * REGISTER_ERROR), demand.threadgroup_bytes)
    simdgroups = min(worst.threads // 32, each * -(-demand.threads // 32))
    return min(simdgroups / SATURATED, 1.0)


def _memory(chip: Chip, demand: Demand, cache: Rate, clocks: tuple[float, float], hidden: float) -> tuple[float, float]:
    """Return the times of memory: all that is touched comes once, and once from the last cache where it may be there.

    At worst every line comes each time it is asked for: from the cache where all of it fits, else from memory.
    """
    bandwidth = chip.gb_per_s * 1e9
    least, most = demand.fetched
    fits = chip.slc_mb is not None and most <= chip.slc_mb * 1e6
    low = least / (cache.high * clocks[0])
    if not fits:
        low = max(low, least / (bandwidth * BEST_MEMORY))
    slowly = bandwidth * LEAST * hidden
    from_cache = demand.lines / (cache.low * clocks[1])
    return low, most / slowly + from_cache if fits else max(demand.lines / slowly, from_cache)


def _cycles(work: Mapping[Work, float], kinds: Mapping[Work, Rate], *, most: bool) -> float:
    return sum(many * (kinds[kind].high if most else kinds[kind].low) for kind, many in work.items())


def _peak(flops: Mapping[Work, float], kinds: Mapping[Work, Rate], fast: float) -> float:
    """Return the FLOP/s of a mixture of arithmetic at the chip's clock; that of f32 where there is none."""
    total = sum(flops.values())
    cycles = 0.0
    for kind, many in flops.items():
        single = MATRIX_AS_FMA if kind in (Work.MATRIX_F32, Work.MATRIX_F16) else 1.0
        cycles += many * kinds[kind].low / single
    return fast * total / cycles if cycles else fast


def _confidence(chip: Chip, demand: Demand, bound: str) -> str:
    """Return the lowest confidence of what the bound rests on: a kind of work counts if it takes a tenth of the time."""
    known = rates(chip.family)
    found = [chip.confidence]
    if bound == "compute":
        total = _cycles(demand.least, known.kinds, most=False)
        found += [
            known.kinds[kind].confidence
            for kind, many in demand.least.items()
            if many * known.kinds[kind].low >= total / 10
        ]
    elif bound == "threadgroup memory":
        found.append(known.threadgroup_bytes.confidence)
    return max(found, key=CONFIDENCE.index)
