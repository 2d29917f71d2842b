/* test_attend.c - the loops between the matrix products: every table bit for bit like the baseline,
 * and the baseline against double precision. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backends/native/attend.h"
#include "backends/native/cpu.h"
#include "backends/native/quant.h"
#include "harness/base/rng.h"

enum { N = 300, TOKENS = 70, HEADS = 5, DIM = 136, CAP = 80 };

static float uniform(struct rng *r, double spread)
{
    return (float)(spread * (2 * rng_double(r) - 1));
}

static void fill(float *x, size_t n, struct rng *r, double spread)
{
    for (size_t i = 0; i < n; i++)
        x[i] = uniform(r, spread);
}

/* The tables this processor can run; the baseline first. */
static size_t tables(const struct attend *out[3])
{
    size_t n = 0;
    out[n++] = attend_pick(0);
    assert_string_equal(out[0]->name, "ref");
#if defined(__x86_64__)
    const uint32_t have = cpu_detect();
    if (have & CPU_AVX2)
        out[n++] = attend_pick(CPU_AVX2);
    if (have & CPU_AVX512)
        out[n++] = attend_pick(CPU_AVX2 | CPU_AVX512);
#endif
    return n;
}

static void test_exp(void **state)
{
    (void)state;
    const struct attend *t[3];
    const size_t n_tables = tables(t);
    struct rng r = {1};
    float x[N], y[3][N];
    for (int round = 0; round < 300; round++) {
        const size_t n = 1 + rng_below(&r, N);
        fill(x, n, &r, round % 2 ? 87 : 2);
        for (size_t k = 0; k < n_tables; k++)
            t[k]->exp(x, y[k], n);
        for (size_t k = 1; k < n_tables; k++)
            assert_memory_equal(y[0], y[k], n * sizeof(float));
        for (size_t i = 0; i < n; i++)
            assert_true(fabs((double)y[0][i] / exp((double)x[i]) - 1) < 3e-7);
    }
    const float edge[] = {0, -INFINITY, -88, -1000, 88, 1000, INFINITY, NAN, -0.0f};
    for (size_t k = 0; k < n_tables; k++) {
        t[k]->exp(edge, y[k], 9);
        assert_true(y[k][0] == 1 && y[k][8] == 1);
        assert_true(y[k][1] == 0 && y[k][2] == 0 && y[k][3] == 0);
        assert_true(y[k][4] > 1e38f && y[k][5] > 1e38f && y[k][6] > 1e38f);
        assert_true(isnan(y[k][7]));
    }
}

static void test_rows(void **state)
{
    (void)state;
    const struct attend *t[3];
    const size_t n_tables = tables(t);
    struct rng r = {2};
    float x[N], add[N], w[N], sum[3][N], norm[3][N], gate[3][N];
    for (int round = 0; round < 300; round++) {
        const size_t n = 1 + rng_below(&r, N);
        fill(x, n, &r, 10);
        fill(add, n, &r, 10);
        fill(w, n, &r, 2);
        for (size_t k = 0; k < n_tables; k++) {
            memcpy(sum[k], x, n * sizeof *x);
            memcpy(gate[k], x, n * sizeof *x);
            t[k]->add_norm(sum[k], round % 2 ? add : NULL, w, n, 1e-5f, norm[k]);
            t[k]->silu_mul(gate[k], add, n);
            assert_memory_equal(sum[0], sum[k], n * sizeof *x);
            assert_memory_equal(norm[0], norm[k], n * sizeof *x);
            assert_memory_equal(gate[0], gate[k], n * sizeof *x);
        }
        double squares = 0;
        for (size_t i = 0; i < n; i++) {
            assert_true(sum[0][i] == (round % 2 ? x[i] + add[i] : x[i]));
            squares += (double)sum[0][i] * (double)sum[0][i];
        }
        for (size_t i = 0; i < n; i++) {
            const double v = (double)sum[0][i] / sqrt(squares / (double)n + 1e-5) * (double)w[i];
            assert_true(fabs(v - (double)norm[0][i]) <= 1e-6 * fabs(v));
            const double g = (double)x[i] / (1 + exp(-(double)x[i])) * (double)add[i];
            assert_true(fabs(g - (double)gate[0][i]) <= 1e-6 * fabs(g) + 1e-12);
        }
    }
}

