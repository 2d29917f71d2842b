/* test_ops.c - every derivative against central differences of a double-precision forward, and
 * every forward against that same one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "backends/native/train/mm.h"
#include "backends/native/train/ops.h"
#include "tests/train/reference.h"

static struct kern kern;
static const struct attend *ops;

/* sum of c_i y_i(x) in double, for the op under test. */
typedef double loss_fn(const void *ctx, const double *x);

static void check_gradient(loss_fn *loss, const void *ctx, const float *x, size_t n, const float *g,
                           const char *what)
{
    double *v = ref_doubles(n), scale = 0;
    for (size_t i = 0; i < n; i++) {
        v[i] = (double)x[i];
        scale = fabs((double)g[i]) > scale ? fabs((double)g[i]) : scale;
    }
    for (size_t i = 0; i < n; i++) {
        const double h = 1e-5, keep = v[i];
        v[i] = keep + h;
        const double up = loss(ctx, v);
        v[i] = keep - h;
        const double down = loss(ctx, v);
        v[i] = keep;
        const double want = (up - down) / (2 * h);
        if (fabs(want - (double)g[i]) > 2e-5 * scale + 1e-7)
            fail_msg("%s: derivative %zu is %.9g, differences give %.9g", what, i, (double)g[i],
                     want);
    }
    free(v);
}

static float *draw(struct rng *r, size_t n, double spread)
{
    float *v = malloc(n * sizeof *v);
    assert_non_null(v);
    for (size_t i = 0; i < n; i++)
        v[i] = ref_draw(r, spread);
    return v;
}

/* -- norm -------------------------------------------------------------------------------------- */
enum { NN = 3, ND = 21 };
struct norm_ctx {
    const float *x, *gain, *c;
};

static double norm_loss(const struct norm_ctx *f, const double *x, const double *gain)
{
    double y[ND], sum = 0;
    for (size_t t = 0; t < NN; t++) {
        ref_norm(x + t * ND, gain, ND, y);
        for (size_t i = 0; i < ND; i++)
            sum += y[i] * (double)f->c[t * ND + i];
    }
    return sum;
}

static double norm_by_x(const void *ctx, const double *x)
{
    const struct norm_ctx *f = ctx;
    double g[ND];
    for (size_t i = 0; i < ND; i++)
        g[i] = (double)f->gain[i];
    return norm_loss(f, x, g);
}

static double norm_by_gain(const void *ctx, const double *g)
{
    const struct norm_ctx *f = ctx;
    double x[NN * ND];
    for (size_t i = 0; i < NN * ND; i++)
        x[i] = (double)f->x[i];
    return norm_loss(f, x, g);
}

static void test_norm(void **state)
{
    (void)state;
    struct rng r = {1};
    float *x = draw(&r, NN * ND, 2), *gain = draw(&r, ND, 1), *c = draw(&r, NN * ND, 1);
    float y[NN * ND], inv[NN], dx[NN * ND] = {0}, dg[ND] = {0};
    struct norm_ctx ctx = {x, gain, c};
    struct ops_norm job = {x, gain, y, inv, NN, ND, 1e-5f};
    ops_norm(&job);
    double sum = 0;
    for (size_t i = 0; i < NN * ND; i++)
        sum += (double)y[i] * (double)c[i];
    double xd[NN * ND];
    for (size_t i = 0; i < NN * ND; i++)
        xd[i] = (double)x[i];
    assert_true(fabs(sum - norm_by_x(&ctx, xd)) < 1e-5);
    ops_norm_back(&job, c, dx, dg);
    check_gradient(norm_by_x, &ctx, x, NN * ND, dx, "norm by x");
    check_gradient(norm_by_gain, &ctx, gain, ND, dg, "norm by gain");
    free(x), free(gain), free(c);
}

/* -- rotation ---------------------------------------------------------------------------------- */
enum { RN = 5, RH = 2, RHD = 6 };

static double rope_loss(const void *ctx, const double *x)
{
    const float *c = ctx;
    double y[RN * RH * RHD], sum = 0;
    memcpy(y, x, sizeof y);
    for (size_t t = 0; t < RN; t++)
        ref_rope(y + t * RH * RHD, RH, RHD, t);
    for (size_t i = 0; i < RN * RH * RHD; i++)
        sum += y[i] * (double)c[i];
    return sum;
}

