/* linear_forward.c - y = W x: quantize activations, split output rows over threads, call kernels.
 *
 * No allocation and, for small products, no thread hand-off: the smallest models spend their time
 * here.  Parts are whole panels, so no part ever changes the order of a sum. */
#include "backends/native/linear_int.h"
#include "harness/base/pool.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { ALIGN = 64, MAX_MANY = 4 };
/* Multiplications below which waking a second thread costs more than it saves. */
#define WORK_MIN ((size_t)1 << 20)

struct work {
    const struct linear *const *w;
    size_t m;
    const float *x;
    size_t ldx, n;
    float *const *y;
    const size_t *ldy;
    struct kern_act act;
    float *rest;                   /* [n][n_in] x without outliers; LLM_INT8 only */
    bool mine[MAX_MANY];           /* matrices of the kind in hand */
};

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static size_t panels_of(const struct linear *l)
{
    return round_up(l->m.n_out, KERN_ROWS) / KERN_ROWS;
}

static bool is_float(const struct linear *l)
{
    return kern_is_float(l->m.form);
}

/* Lays activations out in scratch (NULL: measures only); returns the bytes. */
static size_t act_layout(const struct linear *l, size_t n, char *scratch, struct kern_act *a)
{
    const struct kern_mat *m = &l->m;
    size_t per_k = m->form == KERN_I16 ? 2 * sizeof *a->q16 : sizeof *a->q;
    size_t blocks = m->form >= KERN_Q8 ? m->n_in / KERN_BLOCK : 1;
    *a = (struct kern_act){.n_in = m->n_in, .n_k = m->n_k, .ldd = n, .offset = m->offset,
                           .max = m->act_max};
    size_t codes = round_up(n * a->n_k * per_k, ALIGN);
    size_t per_block = round_up(n * blocks * sizeof *a->d, ALIGN);
    if (scratch) {
        a->q = (int8_t *)scratch;
        a->q16 = (int16_t *)(void *)scratch;
        a->d = (float *)(void *)(scratch + codes);
        a->bias = (int32_t *)(void *)(scratch + codes + per_block);
        if (m->min)
            a->s = (float *)(void *)(scratch + codes + 2 * per_block);
    }
    return codes + per_block * (m->min ? 3 : 2);
}

size_t linear_scratch(const struct linear *l, size_t n)
{
    struct kern_act a;
    const size_t rest = l->outlier > 0 ? n * l->m.n_in * sizeof(float) : 0;
    return is_float(l) ? 0 : act_layout(l, n, NULL, &a) + rest;
}

/* Do two matrices take the very same quantized activations? */
static bool same_kind(const struct linear *a, const struct linear *b)
{
    if (is_float(a) || is_float(b))
        return is_float(a) && is_float(b);
    if ((a->m.form >= KERN_Q8) != (b->m.form >= KERN_Q8))
        return false;
    return (a->m.form >= KERN_Q8 || a->m.form == b->m.form) && a->m.offset == b->m.offset &&
           a->m.act_max == b->m.act_max && (a->outlier > 0) == (b->outlier > 0) &&
           !a->counts == !b->counts && (!a->counts || a->act_top == b->act_top) && !a->m.min == !b->m.min;
}

/* y += (w x)[16 p0 .. 16 p1) of the outliers of one token, columns ascending. */
static void add_outliers(const struct linear *l, size_t p0, size_t p1, const float *x, float *y)
{
    const struct kern_mat *m = &l->m;
    for (size_t k = 0; k < m->n_in; k++) {
        if (!(fabsf(x[k]) >= l->outlier))
            continue;
        for (size_t p = p0; p < p1; p++) {
            const uint8_t *c = m->codes + p * m->codes_stride + k / 4 * 64 + k % 4;
            const float *s = (const float *)(const void *)((const char *)m->scale +
                                                           p * m->scale_stride);
            const size_t left = m->n_out - p * KERN_ROWS, n = left < KERN_ROWS ? left : KERN_ROWS;
            for (size_t r = 0; r < n; r++)
                y[p * KERN_ROWS + r] += (float)(c[r * 4] - m->offset) * s[r] * x[k];
        }
    }
}

static void multiply_part(void *user, size_t part, size_t n_parts)
{
    const struct work *j = user;
    for (size_t i = 0; i < j->m; i++) {
        if (!j->mine[i])
            continue;
        const struct linear *l = j->w[i];
        size_t units = (panels_of(l) + KERN_WIDE - 1) / KERN_WIDE;
        size_t p0 = units * part / n_parts * KERN_WIDE;
        size_t p1 = units * (part + 1) / n_parts * KERN_WIDE;
        if (p1 > panels_of(l))
            p1 = panels_of(l);
        if (is_float(l)) {
            struct kern_f32 xy = {.x = j->x, .ldx = j->ldx, .n = j->n, .y = j->y[i],
                                  .ldy = j->ldy[i]};
            kern_float(l->kern, &l->m, p0, p1, &xy);
        } else {
            struct kern_int g = {&l->m, p0, p1, &j->act, j->n, j->y[i], j->ldy[i], false};
            kern_integer(l->kern, &g);
            for (size_t t = 0; l->outlier > 0 && t < j->n; t++)
                add_outliers(l, p0, p1, j->x + t * j->ldx, j->y[i] + t * j->ldy[i]);
        }
    }
}

