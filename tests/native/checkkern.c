/* checkkern.c - every kernel of every instruction set this machine has, against the reference.
 *
 *   checkkern [--seed N]      test; prints the seed
 *   checkkern --bench [LEVEL] time them: ns, GOP/s, share of the peak measured in the same run; then
 *                             one token alone: GB/s of weights and speed over f32's
 *   checkkern --decode LEVEL  one token alone
 *
 * kern.h promises the same bits from every table, so results are compared as bits; a broken promise is
 * judged again with the bound k eps sum|a b|, which tells rounding from a wrong product.  Shapes cover
 * tails of rows, tokens and K, unaligned activations, strides, extreme codes and values; canaries stand
 * after every row of y.  The oracle for the reference itself is tests/native/test_linear.c. */
#include "backends/backend.h"
#include "backends/native/cpu.h"
#include "backends/native/kern.h"
#include "backends/native/linear.h"
#include "backends/native/quant.h"
#include "harness/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPS 0x1p-23
#define CANARY 12345.678f

static const struct {
    const char *name;
    uint32_t needs;
} levels[] = {
    {"avx2", CPU_AVX2},         {"avx512", CPU_AVX512}, {"avx512-vnni", CPU_AVX512_VNNI},
    {"amx", CPU_AMX_INT8},      {"neon", CPU_NEON},     {"neon-dotprod", CPU_NEON_DOTPROD},
    {"neon-i8mm", CPU_NEON_I8MM},
};
enum { N_LEVELS = sizeof levels / sizeof levels[0] };

static const struct {
    const char *name;
    struct scheme s;
} schemes[] = {
    {"f32", {SCHEME_F32, 0}},      {"f16", {SCHEME_F16, 0}},      {"bf16", {SCHEME_BF16, 0}},
    {"int16", {SCHEME_INT16, 0}},  {"int8", {SCHEME_INT8, 0}},    {"int8-g32", {SCHEME_INT8, 32}},
    {"w8a8", {SCHEME_W8A8, 0}},    {"int4-g32", {SCHEME_INT4, 32}}, {"int4", {SCHEME_INT4, 0}},
    {"q8_0", {SCHEME_Q8_0, 0}},    {"q4_0", {SCHEME_Q4_0, 0}},    {"q4_1", {SCHEME_Q4_1, 0}},
    {"q5_0", {SCHEME_Q5_0, 0}},    {"q5_1", {SCHEME_Q5_1, 0}},
    {"int6-g32", {SCHEME_INT6, 32}}, {"int6", {SCHEME_INT6, 0}},
    {"int5-g32", {SCHEME_INT5, 32}}, {"int5", {SCHEME_INT5, 0}},
    {"int3-g32", {SCHEME_INT3, 32}}, {"int3", {SCHEME_INT3, 0}},
    {"int2-g32", {SCHEME_INT2, 32}}, {"int2", {SCHEME_INT2, 0}},
    {"int8a-g32", {SCHEME_INT8A, 32}}, {"int8a", {SCHEME_INT8A, 0}},
    {"int4a-g32", {SCHEME_INT4A, 32}}, {"int4a", {SCHEME_INT4A, 0}},
    {"int3a-g32", {SCHEME_INT3A, 32}}, {"int3a", {SCHEME_INT3A, 0}},
    {"int2a-g32", {SCHEME_INT2A, 32}}, {"int2a", {SCHEME_INT2A, 0}},
    {"w4a4", {SCHEME_W4A4, 0}},    {"llm_int8", {SCHEME_LLM_INT8, 0}},
};
enum { N_SCHEMES = sizeof schemes / sizeof schemes[0] };

static uint64_t seed = 20240607;
static int failures;

/* SplitMix64; the test must also link without the base library's generators on other machines. */
static uint64_t draw(void)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static float uniform(void)
{
    return (float)(draw() >> 40) * 0x1p-23f - 1.0f;
}

enum fill { FILL_PLAIN, FILL_ZERO, FILL_MAX, FILL_SAME, FILL_MIXED, FILL_TINY, N_FILLS };

