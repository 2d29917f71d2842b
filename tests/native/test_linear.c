/* test_linear.c - every scheme against definitions written a second time, slowly, in double.
 *
 * The kernel tables are compared with each other by checkkern; here the reference table and the one of
 * this processor are held to arithmetic that shares no code with them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "backends/backend.h"
#include "backends/native/kern.h"
#include "backends/native/linear.h"
#include "backends/native/quant.h"
#include "harness/base/pool.h"
#include "harness/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct kern kern;           /* of this processor, masked by ASSAY_CPU */

static int setup(void **state)
{
    (void)state;
    return kern_open(getenv("ASSAY_CPU"), &kern, NULL);
}

static double gauss(struct rng *r)
{
    double u = 1 - rng_double(r);
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * rng_double(r));
}

static void fill(struct rng *r, float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        v[i] = (float)gauss(r);
}

static void *reserve(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    assert_non_null(p);
    return p;
}

static struct linear *make(struct scheme s, const float *w, size_t n_out, size_t n_in)
{
    struct assay_err e;
    struct linear *l = NULL;
    if (linear_new(&kern, s, "w", QT_F32, w, n_out, n_in, NULL, &l, &e) < 0)
        fail_msg("%s", e.msg);
    return l;
}

static void forward(const struct linear *l, const float *x, size_t n, float *y)
{
    void *scratch = reserve(linear_scratch(l, n));
    linear_forward(l, NULL, x, linear_n_in(l), n, y, linear_n_out(l), scratch);
    free(scratch);
}

/* -- symmetric weights: absmax / qmax, ties to even, clamped ------------------------------------------ */
static float absmax_of(const float *x, size_t n)
{
    float max = 0;
    for (size_t i = 0; i < n; i++)
        max = fabsf(x[i]) > max ? fabsf(x[i]) : max;
    return max;
}

/* Code of x at fp32 scale s; the quotient in double, rounded to fp32, is the fp32 quotient. */
static long symmetric_code(float x, float s, int qmax)
{
    if (s == 0)
        return 0;
    double q = nearbyint((double)(float)((double)x / (double)s));
    return (long)fmax(-qmax, fmin(qmax, q));
}

static void check_symmetric(struct scheme s, int qmax, const float *w, size_t n_out, size_t n_in)
{
    struct linear *l = make(s, w, n_out, n_in);
    size_t group = s.group ? s.group : n_in;
    float *row = reserve(n_in * sizeof *row);
    for (size_t o = 0; o < n_out; o++) {
        linear_row(l, o, row);
        for (size_t i = 0; i < n_in; i++) {
            const float *x = w + o * n_in;
            float scale = absmax_of(x + i / group * group, group) / (float)qmax;
            assert_true(row[i] == (float)symmetric_code(x[i], scale, qmax) * scale);
        }
    }
    free(row);
    linear_free(l);
}

static void test_symmetric(void **state)
{
    (void)state;
    enum { OUT = 19, IN = 192 };
    static float w[OUT * IN];
    struct rng r = {1};
    fill(&r, w, OUT * IN);
    memset(w + 3 * IN, 0, IN * sizeof *w);              /* an all-zero row */
    for (int i = 0; i < IN; i++) {
        w[4 * IN + i] = (float)(i % 15 - 7) * 0.5f;     /* ties at 7-bit and 8-bit scales */
        w[5 * IN + i] = i ? ldexpf(1, -i % 140) : 1.0f; /* subnormals beside 1 */
        w[6 * IN + i] = 1e-44f;                         /* a scale that underflows */
    }
    check_symmetric((struct scheme){SCHEME_INT8, 0}, 127, w, OUT, IN);
    check_symmetric((struct scheme){SCHEME_INT8, 64}, 127, w, OUT, IN);
    check_symmetric((struct scheme){SCHEME_W8A8, 0}, 127, w, OUT, IN);
    check_symmetric((struct scheme){SCHEME_INT4, 32}, 7, w, OUT, IN);
    check_symmetric((struct scheme){SCHEME_INT4, 3}, 7, w, OUT, IN);
    check_symmetric((struct scheme){SCHEME_INT4, 0}, 7, w, OUT, IN);
    check_symmetric((struct scheme){SCHEME_INT16, 0}, 32767, w, OUT, IN);
    static const uint32_t groups[] = {0, 32, 3, 12};
    for (size_t g = 0; g < 4; g++) {
        check_symmetric((struct scheme){SCHEME_INT6, groups[g]}, 31, w, OUT, IN);
        check_symmetric((struct scheme){SCHEME_INT5, groups[g]}, 15, w, OUT, IN);
    }
}

/* Ties by hand: scale 1 makes the codes plain. */
static void test_symmetric_ties(void **state)
{
    (void)state;
    float w[8] = {7, -7, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 6.5f}, row[8];
    static const float want[8] = {7, -7, 0, 2, 2, 0, -2, 6};
    struct linear *l = make((struct scheme){SCHEME_INT4, 0}, w, 1, 8);
    linear_row(l, 0, row);
    for (int i = 0; i < 8; i++)
        assert_true(row[i] == want[i]);
    linear_free(l);
}