static void test_rope(void **state)
{
    (void)state;
    struct rng r = {2};
    float *x = draw(&r, RN * RH * RHD, 1), *c = draw(&r, RN * RH * RHD, 1);
    float cosine[RN * RHD / 2], sine[RN * RHD / 2], d[RN * RH * RHD], y[RN * RH * RHD];
    for (size_t t = 0; t < RN; t++)
        for (size_t i = 0; i < RHD / 2; i++) {
            const double a = (double)t / pow(10000, 2.0 * (double)i / RHD);
            cosine[t * RHD / 2 + i] = (float)cos(a);
            sine[t * RHD / 2 + i] = (float)sin(a);
        }
    const struct ops_rope rope = {cosine, sine, RHD};
    memcpy(d, c, sizeof d);
    ops_rope(&rope, d, RN, RH, RH * RHD, 1);
    check_gradient(rope_loss, c, x, RN * RH * RHD, d, "rope");
    memcpy(y, x, sizeof y);
    ops_rope(&rope, y, RN, RH, RH * RHD, 0);
    ops_rope(&rope, y, RN, RH, RH * RHD, 1);
    for (size_t i = 0; i < RN * RH * RHD; i++)
        assert_true(fabsf(y[i] - x[i]) < 1e-6f);
    free(x), free(c);
}

/* -- attention --------------------------------------------------------------------------------- */
struct attend_ctx {
    size_t n, heads, kv, hd;
    const float *c;
};

static double attend_loss(const void *ctx, const double *x)
{
    const struct attend_ctx *f = ctx;
    const size_t nq = f->heads * f->hd, ld = nq + 2 * f->kv * f->hd;
    double *out = ref_doubles(nq), sum = 0;
    for (size_t t = 0; t < f->n; t++) {
        ref_attend(x + t * ld, x + nq, x + nq + f->kv * f->hd, ld, f->heads, f->kv, f->hd, t, out);
        for (size_t i = 0; i < nq; i++)
            sum += out[i] * (double)f->c[t * nq + i];
    }
    free(out);
    return sum;
}

static void check_attention(size_t n, size_t heads, size_t kv, size_t hd)
{
    struct rng r = {n};
    const size_t nq = heads * hd, ld = nq + 2 * kv * hd;
    float *x = draw(&r, n * ld, 1), *c = draw(&r, n * nq, 1);
    float *out = calloc(n * nq, sizeof *out), *dx = malloc(n * ld * sizeof *dx);
    float *p = malloc(heads * n * ops_attend_ld(n) * sizeof *p);
    float *scratch = malloc(ops_attend_scratch(n, hd) * sizeof *scratch);
    struct attend_ctx ctx = {n, heads, kv, hd, c};
    const struct ops_attend job = {
        .kern = &kern,
        .ops = ops,
        .n = n,
        .n_head = heads,
        .n_head_kv = kv,
        .hd = hd,
        .q = x,
        .k = x + nq,
        .v = x + nq + kv * hd,
        .ld = ld,
        .out = out,
        .ldo = nq,
        .p = p,
        .scratch = scratch,
    };
    memset(dx, 0xff, n * ld * sizeof *dx);
    memset(p, 0xff, heads * n * ops_attend_ld(n) * sizeof *p);
    memset(scratch, 0xff, ops_attend_scratch(n, hd) * sizeof *scratch);
    ops_attend(&job);
    double sum = 0, *xd = ref_doubles(n * ld);
    for (size_t i = 0; i < n * nq; i++)
        sum += (double)out[i] * (double)c[i];
    for (size_t i = 0; i < n * ld; i++)
        xd[i] = (double)x[i];
    assert_true(fabs(sum - attend_loss(&ctx, xd)) < 1e-4);
    const struct ops_attend_back back = {c, dx, dx + nq, dx + nq + kv * hd};
    ops_attend_back(&job, &back);
    check_gradient(attend_loss, &ctx, x, n * ld, dx, "attention");
    free(x), free(c), free(out), free(dx), free(p), free(scratch), free(xd);
}

static void test_attention(void **state)
{
    (void)state;
    check_attention(1, 1, 1, 2);
    check_attention(7, 4, 2, 6);
    check_attention(16, 3, 1, 8);
    check_attention(53, 2, 1, 4);
}

/* -- gate -------------------------------------------------------------------------------------- */
enum { GN = 3, GF = 19 };

static double gate_loss(const void *ctx, const double *x)
{
    const float *c = ctx;
    double sum = 0;
    for (size_t t = 0; t < GN; t++)
        for (size_t i = 0; i < GF; i++) {
            const double g = x[t * 2 * GF + i], u = x[t * 2 * GF + GF + i];
            sum += g / (1 + exp(-g)) * u * (double)c[t * GF + i];
        }
    return sum;
}

static void test_gate(void **state)
{
    (void)state;
    struct rng r = {4};
    float *x = draw(&r, GN * 2 * GF, 6), *c = draw(&r, GN * GF, 1);
    float act[GN * GF], d[GN * 2 * GF];
    double sum = 0, xd[GN * 2 * GF];
    ops_gate(ops, x, GN, GF, act);
    for (size_t i = 0; i < GN * GF; i++)
        sum += (double)act[i] * (double)c[i];
    for (size_t i = 0; i < GN * 2 * GF; i++)
        xd[i] = (double)x[i];
    assert_true(fabs(sum - gate_loss(c, xd)) < 1e-4);
    ops_gate_back(ops, x, c, GN, GF, d);
    check_gradient(gate_loss, c, x, GN * 2 * GF, d, "gate");
    free(x), free(c);
}