static void fill(float *v, size_t n, enum fill how)
{
    for (size_t i = 0; i < n; i++) {
        float u = uniform();
        switch (how) {
        case FILL_ZERO: v[i] = 0; break;
        case FILL_MAX: v[i] = u < 0 ? -100.0f : 100.0f; break;
        case FILL_SAME: v[i] = 3; break;             /* the largest sums */
        case FILL_MIXED: v[i] = ldexpf(u, (int)(draw() % 20) - 12); break;
        case FILL_TINY: v[i] = ldexpf(u, -20 - (int)(draw() % 120)); break;
        default: v[i] = u;
        }
    }
}

static void *reserve(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!p) {
        fprintf(stderr, "checkkern: out of memory\n");
        exit(3);
    }
    return p;
}

static int same_float(float a, float b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static void fail(const char *level, const char *what, const char *detail)
{
    if (failures++ < 20)
        fprintf(stderr, "FAIL %s %s: %s\n", level, what, detail);
}

/* -- one product ----------------------------------------------------------------------------------- */
struct job {
    const char *level;
    const struct kern *ref, *k;
    size_t scheme, n_out, n_in, n;
    enum fill fill_w, fill_x;
    size_t pad, shift;             /* elements between rows; misalignment of x */
};

static struct linear *weights(const struct job *j, const struct kern *k, const float *w)
{
    struct assay_err e;
    struct linear *l;
    if (linear_new(k, schemes[j->scheme].s, "w", QT_F32, w, j->n_out, j->n_in, NULL, &l, &e) < 0) {
        fail(j->level, schemes[j->scheme].name, e.msg);
        return NULL;
    }
    return l;
}

/* sum |w x| for the error bound. */
static double magnitude(const struct linear *l, size_t o, const float *x)
{
    float *row = reserve(linear_n_in(l) * sizeof *row);
    double sum = 0;
    linear_row(l, o, row);
    for (size_t i = 0; i < linear_n_in(l); i++)
        sum += fabs((double)row[i] * x[i]);
    free(row);
    return sum;
}

static void compare(const struct job *j, const struct linear *l, const float *want,
                    const float *got, const float *x)
{
    size_t ldy = j->n_out + j->pad, ldx = j->n_in + j->pad;
    char text[200];
    for (size_t t = 0; t < j->n; t++) {
        for (size_t o = 0; o < ldy; o++) {
            float a = want[t * ldy + o], b = got[t * ldy + o];
            if (same_float(a, b))
                continue;
            double bound = o < j->n_out ? (double)j->n_in * EPS * magnitude(l, o, x + t * ldx) : 0;
            snprintf(text, sizeof text, "%zux%zu n %zu token %zu row %zu: %.9g, expected %.9g (%s)",
                     j->n_out, j->n_in, j->n, t, o, (double)b, (double)a,
                     o >= j->n_out ? "written past the row"
                     : fabs((double)a - b) <= bound ? "rounding only" : "wrong");
            fail(j->level, schemes[j->scheme].name, text);
            return;
        }
    }
}

static void check_product(const struct job *j)
{
    size_t ldx = j->n_in + j->pad, ldy = j->n_out + j->pad;
    float *w = reserve(j->n_out * j->n_in * sizeof *w);
    float *xs = reserve((j->n * ldx + 16) * sizeof *xs), *x = xs + j->shift;
    float *want = reserve(j->n * ldy * sizeof *want), *got = reserve(j->n * ldy * sizeof *got);
    fill(w, j->n_out * j->n_in, j->fill_w);
    fill(x, j->n * ldx, j->fill_x);
    for (size_t i = 0; i < j->n * ldy; i++)
        want[i] = got[i] = CANARY;
    struct linear *a = weights(j, j->ref, w), *b = weights(j, j->k, w);
    if (a && b) {
        void *scratch = reserve(linear_scratch(a, j->n));
        linear_forward(a, NULL, x, ldx, j->n, want, ldy, scratch);
        linear_forward(b, NULL, x, ldx, j->n, got, ldy, scratch);
        compare(j, a, want, got, x);
        /* A token alone gives the bits it gave in the batch. */
        for (size_t t = 0; t < j->n; t += j->n > 8 ? 5 : 1) {
            linear_forward(b, NULL, x + t * ldx, ldx, 1, got + t * ldy, ldy, scratch);
            if (j->n > 3 && t + 3 < j->n)
                linear_forward(b, NULL, x + t * ldx, ldx, 3, got + t * ldy, ldy, scratch);
        }
        compare(j, a, want, got, x);
        free(scratch);
    }
    linear_free(a);
    linear_free(b);
    free(w);
    free(xs);
    free(want);
    free(got);
}

static void check_products(const char *level, const struct kern *ref, const struct kern *k)
{
    static const size_t outs[] = {1, 15, 16, 17, 33, 48, 63, 80, 130};
    static const size_t ins[] = {32, 64, 160, 544, 1056};
    static const size_t odd[] = {1, 2, 3, 5, 31, 77, 131, 172, 63, 157};
    static const size_t ns[] = {0, 1, 2, 3, 5, 6, 7, 11, 17, 37};
    enum { N_OUTS = 9, N_INS = 5, N_ODD = 10, N_NS = 10 };
    for (size_t s = 0; s < N_SCHEMES; s++) {
        for (size_t i = 0; i < 60; i++) {
            struct job j = {.level = level, .ref = ref, .k = k, .scheme = s};
            j.n_out = outs[draw() % N_OUTS];
            j.n_in = ins[draw() % N_INS];
            if (linear_check(schemes[s].s, 1, 31, NULL) == 0 && i % 2)
                j.n_in = odd[draw() % N_ODD];
            j.n = ns[i % N_NS];
            j.fill_w = i < 20 ? FILL_PLAIN : i < 26 ? FILL_SAME : (enum fill)(draw() % N_FILLS);
            j.fill_x = i < 20 ? FILL_PLAIN : i < 26 ? FILL_SAME : (enum fill)(draw() % N_FILLS);
            if (i == 25)
                j.n_in = 4096;
            j.pad = i % 3 * 5;
            j.shift = i % 4;
            check_product(&j);
        }
    }
}

/* -- stored blocks whose codes no quantizer of ours makes ---------------------------------------------- */
static void check_stored(const char *level, const struct kern *ref, const struct kern *k)
{
    enum { OUT = 37, IN = 96, N = 9 };
    for (size_t s = 0; s < N_SCHEMES; s++) {
        const struct quant_traits *q = quant_find_name(schemes[s].name);
        if (!q || q->block == 1)
            continue;
        size_t bytes = IN / q->block * q->bytes * OUT;
        uint8_t *stored = reserve(bytes);
        float x[N * IN], want[N * OUT], got[N * OUT];
        for (int round = 0; round < 6; round++) {
            for (size_t i = 0; i < bytes; i++)      /* rounds 0, 1: all codes extreme (-128, 15, 31) */
                stored[i] = round == 0 ? 0x80 : round == 1 ? 0xff : (uint8_t)draw();
            for (size_t i = 0; i < bytes; i += q->bytes)
                for (size_t h = 0; h < (strstr(q->name, "_1") ? 2 : 1); h++) {
                    uint16_t d = quant_f16(uniform());
                    memcpy(stored + i + 2 * h, &d, sizeof d);
                }
            fill(x, N * IN, round < 2 ? FILL_MAX : FILL_PLAIN);
            struct assay_err e;
            struct linear *a = NULL, *b = NULL;
            if (linear_new(ref, schemes[s].s, "w", q->type, stored, OUT, IN, NULL, &a, &e) < 0 ||
                linear_new(k, schemes[s].s, "w", q->type, stored, OUT, IN, NULL, &b, &e) < 0) {
                fail(level, q->name, e.msg);
            } else {
                void *scratch = reserve(linear_scratch(a, N));
                struct job j = {level, ref, k, s, OUT, IN, N, FILL_PLAIN, FILL_PLAIN, 0, 0};
                linear_forward(a, NULL, x, IN, N, want, OUT, scratch);
                linear_forward(b, NULL, x, IN, N, got, OUT, scratch);
                compare(&j, a, want, got, x);
                free(scratch);
            }
            linear_free(a);
            linear_free(b);
        }
        free(stored);
    }
}

/* -- broken activations make broken results, quietly nowhere -------------------------------------------- */
static void check_nan(const char *level, const struct kern *k)
{
    enum { OUT = 20, IN = 64, N = 8 };
    float w[OUT * IN], x[N * IN], y[N * OUT];
    fill(w, OUT * IN, FILL_PLAIN);
    for (size_t s = 0; s < N_SCHEMES; s++) {
        struct assay_err e;
        struct linear *l;
        if (linear_new(k, schemes[s].s, "w", QT_F32, w, OUT, IN, NULL, &l, &e) < 0) {
            fail(level, schemes[s].name, e.msg);
            continue;
        }
        void *scratch = reserve(linear_scratch(l, N));
        for (int broken = 0; broken < 2; broken++) {
            fill(x, N * IN, FILL_PLAIN);
            x[2 * IN + 40] = broken ? INFINITY : NAN;
            linear_forward(l, NULL, x, IN, N, y, OUT, scratch);
            for (size_t i = 0; i < N * OUT; i++)
                if (!isfinite(y[i]) != (i / OUT == 2)) {
                    fail(level, schemes[s].name, "nan or inf in x did not stay with its token");
                    break;
                }
        }
        free(scratch);
        linear_free(l);
    }
}

/* -- activation quantizers ------------------------------------------------------------------------------ */
static struct kern_act act_new(size_t n_in, size_t n_k, size_t blocks, int max, uint8_t *mem)
{
    struct kern_act a = {.n_in = n_in, .n_k = n_k, .ldd = 1, .offset = 128, .max = max};
    a.q = (int8_t *)mem;
    a.q16 = (int16_t *)(void *)mem;
    a.d = (float *)(void *)(mem + 4 * n_k);
    a.s = a.d + blocks;
    a.bias = (int32_t *)(void *)(a.s + blocks);
    return a;
}

static void check_act(const char *level, const struct kern *ref, const struct kern *k)
{
    enum { MAX = 1024, BYTES = 4 * MAX + 12 * MAX };
    static _Alignas(64) uint8_t want[BYTES], got[BYTES];
    float xs[MAX + 4];
    for (int i = 0; i < 400; i++) {
        size_t n_in = (size_t)(draw() % 30 + 1) * (i % 2 ? 32 : 1), n_k = (n_in + 63) / 64 * 64;
        float *x = xs + i % 4;
        fill(x, n_in, (enum fill)(i % N_FILLS));
        if (i % 7 == 0)
            for (size_t t = 0; t < n_in; t++)      /* ties: x * inverse = code + 1/2 */
                x[t] = t == 0 ? 127.0f : (float)(draw() % 255) / 2.0f;
        if (i % 11 == 0)
            x[draw() % n_in] = i % 2 ? NAN : -INFINITY;
        for (int form = 0; form < 3; form++) {
            enum kern_form f = form == 0 ? KERN_I16 : form == 1 ? KERN_W8 : KERN_Q8;
            if (f == KERN_Q8 && n_in % 32)
                continue;
            memset(want, 0x55, sizeof want);
            memset(got, 0x55, sizeof got);
            size_t blocks = f == KERN_Q8 ? n_in / 32 : 1;
            size_t padded = f == KERN_Q8 ? n_in : f == KERN_I16 ? (n_in + 1) / 2 * 2 : n_k;
            struct kern_act a = act_new(n_in, padded, blocks, i % 5 ? 127 : 7, want);
            struct kern_act b = act_new(n_in, padded, blocks, i % 5 ? 127 : 7, got);
            kern_quantize(ref, f, &a, 0, x);
            kern_quantize(k, f, &b, 0, x);
            if (memcmp(want, got, 4 * padded) || memcmp(a.bias, b.bias, blocks * 4))
                fail(level, "activations", "codes or their sum differ");
            for (size_t t = 0; t < blocks; t++)
                if (!same_float(a.d[t], b.d[t]) || (f == KERN_Q8 && !same_float(a.s[t], b.s[t])))
                    fail(level, "activations", "scale differs");
            if (memcmp(a.bias + blocks, b.bias + blocks, 64))
                fail(level, "activations", "written past the end");
        }
    }
}

static int test_all(void)
{
    struct kern ref, k;
    uint32_t have = cpu_detect();
    int tested = 0;
    kern_pick(0, &ref);
    printf("checkkern: seed %llu\n", (unsigned long long)seed);
    check_products("ref", &ref, &ref);
    check_nan("ref", &ref);
    for (size_t i = 0; i < N_LEVELS; i++) {
        if (!(have & levels[i].needs))
            continue;
        int before = failures;
        kern_open(levels[i].name, &k, NULL);
        if (strcmp(k.name, levels[i].name) != 0)
            fail(levels[i].name, "table", k.name);
        check_act(levels[i].name, &ref, &k);
        check_products(levels[i].name, &ref, &k);
        if (k.widen_min != SIZE_MAX) {     /* Q4 and Q5 through the core of Q8, whatever n */
            k.widen_min = 1;
            check_products(levels[i].name, &ref, &k);
        }
        check_stored(levels[i].name, &ref, &k);
        check_nan(levels[i].name, &k);
        printf("%s %s\n", failures == before ? "ok  " : "FAIL", levels[i].name);
        tested++;
    }
    printf("checkkern: %d levels, %d failures\n", tested, failures);
    return failures ? 1 : 0;
}

/* -- timing ---------------------------------------------------------------------------------------------- */
/* Best of several spans of at least 2 ms: the machine's figure, not its neighbours'. */
static double best_ns(void (*fn)(void *), void *user)
{
    double best = 1e30;
    for (int round = 0; round < 12; round++) {
        int64_t start = clock_ns(), now;
        long calls = 0;
        do {
            fn(user);
            calls++;
            now = clock_ns();
        } while (now - start < 2000000);
        double ns = (double)(now - start) / (double)calls;
        best = ns < best ? ns : best;
    }
    return best;
}

enum { PEAK_ROUNDS = 2000, PEAK_OPS = 12 };
struct peak {
    double fma, dot8;              /* GOP/s, a multiply and an add count as two */
};

/* Independent chains of one instruction; operands are whatever the registers hold. */
#define TIMES12(op) op("0") op("1") op("2") op("3") op("4") op("5") op("6") op("7") op("8") op("9") \
    op("10") op("11")
#if defined(__x86_64__)
#define CLOBBER "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", \
    "xmm10", "xmm11", "xmm14", "xmm15"
#define OP_FMA512(r) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" r "\n"
#define OP_FMA256(r) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" r "\n"
#define OP_VNNI(r) "vpdpbusd %%zmm14, %%zmm15, %%zmm" r "\n"
#define OP_MADD(r) "vpmaddubsw %%ymm14, %%ymm15, %%ymm" r "\n"
#define ZERO512(r) "vpxorq %%zmm" r ", %%zmm" r ", %%zmm" r "\n"
#define ZERO256(r) "vpxor %%ymm" r ", %%ymm" r ", %%ymm" r "\n"
#define PEAK(name, zero, op)                                                                       \
    static void name(void *user)                                                                   \
    {                                                                                              \
        long n = PEAK_ROUNDS;                                                                      \
        (void)user;                                                                                \
        __asm__ volatile(TIMES12(zero) zero("14") zero("15") "1:\n" TIMES12(op) "dec %0\njnz 1b\n" \
                         : "+r"(n)::"cc", CLOBBER);                                                \
    }
PEAK(peak_fma512, ZERO512, OP_FMA512)
PEAK(peak_fma256, ZERO256, OP_FMA256)
PEAK(peak_vnni, ZERO512, OP_VNNI)
PEAK(peak_madd, ZERO256, OP_MADD)

/* Of the instructions a level may use; AMX is held against VNNI, the peak that other engines have. */
static struct peak measure_peak(uint32_t have)
{
    double ops = (double)PEAK_ROUNDS * PEAK_OPS;
    struct peak p = {0, 0};
    if (have & CPU_AVX2) {
        p.fma = ops * 16 / best_ns(peak_fma256, NULL);
        p.dot8 = ops * 64 / best_ns(peak_madd, NULL);
    }
    if (have & CPU_AVX512)
        p.fma = ops * 32 / best_ns(peak_fma512, NULL);
    if (have & CPU_AVX512_VNNI)
        p.dot8 = ops * 128 / best_ns(peak_vnni, NULL);
    return p;
}
#elif defined(__aarch64__)
#define CLOBBER "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v14", \
    "v15"
#define OP_FMLA(r) "fmla v" r ".4s, v14.4s, v15.4s\n"
#define OP_SDOT(r) ".inst 0x4e8f95c0 + " r "\n"      /* sdot vR.4s, v14.16b, v15.16b */
#define ZERO(r) "movi v" r ".4s, #0\n"
#define PEAK(name, op)                                                                             \
    static void name(void *user)                                                                   \
    {                                                                                              \
        long n = PEAK_ROUNDS;                                                                      \
        (void)user;                                                                                \
        __asm__ volatile(TIMES12(ZERO) ZERO("14") ZERO("15") "1:\n" TIMES12(op)                    \
                         "subs %0, %0, #1\nb.ne 1b\n"                                              \
                         : "+r"(n)::"cc", CLOBBER);                                                \
    }
PEAK(peak_fmla, OP_FMLA)
PEAK(peak_sdot, OP_SDOT)

static struct peak measure_peak(uint32_t have)
{
    double ops = (double)PEAK_ROUNDS * PEAK_OPS;
    struct peak p = {ops * 8 / best_ns(peak_fmla, NULL), 0};
    if (have & CPU_NEON_DOTPROD)
        p.dot8 = ops * 32 / best_ns(peak_sdot, NULL);
    return p;
}
#else
static struct peak measure_peak(uint32_t have)
{
    (void)have;
    return (struct peak){0, 0};
}
#endif

enum { N_SHAPES = 6 };
struct timing {
    struct linear *l;
    const float *x;
    size_t n;
    float *y;
    void *scratch;
};

static void time_product(void *user)
{
    struct timing *t = user;
    size_t n_in = linear_n_in(t->l), n_out = linear_n_out(t->l);
    linear_forward(t->l, NULL, t->x, n_in, t->n, t->y, n_out, t->scratch);
}

static double time_scheme(const struct kern *k, size_t s, const size_t shape[3])
{
    size_t n_out = shape[0], n_in = shape[1], n = shape[2];
    float *w = reserve(n_out * n_in * sizeof *w), *x = reserve(n * n_in * sizeof *x);
    struct assay_err e;
    struct timing t = {.x = x, .n = n, .y = reserve(n * n_out * sizeof *x)};
    double ns = 0;
    fill(w, n_out * n_in, FILL_PLAIN);
    fill(x, n * n_in, FILL_PLAIN);
    if (linear_new(k, schemes[s].s, "w", QT_F32, w, n_out, n_in, NULL, &t.l, &e) == 0) {
        t.scratch = reserve(linear_scratch(t.l, n));
        ns = best_ns(time_product, &t);
        free(t.scratch);
    }
    linear_free(t.l);
    free(w);
    free(x);
    free(t.y);
    return ns;
}

/* The instructions that bound a scheme: none for the reference. */
static double bound_of(const struct peak *p, enum scheme_id id)
{
    if (id == SCHEME_INT16)
        return p->dot8 / 2;
    return id == SCHEME_W8A8 || id == SCHEME_LLM_INT8 || id >= SCHEME_W4A4 ? p->dot8 : p->fma;
}

static void bench_level(const char *level, double (*ref)[N_SHAPES])
{
    static const size_t shapes[N_SHAPES][3] = {
        {1536, 512, 96}, {1024, 1024, 1}, {64, 64, 96}, {172, 64, 96}, {64, 172, 96}, {512, 64, 8}};
    uint32_t mask;
    struct kern k;
    cpu_level(level, &mask, NULL);
    kern_open(level, &k, NULL);
    struct peak peak = measure_peak(cpu_detect() & mask);
    printf("%s: peak of one thread: f32 multiply-add %.1f GFLOP/s, int8 dot %.1f GOP/s\n", level,
           peak.fma, peak.dot8);
    for (size_t i = 0; i < N_SHAPES; i++) {
        for (size_t s = 0; s < N_SCHEMES; s++) {
            const size_t *h = shapes[i];
            if (linear_check(schemes[s].s, h[0], h[1], NULL) < 0)
                continue;
            double ns = time_scheme(&k, s, h), top = bound_of(&peak, schemes[s].s.id);
            double gops = 2.0 * (double)(h[0] * h[1] * h[2]) / ns;
            if (strcmp(level, "ref") == 0)
                ref[s][i] = ns;
            printf("%-12s %-9s K %-4zu N %-4zu M %-3zu %12.0f ns %8.1f GOP/s", level,
                   schemes[s].name, h[1], h[0], h[2], ns, gops);
            if (top > 0)
                printf(" %6.1f %% of peak", 100 * gops / top);
            if (ref[s][i] > 0)
                printf(" %7.1f x ref", ref[s][i] / ns);
            printf("\n");
        }
    }
}

/* -- one token, which follows the bytes of the weights ------------------------------------------------------ */
enum { DECODE_ROUNDS = 31 };
#define DECODE_SPAN 200000

static double span_ns(struct timing *t)
{
    time_product(t);               /* what the others left in the caches is not its own */
    int64_t start = clock_ns(), now;
    long calls = 0;
    do {
        time_product(t);
        calls++;
        now = clock_ns();
    } while (now - start < DECODE_SPAN);
    return (double)(now - start) / (double)calls;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Medians of short spans, taken in turns, so that neighbours disturb all schemes alike. */
static void bench_decode(const char *level, size_t n_out, size_t n_in)
{
    static const char *const names[] = {"f32",      "f16",      "int8",     "int6-g32",
                                        "int5-g32", "int4-g32", "int3-g32", "int2-g32"};
    enum { N_NAMES = sizeof names / sizeof names[0] };
    struct timing t[N_NAMES] = {{0}};
    double ns[N_NAMES][DECODE_ROUNDS];
    float *w = reserve(n_out * n_in * sizeof *w), *x = reserve(n_in * sizeof *x);
    float *y = reserve(n_out * sizeof *y);
    struct kern k;
    struct assay_err e;
    kern_open(level, &k, NULL);
    fill(w, n_out * n_in, FILL_PLAIN);
    fill(x, n_in, FILL_PLAIN);
    for (size_t i = 0; i < N_NAMES; i++) {
        size_t s = 0;
        while (strcmp(schemes[s].name, names[i]) != 0)
            s++;
        t[i] = (struct timing){.x = x, .n = 1, .y = y};
        if (linear_new(&k, schemes[s].s, "w", QT_F32, w, n_out, n_in, NULL, &t[i].l, &e) < 0) {
            fail(level, names[i], e.msg);
            exit(3);
        }
    }
    for (size_t r = 0; r < DECODE_ROUNDS; r++)
        for (size_t i = 0; i < N_NAMES; i++)
            ns[i][r] = span_ns(&t[i]);
    for (size_t i = 0; i < N_NAMES; i++)
        qsort(ns[i], DECODE_ROUNDS, sizeof ns[i][0], by_value);
    for (size_t i = 0; i < N_NAMES; i++) {
        double median = ns[i][DECODE_ROUNDS / 2];
        printf("%-12s %-9s K %-4zu N %-4zu one token %12.0f ns %7.1f GB/s %6.2f x f32\n", level,
               names[i], n_in, n_out, median, (double)linear_bytes(t[i].l) / median,
               ns[0][DECODE_ROUNDS / 2] / median);
        linear_free(t[i].l);
    }
    free(w);
    free(x);
    free(y);
}

/* The matrices of the shipped models, in the cache, and one beyond it. */
static void bench_one_token(const char *level)
{
    static const size_t shapes[][2] = {{256, 256}, {768, 256}, {256, 768}, {4096, 4096}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        bench_decode(level, shapes[i][0], shapes[i][1]);
}

static int bench(const char *only)
{
    double ref[N_SCHEMES][N_SHAPES] = {{0}};
    uint32_t have = cpu_detect();
    if (!only || strcmp(only, "ref") == 0)
        bench_level("ref", ref);
    for (size_t i = 0; i < N_LEVELS; i++)
        if (have & levels[i].needs && (!only || strcmp(only, levels[i].name) == 0))
            bench_level(levels[i].name, ref);
    for (size_t i = 0; i < N_LEVELS; i++)
        if (have & levels[i].needs && (!only || strcmp(only, levels[i].name) == 0))
            bench_one_token(levels[i].name);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--decode") == 0) {
        bench_one_token(argv[2]);
        return 0;
    }
    if (argc >= 2 && strcmp(argv[1], "--bench") == 0)
        return bench(argc > 2 ? argv[2] : NULL);
    if (argc == 3 && strcmp(argv[1], "--seed") == 0)
        seed = strtoull(argv[2], NULL, 10);
    else if (argc > 1) {
        fprintf(stderr, "usage: checkkern [--seed N | --bench [LEVEL] | --decode LEVEL]\n");
        return 2;
    }
    return test_all();
}