/* -- full range: the largest magnitude, first of equals, becomes the lowest code ---------------------- */
static void full_group(const float *x, size_t n, int bits, float *out)
{
    const double lowest = -ldexp(1, bits - 1);
    double top = 0;
    for (size_t i = 0; i < n; i++)
        if (fabs((double)x[i]) > fabs(top))
            top = x[i];
    const double s = (float)(top / lowest);
    for (size_t i = 0; i < n; i++) {
        double q = s == 0 ? 0 : nearbyint((double)(float)(x[i] / s));
        out[i] = (float)(fmin(fmax(q, lowest), -lowest - 1) * s);
    }
}

/* -- a zero point: 0 and both ends of the range are on the grid --------------------------------------- */
static void zero_group(const float *x, size_t n, int bits, float *out)
{
    const double top = ldexp(1, bits) - 1;
    double lo = 0, hi = 0;
    for (size_t i = 0; i < n; i++) {
        lo = fmin(lo, (double)x[i]);
        hi = fmax(hi, (double)x[i]);
    }
    const double s = (float)((double)(float)(hi - lo) / top);
    const double z = s == 0 ? 0 : fmin(fmax(nearbyint((double)(float)(-lo / s)), 0), top);
    for (size_t i = 0; i < n; i++) {
        double q = s == 0 ? z : nearbyint((double)(float)(x[i] / s)) + z;
        out[i] = (float)((fmin(fmax(q, 0), top) - z) * s);
    }
}

typedef void group_fn(const float *x, size_t n, int bits, float *out);

static void check_groups(struct scheme s, group_fn *define, int bits, const float *w,
                         const size_t shape[2])
{
    const size_t n_out = shape[0], n_in = shape[1], group = s.group ? s.group : n_in;
    struct linear *l = make(s, w, n_out, n_in);
    float *row = reserve(n_in * sizeof *row), *want = reserve(n_in * sizeof *want);
    for (size_t o = 0; o < n_out; o++) {
        linear_row(l, o, row);
        for (size_t i = 0; i < n_in; i += group)
            define(w + o * n_in + i, group, bits, want + i);
        for (size_t i = 0; i < n_in; i++)
            if (row[i] != want[i])
                fail_msg("%s row %zu, column %zu: %g, expected %g", linear_stored(l), o, i,
                         (double)row[i], (double)want[i]);
    }
    free(row);
    free(want);
    linear_free(l);
}

static void test_low_bits(void **state)
{
    (void)state;
    enum { OUT = 37, IN = 160 };
    static const struct {
        enum scheme_id id;
        group_fn *define;
        int bits;
    } all[] = {
        {SCHEME_INT3, full_group, 3},  {SCHEME_INT2, full_group, 2},  {SCHEME_INT8A, zero_group, 8},
        {SCHEME_INT4A, zero_group, 4}, {SCHEME_INT3A, zero_group, 3}, {SCHEME_INT2A, zero_group, 2},
    };
    static const uint32_t groups[] = {0, 32, 5, 20, 160};
    static float w[OUT * IN];
    struct rng r = {21};
    fill(&r, w, OUT * IN);
    memset(w + 3 * IN, 0, IN * sizeof *w);
    for (int i = 0; i < IN; i++) {
        w[4 * IN + i] = (float)(i % 15 - 7) * 0.5f;     /* ties of every grid, +7 / 2 and -7 / 2 */
        w[5 * IN + i] = i ? ldexpf(1, -i % 140) : 1.0f; /* subnormals beside 1 */
        w[6 * IN + i] = 1e-44f;                         /* a scale that underflows */
        w[7 * IN + i] = 1 + (float)i;                   /* one sign: 0 is in the range still */
        w[8 * IN + i] = -1 - (float)(i % 9);
        w[9 * IN + i] = i % 2 ? 2.0f : -2.0f;           /* the first of equals decides */
    }
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
        for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
            check_groups((struct scheme){all[k].id, groups[g]}, all[k].define, all[k].bits, w,
                         (size_t[]){OUT, IN});
}

/* Rows that end anywhere in a block of words, over three panels: no panel reaches into the next. */
static void test_row_ends(void **state)
{
    (void)state;
    enum { OUT = 37, MOST = 70 };
    static float w[OUT * MOST];
    struct rng r = {22};
    fill(&r, w, OUT * MOST);
    for (size_t n = 1; n <= MOST; n++) {
        const size_t shape[2] = {OUT, n};
        check_symmetric((struct scheme){SCHEME_INT6, 0}, 31, w, OUT, n);
        check_symmetric((struct scheme){SCHEME_INT5, 0}, 15, w, OUT, n);
        check_symmetric((struct scheme){SCHEME_INT4, 0}, 7, w, OUT, n);
        check_groups((struct scheme){SCHEME_INT3, 0}, full_group, 3, w, shape);
        check_groups((struct scheme){SCHEME_INT2, 0}, full_group, 2, w, shape);
    }
}

