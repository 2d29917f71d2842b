/* test_quant.c - number formats against definitions written a second time, slowly, in double. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "backends/native/quant.h"
#include "harness/base/rng.h"

#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

static float as_float(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static uint32_t as_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

/* -- fp16, bf16 --------------------------------------------------------------------------------- */
static double half_value(unsigned h)
{
    int exp = (int)(h >> 10 & 31);
    double man = h & 1023, v = exp == 0 ? ldexp(man, -24) : ldexp(1024 + man, exp - 25);
    return h & 0x8000 ? -v : v;
}

static void test_half_to_float(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        float x = quant_f16_f32((uint16_t)h);
        if ((h & 0x7c00) == 0x7c00) {
            assert_true(h & 0x3ff ? isnan(x) : isinf(x));
            assert_int_equal(signbit(x) != 0, h >> 15);
        } else {
            assert_true((double)x == half_value(h));
            assert_int_equal(signbit(x) != 0, h >> 15);
            assert_int_equal(quant_f16(x), h);
        }
    }
}

/* Nearest of the two halves around x, by distance in double; on a tie the even code. */
static unsigned nearest_half(double x)
{
    unsigned lo = 0, hi = 0x7c00;  /* codes are ordered as their values; inf stands for 2^16 */
    while (hi - lo > 1) {
        unsigned mid = (lo + hi) / 2;
        if (half_value(mid) <= x)
            lo = mid;
        else
            hi = mid;
    }
    double below = x - half_value(lo), above = (hi == 0x7c00 ? 65536.0 : half_value(hi)) - x;
    if (below == above)
        return lo % 2 ? hi : lo;
    return below < above ? lo : hi;
}

static void test_float_to_half(void **state)
{
    (void)state;
    /* Every exponent; mantissas around every boundary and tie of 10 bits, and of subnormals. */
    for (uint32_t e = 0; e < 255; e++) {
        for (uint32_t i = 0; i < 1024; i += e > 90 && e < 146 ? 1 : 64) {
            static const uint32_t tails[] = {0, 1, 0xfff, 0x1000, 0x1001, 0x1fff};
            for (size_t k = 0; k < sizeof tails / sizeof tails[0]; k++) {
                float x = as_float(e << 23 | i << 13 | tails[k]);
                unsigned want = x >= 65536.0f ? 0x7c00 : nearest_half(x);
                assert_int_equal(quant_f16(x), want);
                assert_int_equal(quant_f16(-x), want | 0x8000);
            }
        }
    }
    assert_int_equal(quant_f16(65519.996f), 0x7bff);
    assert_int_equal(quant_f16(65520.0f), 0x7c00);
    assert_int_equal(quant_f16(0x1p-25f), 0);
    assert_int_equal(quant_f16(nextafterf(0x1p-25f, 1)), 1);
    assert_int_equal(quant_f16(INFINITY), 0x7c00);
    assert_int_equal(quant_f16(-NAN) & 0x7fff, 0x7e00);
}

#if defined(__x86_64__)
__attribute__((target("f16c"))) static void compare_with_f16c(void)
{
    for (uint64_t u = 0; u < 0x7f800001u; u += 13) {   /* odd: every exponent and low bit */
        float x = as_float((uint32_t)u);
        __m128i h = _mm_cvtps_ph(_mm_set_ss(x), _MM_FROUND_TO_NEAREST_INT);
        assert_int_equal(quant_f16(x), _mm_extract_epi16(h, 0));
    }
    for (unsigned h = 0; h < 65536; h++) {
        float x = _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128((int)h)));
        if (!isnan(x))
            assert_int_equal(as_bits(quant_f16_f32((uint16_t)h)), as_bits(x));
    }
}
#endif

static void test_half_hardware(void **state)
{
    (void)state;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        compare_with_f16c();
        return;
    }
#endif
    print_message("no F16C here\n");
    skip();
}

static void test_bf16(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        float x = quant_bf16_f32((uint16_t)h);
        assert_int_equal(as_bits(x), h << 16);
        if (isnan(x))
            assert_true(isnan(quant_bf16_f32(quant_bf16(x))));
        else
            assert_int_equal(quant_bf16(x), h);
        if ((h & 0x7fff) >= 0x7f80)
            continue;
        uint32_t up = (h & 0x7fff) + 1;      /* the next code; past the largest it is Inf */
        assert_int_equal(quant_bf16(as_float(h << 16 | 0x7fff)), h);
        assert_int_equal(quant_bf16(as_float(h << 16 | 0x8001)), (h & 0x8000) | up);
        assert_int_equal(quant_bf16(as_float(h << 16 | 0x8000)), h % 2 ? ((h & 0x8000) | up) : h);
    }
}

