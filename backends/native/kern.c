/* kern.c - choosing a kernel table, and the loops that all tables share. */
#include "backends/native/kern.h"
#include "backends/native/cpu.h"
#include "harness/base/err.h"

#include <assert.h>

void kern_pick(uint32_t features, struct kern *k)
{
    kern_ref(k);
    k->features = features;
#if defined(__x86_64__)
    if (features & CPU_AVX2)
        kern_avx2(k);
    if (features & CPU_AVX512)
        kern_avx512(k);
    if (features & CPU_AVX512_VNNI)
        kern_avx512_vnni(k);
    if (features & CPU_AMX_INT8)
        kern_amx(k);
#elif defined(__aarch64__)
    if (features & CPU_NEON)
        kern_neon(k);
    if (features & CPU_NEON_DOTPROD)
        kern_neon_dotprod(k);
    if (features & CPU_NEON_I8MM)
        kern_neon_i8mm(k);
#endif
}

int kern_open(const char *level, struct kern *k, struct assay_err *e)
{
    uint32_t mask;
    TRY(cpu_level(level, &mask, e));
    kern_pick(cpu_detect() & mask, k);
    return 0;
}

static size_t rows_in(const struct kern_mat *w, size_t p0, size_t p1)
{
    size_t end = p1 * KERN_ROWS < w->n_out ? p1 * KERN_ROWS : w->n_out;
    return end - p0 * KERN_ROWS;
}

/* A few panels and KERN_CHUNK of k at a time become f32 in the first-level cache; y carries the sums
 * from chunk to chunk, which changes no bit of them. */
static void float_expanded(const struct kern *k, const struct kern_mat *w, size_t p0, size_t p1,
                           const struct kern_f32 *xy)
{
    _Alignas(64) float buf[KERN_WIDE * KERN_CHUNK * KERN_ROWS];
    kern_expand_fn *expand = k->expand[w->form];
    for (size_t p = p0; p < p1; p += KERN_WIDE) {
        size_t end = p + KERN_WIDE < p1 ? p + KERN_WIDE : p1;
        struct kern_f32 g = *xy;
        g.w = buf;
        g.stride = KERN_CHUNK * KERN_ROWS;
        g.n_rows = rows_in(w, p, end);
        g.y = xy->y + p * KERN_ROWS;
        for (size_t k0 = 0; k0 < w->n_in; k0 += KERN_CHUNK) {
            g.n_k = w->n_in - k0 < KERN_CHUNK ? w->n_in - k0 : KERN_CHUNK;
            g.x = xy->x + k0;
            g.add = k0 > 0;
            for (size_t i = p; i < end; i++)
                expand(w, i, k0, g.n_k, buf + (i - p) * g.stride);
            k->f32(&g);
        }
    }
}

void kern_float(const struct kern *k, const struct kern_mat *w, size_t p0, size_t p1,
                const struct kern_f32 *xy)
{
    if (p0 >= p1 || xy->n == 0)
        return;
    if (w->form == KERN_F32) {
        struct kern_f32 g = *xy;
        g.w = (const float *)(const void *)(w->codes + p0 * w->codes_stride);
        g.stride = w->codes_stride / sizeof(float);
        g.n_rows = rows_in(w, p0, p1);
        g.n_k = w->n_in;
        g.y = xy->y + p0 * KERN_ROWS;
        g.add = false;
        k->f32(&g);
        return;
    }
    kern_gemv_fn *gemv = xy->n == 1 ? k->gemv[w->form] : NULL;
    if (gemv)
        gemv(w, p0, p1, xy->x, xy->y);
    else
        float_expanded(k, w, p0, p1, xy);
}

/* Q4 and Q5 as Q8 panels in the first-level cache, a piece of K at a time: one core for all. */
static void int_widened(const struct kern *k, const struct kern_int *g, kern_widen_fn *widen)
{
    enum { PIECE = 16, STRIDE = PIECE * KERN_BLOCK * KERN_ROWS };
    _Alignas(64) uint8_t buf[KERN_WIDE * STRIDE];
    size_t n_blocks = g->w->n_in / KERN_BLOCK;
    for (size_t p = g->p0; p < g->p1; p += KERN_WIDE) {
        size_t end = p + KERN_WIDE < g->p1 ? p + KERN_WIDE : g->p1;
        for (size_t b = 0; b < n_blocks; b += PIECE) {
            size_t n_b = n_blocks - b < PIECE ? n_blocks - b : PIECE;
            struct kern_mat w = *g->w;
            struct kern_act a = *g->a;
            for (size_t i = p; i < end; i++)
                widen(g->w, i, b, n_b, buf + (i - p) * STRIDE);
            w.form = KERN_Q8;
            w.codes = buf;
            w.codes_stride = STRIDE;
            w.scale = (const char *)w.scale + p * w.scale_stride + b * KERN_ROWS * 2;
            if (w.min)
                w.min += p * (w.scale_stride / 2) + b * KERN_ROWS;
            w.n_in = n_b * KERN_BLOCK;
            w.n_out = rows_in(g->w, p, end);
            a.q += b * KERN_BLOCK;
            a.d += b * a.ldd;
            a.bias += b * a.ldd;
            if (a.s)
                a.s += b * a.ldd;
            k->q8(&(struct kern_int){&w, 0, end - p, &a, g->n, g->y + p * KERN_ROWS, g->ldy, b > 0});
        }
    }
}

void kern_integer(const struct kern *k, const struct kern_int *g)
{
    if (g->p0 >= g->p1 || g->n == 0)
        return;
    if (g->n >= k->widen_min && g->w->form > KERN_Q8) {
        int_widened(k, g, g->w->form == KERN_Q4 ? k->widen_q4 : k->widen_q5);
        return;
    }
    switch (g->w->form) {
    case KERN_I16: k->i16(g); return;
    case KERN_W8: k->w8(g); return;
    case KERN_Q8: k->q8(g); return;
    case KERN_Q4: k->q4(g); return;
    case KERN_Q5: k->q5(g); return;
    default: assert(!"a form with f32 activations");
    }
}

void kern_quantize(const struct kern *k, enum kern_form form, const struct kern_act *a, size_t t,
                   const float *x)
{
    if (form == KERN_I16)
        k->act_i16(a, t, x);
    else if (form == KERN_W8)
        k->act_w8(a, t, x);
    else
        k->act_block(a, t, x);
}