/* -- loss -------------------------------------------------------------------------------------- */
enum { LV = 37 };
struct loss_ctx {
    struct ops_loss job;
    const float *teacher;
};

static double loss_of(const void *ctx, const double *z)
{
    const struct loss_ctx *f = ctx;
    const double lse = ref_lse(z, LV);
    double t[LV] = {0}, kl = 0;
    if (f->teacher) {
        for (size_t i = 0; i < LV; i++)
            t[i] = (double)f->teacher[i];
        const double lt = ref_lse(t, LV);
        for (size_t i = 0; i < LV; i++)
            kl += exp(t[i] - lt) * ((t[i] - lt) - (z[i] - lse));
    }
    return (double)f->job.weight *
           ((1 - (double)f->job.mix) * (lse - z[f->job.target]) + (double)f->job.mix * kl);
}

static void check_loss(const float *teacher, float mix)
{
    struct rng r = {5};
    float *z = draw(&r, LV, 4), d[LV], t[LV];
    const struct loss_ctx ctx = {{LV, 11, 0.7f, mix}, teacher};
    memcpy(d, z, sizeof d);
    if (teacher)
        memcpy(t, teacher, sizeof t);
    const struct ops_lost lost = ops_loss(ops, &ctx.job, d, teacher ? t : NULL);
    double zd[LV];
    for (size_t i = 0; i < LV; i++)
        zd[i] = (double)z[i];
    const double want = loss_of(&ctx, zd) / (double)ctx.job.weight;
    assert_true(fabs((1 - (double)mix) * lost.ce + (double)mix * lost.kl - want) < 1e-5);
    for (size_t i = 0; i < LV; i++)
        assert_true(z[lost.argmax] >= z[i]);
    check_gradient(loss_of, &ctx, z, LV, d, "loss");
    free(z);
}

static void test_loss(void **state)
{
    (void)state;
    struct rng r = {6};
    float *teacher = draw(&r, LV, 4);
    check_loss(NULL, 0);
    check_loss(teacher, 0.5f);
    check_loss(teacher, 1);
    free(teacher);
}

/* -- products ---------------------------------------------------------------------------------- */

static void check_product(size_t n, size_t n_out, size_t n_in)
{
    struct rng r = {n + 3 * n_out};
    float *x = draw(&r, n * n_in, 1), *w = draw(&r, n_out * n_in, 1);
    float *y = malloc(n * n_out * sizeof *y), *turned = malloc(n * n_in * sizeof *turned);
    float *panels = malloc(mm_panels(n_out, n_in) * sizeof *panels);
    mm_transpose(x, n_in, n, n_in, turned, n);
    for (int way = 0; way < 2; way++) {
        if (way == 0) {
            mm_pack_rows(w, n_in, n_out, n_in, panels);
        } else {
            float *wt = malloc(n_out * n_in * sizeof *wt);
            mm_transpose(w, n_in, n_out, n_in, wt, n_out);
            mm_pack_cols(wt, n_out, n_out, n_in, panels);
            free(wt);
        }
        const struct kern_f32 g = {.w = panels,
                                   .stride = n_in * KERN_ROWS,
                                   .n_rows = n_out,
                                   .n_k = n_in,
                                   .x = x,
                                   .ldx = n_in,
                                   .n = n,
                                   .y = y,
                                   .ldy = n_out};
        mm_run(&kern, &g);
        for (size_t t = 0; t < n; t++)
            for (size_t o = 0; o < n_out; o++) {
                float chain = 0;
                for (size_t i = 0; i < n_in; i++)
                    chain = fmaf(w[o * n_in + i], x[t * n_in + i], chain);
                assert_true(chain == y[t * n_out + o]);
                assert_true(turned[t] == x[t * n_in]);
            }
    }
    free(x), free(w), free(y), free(turned), free(panels);
}

static void test_products(void **state)
{
    (void)state;
    check_product(1, 1, 1);
    check_product(7, 33, 19);
    check_product(50, 130, 300);
    check_product(3, 64, 257);
}

int main(void)
{
    struct assay_err e;
    if (kern_open(getenv("ASSAY_CPU"), &kern, &e) < 0)
        return 1;
    ops = attend_pick(kern.features);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm), cmocka_unit_test(test_rope), cmocka_unit_test(test_attention),
        cmocka_unit_test(test_gate), cmocka_unit_test(test_loss), cmocka_unit_test(test_products),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