static void test_lse(void **state)
{
    (void)state;
    const struct attend *t[3];
    const size_t n_tables = tables(t);
    struct rng r = {3};
    float x[N];
    for (int round = 0; round < 1000; round++) {
        const size_t n = 1 + rng_below(&r, N);
        fill(x, n, &r, 20);
        size_t best = 0;
        if (round % 2) /* ties: the lowest id counts */
            for (size_t i = 0; i < n; i++)
                x[i] = rintf(x[i] / 10);
        double sum = 0;
        for (size_t i = 1; i < n; i++)
            best = x[i] > x[best] ? i : best;
        for (size_t i = 0; i < n; i++)
            sum += exp((double)x[i] - (double)x[best]);
        struct attend_lse got[3];
        for (size_t k = 0; k < n_tables; k++) {
            t[k]->lse(x, n, &got[k]);
            assert_int_equal(got[k].argmax, best);
            assert_true(got[k].lse == got[0].lse);
        }
        assert_true(fabs(got[0].lse - (double)x[best] - log(sum)) < 1e-6);
    }
}

/* -- attention --------------------------------------------------------------------------------- */
struct heads {
    float q[TOKENS * HEADS * DIM], k[TOKENS * DIM], v[TOKENS * DIM], rope[CAP * 2 * DIM];
    float out[TOKENS * HEADS * DIM], scores[2 * CAP];
    uint32_t pos[TOKENS];
    struct kv_seq seq;
};

/* A walk through a small tree: positions go back now and then. */
static void heads_fill(struct heads *h, uint64_t seed)
{
    struct rng r = {seed};
    fill(h->q, TOKENS * HEADS * DIM, &r, 2);
    fill(h->k, TOKENS * DIM, &r, 2);
    fill(h->v, TOKENS * DIM, &r, 2);
    fill(h->rope, CAP * 2 * DIM, &r, 1);
    uint32_t pos = 0;
    for (size_t i = 0; i < TOKENS; i++) {
        h->pos[i] = pos;
        pos = rng_below(&r, 8) ? pos + 1 : (uint32_t)rng_below(&r, pos + 1);
    }
}

static void heads_run(struct heads *h, const struct attend *t, const struct kv_shape *s,
                      uint32_t n_rep)
{
    struct assay_err err = {0};
    assert_int_equal(kv_reserve(&h->seq, s, CAP, &err), 0);
    const uint32_t hd = s->head_dim;
    const struct attend_job j = {.kv = kv_at(&h->seq, s, 0, 0),
                                 .n = TOKENS,
                                 .pos = h->pos,
                                 .q = h->q,
                                 .k = h->k,
                                 .v = h->v,
                                 .out = h->out,
                                 .ldq = n_rep * hd,
                                 .ldkv = hd,
                                 .ldo = n_rep * hd,
                                 .n_rep = n_rep,
                                 .head_dim = hd,
                                 .rope = h->rope,
                                 .rope_dims = hd - hd % 4,
                                 .scores = h->scores};
    t->run[s->type](&j);
}

/* What the cache makes of one row: codes of 8 bits per row, or of fewer per 32. */
static void cached(enum kv_type t, const float *x, size_t hd, double *out)
{
    static const struct {
        double low, high;
        size_t group;
        bool full; /* the first of the largest magnitude, signed, is the lowest code */
    } grids[] = {[KV_INT8] = {-127, 127, DIM, false},
                 [KV_INT4] = {-7, 7, 32, false},
                 [KV_INT3] = {-4, 3, 32, true},
                 [KV_INT2] = {-2, 1, 32, true}};
    for (size_t d = 0; d < hd; d++) {
        out[d] = (double)x[d];
        if (t == KV_F16)
            out[d] = (double)quant_f16_f32(quant_f16(x[d]));
        if (t < KV_INT8)
            continue;
        const double low = grids[t].low, high = grids[t].high;
        const size_t group = grids[t].group, from = d / group * group;
        double top = 0;
        for (size_t i = from; i < from + group && i < hd; i++)
            top = fabs((double)x[i]) > fabs(top) ? (double)x[i] : top;
        const double s = (float)(grids[t].full ? top / low : fabs(top) / high);
        out[d] = s != 0 ? s * fmin(high, fmax(low, nearbyint((double)(float)(x[d] / s)))) : 0;
    }
}