/* By hand, so that no formula stands between the definition and its meaning. */
static void check_hand(enum scheme_id id, const float w[8], const float want[8])
{
    float row[8];
    struct linear *l = make((struct scheme){id, 0}, w, 1, 8);
    linear_row(l, 0, row);
    for (int i = 0; i < 8; i++)
        assert_true(row[i] == want[i]);
    linear_free(l);
}

static void test_low_bits_by_hand(void **state)
{
    (void)state;
    check_hand(SCHEME_INT6, (float[]){-31, 31, 30.5f, 29.5f, -0.5f, 15.5f, -16.5f, 0.51f},
               (float[]){-31, 31, 30, 30, 0, 16, -16, 1});
    check_hand(SCHEME_INT5, (float[]){15, -15, 14.5f, 13.5f, -0.5f, 7.5f, -8.5f, -14.51f},
               (float[]){15, -15, 14, 14, 0, 8, -8, -15});
    /* scale 1: ties to even, saturation above */
    check_hand(SCHEME_INT2, (float[]){-2, 2, 1.5f, 0.5f, -0.5f, -1.5f, 0.51f, 0},
               (float[]){-2, 1, 1, 0, 0, -2, 1, 0});
    check_hand(SCHEME_INT2, (float[]){2, -2, 1.5f, 0.5f, -0.5f, -1.5f, -0.51f, 0},
               (float[]){2, -1, 2, 0, 0, -1, -1, 0});
    check_hand(SCHEME_INT3, (float[]){-4, 4, 2.5f, 3.5f, 1.5f, -2.5f, -3.5f, 0.5f},
               (float[]){-4, 3, 2, 3, 2, -2, -4, 0});
    /* scale 1, zero point 5: codes 0..15 */
    check_hand(SCHEME_INT4A, (float[]){-5, 10, 0.5f, 1.5f, -0.5f, 9.5f, -4.5f, 0},
               (float[]){-5, 10, 0, 2, 0, 10, -4, 0});
    /* scale 1, -lo = 0.5 is a tie: zero point 0, so -0.5 saturates to 0 and 2.5 goes to 2 */
    check_hand(SCHEME_INT2A, (float[]){-0.5f, 2.5f, 1, 2, 0, 1.5f, 0.5f, 2.4f},
               (float[]){0, 2, 1, 2, 0, 2, 0, 2});
    check_hand(SCHEME_INT8A, (float[]){0, 255, 254.5f, 0.5f, 1.5f, 127.5f, 128, 0},
               (float[]){0, 255, 254, 0, 2, 128, 128, 0});
}

/* -- products with f32 activations: the row's values times x in double ---------------------------------- */
static void test_float_products(void **state)
{
    (void)state;
    enum { OUT = 70, IN = 300, N = 13 };
    static const struct scheme all[] = {{SCHEME_F32, 0},  {SCHEME_F16, 0},   {SCHEME_BF16, 0},
                                        {SCHEME_INT8, 0}, {SCHEME_INT8, 50}, {SCHEME_INT4, 0},
                                        {SCHEME_INT6, 0}, {SCHEME_INT6, 20}, {SCHEME_INT6, 3},
                                        {SCHEME_INT5, 0}, {SCHEME_INT5, 20}, {SCHEME_INT5, 12},
                                        {SCHEME_INT4, 20}, {SCHEME_INT3, 0},  {SCHEME_INT3, 20},
                                        {SCHEME_INT2, 0},  {SCHEME_INT2, 50}, {SCHEME_INT8A, 50},
                                        {SCHEME_INT4A, 25}, {SCHEME_INT3A, 12},
                                        {SCHEME_INT2A, 20}, {SCHEME_INT2A, 3}};
    static float w[OUT * IN], x[N * IN], y[N * OUT], row[IN];
    struct rng r = {2};
    fill(&r, w, OUT * IN);
    fill(&r, x, N * IN);
    for (size_t s = 0; s < sizeof all / sizeof all[0]; s++) {
        struct linear *l = make(all[s], w, OUT, IN);
        forward(l, x, N, y);
        for (size_t o = 0; o < OUT; o++) {
            linear_row(l, o, row);
            for (size_t t = 0; t < N; t++) {
                double sum = 0, size = 0;
                for (size_t i = 0; i < IN; i++) {
                    sum += (double)row[i] * x[t * IN + i];
                    size += fabs((double)row[i] * x[t * IN + i]);
                }
                assert_true(fabs(y[t * OUT + o] - sum) <= IN * 0x1p-24 * size);
            }
        }
        linear_free(l);
    }
}

