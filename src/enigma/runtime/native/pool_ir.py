"""The thread pool itself, as LLVM IR text: compiled like a kernel, so that no compiled extension is shipped.

How a run goes. The caller takes `busy`, fills in the job, opens it by writing a new epoch to `state`, works on it,
closes it, and waits only for the workers that have joined. A worker joins by adding one to `state`, which succeeds
only while that very epoch is open. So a worker that wakes late costs nothing and can never touch a finished job.
Indices are handed out by one atomic counter, `chunk` at a time. Whoever finds the pool busy runs its own job alone.

`state` is epoch (31 bits), open (bit 32), workers inside (32 bits).
"""

from __future__ import annotations

from enigma.errors import InternalError

MAX_WORKERS = 1023
"""Worker threads that one pool can have, the caller not counted."""

EXPORTS = (
    "enigma_pool_size",
    "enigma_pool_init",
    "enigma_pool_run",
    "enigma_pool_alone",
    "enigma_pool_resize",
    "enigma_pool_relax",
)
"""Symbols that the pool's object defines."""

SERIAL_EXPORTS = ("enigma_pool_alone",)
"""Symbols of `serial_text`."""

# FTZ and DAZ on, all exceptions masked, round to nearest: what GPUs do with denormals.
_X86_FLOAT = """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
declare void @llvm.x86.sse2.pause()

define internal i64 @float_enter() {
  %slot = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %slot)
  %before = load i32, ptr %slot
  store i32 40896, ptr %slot    ; 0x9fc0
  call void @llvm.x86.sse.ldmxcsr(ptr %slot)
  %wide = zext i32 %before to i64
  ret i64 %wide
}

define internal void @float_leave(i64 %before) {
  %slot = alloca i32
  %narrow = trunc i64 %before to i32
  store i32 %narrow, ptr %slot
  call void @llvm.x86.sse.ldmxcsr(ptr %slot)
  ret void
}

define internal void @relax() {
  call void @llvm.x86.sse2.pause()
  ret void
}
"""

# FPCR with only FZ (bit 24): flush to zero, round to nearest, no traps.
_ARM_FLOAT = """
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)
declare void @llvm.aarch64.isb(i32)

define internal i64 @float_enter() {
  %before = call i64 @llvm.aarch64.get.fpcr()
  call void @llvm.aarch64.set.fpcr(i64 16777216)
  ret i64 %before
}

define internal void @float_leave(i64 %before) {
  call void @llvm.aarch64.set.fpcr(i64 %before)
  ret void
}

define internal void @relax() {
  call void @llvm.aarch64.isb(i32 15)    ; `yield` takes no time at all on most cores
  ret void
}
"""

_ALONE = """
define void @enigma_pool_alone(ptr %kernel, ptr %args, i64 %total) {
  %some = icmp sgt i64 %total, 0
  br i1 %some, label %work, label %done
work:
  %float = call i64 @float_enter()
  call void %kernel(ptr %args, i64 0, i64 %total)
  call void @float_leave(i64 %float)
  br label %done
done:
  ret void
}
"""

