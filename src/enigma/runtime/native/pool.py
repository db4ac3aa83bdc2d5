"""The thread pool that runs native code over an index range.

A kernel here is the address of a function `void k(ptr args, i64 low, i64 high)`. While it runs, on any thread, the CPU
flushes denormals to zero as GPUs do; the caller's own floating point mode comes back afterwards.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import llvmlite

from enigma import config
from enigma.errors import EnigmaValueError
from enigma.runtime.cache import default_cache, key
from enigma.runtime.native import jit, pool_ir
from enigma.runtime.native.host import host

MAX_THREADS = pool_ir.MAX_WORKERS + 1
"""Threads of one pool at most, the calling one counted."""

_SPIN_SECONDS = 50e-6
_EXIT_SECONDS = 5.0
_ALIGN = 128

_Address = ctypes.c_void_p
_Index = ctypes.c_int64


@dataclass(frozen=True, slots=True)
class _Code:
    """The pool's native functions. `run` releases the GIL; `alone` keeps it: cheaper, and right for short calls."""

    alone: Callable[[int, int, int], None]
    alone_unlocked: Callable[[int, int, int], None]
    run: Callable[[int, int, int, int, int], None] | None
    init: Callable[[int, int, int], None]
    resize: Callable[[int, int], int]
    size: int
    spin: int
    loaded: jit.Loaded


class Pool:
    """Threads that share the work of one kernel at a time, the calling thread among them.

    Any thread may call `run` at any time: a second call during a run is done by its own thread alone. Workers start
    at the first run that needs them, spin for some tens of microseconds after a run, then sleep. On Windows there are
    no workers: everything runs on the calling thread. A child made by fork starts its own workers when it needs them.
    """

    __slots__ = ("__weakref__", "_address", "_code", "_finalizer", "_run", "_threads", "run_inline")

    def __init__(self, threads: int) -> None:
        _check_threads(threads)
        self._code = _code()
        self._threads = threads
        self.run_inline: Callable[[int, int, int], None] = self._code.alone
        """`run_inline(kernel, args, total)` runs a short kernel here and now: no other thread, and the GIL is kept."""
        self._renew()
        _pools.add(self)

    @property
    def num_threads(self) -> int:
        """Threads that a run may use, the calling one counted."""
        return self._threads

    def run(self, fn_addr: int, args_addr: int, total: int, chunk: int) -> None:
        """Call a kernel over [0, total) in pieces of `chunk` indices (the last may be shorter), and wait for all of it.

        The GIL is released. No piece is handed out twice; which thread gets which is not defined. A run of at most one
        chunk, and one that finds the pool busy, is a single call on the calling thread. `total` is below 2**53.
        """
        self._run(self._address, fn_addr, args_addr, total, chunk)

    def resize(self, threads: int) -> None:
        """Change the number of threads; waits for a run that is under way."""
        _check_threads(threads)
        threads = _supported(threads)
        if self._code.run is not None:
            while not self._code.resize(self._address, threads - 1):
                time.sleep(0.0005)
        self._threads = threads

    def close(self) -> None:
        """Stop the workers; the pool can still be used, and starts new ones when it needs them."""
        self.resize(self._threads)

    def _renew(self) -> None:
        """Take fresh memory, whose workers have yet to start; what the old memory holds is not touched."""
        code = self._code
        self._threads = _supported(self._threads)
        if code.run is None:
            self._address, self._finalizer = 0, None
            self._run = _serial_run(code.alone_unlocked)
            return
        memory = ctypes.create_string_buffer(code.size + _ALIGN)
        self._address = -(-ctypes.addressof(memory) // _ALIGN) * _ALIGN
        code.init(self._address, self._threads - 1, code.spin)
        self._run = code.run
        # runs at interpreter exit too: workers stop while the code they run is still in memory
        self._finalizer = weakref.finalize(self, _stop, code, self._address, memory)

    def renew_after_fork(self) -> None:
        """Forget the workers, which a forked child does not have, together with any lock that they or others held."""
        if self._finalizer is not None:
            self._finalizer.detach()
        self._renew()


def pool() -> Pool:
    """Return the process's pool: ENIGMA_NUM_THREADS threads, or one for each core that this process may use."""
    found = _process.pool
    if found is not None:
        return found
    with _process.lock:
        if _process.pool is None:
            _process.pool = Pool(_default_threads())
        return _process.pool


def set_num_threads(threads: int) -> None:
    """Set the number of threads of the process's pool, the calling one counted."""
    pool().resize(threads)


def _default_threads() -> int:
    chosen = config.num_threads()
    if chosen is not None:
        return chosen
    if host().is_windows:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MAX_THREADS)