/* -- blocks ------------------------------------------------------------------------------------------ */
struct block {                     /* what the bytes of one block mean, read independently */
    double d, m;
    int q[32];
};

static struct block block_read(const struct quant_traits *t, const uint8_t *p)
{
    struct block b = {.m = 0};
    int has_min = t->type == QT_Q4_1 || t->type == QT_Q5_1;
    b.d = half_value((unsigned)p[0] | (unsigned)p[1] << 8);
    p += 2;
    if (has_min) {
        b.m = half_value((unsigned)p[0] | (unsigned)p[1] << 8);
        p += 2;
    }
    if (t->type == QT_Q8_0) {
        for (int j = 0; j < 32; j++)
            b.q[j] = p[j] < 128 ? p[j] : p[j] - 256;
        return b;
    }
    int five = t->type == QT_Q5_0 || t->type == QT_Q5_1;
    const uint8_t *nibbles = p + (five ? 4 : 0);
    for (int j = 0; j < 32; j++) {
        b.q[j] = nibbles[j % 16] / (j < 16 ? 1 : 16) % 16;
        if (five && p[j / 8] >> (j % 8) & 1)
            b.q[j] += 16;
        if (!has_min)
            b.q[j] -= five ? 16 : 8;
    }
    return b;
}

static double absmax_of(const float *x, int *at)
{
    double max = 0;
    *at = 0;
    for (int j = 0; j < 32; j++)
        if (fabs((double)x[j]) > max) {
            max = fabs((double)x[j]);
            *at = j;
        }
    return max;
}

