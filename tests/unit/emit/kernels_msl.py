"""Kernels whose Metal source the tests look at."""

from __future__ import annotations

import enigma as en


@en.kernel
def saxpy(X: en.f32, Y: en.f32, n: en.Scalar(en.u32), a: en.Scalar(en.f32)):
    i = en.thread_position_in_grid
    if i < n:
        x = X[i]
        y = Y[i]
        Y[i] = a * x + y


@en.kernel
def early_return(X: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i >= n:
        return
    x = X[i]
    Out[i] = x * x + 1


@en.kernel
def dot_row(A: en.f32, B: en.f32, Out: en.f32, k: en.Scalar(en.u32)):
    row = en.thread_position_in_grid
    acc = 0.0
    for j in range(k):
        acc += A[row * k + j] * B[j]
    Out[row] = acc


@en.kernel
def matmul(A: en.f32, B: en.f32, C: en.f32, n: en.Scalar(en.u32), k: en.Scalar(en.u32)):
    col = en.thread_position_in_grid_xyz("x")
    row = en.thread_position_in_grid_xyz("y")
    acc = 0.0
    for j in en.range(0, k, 4):
        acc = acc + A[row * k + j] * B[j * n + col]
    C[row * n + col] = acc


@en.kernel
def fibonacci(Out: en.u32, n: en.Scalar(en.i32)):
    a = en.u32(0)
    b = en.u32(1)
    for i in range(n):
        Out[i] = a
        a, b = b, a + b


@en.kernel
def block_sum(A: en.f32, Out: en.f32):
    tid = en.thread_index_in_threadgroup()
    i = en.thread_position_in_grid
    tile = en.threadgroup_alloc(en.f32, 256)
    tile[tid] = A[i]
    en.barrier("mem_threadgroup")
    stride = en.u32(128)
    while stride > 0:
        if tid < stride:
            tile[tid] = tile[tid] + tile[tid + stride]
        en.barrier("mem_threadgroup")
        stride = stride >> 1
    if tid == 0:
        Out[en.threadgroup_position_in_grid()] = tile[0]


@en.kernel
def histogram(A: en.u8, Bins: en.u32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    local = en.threadgroup_alloc(en.u32, 256)
    lid = en.thread_index_in_threadgroup()
    local[lid] = 0
    en.barrier()
    if i < n:
        en.atomic_fetch_add(local, A[i], 1)
    en.barrier()
    en.atomic_fetch_add(Bins, lid, local[lid])


@en.kernel
def find_first(A: en.f32, Out: en.i32, n: en.Scalar(en.i32), limit: en.Scalar(en.f32)):
    found = -1
    for i in range(n):
        if A[i] > limit:
            found = i
            break
    Out[0] = found


@en.kernel
def mandelbrot(Out: en.i32, width: en.Scalar(en.u32), height: en.Scalar(en.u32), limit: en.Scalar(en.i32)):
    px = en.thread_position_in_grid_xyz("x")
    py = en.thread_position_in_grid_xyz("y")
    cx = en.f32(px) / en.f32(width) * 3.5 - 2.5
    cy = en.f32(py) / en.f32(height) * 2.0 - 1.0
    x = 0.0
    y = 0.0
    count = 0
    while count < limit and x * x + y * y < 4.0:
        x, y = x * x - y * y + cx, 2 * x * y + cy
        count += 1
    Out[py * width + px] = count


@en.kernel
def search_while(A: en.i32, Out: en.i32, n: en.Scalar(en.i32)):
    i = 0
    while i < n:
        if A[i] == 7:
            break
        if A[i] < 0:
            i += 2
            continue
        i += 1
    Out[0] = i


@en.kernel
def return_in_loop(A: en.i32, Out: en.i32, n: en.Scalar(en.i32)):
    for i in range(n):
        if A[i] < 0:
            Out[0] = i
            return
    Out[0] = -1


@en.kernel
def relu_or_clip(X: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    x = X[i] if i < n else 0.0
    if x < 0:
        y = 0.0
    elif x > 6.0:
        y = 6.0
    else:
        y = x
    Out[i] = y


@en.kernel
def conditional_update(X: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    best = X[0]
    where = en.u32(0)
    for i in range(n):
        x = X[i]
        if x > best:
            best = x
            where = i
    Out[0] = best
    Out[1] = en.f32(where)


@en.kernel
def half_math(X: en.f16, B: en.bf16, Out: en.f16, Out2: en.bf16):
    i = en.thread_position_in_grid
    Out[i] = en.exp(X[i]) * 0.5 + en.f16(B[i])
    Out2[i] = en.exp(B[i]) + 1.0


@en.kernel
def bytes_math(A: en.u8, B: en.u8, Out: en.u8, S: en.i8):
    i = en.thread_position_in_grid
    Out[i] = en.u8((A[i] + B[i]) // 2)
    S[i] = en.i8(S[i] % 3)


@en.kernel
def nested(A: en.f32, Out: en.f32, n: en.Scalar(en.i32), m: en.Scalar(en.i32)):
    total = 0.0
    for i in range(n):
        row = 0.0
        for j in range(m):
            if A[i * m + j] > 0:
                row += A[i * m + j]
            total += A[j]
        if row > 10.0:
            break
        total += row
    Out[0] = total


@en.kernel
def short_circuit(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if (i < n and A[i] > 0) or i == 0:
        Out[i] = en.sqrt(A[i])


@en.kernel
def softmax_row(X: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    lane = en.thread_index_in_simdgroup()
    row = en.threadgroup_position_in_grid()
    top = en.f32(float("-inf"))
    for j in range(lane, n, 32):
        top = en.fmax(top, X[row * n + j])
    top = en.simd_max(top)
    total = 0.0
    for j in range(lane, n, 32):
        total += en.exp(X[row * n + j] - top)
    total = en.simd_sum(total)
    for j in range(lane, n, 32):
        Out[row * n + j] = en.exp(X[row * n + j] - top) / total


@en.kernel
def grid_stride(X: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    while i < n:
        Out[i] = X[i] * 2
        i += en.threads_per_grid()


@en.kernel
def swap(A: en.f32):
    i = en.thread_position_in_grid
    x = A[2 * i]
    y = A[2 * i + 1]
    A[2 * i] = y
    A[2 * i + 1] = x


@en.kernel
def cas(A: en.u32):
    i = en.thread_position_in_grid
    done = False
    while not done:
        old = en.atomic_load(A, 0)
        done = en.atomic_compare_exchange_weak(A, 0, old, old * 2 + i)


@en.kernel
def reserved(device: en.f32, float4: en.f32, exp: en.Scalar(en.f32)):
    kernel = en.thread_position_in_grid
    thread = device[kernel]
    float4[kernel] = en.exp(thread) * exp + thread


KERNELS = [value for value in list(globals().values()) if isinstance(value, en.KernelDef)]
