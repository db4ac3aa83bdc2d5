"""A stand-in for Metal behind PyObjC: it has the real selectors and constants, refuses what Metal refuses, and runs kernels.

`Machine` is a Mac: `machine.bridge()` is what the runtime gets for PyObjC. Misuse, which on a Mac is undefined or ends the process,
raises `Misuse` and is noted, so that a test fails even where someone catches it.
"""

from tests.device.fake_metal.machine import CHIPS, Machine, Misuse

__all__ = ["CHIPS", "Machine", "Misuse"]
