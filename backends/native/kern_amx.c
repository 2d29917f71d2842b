/* kern_amx.c - AMX int8 tiles: 16 tokens x 16 rows x 32 or 64 k in one instruction.
 *
 * The panels of kern.h are the tile layout: 64 bytes hold 4 k of 16 rows.  Sums leave a tile through
 * memory and are finished in vectors.  Fewer than 16 tokens, and what 16 leave over, go to the VNNI
 * kernels, which give the same bits.  Linux must have granted the tile state (cpu.c); it is released
 * at the end of every call, so that threads carry no tiles through context switches. */
#include "backends/native/kern.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { TOKENS = 16, BLOCK_BYTES = KERN_BLOCK * KERN_ROWS, PIECE = 32 };

struct tile_config {               /* the operand of ldtilecfg, palette 1 */
    uint8_t palette, start_row, reserved[14];
    uint16_t col_bytes[16];
    uint8_t rows[16];
};

/* Tiles 0-3 sums, 4-5 activations, 6-7 weights with k bytes of K each. */
static void tiles_begin(int k)
{
    _Alignas(64) struct tile_config c = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        c.rows[i] = (uint8_t)(i < 6 ? TOKENS : k / 4);
        c.col_bytes[i] = (uint16_t)(i == 4 || i == 5 ? k : 64);
    }
    _tile_loadconfig(&c);
}

static __mmask16 rows_mask(const struct kern_mat *w, size_t p)
{
    size_t left = w->n_out - p * KERN_ROWS;
    return left >= KERN_ROWS ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1);
}

/* The product for tokens t.. by another kernel. */
static void rest(const struct kern_int *g, size_t t, kern_int_fn *fn)
{
    struct kern_int left = *g;
    struct kern_act a = *g->a;
    if (t >= g->n)
        return;
    a.q += t * a.n_k;
    a.d += t;
    a.bias += t;
    if (a.s)
        a.s += t;
    left.a = &a;
    left.n = g->n - t;
    left.y += t * g->ldy;
    fn(&left);
}

/* -- per row and token ---------------------------------------------------------------------------- */
/* y of 16 tokens and one panel from the sums of a tile. */
static void w8_finish(const struct kern_int *g, size_t p, size_t t, const int32_t sums[256])
{
    const struct kern_mat *w = g->w;
    __m512 scale = _mm512_loadu_ps((const char *)w->scale + p * w->scale_stride);
    __mmask16 mask = rows_mask(w, p);
    for (size_t i = 0; i < TOKENS; i++) {
        __m512i bias = _mm512_set1_epi32(g->a->bias[t + i]);
        __m512i sum = _mm512_add_epi32(_mm512_load_si512(sums + i * KERN_ROWS), bias);
        __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale);
        _mm512_mask_storeu_ps(g->y + (t + i) * g->ldy + p * KERN_ROWS, mask,
                              _mm512_mul_ps(v, _mm512_set1_ps(g->a->d[t + i])));
    }
}

/* 32 tokens x 2 panels: each tile loaded serves two products.  Activations are zero beyond n_in, so
 * that what the last load reads behind the panel does not count. */
static void w8_quad(const struct kern_int *g, size_t p, size_t t, int32_t *sums)
{
    const uint8_t *c0 = g->w->codes + p * g->w->codes_stride, *c1 = c0 + g->w->codes_stride;
    const size_t n_k = g->a->n_k;
    const int8_t *q0 = g->a->q + t * n_k, *q1 = q0 + TOKENS * n_k;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t k = 0; k < n_k; k += 64) {
        _tile_loadd(4, q0 + k, n_k);
        _tile_loadd(6, c0 + k * KERN_ROWS, 64);
        _tile_loadd(5, q1 + k, n_k);
        _tile_loadd(7, c1 + k * KERN_ROWS, 64);
        _tile_dpbsud(0, 4, 6);
        _tile_dpbsud(1, 4, 7);
        _tile_dpbsud(2, 5, 6);
        _tile_dpbsud(3, 5, 7);
    }
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + 256, 64);
    _tile_stored(2, sums + 512, 64);
    _tile_stored(3, sums + 768, 64);
    w8_finish(g, p, t, sums);
    w8_finish(g, p + 1, t, sums + 256);
    w8_finish(g, p, t + TOKENS, sums + 512);
    w8_finish(g, p + 1, t + TOKENS, sums + 768);
}

static void w8_single(const struct kern_int *g, size_t p, size_t t, int32_t *sums)
{
    const uint8_t *c = g->w->codes + p * g->w->codes_stride;
    const size_t n_k = g->a->n_k;
    _tile_zero(0);
    for (size_t k = 0; k < n_k; k += 64) {
        _tile_loadd(4, g->a->q + t * n_k + k, n_k);
        _tile_loadd(6, c + k * KERN_ROWS, 64);
        _tile_dpbsud(0, 4, 6);
    }
    _tile_stored(0, sums, 64);
    w8_finish(g, p, t, sums);
}

static void amx_w8(const struct kern_int *g)
{
    struct kern vnni;
    _Alignas(64) int32_t sums[4 * 256];
    size_t t = 0, p;
    kern_avx512_vnni(&vnni);
    if (g->n >= TOKENS)
        tiles_begin(64);
    for (; t + 2 * TOKENS <= g->n; t += 2 * TOKENS) {
        for (p = g->p0; p + 2 <= g->p1; p += 2)
            w8_quad(g, p, t, sums);
        for (; p < g->p1; p++) {
            w8_single(g, p, t, sums);
            w8_single(g, p, t + TOKENS, sums);
        }
    }
    for (; t + TOKENS <= g->n; t += TOKENS)
        for (p = g->p0; p < g->p1; p++)
            w8_single(g, p, t, sums);
    if (g->n >= TOKENS)
        _tile_release();
    rest(g, t, vnni.w8);
}