/* The last token's output in double, from what the cache should hold of its ancestors. */
static void check_last(const struct heads *h, const struct kv_shape *s, uint32_t n_rep)
{
    const size_t hd = s->head_dim, last = TOKENS - 1, n = h->pos[last] + 1;
    size_t at[CAP];
    for (size_t i = 0; i <= last; i++)
        at[h->pos[i]] = i; /* later tokens overwrite */
    for (size_t r = 0; r < n_rep; r++) {
        const float *q = h->q + (last * n_rep + r) * hd;
        double p[CAP], row[DIM], top = -INFINITY, sum = 0;
        for (size_t j = 0; j < n; j++) {
            p[j] = 0;
            cached(s->type, h->k + at[j] * hd, hd, row);
            for (size_t d = 0; d < hd; d++)
                p[j] += (double)q[d] * row[d];
            p[j] /= sqrt((double)hd);
            top = p[j] > top ? p[j] : top;
        }
        for (size_t j = 0; j < n; j++)
            sum += p[j] = exp(p[j] - top);
        double v[DIM] = {0};
        for (size_t j = 0; j < n; j++) {
            cached(s->type, h->v + at[j] * hd, hd, row);
            for (size_t d = 0; d < hd; d++)
                v[d] += p[j] / sum * row[d];
        }
        for (size_t d = 0; d < hd; d++)
            assert_true(fabs(v[d] - (double)h->out[(last * n_rep + r) * hd + d]) < 2e-5);
    }
}

static void test_attention(void **state)
{
    (void)state;
    const struct attend *t[3];
    const size_t n_tables = tables(t);
    static const uint32_t dims[] = {4, 8, 12, 16, 20, 32, 44, 64, 72, 128, 136};
    struct heads *h[3];
    for (size_t k = 0; k < 3; k++)
        h[k] = calloc(1, sizeof *h[k]);
    for (size_t i = 0; i < sizeof dims / sizeof *dims * KV_TYPES; i++) {
        const struct kv_shape s = {(enum kv_type)(i % KV_TYPES), 1, 1, dims[i / KV_TYPES]};
        const uint32_t n_rep = 1 + (uint32_t)i % HEADS;
        for (size_t k = 0; k < n_tables; k++) {
            heads_fill(h[k], i);
            heads_run(h[k], t[k], &s, n_rep);
            assert_memory_equal(h[0]->q, h[k]->q, sizeof h[0]->q);
            assert_memory_equal(h[0]->k, h[k]->k, sizeof h[0]->k);
            assert_memory_equal(h[0]->out, h[k]->out, sizeof h[0]->out);
            assert_int_equal(h[k]->seq.bytes, kv_bytes(&s, CAP));
            assert_memory_equal(h[0]->seq.mem, h[k]->seq.mem, h[k]->seq.bytes);
        }
        check_last(h[0], &s, n_rep);
        for (size_t k = 0; k < n_tables; k++)
            kv_release(&h[k]->seq);
    }
    for (size_t k = 0; k < 3; k++)
        free(h[k]);
}

/* One token in an empty cache: out is the cached value, exactly. */
static void values_alone(const struct attend *t, enum kv_type type, const float *v, uint32_t hd,
                         float *out)
{
    const struct kv_shape s = {type, 1, 1, hd};
    struct kv_seq seq = {0};
    struct assay_err err = {0};
    float q[DIM] = {0}, k[DIM] = {0}, scores[32], rope[2 * DIM] = {0};
    const uint32_t pos = 0;
    assert_int_equal(kv_reserve(&seq, &s, 16, &err), 0);
    const struct attend_job j = {.kv = kv_at(&seq, &s, 0, 0),
                                 .n = 1,
                                 .pos = &pos,
                                 .q = q,
                                 .k = k,
                                 .v = v,
                                 .out = out,
                                 .ldq = hd,
                                 .ldkv = hd,
                                 .ldo = hd,
                                 .n_rep = 1,
                                 .head_dim = hd,
                                 .rope = rope,
                                 .scores = scores};
    t->run[type](&j);
    kv_release(&seq);
}

/* The fp16 values a cache may hold come out as quant_f16_f32 says, subnormals and Inf included. */
static void test_fp16_cache_widens_exactly(void **state)
{
    (void)state;
    const struct attend *t[3];
    const size_t n_tables = tables(t);
    const float tricky[16] = {
        0,     -0.0f,       5.9604645e-8f, -6.0975552e-5f, 6.1035156e-5f, 1,       -65504, 2049,
        1e-9f, 0.33333334f, 3.1415927f,    -1e-6f,         100.06f,       1024.5f, 0.1f,   7};
    for (size_t k = 0; k < n_tables; k++) {
        float out[16];
        values_alone(t[k], KV_F16, tricky, 16, out);
        for (size_t i = 0; i < 16; i++)
            assert_true(out[i] == quant_f16_f32(quant_f16(tricky[i])));
    }
}

/* By hand, so that no formula stands between the definition and its meaning: ties to even,
 * saturation above, the sign of the scale, equal magnitudes, zeros; a last group of 4. */
