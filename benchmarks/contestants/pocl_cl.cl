// The same kernels in OpenCL C, same work-group sizes.
__kernel void vadd(__global const float *a, __global const float *b, __global float *c, int n) {
  int i = get_global_id(0);
  if (i < n) c[i] = a[i] + b[i];
}

__kernel __attribute__((reqd_work_group_size(256, 1, 1))) void rmsnorm(
    __global const float *x, __global const float *g, __global float *y, int columns, float eps) {
  __local float partial[256];
  int row = get_group_id(0), t = get_local_id(0);
  float total = 0;
  for (int j = t; j < columns; j += 256) {
    float value = x[(size_t)row * columns + j];
    total += value * value;
  }
  partial[t] = total;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int half_size = 128; half_size > 0; half_size >>= 1) {
    if (t < half_size) partial[t] += partial[t + half_size];
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  float scale = 1.0f / sqrt(partial[0] / columns + eps);
  for (int j = t; j < columns; j += 256) y[(size_t)row * columns + j] = x[(size_t)row * columns + j] * scale * g[j];
}

#define GEMM(NAME, PER)                                                                                         \
  __kernel __attribute__((reqd_work_group_size(16, 16, 1))) void NAME(                                          \
      __global const float *A, __global const float *B, __global float *C, int N, int K) {                      \
    __local float As[16 * PER][16], Bs[16][16 * PER];                                                           \
    int tx = get_local_id(0), ty = get_local_id(1), tid = ty * 16 + tx;                                         \
    int row = get_group_id(1) * 16 * PER, column = get_group_id(0) * 16 * PER;                                  \
    float acc[PER][PER];                                                                                        \
    for (int i = 0; i < PER; i++)                                                                               \
      for (int j = 0; j < PER; j++) acc[i][j] = 0;                                                              \
    for (int k0 = 0; k0 < K; k0 += 16) {                                                                        \
      for (int s = 0; s < PER; s++) {                                                                           \
        int at = tid + 256 * s;                                                                                 \
        As[at / 16][at % 16] = A[(row + at / 16) * K + k0 + at % 16];                                           \
        Bs[at / (16 * PER)][at % (16 * PER)] = B[(k0 + at / (16 * PER)) * N + column + at % (16 * PER)];        \
      }                                                                                                         \
      barrier(CLK_LOCAL_MEM_FENCE);                                                                             \
      for (int k = 0; k < 16; k++)                                                                              \
        for (int i = 0; i < PER; i++)                                                                           \
          for (int j = 0; j < PER; j++) acc[i][j] += As[ty + 16 * i][k] * Bs[k][tx + 16 * j];                   \
      barrier(CLK_LOCAL_MEM_FENCE);                                                                             \
    }                                                                                                           \
    for (int i = 0; i < PER; i++)                                                                               \
      for (int j = 0; j < PER; j++) C[(row + ty + 16 * i) * N + column + tx + 16 * j] = acc[i][j];              \
  }
GEMM(gemm2, 2)
GEMM(gemm4, 4)

__kernel void heat(__global const float *u, __global float *v, int n, float k) {
  int x = get_global_id(0) + 1, y = get_global_id(1) + 1, i = y * n + x;
  if (x < n - 1 && y < n - 1) v[i] = u[i] + k * (u[i - n] + u[i + n] + u[i - 1] + u[i + 1] - 4 * u[i]);
}

__kernel void mandelbrot(__global float *out, int n, float scale, int limit) {
  int p = get_global_id(0);
  float cx = (float)(p % n) * scale - 2.0f, cy = (float)(p / n) * scale - 1.5f, zr = 0, zi = 0, count = 0;
  for (int k = 0; k < limit; k++) {
    float rr = zr * zr, ii = zi * zi;
    if (!(rr + ii <= 4.0f)) break;
    zi = (zr + zr) * zi + cy;
    zr = rr - ii + cx;
    count += 1;
  }
  out[p] = count;
}