/* The rule of the format in double; *tie: too close to a tie for fp32 to agree surely. */
static int code_rule(const struct quant_traits *t, const float *x, int j, int *tie)
{
    int at, top;
    double absmax = absmax_of(x, &at), d, v, lo = x[0], hi = x[0];
    for (int i = 0; i < 32; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    switch (t->type) {
    case QT_Q8_0:
        d = absmax / 127;
        v = d != 0 ? x[j] / d : 0;
        *tie = fabs(fabs(v - trunc(v)) - 0.5) < 1e-4;
        return (int)(v < 0 ? ceil(v - 0.5) : floor(v + 0.5));
    case QT_Q4_0:
    case QT_Q5_0:
        top = t->type == QT_Q4_0 ? 8 : 16;
        d = x[at] / (double)-top;
        v = (d != 0 ? x[j] / d : 0) + top + 0.5;
        *tie = fabs(v - nearbyint(v)) < 1e-4;
        return (int)fmin(2 * top - 1, floor(v)) - top;
    default:
        top = t->type == QT_Q4_1 ? 15 : 31;
        d = (hi - lo) / top;
        v = (d != 0 ? (x[j] - lo) / d : 0) + 0.5;
        *tie = fabs(v - nearbyint(v)) < 1e-4;
        return (int)fmin(top, floor(v));
    }
}

static double scale_rule(const struct quant_traits *t, const float *x)
{
    int at;
    double absmax = absmax_of(x, &at), lo = x[0], hi = x[0];
    for (int i = 0; i < 32; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    switch (t->type) {
    case QT_Q8_0: return absmax / 127;
    case QT_Q4_0: return x[at] / -8.0;
    case QT_Q5_0: return x[at] / -16.0;
    case QT_Q4_1: return (hi - lo) / 15;
    default: return (hi - lo) / 31;
    }
}

static void fill_block(struct rng *r, float *x, int round)
{
    for (int j = 0; j < 32; j++) {
        x[j] = (float)(rng_double(r) * 2 - 1);
        if (round % 5 == 1)
            x[j] = 0;
        if (round % 5 == 2)
            x[j] = j % 2 ? 3.0f : -3.0f;    /* the first of equal magnitudes decides the sign */
        if (round % 5 == 3)
            x[j] *= (float)ldexp(1, -(int)rng_below(r, 30));
        if (round % 5 == 4)
            x[j] = x[j] * 0.01f + 100;
    }
}

static const char *const block_types[] = {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1"};

static void test_block_rules(void **state)
{
    (void)state;
    struct rng r = {11};
    for (int round = 0; round < 2000; round++) {
        float x[32], back[32];
        uint8_t bytes[34];
        fill_block(&r, x, round);
        for (size_t k = 0; k < 5; k++) {
            const struct quant_traits *t = quant_find_name(block_types[k]);
            assert_int_equal(t->block, 32);
            t->quantize(x, bytes, 32);
            t->dequantize(bytes, back, 32);
            struct block b = block_read(t, bytes);
            double scale = scale_rule(t, x);
            assert_true(fabs(b.d - scale) <= fabs(scale) * 0x1p-11 + 0x1p-25);
            for (int j = 0; j < 32; j++) {
                int tie = 0, want = code_rule(t, x, j, &tie);
                assert_true(b.q[j] == want || (tie && abs(b.q[j] - want) <= 1));
                double v = b.q[j] * b.d + b.m;
                assert_true(fabs(back[j] - v) <= (fabs(b.q[j] * b.d) + fabs(b.m)) * 0x1p-23);
            }
        }
    }
}

/* Exact ties, known by hand: q8_0 rounds away from zero, q4_0 and q4_1 round up. */
static void test_block_ties(void **state)
{
    (void)state;
    float x[32] = {127.0f, 0.5f, -0.5f, 1.5f, -1.5f, 2.5f};
    uint8_t b[34];
    quant_find(QT_Q8_0)->quantize(x, b, 32);
    static const int8_t want8[6] = {127, 1, -1, 2, -2, 3};
    assert_memory_equal(b + 2, want8, sizeof want8);
    float y[32] = {-8.0f, 0.5f, -0.5f, 1.5f, 7.0f, 8.0f};    /* d = 1 */
    quant_find(QT_Q4_0)->quantize(y, b, 32);
    static const int want4[6] = {0, 9, 8, 10, 15, 15};
    for (int j = 0; j < 6; j++)
        assert_int_equal(b[2 + j] & 15, want4[j]);
    float z[32] = {0.0f, 15.0f, 0.5f, 1.5f, 14.5f, 14.25f};  /* d = 1, m = 0 */
    quant_find(QT_Q4_1)->quantize(z, b, 32);
    static const int want41[6] = {0, 15, 1, 2, 15, 14};
    for (int j = 0; j < 6; j++)
        assert_int_equal(b[4 + j] & 15, want41[j]);
}

static void test_block_idempotent(void **state)
{
    (void)state;
    struct rng r = {12};
    for (int round = 0; round < 500; round++) {
        float x[32], back[32];
        uint8_t a[34], b[34];
        fill_block(&r, x, round);
        for (size_t k = 0; k < 2; k++) {    /* q8_0 and q4_0 are; the others have a rounded minimum */
            const struct quant_traits *t = quant_find_name(block_types[k]);
            t->quantize(x, a, 32);
            t->dequantize(a, back, 32);
            t->quantize(back, b, 32);
            struct block p = block_read(t, a), q = block_read(t, b);
            for (int j = 0; j < 32; j++)
                assert_true(p.q[j] * p.d == q.q[j] * q.d);
        }
    }
}

/* Values no scale can hold must not divide by zero, trap or leave the code range. */
static void test_block_extremes(void **state)
{
    (void)state;
    static const float values[] = {0, 1e-45f, 1e-40f, 1e-38f, 1e-30f, 65504.0f, 1e30f, 3e38f};
    for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
        float x[32], back[32];
        uint8_t b[34];
        for (int j = 0; j < 32; j++)
            x[j] = j % 3 ? values[v] : -values[v];
        for (size_t k = 0; k < 5; k++) {
            const struct quant_traits *t = quant_find_name(block_types[k]);
            t->quantize(x, b, 32);
            t->dequantize(b, back, 32);
            for (int j = 0; values[v] < 1e-20f && j < 32; j++)
                assert_true(fabsf(back[j]) <= 1e-20f);
        }
    }
}

static void test_table(void **state)
{
    (void)state;
    assert_null(quant_find(12));
    assert_null(quant_find_name("q4_k"));
    assert_int_equal(quant_find(QT_Q5_1)->bytes, 24);
    assert_int_equal(quant_find_name("bf16")->type, QT_BF16);
    float x[3] = {1.0f, -2.5f, 3.25f}, y[3];
    uint8_t raw[12];
    for (size_t k = 0; k < 3; k++) {
        const struct quant_traits *t = quant_find_name(k == 0 ? "f32" : k == 1 ? "f16" : "bf16");
        t->quantize(x, raw, 3);
        t->dequantize(raw, y, 3);
        assert_memory_equal(x, y, sizeof x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_to_float),    cmocka_unit_test(test_float_to_half),
        cmocka_unit_test(test_half_hardware),    cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_block_rules),      cmocka_unit_test(test_block_ties),
        cmocka_unit_test(test_block_idempotent), cmocka_unit_test(test_block_extremes),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