# The blobs hold a pthread_mutex_t or pthread_cond_t of any supported system (64 bytes at most). They and the hot
# counters have cache lines of the largest size (128 bytes) to themselves. Memory comes zeroed.
_TYPES = """
%Pool = type {
  [128 x i8],                  ;  0 mutex
  [128 x i8],                  ;  1 wake: workers sleep on it
  [128 x i8],                  ;  2 left: the caller sleeps on it
  i64, [120 x i8],             ;  3 next index to hand out
  i64, [120 x i8],             ;  5 state
  i64, i64, i64, [104 x i8],   ;  7 sleepers, 8 caller sleeps, 9 busy
  ptr, ptr, i64, i64,          ; 11 kernel, 12 args, 13 total, 14 chunk
  i64, i64, i64, i64, [64 x i8],   ; 15 spin, 16 stopping, 17 wanted workers, 18 running workers
  [1023 x ptr]                 ; 20 thread handles
}

declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setstacksize(ptr, i64)
declare i32 @pthread_attr_destroy(ptr)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(ptr, ptr)

define i64 @enigma_pool_size() {
  %end = getelementptr %Pool, ptr null, i64 1
  %size = ptrtoint ptr %end to i64
  ret i64 %size
}

define void @enigma_pool_init(ptr %pool, i64 %workers, i64 %spin) {
  %wake = getelementptr %Pool, ptr %pool, i32 0, i32 1
  %left = getelementptr %Pool, ptr %pool, i32 0, i32 2
  %spin.at = getelementptr %Pool, ptr %pool, i32 0, i32 15
  %wanted.at = getelementptr %Pool, ptr %pool, i32 0, i32 17
  call i32 @pthread_mutex_init(ptr %pool, ptr null)
  call i32 @pthread_cond_init(ptr %wake, ptr null)
  call i32 @pthread_cond_init(ptr %left, ptr null)
  store i64 %spin, ptr %spin.at
  store i64 %workers, ptr %wanted.at
  ret void
}

define void @enigma_pool_relax(i64 %times) {
entry:
  br label %again
again:
  %i = phi i64 [ 0, %entry ], [ %more, %again ]
  call void @relax()
  %more = add i64 %i, 1
  %go = icmp slt i64 %more, %times
  br i1 %go, label %again, label %done
done:
  ret void
}
"""

_WORKER = """
; hands out indices to the calling thread until there are none left
define internal void @drain(ptr %pool) {
entry:
  %next.at = getelementptr %Pool, ptr %pool, i32 0, i32 3
  %kernel.at = getelementptr %Pool, ptr %pool, i32 0, i32 11
  %args.at = getelementptr %Pool, ptr %pool, i32 0, i32 12
  %total.at = getelementptr %Pool, ptr %pool, i32 0, i32 13
  %chunk.at = getelementptr %Pool, ptr %pool, i32 0, i32 14
  %kernel = load ptr, ptr %kernel.at
  %args = load ptr, ptr %args.at
  %total = load i64, ptr %total.at
  %chunk = load i64, ptr %chunk.at
  br label %take
take:
  %low = atomicrmw add ptr %next.at, i64 %chunk monotonic
  %some = icmp slt i64 %low, %total
  br i1 %some, label %work, label %done
work:
  %end = add i64 %low, %chunk
  %fits = icmp slt i64 %end, %total
  %high = select i1 %fits, i64 %end, i64 %total
  call void %kernel(ptr %args, i64 %low, i64 %high)
  br label %take
done:
  ret void
}

; whether a job of another epoch than %seen is open, or the pool is stopping
define internal i1 @is_called(ptr %pool, i64 %seen) {
  %state.at = getelementptr %Pool, ptr %pool, i32 0, i32 5
  %stopping.at = getelementptr %Pool, ptr %pool, i32 0, i32 16
  %state = load atomic i64, ptr %state.at seq_cst, align 8
  %stopping = load atomic i64, ptr %stopping.at seq_cst, align 8
  %open.bit = and i64 %state, 4294967296
  %open = icmp ne i64 %open.bit, 0
  %epoch = lshr i64 %state, 33
  %fresh = icmp ne i64 %epoch, %seen
  %job = and i1 %open, %fresh
  %stop = icmp ne i64 %stopping, 0
  %called = or i1 %job, %stop
  ret i1 %called
}

define internal ptr @worker(ptr %pool) {
entry:
  %wake = getelementptr %Pool, ptr %pool, i32 0, i32 1
  %left = getelementptr %Pool, ptr %pool, i32 0, i32 2
  %state.at = getelementptr %Pool, ptr %pool, i32 0, i32 5
  %sleepers.at = getelementptr %Pool, ptr %pool, i32 0, i32 7
  %waiting.at = getelementptr %Pool, ptr %pool, i32 0, i32 8
  %spin.at = getelementptr %Pool, ptr %pool, i32 0, i32 15
  %stopping.at = getelementptr %Pool, ptr %pool, i32 0, i32 16
  %spin = load i64, ptr %spin.at
  %float = call i64 @float_enter()
  br label %idle

idle:
  %seen = phi i64 [ 0, %entry ], [ %seen, %try ], [ %epoch, %leave ], [ %epoch, %tell ]
  br label %look
look:
  %looks = phi i64 [ 0, %idle ], [ %looks.more, %pause ]
  %called = call i1 @is_called(ptr %pool, i64 %seen)
  br i1 %called, label %join, label %pause
pause:
  call void @relax()
  %looks.more = add i64 %looks, 1
  %patient = icmp slt i64 %looks.more, %spin
  br i1 %patient, label %look, label %sleep

sleep:
  call i32 @pthread_mutex_lock(ptr %pool)
  atomicrmw add ptr %sleepers.at, i64 1 seq_cst
  br label %asleep
asleep:
  %called.now = call i1 @is_called(ptr %pool, i64 %seen)
  br i1 %called.now, label %awake, label %doze
doze:
  call i32 @pthread_cond_wait(ptr %wake, ptr %pool)
  br label %asleep
awake:
  atomicrmw sub ptr %sleepers.at, i64 1 seq_cst
  call i32 @pthread_mutex_unlock(ptr %pool)
  br label %join

join:
  %stopping = load atomic i64, ptr %stopping.at seq_cst, align 8
  %stop = icmp ne i64 %stopping, 0
  %state = load atomic i64, ptr %state.at seq_cst, align 8
  %open.bit = and i64 %state, 4294967296
  %open = icmp ne i64 %open.bit, 0
  %epoch = lshr i64 %state, 33
  %fresh = icmp ne i64 %epoch, %seen
  %fresh.job = and i1 %open, %fresh
  br i1 %stop, label %end, label %try
try:
  br i1 %fresh.job, label %enter, label %idle
enter:
  %state.in = add i64 %state, 1
  %swap = cmpxchg ptr %state.at, i64 %state, i64 %state.in seq_cst seq_cst
  %in = extractvalue { i64, i1 } %swap, 1
  br i1 %in, label %work, label %join

work:
  call void @drain(ptr %pool)
  %state.was = atomicrmw sub ptr %state.at, i64 1 seq_cst
  %inside = and i64 %state.was, 4294967295
  %last = icmp eq i64 %inside, 1
  br i1 %last, label %leave.last, label %leave
leave.last:
  %waiting = load atomic i64, ptr %waiting.at seq_cst, align 8
  %waited.for = icmp ne i64 %waiting, 0
  br i1 %waited.for, label %tell, label %leave
tell:
  call i32 @pthread_mutex_lock(ptr %pool)
  call i32 @pthread_mutex_unlock(ptr %pool)
  call i32 @pthread_cond_signal(ptr %left)
  br label %idle
leave:
  br label %idle
end:
  ret ptr null
}
"""

