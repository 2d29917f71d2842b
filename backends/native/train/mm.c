/* mm.c - packing, transposing, and the cache blocking around struct kern's f32 product. */
#include "backends/native/train/mm.h"

#include <string.h>

enum { GROUP = 4 }; /* panels that share one pass over x; see KERN_CHUNK for k */

typedef float v4f __attribute__((vector_size(16)));

static inline v4f load4(const float *p)
{
    v4f v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store4(float *p, v4f v)
{
    memcpy(p, &v, sizeof v);
}

static inline void transpose4(const float *x, size_t ldx, float *out, size_t ldo)
{
    const v4f a = load4(x), b = load4(x + ldx), c = load4(x + 2 * ldx), d = load4(x + 3 * ldx);
    const v4f ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const v4f ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const v4f cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const v4f cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    store4(out, __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5));
    store4(out + ldo, __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7));
    store4(out + 2 * ldo, __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5));
    store4(out + 3 * ldo, __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7));
}

void mm_transpose(const float *x, size_t ldx, size_t n, size_t m, float *out, size_t ldo)
{
    const size_t n4 = n / 4 * 4, m4 = m / 4 * 4;
    for (size_t i0 = 0; i0 < n4; i0 += 16) {
        const size_t end = i0 + 16 < n4 ? i0 + 16 : n4;
        for (size_t j = 0; j < m4; j += 4)
            for (size_t i = i0; i < end; i += 4)
                transpose4(x + i * ldx + j, ldx, out + j * ldo + i, ldo);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = i < n4 ? m4 : 0; j < m; j++)
            out[j * ldo + i] = x[i * ldx + j];
}

void mm_pack_rows(const float *w, size_t ld, size_t n, size_t n_k, float *out)
{
    for (size_t r = 0; r < n; r += KERN_ROWS, out += KERN_ROWS * n_k) {
        const size_t rows = n - r < KERN_ROWS ? n - r : KERN_ROWS;
        if (rows < KERN_ROWS)
            memset(out, 0, KERN_ROWS * n_k * sizeof *out);
        mm_transpose(w + r * ld, ld, rows, n_k, out, KERN_ROWS);
    }
}

void mm_pack_cols(const float *w, size_t ld, size_t n, size_t n_k, float *out)
{
    const size_t whole = n / KERN_ROWS, rest = n % KERN_ROWS, panel = KERN_ROWS * n_k;
    /* Few panels at a time: they lie a multiple of 4 KiB apart, and more would evict each other. */
    for (size_t p0 = 0; p0 < whole; p0 += GROUP) {
        const size_t end = p0 + GROUP < whole ? p0 + GROUP : whole;
        for (size_t k = 0; k < n_k; k++)
            for (size_t p = p0; p < end; p++)
                memcpy(out + p * panel + k * KERN_ROWS, w + k * ld + p * KERN_ROWS,
                       KERN_ROWS * sizeof *w);
    }
    for (size_t k = 0; rest && k < n_k; k++) {
        float *to = out + whole * panel + k * KERN_ROWS;
        memset(to, 0, KERN_ROWS * sizeof *to);
        memcpy(to, w + k * ld + whole * KERN_ROWS, rest * sizeof *w);
    }
}

void mm_run(const struct kern *kern, const struct kern_f32 *all)
{
    const size_t wide = GROUP * KERN_ROWS;
    for (size_t r = 0; r < all->n_rows; r += wide) {
        struct kern_f32 g = *all;
        size_t k = 0;
        g.n_rows = all->n_rows - r < wide ? all->n_rows - r : wide;
        g.y = all->y + r;
        do {
            g.w = all->w + r / KERN_ROWS * all->stride + k * KERN_ROWS;
            g.x = all->x + k;
            g.n_k = all->n_k - k < KERN_CHUNK ? all->n_k - k : KERN_CHUNK;
            kern->f32(&g);
            g.add = true;
            k += g.n_k;
        } while (k < all->n_k);
    }
}
