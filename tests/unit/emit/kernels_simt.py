"""Kernels that exercise the CPU JIT's lowering: masks, loops, barriers, index forms."""

from __future__ import annotations

import enigma as en


@en.kernel
def guarded(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i < n:
        Out[i] = A[i] * 2.0 + 1.0


@en.kernel
def shifted(A: en.i32, Out: en.i32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i > 0 and i < n:
        Out[i] = A[i - 1] + A[i]


@en.kernel
def early_return(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i >= n:
        return
    x = A[i]
    if x > 0.5:
        Out[i] = x
        return
    Out[i] = -x


@en.kernel
def strided(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = A[i * 2] + A[i * 2 + 1] * 3 + A[i * 3] + A[i // 2] + A[255 - i] + A[i % 7]


@en.kernel
def two_d(A: en.i32, Out: en.i32, w: en.Scalar(en.u32), h: en.Scalar(en.u32)):
    x = en.thread_position_in_grid_xyz("x")
    y = en.thread_position_in_grid_xyz("y")
    z = en.thread_position_in_grid_xyz("z")
    lx = en.thread_position_in_threadgroup("x")
    ly = en.thread_position_in_threadgroup("y")
    i = (z * h + y) * w + x
    if x < w and y < h:
        Out[i] = A[i] + en.i32(lx) * 100 + en.i32(ly) * 10000 + en.i32(en.thread_index_in_threadgroup())


@en.kernel
def divergent(A: en.i32, Out: en.i32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i < n:
        x = A[i]
        y = 0
        if x % 3 == 0:
            y = x * 2
            if x % 2 == 0:
                y += 7
        elif x % 3 == 1:
            for k in range(x & 7):
                y += k * x
        else:
            y = -x
        Out[i] = y


@en.kernel
def collatz(A: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    x = A[i]
    steps = en.u32(0)
    while x > 1:
        if x % 2 == 1:
            x = x * 3 + 1
        else:
            x = x // 2
        steps += 1
    Out[i] = steps


@en.kernel
def grid_stride(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    total = en.threads_per_grid("x")
    acc = 0.0
    while i < n:
        acc += A[i]
        Out[i] = A[i] * 3.0
        i += total
    Out[n + en.thread_position_in_grid] = acc


@en.kernel
def row_sum(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    tid = en.thread_index_in_threadgroup()
    row = en.threadgroup_position_in_grid()
    size = en.threads_per_threadgroup("x")
    tile = en.threadgroup_alloc(en.f32, 32)
    acc = 0.0
    for j in en.range(tid, n, size):
        acc += A[row * n + j]
    part = en.simd_sum(acc)
    if en.thread_index_in_simdgroup() == 0:
        tile[en.simdgroup_index_in_threadgroup()] = part
    en.barrier()
    total = 0.0
    for k in en.range(en.simdgroups_per_threadgroup()):
        total += tile[k]
    for j in en.range(tid, n, size):
        Out[row * n + j] = A[row * n + j] / total


@en.kernel
def row_max_256(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    tid = en.thread_index_in_threadgroup()
    row = en.threadgroup_position_in_grid()
    acc = -1000.0
    for j in en.range(tid, n, 256):
        acc = en.fmax(acc, A[row * n + j])
    tile = en.threadgroup_alloc(en.f32, 256)
    tile[tid] = acc
    en.barrier()
    stride = en.u32(128)
    while stride > 0:
        if tid < stride:
            tile[tid] = en.fmax(tile[tid], tile[tid + stride])
        en.barrier()
        stride = stride >> 1
    if tid == 0:
        Out[row] = tile[0]


@en.kernel
def tiled_matmul(A: en.f32, B: en.f32, C: en.f32, n: en.Scalar(en.u32), k: en.Scalar(en.u32)):
    tx = en.thread_position_in_threadgroup("x")
    ty = en.thread_position_in_threadgroup("y")
    col = en.thread_position_in_grid_xyz("x")
    row = en.thread_position_in_grid_xyz("y")
    a = en.threadgroup_alloc(en.f32, 256)
    b = en.threadgroup_alloc(en.f32, 256)
    acc = 0.0
    for start in en.range(0, k, 16):
        a[ty * 16 + tx] = A[row * k + start + tx]
        b[ty * 16 + tx] = B[(start + ty) * n + col]
        en.barrier()
        for kk in range(16):
            acc += a[ty * 16 + kk] * b[kk * 16 + tx]
        en.barrier()
    C[row * n + col] = acc


@en.kernel
def swap_in_loop(A: en.i32, Out: en.i32, rounds: en.Scalar(en.i32)):
    tid = en.thread_index_in_threadgroup()
    tile = en.threadgroup_alloc(en.i32, 512)
    x = A[en.thread_position_in_grid]
    y = x * 3
    count = 0
    for _ in en.range(rounds):
        tile[tid] = x
        en.barrier()
        x, y = y, x + tile[(tid + 1) % en.threads_per_threadgroup("x")]
        count = count + en.i32(tid)
        en.barrier()
    Out[en.thread_position_in_grid] = x + y * 5 + count


@en.kernel
def find_first(A: en.i32, Out: en.i32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    found = -1
    for k in en.range(n):
        if A[k] == en.i32(i) % 13:
            found = en.i32(k)
            break
        if A[k] == 99:
            continue
        found -= 1
    Out[i] = found


@en.kernel
def across(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    x = A[i]
    r = en.simd_sum(x) + en.simd_max(x) * 3
    if x % 2 == 0:
        r += en.simd_sum(x) * 7 + en.simd_prefix_exclusive_sum(x)
    r += en.simd_shuffle_xor(x, 1) + en.simd_shuffle_down(x, 3) * 5 + en.simd_shuffle_up(x, 17)
    r += en.simd_broadcast(x, 4) + en.simd_shuffle(x, en.u32(x) & 31)
    Out[i] = r + en.simd_prefix_inclusive_sum(x)


@en.kernel
def histogram(A: en.u32, Bins: en.u32, Old: en.u32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    local = en.threadgroup_alloc(en.u32, 16)
    lid = en.thread_index_in_threadgroup()
    if lid < 16:
        local[lid] = 0
    en.barrier()
    if i < n:
        en.atomic_fetch_add(local, A[i] & 15, 1)
        en.atomic_fetch_max(Old, 0, A[i])
    en.barrier()
    if lid < 16:
        en.atomic_fetch_add(Bins, lid, local[lid])
    if lid == 5:
        en.atomic_fetch_add(Old, 1, 2)


@en.kernel
def tickets(A: en.i32, Out: en.i32, Counter: en.i32):
    i = en.thread_position_in_grid
    if A[i] > 0:
        Out[i] = en.atomic_fetch_add(Counter, 0, A[i])


@en.kernel
def locks(Out: en.i32, Lock: en.i32):
    i = en.thread_position_in_grid
    Out[i] = 0
    if en.atomic_compare_exchange_weak(Lock, i % 4, 0, 1):
        Out[i] = 1


@en.kernel
def uniform_branch(A: en.f32, Out: en.f32, mode: en.Scalar(en.i32)):
    i = en.thread_position_in_grid
    tid = en.thread_index_in_threadgroup()
    tile = en.threadgroup_alloc(en.f32, 64)
    x = A[i]
    if mode > 1:
        tile[tid] = x
        en.barrier()
        x = x + tile[63 - tid]
    else:
        x = x * 2.0
    Out[i] = x


@en.kernel
def halo(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    tx = en.thread_position_in_threadgroup("x")
    ty = en.thread_position_in_threadgroup("y")
    x = en.thread_position_in_grid_xyz("x") + 1
    y = en.thread_position_in_grid_xyz("y") + 1
    tile = en.threadgroup_alloc(en.f32, 324)
    if x < n and y < n:
        tile[(ty + 1) * 18 + tx + 1] = A[y * n + x]
        if ty == 0:
            tile[tx + 1] = A[(y - 1) * n + x]
        if ty == 15:
            tile[17 * 18 + tx + 1] = A[(y + 1) * n + x]
        if tx == 0:
            tile[(ty + 1) * 18] = A[y * n + x - 1]
        if tx == 15:
            tile[(ty + 1) * 18 + 17] = A[y * n + x + 1]
    en.barrier()
    if x < n - 1 and y < n - 1:
        at = (ty + 1) * 18 + tx + 1
        around = tile[at - 1] + tile[at + 1] + tile[at - 18] + tile[at + 18]
        Out[y * n + x] = around - 4.0 * tile[at]


@en.kernel
def halves(A: en.f16, B: en.bf16, Out: en.f16, Flags: en.b1):
    i = en.thread_position_in_grid
    x = A[i] * en.f16(0.5) + en.f16(3.0)
    Flags[i] = (x > en.f16(3.5)) != Flags[i]
    Out[i] = x + B[i].to(en.f16)


@en.kernel
def spilled_bool(A: en.i32, Out: en.i32):
    tid = en.thread_index_in_threadgroup()
    tile = en.threadgroup_alloc(en.i32, 128)
    x = A[en.thread_position_in_grid]
    odd = x % 2 == 1
    big = en.i64(x) * 1000000007
    tile[tid] = x
    en.barrier()
    y = tile[(tid + 31) % 128]
    if odd:
        y = en.i32(big % 1000)
    Out[en.thread_position_in_grid] = y


@en.kernel
def mandelbrot(Out: en.i32, w: en.Scalar(en.u32), limit: en.Scalar(en.i32)):
    i = en.thread_position_in_grid
    cx = en.f32(i % w) / en.f32(w) * 3.0 - 2.0
    cy = en.f32(i // w) / en.f32(w) * 3.0 - 1.5
    x = 0.0
    y = 0.0
    count = 0
    while x * x + y * y <= 4.0 and count < limit:
        t = x * x - y * y + cx
        y = 2.0 * x * y + cy
        x = t
        count += 1
    Out[i] = count


@en.kernel
def nested_loops(A: en.i32, Out: en.i32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    acc = 0
    for a in en.range(i, n, 40):
        for b in en.range(a & 3):
            k = en.u32(b)
            while k < (i & 7):
                acc += A[a] * en.i32(k)
                k += 2
        acc ^= en.i32(a)
    Out[i] = acc


@en.kernel
def uniform_shared(A: en.i32, Out: en.i32):
    tid = en.thread_index_in_threadgroup()
    tile = en.threadgroup_alloc(en.i32, 4)
    if tid == 0:
        tile[0] = A[en.threadgroup_position_in_grid()] & 3
    en.barrier()
    rounds = tile[0]
    acc = en.i32(tid)
    for r in en.range(rounds):
        if tid == en.u32(r):
            tile[1] = r * 10
        en.barrier()
        acc += tile[1]
        en.barrier()
    Out[en.thread_position_in_grid] = acc


@en.kernel
def bad_barrier(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    if A[i] > 3:
        en.barrier()
        Out[i] = 1


@en.kernel
def wide_compare(A: en.i64, B: en.u64, Out: en.i32):
    i = en.thread_position_in_grid
    first = A[0]
    top = B[0]
    r = 0
    if first + 1 > first:
        r += 1
    if first - 3 < en.i64(i) + 2:
        r += 2
    if top + 5 < top:
        r += 4
    if A[i] < first - 2:
        r += 8
    if B[i] > top + 1:
        r += 16
    Out[i] = r


@en.kernel
def wide_index(A: en.i32, Out: en.i32):
    i = en.i64(en.thread_position_in_grid)
    j = en.u64(en.thread_position_in_grid)
    Out[i] = A[i * 2 + 1] + A[j // 3] * 5 + A[255 - i] + A[(j * 7) % 64]


@en.kernel
def far_apart(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = A[(i * 1048576) // 1048576] + A[(i << 28) >> 28] + A[(i * 65536 + 3) & 255]


@en.kernel
def signed_division(A: en.i32, B: en.i32, Out: en.i32, d: en.Scalar(en.i32)):
    i = en.thread_position_in_grid
    x = A[i]
    k = en.i32(i) - 60
    Out[i] = x // d + x % d * 3 + k // 4 + k % 4 * 5 + k // d + x // B[i] * 7 + x % B[i] + k / 3 + x // 16


@en.kernel
def uniform_values(A: en.i32, Out: en.i32, n: en.Scalar(en.i32)):
    i = en.thread_position_in_grid
    total = 0
    k = n
    while k > 0:
        total += A[k]
        k = k // 2
    best = A[0]
    if n > 10:
        best = total * 2
    for j in en.range(n & 7):
        best += A[j] * en.i32(j)
        if best > 500:
            break
    Out[i] = best + total + en.i32(i)


@en.kernel
def carried_across_while(A: en.i32, Out: en.i32, n: en.Scalar(en.i32)):
    tid = en.thread_index_in_threadgroup()
    tile = en.threadgroup_alloc(en.i32, 256)
    x = A[en.thread_position_in_grid]
    seen = 0
    k = 0
    tile[tid] = x
    en.barrier()
    while k < n and tile[0] > -1000000:
        y = tile[(tid + 1) % en.threads_per_threadgroup("x")]
        en.barrier()
        seen = x
        x = y - k
        tile[tid] = x
        k += 1
        en.barrier()
    Out[en.thread_position_in_grid] = x + seen * 3 + k