def _check_threads(threads: int) -> None:
    if not 1 <= threads <= MAX_THREADS:
        raise EnigmaValueError(f"the number of threads must be from 1 to {MAX_THREADS}, not {threads}")


def _supported(threads: int) -> int:
    if threads > 1 and host().is_windows:
        warnings.warn("on Windows the CPU runtime uses only the calling thread", RuntimeWarning, stacklevel=4)
        return 1
    return threads


def _serial_run(alone: Callable[[int, int, int], None]) -> Callable[[int, int, int, int, int], None]:
    def run(_pool: int, fn_addr: int, args_addr: int, total: int, _chunk: int) -> None:
        alone(fn_addr, args_addr, total)

    return run


def _stop(code: _Code, address: int, _memory: object) -> None:
    """Stop a pool's workers for good; gives up when a kernel does not end, whose thread then dies with the process."""
    give_up = time.monotonic() + _EXIT_SECONDS
    while not code.resize(address, 0) and time.monotonic() < give_up:
        time.sleep(0.0005)


def _code() -> _Code:
    """Return the native functions, loaded once a process."""
    with _process.code_lock:
        if _process.code is None:
            _process.code = _load()
        return _process.code


def _load() -> _Code:
    here = host()
    is_serial = here.is_windows
    text = pool_ir.serial_text(here.arch) if is_serial else pool_ir.text(here.arch)
    exports = pool_ir.SERIAL_EXPORTS if is_serial else pool_ir.EXPORTS
    loaded = jit.load([_object(text)], exports)
    alone = loaded.address("enigma_pool_alone")
    kept = ctypes.PYFUNCTYPE(None, _Address, _Address, _Index)(alone)
    released = ctypes.CFUNCTYPE(None, _Address, _Address, _Index)(alone)
    if is_serial:
        return _Code(kept, released, None, _no_init, _no_resize, 0, 0, loaded)
    relax = ctypes.CFUNCTYPE(None, _Index)(loaded.address("enigma_pool_relax"))
    return _Code(
        alone=kept,
        alone_unlocked=released,
        run=ctypes.CFUNCTYPE(None, _Address, _Address, _Address, _Index, _Index)(loaded.address("enigma_pool_run")),
        init=ctypes.CFUNCTYPE(None, _Address, _Index, _Index)(loaded.address("enigma_pool_init")),
        resize=ctypes.CFUNCTYPE(_Index, _Address, _Index)(loaded.address("enigma_pool_resize")),
        size=int(ctypes.CFUNCTYPE(_Index)(loaded.address("enigma_pool_size"))()),
        spin=_spins(relax),
        loaded=loaded,
    )


def _no_init(_pool: int, _workers: int, _spin: int) -> None:
    """Stand in for the pool's set-up where there are no threads."""


def _no_resize(_pool: int, _workers: int) -> int:
    return 1


def _object(text: str) -> bytes:
    """Return the pool's object code, from the disk cache when it is there: the first kernel waits for it."""
    here = host()
    store = default_cache()
    name = key("pool", text, here.triple, here.cpu, here.features, llvmlite.__version__)
    found = store.get(name) if store is not None else None
    if found is not None and "object" in found:
        return found["object"]
    image = jit.compile_object(text, opt=1)
    if store is not None:
        store.put(name, {"object": image})
    return image


def _spins(relax: Callable[[int], None]) -> int:
    """Return how many pauses last `_SPIN_SECONDS`: one takes from 1 to 150 cycles, depending on the CPU."""
    pauses = 200
    shortest = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        relax(pauses)
        shortest = min(shortest, time.perf_counter() - start)
    return max(10, int(pauses * _SPIN_SECONDS / shortest))


class _Process:
    """What one process shares: the pool, its code, and the locks that guard making them."""

    __slots__ = ("code", "code_lock", "lock", "pool")

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self.code: _Code | None = None
        self.lock = threading.Lock()
        self.code_lock = threading.Lock()

    def after_fork(self) -> None:
        """Replace what a thread that the child does not have may have held."""
        self.lock = threading.Lock()
        self.code_lock = threading.Lock()
        for each in list(_pools):
            each.renew_after_fork()


_process = _Process()
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.after_fork)
