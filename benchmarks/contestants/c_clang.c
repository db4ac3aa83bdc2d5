// The problems in plain C, as fast as clang makes them: -O3 -march=native -ffp-contract=fast -fopenmp.
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef int64_t i64;
typedef float lanes __attribute__((vector_size(64)));

void vadd(const float *restrict a, const float *restrict b, float *restrict c, i64 n, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (i64 i = 0; i < n; i++) c[i] = a[i] + b[i];
}

void rmsnorm(const float *restrict x, const float *restrict g, float *restrict y, i64 rows, i64 columns, float eps, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (i64 r = 0; r < rows; r++) {
    const float *row = x + r * columns;
    float *out = y + r * columns, sum = 0;
    for (i64 j = 0; j < columns; j++) {
#pragma clang fp reassociate(on) contract(fast)
      sum += row[j] * row[j];
    }
    float scale = 1.0f / sqrtf(sum / columns + eps);
    for (i64 j = 0; j < columns; j++) out[j] = row[j] * scale * g[j];
  }
}

void gemm_naive(const float *restrict a, const float *restrict b, float *restrict c, i64 n, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (i64 i = 0; i < n; i++) {
    memset(c + i * n, 0, sizeof(float) * n);
    for (i64 k = 0; k < n; k++)
      for (i64 j = 0; j < n; j++) c[i * n + j] += a[i * n + k] * b[k * n + j];
  }
}

enum { TILE = 64, DEPTH = 16, WIDE = 16, PER = 4 };

// the GPU kernel's algorithm by hand: packed tiles, 4 x 4 vectors of accumulators
void gemm_tiled(const float *restrict a, const float *restrict b, float *restrict c, i64 n, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1) collapse(2)
  for (i64 i0 = 0; i0 < n; i0 += TILE)
    for (i64 j0 = 0; j0 < n; j0 += TILE) {
      _Alignas(64) float acc[TILE][TILE] = {{0}}, ta[TILE][DEPTH], tb[DEPTH][TILE];
      for (i64 k0 = 0; k0 < n; k0 += DEPTH) {
        for (int i = 0; i < TILE; i++) memcpy(ta[i], a + (i0 + i) * n + k0, sizeof ta[i]);
        for (int k = 0; k < DEPTH; k++) memcpy(tb[k], b + (k0 + k) * n + j0, sizeof tb[k]);
        for (int i = 0; i < TILE; i += PER) {
          lanes r[PER][TILE / WIDE];
          memcpy(r, acc[i], sizeof r);
          for (int k = 0; k < DEPTH; k++)
            for (int p = 0; p < PER; p++)
              for (int q = 0; q < TILE / WIDE; q++) r[p][q] += ta[i + p][k] * *(const lanes *)&tb[k][q * WIDE];
          memcpy(acc[i], r, sizeof r);
        }
      }
      for (int i = 0; i < TILE; i++) memcpy(c + (i0 + i) * n + j0, acc[i], sizeof acc[i]);
    }
}

void heat(const float *restrict u, float *restrict v, i64 n, float k, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (i64 y = 1; y < n - 1; y++)
    for (i64 x = 1; x < n - 1; x++) {
      const float *p = u + y * n + x;
      v[y * n + x] = p[0] + k * (p[-n] + p[n] + p[-1] + p[1] - 4 * p[0]);
    }
}

void mandelbrot(float *restrict out, i64 n, float scale, int limit, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic, 8)
  for (i64 y = 0; y < n; y++)
    for (i64 x = 0; x < n; x++) {
      float cx = (float)x * scale - 2.0f, cy = (float)y * scale - 1.5f, zr = 0, zi = 0, count = 0;
      for (int k = 0; k < limit; k++) {
        float rr = zr * zr, ii = zi * zi;
        if (!(rr + ii <= 4.0f)) break;
        zi = (zr + zr) * zi + cy;
        zr = rr - ii + cx;
        count += 1;
      }
      out[y * n + x] = count;
    }
}