static void test_rounded_rows(void **state)
{
    (void)state;
    float w[6] = {1.0f, 1.0f + 0x1p-11f, 1.0f + 0x3p-11f, 1e-7f, -1.00390625f, 3.0e-39f}, row[6];
    struct linear *l = make((struct scheme){SCHEME_F16, 0}, w, 1, 6);
    linear_row(l, 0, row);
    for (int i = 0; i < 6; i++)
        assert_true(row[i] == quant_f16_f32(quant_f16(w[i])));
    assert_true(row[1] == 1.0f && row[2] == 1.0f + 0x1p-9f);
    linear_free(l);
    l = make((struct scheme){SCHEME_BF16, 0}, w, 1, 6);
    linear_row(l, 0, row);
    for (int i = 0; i < 6; i++)
        assert_true(row[i] == quant_bf16_f32(quant_bf16(w[i])));
    linear_free(l);
}

/* -- products in integers --------------------------------------------------------------------------------- */
/* Code of an activation: the fp32 product with the fp32 reciprocal, ties to even. */
static long act_code(float x, float absmax, float qmax)
{
    float inverse = (float)((double)qmax / absmax);
    return absmax == 0 ? 0 : (long)nearbyint((double)(float)((double)x * inverse));
}

static void check_per_token(enum scheme_id id, int qmax, const float *w, const float *x,
                            const size_t shape[3])
{
    size_t n_out = shape[0], n_in = shape[1], n = shape[2];
    struct linear *l = make((struct scheme){id, 0}, w, n_out, n_in);
    float *y = reserve(n * n_out * sizeof *y);
    forward(l, x, n, y);
    for (size_t o = 0; o < n_out; o++) {
        const float *row = w + o * n_in;
        float s = absmax_of(row, n_in) / (float)qmax;
        for (size_t t = 0; t < n; t++) {
            const float *v = x + t * n_in;
            float absmax = absmax_of(v, n_in), d = absmax / (float)qmax;
            int64_t sum = 0;
            for (size_t i = 0; i < n_in; i++)
                sum += (int64_t)symmetric_code(row[i], s, qmax) *
                       act_code(v[i], absmax, (float)qmax);
            assert_true(y[t * n_out + o] == (float)sum * s * d);
        }
    }
    free(y);
    linear_free(l);
}

static void test_per_token(void **state)
{
    (void)state;
    static const size_t shapes[][3] = {{33, 200, 19}, {16, 1, 3}, {5, 77, 40}, {3, 4100, 2}};
    struct rng r = {3};
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        const size_t *h = shapes[k];
        float *w = reserve(h[0] * h[1] * sizeof *w), *x = reserve(h[2] * h[1] * sizeof *x);
        fill(&r, w, h[0] * h[1]);
        fill(&r, x, h[2] * h[1]);
        if (k == 3) {              /* the largest sums: every product is qmax^2 */
            for (size_t i = 0; i < h[0] * h[1]; i++)
                w[i] = 1;
            for (size_t i = 0; i < h[2] * h[1]; i++)
                x[i] = i < h[1] ? -2 : 2;
        }
        check_per_token(SCHEME_W8A8, 127, w, x, h);
        check_per_token(SCHEME_INT16, 32767, w, x, h);
        free(w);
        free(x);
    }
}

/* A fixed range: ties to even, saturation at both ends and its count, every tail of n_in. */
static void test_static_range(void **state)
{
    (void)state;
    enum { OUT = 21, IN = 77, N = 11 };
    static float w[OUT * IN], x[N * IN], y[N * OUT];
    struct rng r = {41};
    const float top = 1.27f, d = top / 127, inverse = 127 / top;
    uint64_t saturated = 0, want_saturated = 0, seen = 0;
    fill(&r, w, OUT * IN);
    fill(&r, x, N * IN);
    for (int i = 0; i < IN; i++)
        x[3 * IN + i] = ((float)(i % 9) - 4.5f) * 0.01f;
    x[4 * IN + 1] = 1e30f;
    x[5 * IN + 2] = NAN;
    x[6 * IN + 3] = -INFINITY;
    struct linear *l = NULL;
    const struct linear_source from = {.name = "w", .type = QT_F32, .rows = w, .act_top = top};
    assert_int_equal(linear_build(&kern, (struct scheme){SCHEME_W8A8_STATIC, 0}, &from, OUT, IN,
                                  NULL, &l, NULL), 0);
    forward(l, x, N, y);
    for (size_t t = 0; t < N; t++) {
        bool broken = t == 5 || t == 6;
        for (size_t i = 0; i < IN; i++)
            want_saturated += fabsf(x[t * IN + i]) > 127.5f * d;
        for (size_t o = 0; o < OUT; o++) {
            const float s = absmax_of(w + o * IN, IN) / 127;
            int64_t sum = 0;
            for (size_t i = 0; !broken && i < IN; i++) {
                double q = nearbyint((double)(float)((double)x[t * IN + i] * inverse));
                sum += symmetric_code(w[o * IN + i], s, 127) * (long)fmax(-127, fmin(127, q));
            }
            assert_true(broken ? isnan(y[t * OUT + o]) : y[t * OUT + o] == (float)sum * s * d);
        }
    }
    assert_true(linear_saturation(l, &saturated, &seen));
    assert_int_equal(seen, N * IN);
    assert_int_equal(saturated, want_saturated);
    linear_free(l);
    struct assay_err e = {0};
    assert_int_equal(linear_new(&kern, (struct scheme){SCHEME_W8A8_STATIC, 0}, "w", QT_F32, w, OUT,
                                IN, NULL, &l, &e), ASSAY_EUSAGE);
    assert_non_null(strstr(e.msg, "expected a finite one from calibration rows"));
}

