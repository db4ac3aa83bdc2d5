"""What a device can do: its GPU family, and the limits that a launch must keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enigma.errors import DeviceError
from enigma.runtime.launch import SIMDGROUP
from enigma.runtime.metal.failures import gpu_error
from enigma.runtime.metal.objc import Bridge

FIRST_FAMILY, LAST_FAMILY = 1001, 1010
"""MTLGPUFamilyApple1 and Apple10: each supports those before it."""

CHIPS = {7: "M1", 8: "M2", 9: "M3, M4", 10: "M5"}
"""Apple's Macs by GPU family. M3 and M4 are one family."""

_LANGUAGES = (
    ((27, 0), (4, 1)),
    ((26, 0), (4, 0)),
    ((15, 0), (3, 2)),
    ((14, 0), (3, 1)),
    ((13, 0), (3, 0)),
    ((12, 0), (2, 4)),
)
"""The newest Metal language of each macOS."""


@dataclass(frozen=True, slots=True)
class DeviceCapabilities:
    """What a device can do; `enigma.MetalRuntime().device_capabilities()` returns it.

    - `gpu_family`: "apple1" to "apple10", or "unknown"; `gpu_family_raw`: Metal's number of it, 1001 to 1010, or 0.
    - `supports_async_copy`: whether Apple's undocumented copy instructions are of use: they are on apple7 and apple8, and the
      compilers from macOS 26 on refuse them.
    - `supports_simdgroup_matrix`: whether simdgroups multiply matrices.
    - `simdgroup_size`: threads of a simdgroup. `max_threadgroup_memory` is in bytes.
    - `max_threads_per_threadgroup`: of any kernel; one that needs many registers may have fewer.

    >>> DeviceCapabilities("apple9", 1009, False, True, 32, 32768, 1024, "Apple M4").is_m3_or_newer
    True
    """

    gpu_family: str
    gpu_family_raw: int
    supports_async_copy: bool
    supports_simdgroup_matrix: bool
    simdgroup_size: int
    max_threadgroup_memory: int
    max_threads_per_threadgroup: int
    device_name: str

    @property
    def generation(self) -> int:
        """The family's number, 1 to 10; 0 if it is none of Apple's."""
        return self.gpu_family_raw - FIRST_FAMILY + 1 if self.gpu_family_raw else 0

    @property
    def is_m3_or_newer(self) -> bool:
        """Whether it is of the family of M3 and M4, or a later one."""
        return self.generation >= 9

    def require_m3(self, feature: str) -> None:
        """Raise `DeviceError` on a device that is older than M3.

        >>> DeviceCapabilities("apple9", 1009, False, True, 32, 32768, 1024, "Apple M3").require_m3("ray tracing")
        """
        if not self.is_m3_or_newer:
            raise too_old(feature, self, 9)


def too_old(feature: str, device: DeviceCapabilities, family: int, loc: Any = None) -> DeviceError:
    """Return the error for a feature that a later GPU family brought."""
    error = gpu_error(
        f"{feature} needs a GPU of family apple{family} or later", help="enigma.runtime('cpu') runs the same kernel on the CPU",
        device=device.device_name, family=device.gpu_family,
        first_chip=CHIPS.get(family, CHIPS[max(CHIPS)] if family > max(CHIPS) else "any of Apple's").split(",")[0],
    )  # fmt: skip
    return error if loc is None else DeviceError(error.message, loc=loc, help=error.help)


def capabilities(bridge: Bridge, device: Any) -> DeviceCapabilities:
    """Return what a device can do, asked of Metal."""
    raw = next((one for one in range(LAST_FAMILY, FIRST_FAMILY - 1, -1) if device.supportsFamily_(one)), 0)
    generation = raw - FIRST_FAMILY + 1 if raw else 0
    most = device.maxThreadsPerThreadgroup()
    return DeviceCapabilities(
        gpu_family=f"apple{generation}" if raw else "unknown",
        gpu_family_raw=raw,
        supports_async_copy=generation in (7, 8) and bridge.system < (26, 0),
        supports_simdgroup_matrix=generation >= 7,
        simdgroup_size=SIMDGROUP,
        max_threadgroup_memory=int(device.maxThreadgroupMemoryLength()),
        max_threads_per_threadgroup=int(most.width),
        device_name=str(device.name()),
    )


def newest_language(system: tuple[int, int]) -> tuple[int, int]:
    """Return the newest version of Metal's language that a macOS has.

    >>> newest_language((15, 3))
    (3, 2)
    """
    return next((language for first, language in _LANGUAGES if system >= first), (2, 3))