static const struct linear *first_mine(const struct work *j)
{
    size_t i = 0;
    while (!j->mine[i])
        i++;
    return j->w[i];
}

/* Row t of the activations at a given scale; returns how many saturated.  NaN and Inf make the
 * token's scale NaN.  Adding 1.5 * 2^23 rounds to an integer, ties to even. */
static size_t quantize_static(const struct linear *l, const struct kern_act *a, size_t t,
                              const float *x)
{
    const float d = l->act_top / 127.0f, limit = 127.5f * d;
    const float inverse = l->act_top >= KERN_ABSMAX_MIN ? 127.0f / l->act_top : 0;
    int8_t *q = a->q + t * a->n_k;
    int32_t sum = 0, broken = 0;
    size_t saturated = 0;
    for (size_t k = 0; k < a->n_in; k++) {
        union { float f; int32_t i; } v = {.f = x[k] * inverse};
        v.f = v.f > 127 ? 127 : v.f > -127 ? v.f : -127;
        v.f += 12582912.0f;
        q[k] = (int8_t)(v.i - 0x4b400000);
        sum += q[k];
        saturated += fabsf(x[k]) > limit;
        broken |= !(fabsf(x[k]) <= FLT_MAX);
    }
    memset(q + a->n_in, 0, a->n_k - a->n_in);
    a->d[t] = broken ? NAN : d;
    a->bias[t] = (int32_t)(0u - (uint32_t)a->offset * (uint32_t)sum);
    return saturated;
}

static void count(const struct work *j, size_t n, size_t saturated)
{
    for (size_t i = 0; i < j->m; i++) {
        if (!j->mine[i] || !j->w[i]->counts)
            continue;
        atomic_fetch_add(&j->w[i]->counts->saturated, saturated);
        atomic_fetch_add(&j->w[i]->counts->seen, n * j->w[i]->m.n_in);
    }
}

static void quantize_part(void *user, size_t part, size_t n_parts)
{
    const struct work *j = user;
    const struct linear *l = first_mine(j);
    const size_t from = j->n * part / n_parts, to = j->n * (part + 1) / n_parts;
    size_t saturated = 0;
    for (size_t t = from; t < to; t++) {
        const float *x = j->x + t * j->ldx;
        if (l->outlier > 0) {
            float *rest = j->rest + t * l->m.n_in;
            for (size_t k = 0; k < l->m.n_in; k++)
                rest[k] = fabsf(x[k]) >= l->outlier ? 0 : x[k];
            x = rest;
        }
        if (l->counts)
            saturated += quantize_static(l, &j->act, t, x);
        else
            kern_quantize(l->kern, l->m.form, &j->act, t, x);
    }
    if (l->counts)
        count(j, to - from, saturated);
}

static void run(struct pool *pool, struct work *j, size_t work, void (*fn)(void *, size_t, size_t))
{
    int threads = work < WORK_MIN ? 1 : pool_size(pool);
    if (threads > 1)
        pool_run(pool, (size_t)threads, fn, j);
    else
        fn(j, 0, 1);
}

/* Quantizes x once for every matrix of w[first]'s kind and multiplies them. */
static void forward_kind(struct work *j, size_t first, struct pool *pool, char *scratch)
{
    size_t work = 0;
    for (size_t i = 0; i < j->m; i++) {
        j->mine[i] = i >= first && same_kind(j->w[first], j->w[i]);
        if (j->mine[i])
            work += j->n * j->w[i]->m.n_out * j->w[i]->m.n_in;
    }
    if (!is_float(j->w[first])) {
        const size_t used = act_layout(j->w[first], j->n, scratch, &j->act);
        j->rest = (float *)(void *)(scratch + used);
        run(pool, j, j->n * j->w[first]->m.n_in * 16, quantize_part);
    }
    run(pool, j, work, multiply_part);
}

void linear_forward_many(const struct linear *const *w, size_t m, struct pool *pool, const float *x,
                         size_t ldx, size_t n, float *const *y, const size_t *ldy, void *scratch)
{
    struct work j = {.w = w, .m = m, .x = x, .ldx = ldx, .n = n, .y = y, .ldy = ldy};
    if (n == 0)
        return;
    for (size_t i = 0; i < m; i++) {
        size_t k = 0;
        while (k < i && !same_kind(w[k], w[i]))
            k++;
        if (k == i)                /* the first of its kind */
            forward_kind(&j, i, pool, scratch);
    }
}

void linear_forward(const struct linear *l, struct pool *pool, const float *x, size_t ldx, size_t n,
                    float *y, size_t ldy, void *scratch)
{
    linear_forward_many(&l, 1, pool, x, ldx, n, &y, &ldy, scratch);
}