/* Outliers of a token leave its quantized part and come back as f32 products, in order. */
static void test_outliers(void **state)
{
    (void)state;
    enum { OUT = 37, IN = 77, N = 9 };
    static float w[OUT * IN], x[N * IN], y[N * OUT];
    struct rng r = {31};
    fill(&r, w, OUT * IN);
    fill(&r, x, N * IN);
    for (size_t t = 1; t < N; t++)          /* token 0 has none, token 8 nothing else */
        for (size_t i = 0; i < IN; i += t == 8 ? 1 : 11 + t)
            x[t * IN + i] = (i % 2 ? -40.0f : 900.0f) + (float)i;
    x[3 * IN + 5] = 6;                      /* is one */
    x[3 * IN + 6] = nextafterf(-6, 0);      /* is none */
    struct linear *l = make((struct scheme){SCHEME_LLM_INT8, 0}, w, OUT, IN);
    forward(l, x, N, y);
    for (size_t o = 0; o < OUT; o++) {
        const float *row = w + o * IN, s = absmax_of(row, IN) / 127;
        for (size_t t = 0; t < N; t++) {
            float rest[IN], want;
            for (size_t i = 0; i < IN; i++)
                rest[i] = fabs((double)x[t * IN + i]) >= 6 ? 0 : x[t * IN + i];
            const float absmax = absmax_of(rest, IN);
            int64_t sum = 0;
            for (size_t i = 0; i < IN; i++)
                sum += symmetric_code(row[i], s, 127) * act_code(rest[i], absmax, 127);
            want = (float)sum * s * (absmax / 127);
            for (size_t i = 0; i < IN; i++)
                if (fabs((double)x[t * IN + i]) >= 6)
                    want += (float)symmetric_code(row[i], s, 127) * s * x[t * IN + i];
            assert_true(y[t * OUT + o] == want);
        }
    }
    linear_free(l);
}

/* Activations with ties at code + 1/2 go to the even code. */
static void test_activation_ties(void **state)
{
    (void)state;
    float w[8] = {127, 0, 0, 0, 0, 0, 0, 0}, x[8] = {0.5f, 127}, y;
    static const float halves[][2] = {{0.5f, 0}, {1.5f, 2}, {2.5f, 2}, {-0.5f, 0}, {-1.5f, -2}};
    struct linear *l = make((struct scheme){SCHEME_W8A8, 0}, w, 1, 8);
    for (size_t i = 0; i < 5; i++) {
        x[0] = halves[i][0];
        forward(l, x, 1, &y);
        assert_true(y == 127 * halves[i][1]);
    }
    linear_free(l);
}

static void check_blocks(const char *name, enum scheme_id id, int act_max)
{
    enum { OUT = 21, IN = 96, N = 18 };
    static float w[OUT * IN], x[N * IN], y[N * OUT], row[IN];
    const struct quant_traits *q = quant_find_name(name);
    uint8_t *stored = reserve(OUT * IN / 32 * q->bytes);
    struct rng r = {4};
    struct linear *l = NULL;
    fill(&r, w, OUT * IN);
    fill(&r, x, N * IN);
    memset(x + 2 * IN, 0, IN * sizeof *x);
    q->quantize(w, stored, OUT * IN);
    assert_int_equal(linear_new(&kern, (struct scheme){id, 0}, "w", q->type, stored, OUT, IN, NULL,
                                &l, NULL), 0);
    forward(l, x, N, y);
    for (size_t o = 0; o < OUT; o++) {
        q->dequantize(stored + o * IN / 32 * q->bytes, w, IN);
        linear_row(l, o, row);
        assert_memory_equal(w, row, sizeof row);       /* codes are kept bit for bit */
        for (size_t t = 0; t < N; t++) {
            double sum = 0, size = 0;
            for (size_t b = 0; b < IN / 32; b++) {
                const float *v = x + t * IN + b * 32;
                float absmax = absmax_of(v, 32);
                double d = quant_f16_f32(quant_f16(absmax / (float)act_max));
                uint8_t *at = stored + (o * IN / 32 + b) * q->bytes;
                double min = 0, codes = 0;
                if (q->type == QT_Q4_1 || q->type == QT_Q5_1)
                    min = quant_f16_f32((uint16_t)(at[2] | at[3] << 8));
                for (size_t i = 0; i < 32; i++) {
                    long a = act_code(v[i], absmax, (float)act_max);
                    sum += ((double)row[b * 32 + i] - min) * (double)a * d;
                    size += fabs((double)row[b * 32 + i] * (double)a * d);
                    codes += (double)a;
                }
                double s = quant_f16_f32(quant_f16(absmax / (float)act_max * (float)codes));
                sum += min * s;
                size += fabs(min * s);
            }
            /* row holds q d + m rounded twice; hence the factor beside the order of the sum */
            assert_true(fabs(y[t * OUT + o] - sum) <= 64 * 0x1p-24 * size);
        }
    }
    linear_free(l);
    free(stored);
}

