"""The profiler as a module of its own: `from enigma import profiler`, `with profiler.profile() as p: ...`."""

from enigma.runtime.profiling.events import ProfilerEvent
from enigma.runtime.profiling.measure import KernelBenchmark, benchmark_kernel, profile_kernel
from enigma.runtime.profiling.profiler import (
    Profiler,
    get_active_profiler,
    profile,
    record_event,
    record_function,
    register_kernel_hook,
    scope,
    unregister_kernel_hook,
)
from enigma.runtime.profiling.result import ProfilerResult, ProfilerRow

__all__ = [
    "KernelBenchmark", "Profiler", "ProfilerEvent", "ProfilerResult", "ProfilerRow", "benchmark_kernel", "get_active_profiler",
    "profile", "profile_kernel", "record_event", "record_function", "register_kernel_hook", "scope", "unregister_kernel_hook",
]  # fmt: skip
