"""The CPU that this process runs on, as LLVM needs to hear about it."""

# llvmlite carries no types.
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm

from enigma.errors import DeviceError

_ARCHES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_AVX512 = frozenset({"avx512f", "avx512vl", "avx512bw", "avx512dq"})


@dataclass(frozen=True, slots=True)
class Host:
    """The host CPU: what to generate code for, and how wide its vectors are.

    `features` is LLVM's comma separated list, each with its sign. It is always passed next to `cpu`: inside a virtual
    machine the CPU's name may promise instructions that the machine hides, or hide ones that it has.
    """

    triple: str
    cpu: str
    features: str
    arch: str
    vector_bits: int
    has_fma: bool

    @property
    def is_windows(self) -> bool:
        """True where there are no POSIX threads."""
        return "windows" in self.triple

    @property
    def is_macos(self) -> bool:
        """True on Apple's systems."""
        return "apple" in self.triple or "darwin" in self.triple


def describe(triple: str, cpu: str, features: dict[str, bool]) -> Host:
    """Return the Host of a target triple, CPU name and feature table (feature name to present or not).

    >>> describe("x86_64-unknown-linux-gnu", "znver3", {"avx2": True, "fma": True}).vector_bits
    256
    """
    arch = _ARCHES.get(triple.partition("-")[0])
    if arch is None:
        raise DeviceError(
            f"the CPU runtime cannot generate code for {triple}",
            help="it supports x86-64 and 64-bit Arm; the simulator runs everywhere",
        )
    present = {name for name, is_present in features.items() if is_present}
    vector_bits = 128
    if arch == "x86_64" and present >= _AVX512:
        vector_bits = 512
    elif arch == "x86_64" and "avx2" in present:
        vector_bits = 256
    signed = ",".join(("+" if features[name] else "-") + name for name in sorted(features))
    return Host(
        triple=triple,
        cpu=cpu,
        features=signed,
        arch=arch,
        vector_bits=vector_bits,
        has_fma=arch == "aarch64" or "fma" in present,
    )


@cache
def host() -> Host:
    """Return the CPU that this process runs on; asked of LLVM once."""
    try:
        features: dict[str, bool] = dict(llvm.get_host_cpu_features())
    except RuntimeError:
        # LLVM cannot list features on some systems; the CPU's name then stands for its base set.
        features = {}
    return describe(llvm.get_process_triple(), llvm.get_host_cpu_name(), features)