static void test_blocks(void **state)
{
    (void)state;
    check_blocks("q8_0", SCHEME_Q8_0, 127);
    check_blocks("q4_0", SCHEME_Q4_0, 127);
    check_blocks("q4_0", SCHEME_W4A4, 7);
    check_blocks("q4_1", SCHEME_Q4_1, 127);
    check_blocks("q5_0", SCHEME_Q5_0, 127);
    check_blocks("q5_1", SCHEME_Q5_1, 127);
}

/* -- how much of the signal each scheme keeps: measured with independent quantizers, rows of 4096 ------- */
static double sqnr(struct scheme s, const float *w, size_t n_out, size_t n_in)
{
    struct linear *l = make(s, w, n_out, n_in);
    float *row = reserve(n_in * sizeof *row);
    double signal = 0, noise = 0;
    for (size_t o = 0; o < n_out; o++) {
        linear_row(l, o, row);
        for (size_t i = 0; i < n_in; i++) {
            double x = w[o * n_in + i], d = x - row[i];
            signal += x * x;
            noise += d * d;
        }
    }
    free(row);
    linear_free(l);
    return 10 * log10(signal / noise);
}

static void test_sqnr(void **state)
{
    (void)state;
    static const struct {
        struct scheme s;
        double gauss, laplace;
    } table[] = {
        {{SCHEME_F16, 0}, 73.7, 73.7},    {{SCHEME_BF16, 0}, 55.6, 55.6},
        {{SCHEME_INT16, 0}, 89.4, 85.1},  {{SCHEME_INT8, 0}, 41.2, 36.9},
        {{SCHEME_INT8, 128}, 43.8, 41.0}, {{SCHEME_INT8, 32}, 45.4, 43.4},
        {{SCHEME_W8A8, 0}, 41.2, 36.9},   {{SCHEME_INT4, 0}, 16.0, 11.9},
        {{SCHEME_INT4, 128}, 18.6, 15.9}, {{SCHEME_INT4, 32}, 20.3, 18.3},
        {{SCHEME_Q8_0, 0}, 45.4, 43.4},   {{SCHEME_Q4_0, 0}, 21.3, 19.4},
        {{SCHEME_Q4_1, 0}, 22.1, 20.8},   {{SCHEME_Q5_0, 0}, 27.4, 25.4},
        {{SCHEME_Q5_1, 0}, 28.4, 27.1},   {{SCHEME_INT4A, 32}, 21.9, 20.5},
        {{SCHEME_INT4A, 128}, 20.0, 17.7}, {{SCHEME_INT3A, 32}, 15.2, 14.0},
        {{SCHEME_INT2A, 32}, 7.8, 7.3},   {{SCHEME_INT6, 32}, 33.2, 31.2},
        {{SCHEME_INT5, 32}, 26.9, 24.9},
    };
    enum { OUT = 96, IN = 4096 };
    float *g = reserve(OUT * IN * sizeof *g), *p = reserve(OUT * IN * sizeof *p);
    struct rng r = {5};
    fill(&r, g, OUT * IN);
    for (size_t i = 0; i < OUT * IN; i++) {
        double u = rng_double(&r) - 0.5;
        p[i] = (float)((u < 0 ? 1 : -1) * log(1 - 2 * fabs(u) + 1e-300));
    }
    for (size_t k = 0; k < sizeof table / sizeof table[0]; k++) {
        double a = sqnr(table[k].s, g, OUT, IN), b = sqnr(table[k].s, p, OUT, IN);
        if (fabs(a - table[k].gauss) > 0.2 || fabs(b - table[k].laplace) > 0.2)
            fail_msg("row %zu: %.2f dB and %.2f dB, expected %.1f and %.1f", k, a, b,
                     table[k].gauss, table[k].laplace);
    }
    free(g);
    free(p);
}