/* -- blocks of 32 ---------------------------------------------------------------------------------- */
INLINE __m512 half_scales(const void *base, size_t stride, size_t p, size_t b)
{
    const char *s = (const char *)base + p * stride + b * KERN_ROWS * 2;
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)s));
}

/* Blocks b0.. of panel p as signed codes; no bias is left to take out. */
static void signed_codes(const struct kern_mat *w, size_t p, size_t b0, size_t n_b, uint8_t *out)
{
    struct kern k;
    kern_avx512_vnni(&k);
    const uint8_t *from = w->codes + p * w->codes_stride + b0 * BLOCK_BYTES;
    __m512i offset = _mm512_set1_epi8((char)w->offset);
    if (w->form != KERN_Q8) {
        (w->form == KERN_Q4 ? k.widen_q4 : k.widen_q5)(w, p, b0, n_b, out);
        from = out;
    }
    for (size_t i = 0; i < n_b * BLOCK_BYTES; i += 64)
        _mm512_store_si512(out + i, _mm512_sub_epi8(_mm512_loadu_si512(from + i), offset));
}

/* sums[16 tokens][16 rows] of one block. */
INLINE void block_sums(const int8_t *q, size_t n_k, const uint8_t *codes, int32_t *sums)
{
    _tile_zero(0);
    _tile_loadd(4, q, n_k);
    _tile_loadd(6, codes, 64);
    _tile_dpbssd(0, 4, 6);
    _tile_stored(0, sums, 64);
}

/* 16 tokens x 1 panel over n_b blocks whose codes lie in `codes`.  The tile of the next block is on
 * its way while the vectors finish this one. */
INLINE void block_tile(const struct kern_int *g, size_t p, size_t t, size_t b0, size_t n_b,
                       const uint8_t *codes, bool add)
{
    _Alignas(64) int32_t sums[2][256];
    const struct kern_mat w = *g->w;
    const struct kern_act a = *g->a;
    const __mmask16 mask = rows_mask(&w, p);
    const size_t ldy = g->ldy;
    const int8_t *q = a.q + t * a.n_k + b0 * KERN_BLOCK;
    float *y = g->y + t * ldy + p * KERN_ROWS;
    __m512 acc[TOKENS];
    for (size_t i = 0; i < TOKENS; i++)
        acc[i] = add ? _mm512_maskz_loadu_ps(mask, y + i * ldy) : _mm512_setzero_ps();
    block_sums(q, a.n_k, codes, sums[0]);
    for (size_t b = 0; b < n_b; b++) {
        const int32_t *sum = sums[b % 2];
        const float *d = a.d + (b0 + b) * a.ldd + t;
        if (b + 1 < n_b)
            block_sums(q + (b + 1) * KERN_BLOCK, a.n_k, codes + (b + 1) * BLOCK_BYTES,
                       sums[(b + 1) % 2]);
        __m512 dw = half_scales(w.scale, w.scale_stride, p, b0 + b);
        for (size_t i = 0; i < TOKENS; i++)
            acc[i] = _mm512_fmadd_ps(
                _mm512_mul_ps(dw, _mm512_set1_ps(d[i])),
                _mm512_cvtepi32_ps(_mm512_load_si512(sum + i * KERN_ROWS)), acc[i]);
        if (!w.min)
            continue;
        const float *s = a.s + (b0 + b) * a.ldd + t;
        __m512 m = half_scales(w.min, w.scale_stride, p, b0 + b);
        for (size_t i = 0; i < TOKENS; i++)
            acc[i] = _mm512_fmadd_ps(m, _mm512_set1_ps(s[i]), acc[i]);
    }
    for (size_t i = 0; i < TOKENS; i++)
        _mm512_mask_storeu_ps(y + i * ldy, mask, acc[i]);
}

static void block_all(const struct kern_int *g, kern_int_fn *few)
{
    _Alignas(64) uint8_t codes[PIECE * BLOCK_BYTES];
    size_t n_blocks = g->w->n_in / KERN_BLOCK, full = g->n / TOKENS * TOKENS;
    if (full)
        tiles_begin(KERN_BLOCK);
    for (size_t p = g->p0; full && p < g->p1; p++) {
        for (size_t b = 0; b < n_blocks; b += PIECE) {
            size_t n_b = n_blocks - b < PIECE ? n_blocks - b : PIECE;
            signed_codes(g->w, p, b, n_b, codes);
            for (size_t t = 0; t < full; t += TOKENS)
                block_tile(g, p, t, b, n_b, codes, b > 0);
        }
    }
    if (full)
        _tile_release();
    rest(g, full, few);
}

static void amx_q8(const struct kern_int *g)
{
    struct kern k;
    kern_avx512_vnni(&k);
    block_all(g, k.q8);
}

static void amx_q4(const struct kern_int *g)
{
    struct kern k;
    kern_avx512_vnni(&k);
    block_all(g, k.q4);
}

static void amx_q5(const struct kern_int *g)
{
    struct kern k;
    kern_avx512_vnni(&k);
    block_all(g, k.q5);
}

void kern_amx(struct kern *k)
{
    k->name = "amx";
    k->w8 = amx_w8;
    k->q8 = amx_q8;
    k->q4 = amx_q4;
    k->q5 = amx_q5;
    k->widen_min = SIZE_MAX;       /* widening is part of the tiles' loop */
}
#endif