_RUN = """
; starts the workers that are wanted; as many run as the system grants
define internal void @start(ptr %pool) {
entry:
  %attributes = alloca [128 x i8], align 16
  %wanted.at = getelementptr %Pool, ptr %pool, i32 0, i32 17
  %running.at = getelementptr %Pool, ptr %pool, i32 0, i32 18
  %wanted = load atomic i64, ptr %wanted.at monotonic, align 8
  call i32 @pthread_attr_init(ptr %attributes)
  call i32 @pthread_attr_setstacksize(ptr %attributes, i64 8388608)    ; some systems give threads 128 KB
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %more, %made ]
  %enough = icmp sge i64 %i, %wanted
  br i1 %enough, label %done, label %make
make:
  %thread.at = getelementptr %Pool, ptr %pool, i32 0, i32 20, i64 %i
  %error = call i32 @pthread_create(ptr %thread.at, ptr %attributes, ptr @worker, ptr %pool)
  %failed = icmp ne i32 %error, 0
  br i1 %failed, label %done, label %made
made:
  %more = add i64 %i, 1
  br label %each
done:
  store i64 %i, ptr %running.at
  store atomic i64 %i, ptr %wanted.at monotonic, align 8
  call i32 @pthread_attr_destroy(ptr %attributes)
  ret void
}

; wakes up to %needed sleeping workers
define internal void @wake(ptr %pool, i64 %needed) {
entry:
  %wake = getelementptr %Pool, ptr %pool, i32 0, i32 1
  %sleepers.at = getelementptr %Pool, ptr %pool, i32 0, i32 7
  %sleepers = load atomic i64, ptr %sleepers.at seq_cst, align 8
  %any = icmp sgt i64 %sleepers, 0
  br i1 %any, label %lock, label %done
lock:
  ; whoever counted itself in holds the mutex until it really sleeps
  call i32 @pthread_mutex_lock(ptr %pool)
  call i32 @pthread_mutex_unlock(ptr %pool)
  %all = icmp sge i64 %needed, %sleepers
  br i1 %all, label %everyone, label %each
everyone:
  call i32 @pthread_cond_broadcast(ptr %wake)
  br label %done
each:
  %i = phi i64 [ 0, %lock ], [ %more, %each ]
  call i32 @pthread_cond_signal(ptr %wake)
  %more = add i64 %i, 1
  %again = icmp slt i64 %more, %needed
  br i1 %again, label %each, label %done
done:
  ret void
}

; closes the job and returns when no worker is inside
define internal void @finish(ptr %pool) {
entry:
  %left = getelementptr %Pool, ptr %pool, i32 0, i32 2
  %state.at = getelementptr %Pool, ptr %pool, i32 0, i32 5
  %waiting.at = getelementptr %Pool, ptr %pool, i32 0, i32 8
  %spin.at = getelementptr %Pool, ptr %pool, i32 0, i32 15
  %spin = load i64, ptr %spin.at
  %was = atomicrmw and ptr %state.at, i64 -4294967297 seq_cst
  br label %look
look:
  %looks = phi i64 [ 0, %entry ], [ %looks.more, %pause ]
  %state = load atomic i64, ptr %state.at seq_cst, align 8
  %inside = and i64 %state, 4294967295
  %empty = icmp eq i64 %inside, 0
  br i1 %empty, label %done, label %pause
pause:
  call void @relax()
  %looks.more = add i64 %looks, 1
  %patient = icmp slt i64 %looks.more, %spin
  br i1 %patient, label %look, label %sleep
sleep:
  call i32 @pthread_mutex_lock(ptr %pool)
  store atomic i64 1, ptr %waiting.at seq_cst, align 8
  br label %asleep
asleep:
  %state.now = load atomic i64, ptr %state.at seq_cst, align 8
  %inside.now = and i64 %state.now, 4294967295
  %empty.now = icmp eq i64 %inside.now, 0
  br i1 %empty.now, label %awake, label %doze
doze:
  call i32 @pthread_cond_wait(ptr %left, ptr %pool)
  br label %asleep
awake:
  store atomic i64 0, ptr %waiting.at seq_cst, align 8
  call i32 @pthread_mutex_unlock(ptr %pool)
  br label %done
done:
  ret void
}

define void @enigma_pool_run(ptr %pool, ptr %kernel, ptr %args, i64 %total, i64 %chunk.asked) {
entry:
  %next.at = getelementptr %Pool, ptr %pool, i32 0, i32 3
  %state.at = getelementptr %Pool, ptr %pool, i32 0, i32 5
  %busy.at = getelementptr %Pool, ptr %pool, i32 0, i32 9
  %kernel.at = getelementptr %Pool, ptr %pool, i32 0, i32 11
  %args.at = getelementptr %Pool, ptr %pool, i32 0, i32 12
  %total.at = getelementptr %Pool, ptr %pool, i32 0, i32 13
  %chunk.at = getelementptr %Pool, ptr %pool, i32 0, i32 14
  %wanted.at = getelementptr %Pool, ptr %pool, i32 0, i32 17
  %running.at = getelementptr %Pool, ptr %pool, i32 0, i32 18
  %positive = icmp sgt i64 %chunk.asked, 0
  %chunk = select i1 %positive, i64 %chunk.asked, i64 1
  %one.chunk = icmp sle i64 %total, %chunk
  %wanted = load atomic i64, ptr %wanted.at monotonic, align 8
  %no.workers = icmp eq i64 %wanted, 0
  %small = or i1 %one.chunk, %no.workers
  br i1 %small, label %alone, label %claim
claim:
  %swap = cmpxchg ptr %busy.at, i64 0, i64 1 seq_cst seq_cst
  %mine = extractvalue { i64, i1 } %swap, 1
  br i1 %mine, label %check, label %alone
check:
  %running.before = load i64, ptr %running.at
  %stopped = icmp eq i64 %running.before, 0
  br i1 %stopped, label %begin, label %open
begin:
  call void @start(ptr %pool)
  %running = load i64, ptr %running.at
  %none = icmp eq i64 %running, 0
  br i1 %none, label %release, label %open
release:
  store atomic i64 0, ptr %busy.at seq_cst, align 8
  br label %alone
alone:
  call void @enigma_pool_alone(ptr %kernel, ptr %args, i64 %total)
  ret void

open:
  store ptr %kernel, ptr %kernel.at
  store ptr %args, ptr %args.at
  store i64 %total, ptr %total.at
  store i64 %chunk, ptr %chunk.at
  store atomic i64 0, ptr %next.at monotonic, align 8
  %state = load atomic i64, ptr %state.at seq_cst, align 8
  %epoch = lshr i64 %state, 33
  %epoch.next = add i64 %epoch, 1
  %epoch.high = shl i64 %epoch.next, 33
  %opened = or i64 %epoch.high, 4294967296
  store atomic i64 %opened, ptr %state.at seq_cst, align 8
  %last = sub i64 %total, 1
  %needed = sdiv i64 %last, %chunk
  call void @wake(ptr %pool, i64 %needed)
  %float = call i64 @float_enter()
  call void @drain(ptr %pool)
  call void @float_leave(i64 %float)
  call void @finish(ptr %pool)
  store atomic i64 0, ptr %busy.at seq_cst, align 8
  ret void
}

; stops the workers and changes how many the next run starts; returns 0, having done nothing, while a run is under way
define i64 @enigma_pool_resize(ptr %pool, i64 %workers) {
entry:
  %busy.at = getelementptr %Pool, ptr %pool, i32 0, i32 9
  %stopping.at = getelementptr %Pool, ptr %pool, i32 0, i32 16
  %wanted.at = getelementptr %Pool, ptr %pool, i32 0, i32 17
  %running.at = getelementptr %Pool, ptr %pool, i32 0, i32 18
  %swap = cmpxchg ptr %busy.at, i64 0, i64 1 seq_cst seq_cst
  %mine = extractvalue { i64, i1 } %swap, 1
  br i1 %mine, label %stop, label %refused
refused:
  ret i64 0
stop:
  %running = load i64, ptr %running.at
  store atomic i64 1, ptr %stopping.at seq_cst, align 8
  call void @wake(ptr %pool, i64 %running)
  br label %each
each:
  %i = phi i64 [ 0, %stop ], [ %more, %join ]
  %all = icmp sge i64 %i, %running
  br i1 %all, label %done, label %join
join:
  %thread.at = getelementptr %Pool, ptr %pool, i32 0, i32 20, i64 %i
  %thread = load ptr, ptr %thread.at
  call i32 @pthread_join(ptr %thread, ptr null)
  %more = add i64 %i, 1
  br label %each
done:
  store atomic i64 0, ptr %stopping.at seq_cst, align 8
  store i64 0, ptr %running.at
  store atomic i64 %workers, ptr %wanted.at monotonic, align 8
  store atomic i64 0, ptr %busy.at seq_cst, align 8
  ret i64 1
}
"""


def text(arch: str) -> str:
    """Return the pool's module for an architecture (`x86_64` or `aarch64`) of a system with POSIX threads."""
    return _float(arch) + _TYPES + _ALONE + _WORKER + _RUN


def serial_text(arch: str) -> str:
    """Return the module for a system without POSIX threads: only the calling thread runs kernels."""
    return _float(arch) + _ALONE


def _float(arch: str) -> str:
    match arch:
        case "x86_64":
            return _X86_FLOAT
        case "aarch64":
            return _ARM_FLOAT
        case _:
            raise InternalError(f"the thread pool has no code for {arch}")