/* -- invariances ---------------------------------------------------------------------------------------- */
static const struct scheme every[] = {
    {SCHEME_F32, 0},  {SCHEME_F16, 0},  {SCHEME_BF16, 0},  {SCHEME_INT16, 0},
    {SCHEME_INT8, 0}, {SCHEME_W8A8, 0}, {SCHEME_INT4, 32}, {SCHEME_Q8_0, 0},
    {SCHEME_Q4_0, 0}, {SCHEME_Q4_1, 0}, {SCHEME_Q5_0, 0},  {SCHEME_Q5_1, 0},
    {SCHEME_INT3, 32}, {SCHEME_INT2, 32}, {SCHEME_INT8A, 0}, {SCHEME_INT4A, 32},
    {SCHEME_INT3A, 32}, {SCHEME_INT2A, 16}, {SCHEME_W4A4, 0}, {SCHEME_LLM_INT8, 0},
    {SCHEME_INT6, 32}, {SCHEME_INT5, 32},
};
enum { N_EVERY = sizeof every / sizeof every[0] };

static void test_threads(void **state)
{
    (void)state;
    enum { OUT = 333, IN = 160, N = 50 };
    static float w[OUT * IN], x[N * IN], a[N * OUT], b[N * OUT];
    struct rng r = {6};
    struct pool *pool = pool_new(3);
    assert_non_null(pool);
    fill(&r, w, OUT * IN);
    fill(&r, x, N * IN);
    for (size_t s = 0; s < N_EVERY; s++) {
        struct linear *l = NULL, *m = make(every[s], w, OUT, IN);
        assert_int_equal(linear_new(&kern, every[s], "w", QT_F32, w, OUT, IN, pool, &l, NULL), 0);
        void *scratch = reserve(linear_scratch(l, N));
        linear_forward(m, NULL, x, IN, N, a, OUT, scratch);
        linear_forward(l, pool, x, IN, N, b, OUT, scratch);
        assert_memory_equal(a, b, sizeof a);
        free(scratch);
        linear_free(l);
        linear_free(m);
    }
    pool_free(pool);
}

/* Four matrices of any kinds over one x: the bits of four calls. */
static void test_many(void **state)
{
    (void)state;
    enum { IN = 64, N = 7, MAX_OUT = 50 };
    static float w[MAX_OUT * IN], x[N * IN], one[4][N * MAX_OUT], many[4][N * MAX_OUT];
    struct rng r = {7};
    fill(&r, w, MAX_OUT * IN);
    fill(&r, x, N * IN);
    for (int round = 0; round < 60; round++) {
        struct linear *l[4];
        const struct linear *c[4];
        float *y[4];
        size_t ldy[4], bytes = 0;
        for (size_t i = 0; i < 4; i++) {
            size_t out = 1 + (size_t)rng_below(&r, MAX_OUT);
            c[i] = l[i] = make(every[rng_below(&r, N_EVERY)], w, out, IN);
            y[i] = many[i];
            ldy[i] = out;
            size_t need = linear_scratch(l[i], N);
            bytes = need > bytes ? need : bytes;
            forward(l[i], x, N, one[i]);
        }
        void *scratch = reserve(bytes);
        linear_forward_many(c, 4, NULL, x, IN, N, y, ldy, scratch);
        for (size_t i = 0; i < 4; i++) {
            assert_memory_equal(one[i], many[i], N * ldy[i] * sizeof(float));
            linear_free(l[i]);
        }
        free(scratch);
    }
}

/* -- facts and refusals ------------------------------------------------------------------------------------ */
static void test_facts(void **state)
{
    (void)state;
    static const struct {
        struct scheme s;
        const char *stored, *compute;
        size_t bytes;              /* of 32 x 64 */
    } want[] = {
        {{SCHEME_F32, 0}, "f32", "f32", 8192},
        {{SCHEME_F16, 0}, "f16", "f16xf32->f32", 4096},
        {{SCHEME_INT16, 0}, "int16 row", "s16xs16->s64->f32", 4096 + 128},
        {{SCHEME_INT8, 0}, "int8 row", "s8xf32->f32", 2048 + 128},
        {{SCHEME_W8A8, 0}, "int8 row", "s8xs8->s32->f32", 2048 + 128},
        {{SCHEME_LLM_INT8, 0}, "int8 row", "s8xs8->s32->f32+f32", 2048 + 128},
        {{SCHEME_INT6, 32}, "int6 g32", "s6xf32->f32", 1536 + 256},
        {{SCHEME_INT5, 32}, "int5 g32", "s5xf32->f32", 1280 + 256},
        {{SCHEME_INT5, 0}, "int5 row", "s5xf32->f32", 1280 + 128},
        {{SCHEME_INT4, 32}, "int4 g32", "s4xf32->f32", 1024 + 256},
        {{SCHEME_INT3, 32}, "int3 g32", "s3xf32->f32", 768 + 256},
        {{SCHEME_INT2, 32}, "int2 g32", "s2xf32->f32", 512 + 256},
        {{SCHEME_INT8A, 0}, "int8a row", "u8xf32->f32", 2048 + 128 + 64},
        {{SCHEME_INT4A, 32}, "int4a g32", "u4xf32->f32", 1024 + 256 + 64},
        {{SCHEME_INT3A, 32}, "int3a g32", "u3xf32->f32", 768 + 256 + 64},
        {{SCHEME_INT2A, 16}, "int2a g16", "u2xf32->f32", 512 + 512 + 128},
        {{SCHEME_Q8_0, 0}, "q8_0", "s8xs8->s32->f32", 64 * 34},
        {{SCHEME_Q4_0, 0}, "q4_0", "u4xs8->s32->f32", 64 * 18},
        {{SCHEME_W4A4, 0}, "q4_0", "u4xs4->s32->f32", 64 * 18},
        {{SCHEME_Q4_1, 0}, "q4_1", "u4xs8->s32->f32", 64 * 20},
        {{SCHEME_Q5_0, 0}, "q5_0", "u5xs8->s32->f32", 64 * 22},
        {{SCHEME_Q5_1, 0}, "q5_1", "u5xs8->s32->f32", 64 * 24},
    };
    static float w[32 * 64];
    struct rng r = {8};
    fill(&r, w, 32 * 64);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        struct linear *l = make(want[i].s, w, 32, 64);
        assert_string_equal(linear_stored(l), want[i].stored);
        assert_string_equal(linear_compute(l), want[i].compute);
        assert_int_equal(linear_bytes(l), want[i].bytes);
        assert_int_equal(linear_n_out(l), 32);
        assert_int_equal(linear_n_in(l), 64);
        linear_free(l);
    }
    linear_free(NULL);
}