static void test_low_bits_by_hand(void **state)
{
    (void)state;
    static const struct {
        enum kv_type t;
        float v[36], want[36];
    } rows[] = {
        {KV_INT2,
         {-2, 2, 1.5f, 0.5f, -0.5f, -1.5f, 0.51f, [31] = -0.51f, [32] = 4, -4, 1, 3},
         {-2, 1, 1, 0, 0, -2, 1, [31] = -1, [32] = 4, -2, 0, 4}},
        {KV_INT2, {2, -2, 1.5f, 0.5f, -0.5f, -1.5f, -0.51f}, {2, -1, 2, 0, 0, -1, -1}},
        {KV_INT3,
         {-4, 4, 2.5f, 3.5f, 1.5f, -2.5f, -3.5f, 0.5f, -0.5f, 3.49f, [30] = 1, -3, 8, 7, -8, 5},
         {-4, 3, 2, 3, 2, -2, -4, 0, 0, 3, [30] = 1, -3, 8, 8, -6, 4}},
        {KV_INT4,
         {7, -7, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 6.5f, [31] = -6.5f, [32] = 14, 3, 5, -13},
         {7, -7, 0, 2, 2, 0, -2, 6, [31] = -6, [32] = 14, 4, 4, -12}},
    };
    const struct attend *t[3];
    const size_t n_tables = tables(t);
    for (size_t k = 0; k < n_tables * 4; k++) {
        float out[36];
        values_alone(t[k / 4], rows[k % 4].t, rows[k % 4].v, 36, out);
        for (size_t d = 0; d < 36; d++)
            if (out[d] != rows[k % 4].want[d])
                fail_msg("%s, row %zu, dimension %zu: %g, expected %g", t[k / 4]->name, k % 4, d,
                         (double)out[d], (double)rows[k % 4].want[d]);
    }
}

/* What a token costs: codes of 8 and fewer bits, and a scale per group. */
static void test_bytes_per_token(void **state)
{
    (void)state;
    static const size_t want[KV_TYPES][2] = {
        [KV_F32] = {512, 36 * 16}, [KV_F16] = {256, 36 * 8},  [KV_INT8] = {144, 4 * 40},
        [KV_INT4] = {80, 4 * 26},  [KV_INT3] = {64, 4 * 22},  [KV_INT2] = {48, 4 * 17}};
    for (int t = 0; t < KV_TYPES; t++) {
        assert_int_equal(kv_bytes_per_token(&(struct kv_shape){(enum kv_type)t, 2, 1, 32}),
                         want[t][0]);
        assert_int_equal(kv_bytes_per_token(&(struct kv_shape){(enum kv_type)t, 1, 2, 36}),
                         want[t][1]);
    }
}

/* A copied prefix is the computed one, whatever room either cache has. */
static void test_copied_prefix(void **state)
{
    (void)state;
    static struct heads h;
    for (int t = 0; t < KV_TYPES; t++) {
        const struct kv_shape s = {(enum kv_type)t, 1, 1, 72};
        struct kv_seq other = {0};
        struct assay_err err = {0};
        const uint32_t n = 21;
        heads_fill(&h, 5);
        heads_run(&h, attend_pick(cpu_detect()), &s, 1);
        assert_int_equal(kv_reserve(&other, &s, 2 * CAP, &err), 0);
        kv_copy(&other, &h.seq, &s, n);
        const struct kv_view a = kv_at(&h.seq, &s, 0, 0), b = kv_at(&other, &s, 0, 0);
        const size_t scales = kv_is_low(s.type) ? 3 : t == KV_INT8;
        const size_t bytes = kv_bytes_per_token(&s) / 2;
        assert_memory_equal(a.k, b.k, 32 * (bytes - scales * sizeof(float)));
        assert_memory_equal(a.v, b.v, n * (bytes - scales * sizeof(float)));
        for (size_t g = 0; g < scales; g++) {
            assert_memory_equal(a.ks + g * a.cap, b.ks + g * b.cap, n * sizeof(float));
            assert_memory_equal(a.vs + g * a.cap, b.vs + g * b.cap, n * sizeof(float));
        }
        kv_release(&other);
        kv_release(&h.seq);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp),           cmocka_unit_test(test_rows),
        cmocka_unit_test(test_lse),           cmocka_unit_test(test_attention),
        cmocka_unit_test(test_copied_prefix), cmocka_unit_test(test_fp16_cache_widens_exactly),
        cmocka_unit_test(test_low_bits_by_hand), cmocka_unit_test(test_bytes_per_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