static void refuse(struct scheme s, const float *w, size_t n_out, size_t n_in, const char *text)
{
    struct assay_err e = {0};
    struct linear *l = (struct linear *)(void *)&e;
    int rc = linear_new(&kern, s, "blk.0.ffn_down.weight", QT_F32, w, n_out, n_in, NULL, &l, &e);
    assert_true(rc < 0 && rc == e.code);
    assert_null(l);
    if (!strstr(e.msg, text) || !strstr(e.msg, "'blk.0.ffn_down.weight'"))
        fail_msg("message is: %s", e.msg);
}

static void test_refusals(void **state)
{
    (void)state;
    static float w[4 * 172];
    refuse((struct scheme){SCHEME_Q4_0, 0}, w, 4, 172, "expected a multiple of 32");
    refuse((struct scheme){SCHEME_INT4, 32}, w, 4, 172, "groups of 32 does not fit rows of 172");
    refuse((struct scheme){SCHEME_F16, 32}, w, 4, 64, "no group size");
    refuse((struct scheme){SCHEME_F32, 0}, w, 0, 64, "empty or too large");
    refuse((struct scheme){SCHEME_F32, 0}, w, SIZE_MAX, SIZE_MAX, "empty or too large");
    w[2 * 172 + 5] = NAN;
    refuse((struct scheme){SCHEME_INT8, 0}, w, 4, 172, "nan in the stored weights at row 2, column 5");
    w[2 * 172 + 5] = -INFINITY;
    refuse((struct scheme){SCHEME_F32, 0}, w, 4, 172, "infinity in the stored weights at row 2");
    w[2 * 172 + 5] = 70000;
    refuse((struct scheme){SCHEME_F16, 0}, w, 4, 172, "overflows fp16) at row 2, column 5");
    w[2 * 172 + 5] = 3e38f;
    refuse((struct scheme){SCHEME_Q8_0, 0}, w, 1, 640, "the scale overflows fp16");
    w[2 * 172 + 6] = -3e38f;
    refuse((struct scheme){SCHEME_INT2A, 4}, w, 4, 172, "at row 2, columns 4 to 7, overflows fp32");
    assert_int_equal(linear_check((struct scheme){SCHEME_W8A8, 0}, 1, 133144, NULL), 0);
    assert_int_equal(linear_check((struct scheme){SCHEME_W8A8, 0}, 1, 133145, NULL), ASSAY_EUSAGE);
    struct assay_err e;
    struct kern k;
    assert_int_equal(kern_open("sse9", &k, &e), ASSAY_EUSAGE);
    assert_non_null(strstr(e.msg, "'sse9'"));
    assert_int_equal(kern_open("ref", &k, &e), 0);
    assert_string_equal(k.name, "ref");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symmetric),       cmocka_unit_test(test_symmetric_ties),
        cmocka_unit_test(test_row_ends),
        cmocka_unit_test(test_low_bits),        cmocka_unit_test(test_low_bits_by_hand),
        cmocka_unit_test(test_float_products),  cmocka_unit_test(test_rounded_rows),
        cmocka_unit_test(test_per_token),       cmocka_unit_test(test_activation_ties),
        cmocka_unit_test(test_outliers),        cmocka_unit_test(test_static_range),
        cmocka_unit_test(test_blocks),          cmocka_unit_test(test_sqnr),
        cmocka_unit_test(test_threads),         cmocka_unit_test(test_many),
        cmocka_unit_test(test_facts),           cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
