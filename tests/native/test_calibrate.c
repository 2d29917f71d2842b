/* Calibration: what is measured is what goes into each matrix, smoothing changes no answer before
 * quantizing and saves W8A8 from outlier channels, and what cannot be calibrated is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "backends/native/calibrate.h"
#include "backends/native/forward.h"
#include "backends/native/gptq.h"
#include "backends/native/kern.h"
#include "backends/native/vocab.h"
#include "harness/base/err.h"
#include "tests/native/make_gguf.h"

static const char text[] = "the hand\n\nof a thing and the other\r\nhand in hand, the end\n";
enum { N_ROWS = 3, MAX_TOKENS = 128, EMBD = 64, FF = 96, HEADS = 4, KV = 2, HD = 16 };

static char *write_text(const char *s, size_t n)
{
    struct buf b;
    buf_init(&b, 0);
    buf_add(&b, s, n);
    char *path = mk_write(&b);
    buf_release(&b);
    return path;
}

struct world {
    char *model, *rows;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->model = mk_tiny_file(&mk_tiny_default);
    w->rows = write_text(text, sizeof text - 1);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    unlink(w->model);
    unlink(w->rows);
    free(w->model);
    free(w->rows);
    free(w);
    return 0;
}

static struct model *open_with(struct model_options o)
{
    struct model *m = NULL;
    struct assay_err e = {0};
    o.threads = o.threads ? o.threads : 1;
    if (model_open(&o, &m, &e) < 0 || forward_new(m, &m->forward, &e) < 0)
        fail_msg("%s", e.msg);
    return m;
}

static void close_it(struct model *m)
{
    forward_free(m->forward);
    model_close(m);
}

static void refuse(struct model_options o, int code, const char *word)
{
    struct model *m = NULL;
    struct assay_err e = {0};
    o.threads = 1;
    int rc = model_open(&o, &m, &e);
    if (rc != code || !strstr(e.msg, word))
        fail_msg("%d, expected %d with '%s': %s", rc, code, word, e.msg);
}

static struct calibration *calibrate(struct model_options o, bool gram, bool bins)
{
    struct calibration *c = NULL;
    struct assay_err e = {0};
    if (calibrate_run(&o, (struct calib_want){gram, bins}, &c, &e) < 0)
        fail_msg("%s", e.msg);
    return c;
}

/* -- rows of one tensor, by probing ------------------------------------------------------------ */
struct seen {
    size_t n, n_cols;
    float v[MAX_TOKENS * 300];
};

static int on_row(void *user, const struct assay_row *r)
{
    struct seen *s = user;
    s->n_cols = r->n;
    assert_true((s->n + 1) * r->n <= sizeof s->v / sizeof *s->v);
    memcpy(s->v + s->n++ * r->n, r->v, r->n * sizeof(float));
    return 0;
}

/* Row `line` of the text as tokens. */
static size_t tokens_of(struct model *m, size_t line, int32_t out[MAX_TOKENS])
{
    static const char *const lines[N_ROWS] = {"the hand", "of a thing and the other",
                                              "hand in hand, the end"};
    size_t n = 0;
    assert_int_equal(
        vocab_encode(m->vocab, lines[line], strlen(lines[line]), 1, out, MAX_TOKENS, &n, NULL), 0);
    return n;
}

static void probe(struct model *m, const char *tensor, size_t line, struct seen *s)
{
    int32_t tokens[MAX_TOKENS];
    struct assay_err e = {0};
    const struct assay_probe_req req = {.size = sizeof req,
                                        .tokens = {tokens, tokens_of(m, line, tokens)},
                                        .tensors = tensor,
                                        .on_row = on_row,
                                        .user = s};
    s->n = 0;
    if (forward_probe(m->forward, &req, &e) < 0)
        fail_msg("%s", e.msg);
}

/* -- statistics -------------------------------------------------------------------------------- */
struct want { /* of one site, in double */
    double absmax[FF], sum[FF], gram[FF * FF];
    double all[MAX_TOKENS * FF];
    size_t n, rows;
};

static void want_row(struct want *w, const double *x, size_t n)
{
    w->n = n;
    for (size_t i = 0; i < n; i++) {
        w->absmax[i] = fmax(w->absmax[i], fabs(x[i]));
        w->sum[i] += fabs(x[i]);
        w->all[w->rows * n + i] = fabs(x[i]);
        for (size_t k = 0; k < n; k++)
            w->gram[i * n + k] += x[i] * x[k];
    }
    w->rows++;
}

static void check_site(const struct calib_site *s, const struct want *w)
{
    assert_int_equal(s->n, w->n);
    assert_int_equal(s->n_rows, w->rows);
    double most = 0, power = 0;
    for (size_t i = 0; i < w->n; i++) {
        most = fmax(most, w->absmax[i]);
        power = fmax(power, w->gram[i * w->n + i]);
    }
    for (size_t i = 0; i < w->n; i++) {
        assert_true(fabs((double)s->absmax[i] - w->absmax[i]) <= 1e-5 * most);
        assert_true(fabs(s->abs_sum[i] - w->sum[i]) <= 1e-5 * most * (double)w->rows);
        for (size_t k = 0; k < w->n; k++)
            assert_true(fabs((double)s->gram[i * w->n + k] - w->gram[i * w->n + k]) <=
                        1e-5 * power);
    }
}

/* Attention of one line in layer 1, from its q, k and v, in double. */
static void want_attention(struct model *m, size_t line, struct want *w)
{
    static struct seen q, k, v;
    probe(m, "blk.1.q", line, &q);
    probe(m, "blk.1.k", line, &k);
    probe(m, "blk.1.v", line, &v);
    for (size_t t = 0; t < q.n; t++) {
        double x[EMBD] = {0};
        for (size_t h = 0; h < HEADS; h++) {
            const size_t g = h / (HEADS / KV) * HD;
            double p[MAX_TOKENS], sum = 0;
            for (size_t j = 0; j <= t; j++) {
                p[j] = 0;
                for (size_t d = 0; d < HD; d++)
                    p[j] += (double)q.v[t * EMBD + h * HD + d] * (double)k.v[j * KV * HD + g + d];
                sum += p[j] = exp(p[j] / sqrt(HD));
            }
            for (size_t j = 0; j <= t; j++)
                for (size_t d = 0; d < HD; d++)
                    x[h * HD + d] += p[j] / sum * (double)v.v[j * KV * HD + g + d];
        }
        want_row(w, x, EMBD);
    }
}

static double dot_row(const struct linear *l, size_t o, const float *x)
{
    float row[EMBD];
    double sum = 0;
    linear_row(l, o, row);
    for (size_t i = 0; i < EMBD; i++)
        sum += (double)row[i] * (double)x[i];
    return sum;
}

static void want_ffn(struct model *m, size_t line, struct want *in, struct want *down)
{
    static struct seen s;
    probe(m, "blk.1.ffn_norm", line, &s);
    for (size_t t = 0; t < s.n; t++) {
        const float *x = s.v + t * EMBD;
        double a[FF], row[EMBD];
        for (size_t o = 0; o < FF; o++) {
            const double g = dot_row(m->layers[1].gate, o, x);
            a[o] = g / (1 + exp(-g)) * dot_row(m->layers[1].up, o, x);
        }
        for (size_t i = 0; i < EMBD; i++)
            row[i] = (double)x[i];
        want_row(in, row, EMBD);
        want_row(down, a, FF);
    }
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The range at a percentile covers that share, and no more than a bin beyond. */
static void check_percentile(const struct calib_site *s, struct want *w)
{
    const size_t n = w->rows * w->n;
    double beyond;
    qsort(w->all, n, sizeof *w->all, by_size);
    assert_true(fabs((double)calibrate_top(s, 100, &beyond) - w->all[n - 1]) <= 1e-5);
    assert_true(beyond == 0);
    for (double percent = 50; percent < 100; percent += 7) {
        const double exact = w->all[(size_t)ceil((double)n * percent / 100) - 1];
        const double top = (double)calibrate_top(s, percent, &beyond);
        assert_true(top >= exact * (1 - 1e-5) && top <= exact * 1.005);
        size_t above = 0;
        for (size_t i = 0; i < n; i++)
            above += w->all[i] > top * 127.5 / 127;
        assert_true(fabs(beyond - (double)above / (double)n) <= 0.01);
        assert_true(beyond <= 1 - percent / 100);
    }
}

static void statistics(void **state)
{
    const struct world *world = *state;
    static struct want o, ffn, down;
    const struct model_options options = {
        .path = world->model, .calibrate = world->rows, .threads = 2};
    struct model *m = open_with((struct model_options){.path = world->model});
    struct calibration *c = calibrate(options, true, true);
    assert_int_equal(c->n_rows, N_ROWS);
    for (size_t line = 0; line < N_ROWS; line++) {
        want_attention(m, line, &o);
        want_ffn(m, line, &ffn, &down);
    }
    assert_int_equal(c->n_tokens, o.rows);
    check_site(calibrate_site(c, 1, CALIB_O), &o);
    check_site(calibrate_site(c, 1, CALIB_FFN), &ffn);
    check_site(calibrate_site(c, 1, CALIB_DOWN), &down);
    check_percentile(calibrate_site(c, 1, CALIB_DOWN), &down);
    assert_int_equal(calibrate_output(c)->n_rows, o.rows);
    calibrate_free(c);
    calibrate_free(NULL);
    close_it(m);
}

/* -- smoothing --------------------------------------------------------------------------------- */
static double worst_logit(struct model *a, struct model *b)
{
    static struct seen x, y;
    double worst = 0, size = 0;
    for (size_t line = 0; line < N_ROWS; line++) {
        probe(a, "logits", line, &x);
        probe(b, "logits", line, &y);
        for (size_t i = 0; i < x.n * x.n_cols; i++) {
            worst = fmax(worst, fabs((double)x.v[i] - (double)y.v[i]));
            size = fmax(size, fabs((double)x.v[i]));
        }
    }
    return worst / size;
}

static void smoothing_changes_nothing_in_fp32(void **state)
{
    const struct world *w = *state;
    struct model *plain = open_with((struct model_options){.path = w->model});
    for (int i = 1; i <= 4; i++) {
        struct model *m = open_with(
            (struct model_options){.path = w->model, .calibrate = w->rows, .smooth = i / 4.0});
        const double worst = worst_logit(plain, m);
        assert_true(worst > 0 && worst < 1e-5);
        close_it(m);
    }
    close_it(plain);
}

/* s[j] = max|X_j|^alpha / max|W_:j|^(1 - alpha), over all matrices that read X. */
static void check_scales(const struct calib_site *x, const struct linear *const *w, size_t n,
                         const float *before, const float *after)
{
    for (size_t j = 0; j < x->n; j++) {
        double top = 0;
        float row[EMBD];
        for (size_t k = 0; k < n; k++)
            for (size_t o = 0; o < linear_n_out(w[k]); o++) {
                linear_row(w[k], o, row);
                top = fmax(top, fabs((double)row[j]));
            }
        const double s = pow((double)x->absmax[j], 0.7) / pow(top, 0.3);
        assert_true(fabs((double)after[j] * s / (double)before[j] - 1) < 1e-6);
    }
}

static void smoothing_is_as_defined(void **state)
{
    const struct world *w = *state;
    struct model_options o = {.path = w->model, .calibrate = w->rows};
    struct calibration *c = calibrate(o, false, false);
    struct model *plain = open_with((struct model_options){.path = w->model});
    o.smooth = 0.7;
    struct model *m = open_with(o);
    const struct layer *a = &plain->layers[1], *b = &m->layers[1];
    check_scales(calibrate_site(c, 1, CALIB_ATTN), (const struct linear *[]){a->q, a->k, a->v}, 3,
                 a->attn_norm, b->attn_norm);
    check_scales(calibrate_site(c, 1, CALIB_FFN), (const struct linear *[]){a->gate, a->up}, 2,
                 a->ffn_norm, b->ffn_norm);
    assert_non_null(strstr(m->precision, "; smooth 0.7; calibrated on 3 rows, "));
    calibrate_free(c);
    close_it(plain);
    close_it(m);
}

/* Some channels of both norms large and their columns small: the same answers, but outliers. */
static char *outlier_model(void)
{
    struct mk g;
    const struct mk_tiny *t = &mk_tiny_default;
    const size_t sizes[] = {EMBD * EMBD, KV * HD * EMBD, KV * HD * EMBD, EMBD * EMBD, FF * EMBD,
                            FF * EMBD,   EMBD * FF,      EMBD,           EMBD};
    mk_init(&g);
    mk_tiny_keys(&g, t);
    mk_vocab(&g);
    mk_tiny_tensors(&g, t);
    float *at = (float *)(void *)g.data.v + 2 * EMBD * MK_VOCAB + EMBD;
    for (uint32_t l = 0; l < t->n_layer; l++)
        for (size_t k = 0; k < 9; at += sizes[k++])
            for (size_t i = 0; i < sizes[k]; i++)
                if (k != 3 && k != 6 && i % EMBD % 21 == 5)
                    at[i] *= k >= 7 ? 400.0f : 1 / 400.0f;
    struct buf b;
    mk_finish(&g, &b);
    char *path = mk_write(&b);
    buf_release(&b);
    return path;
}

static double error_with(const char *path, const char *rows, const char *precision, double alpha)
{
    struct model *exact = open_with((struct model_options){.path = path});
    const bool calibrated = alpha > 0 || !strcmp(precision, "w8a8_static");
    struct model *m = open_with((struct model_options){.path = path,
                                                       .precision = precision,
                                                       .calibrate = calibrated ? rows : NULL,
                                                       .smooth = alpha});
    const double worst = worst_logit(exact, m);
    close_it(exact);
    close_it(m);
    return worst;
}

static void outliers_cost_and_are_smoothed(void **state)
{
    const struct world *w = *state;
    char *twin = outlier_model();
    struct model *a = open_with((struct model_options){.path = w->model});
    struct model *b = open_with((struct model_options){.path = twin});
    assert_true(worst_logit(a, b) < 1e-5);
    close_it(a);
    close_it(b);
    const double plain = error_with(w->model, w->rows, "w8a8", 0);
    const double hurt = error_with(twin, w->rows, "w8a8", 0);
    assert_true(hurt > 5 * plain);
    assert_true(error_with(twin, w->rows, "w8a8", 0.5) < 2 * plain);
    assert_true(error_with(twin, w->rows, "llm_int8", 0) < hurt / 2);
    assert_true(error_with(twin, w->rows, "w8a8_static", 0) > 5 * plain);
    assert_true(error_with(twin, w->rows, "w8a8_static", 0.5) < 4 * plain);
    unlink(twin);
    free(twin);
}

/* -- fixed ranges ------------------------------------------------------------------------------ */
static void ranges_are_measured_and_said(void **state)
{
    const struct world *w = *state;
    struct model_options o = {
        .path = w->model, .precision = "w8a8_static", .calibrate = w->rows, .percentile = 90};
    struct model *m = open_with(o);
    struct seen *s = calloc(1, sizeof *s);
    uint64_t saturated = 0, seen = 0;
    assert_non_null(strstr(m->precision, "w8a8_static; w8a8: token_embd, output; kv f32; ranges "
                                         "at percentile 90, "));
    assert_true(linear_saturation(m->layers[0].down, &saturated, &seen) && seen == 0);
    assert_false(linear_saturation(m->output, &saturated, &seen));
    probe(m, "logits", 1, s);
    assert_true(linear_saturation(m->layers[0].down, &saturated, &seen));
    assert_int_equal(seen, s->n * FF);
    assert_true(saturated > seen / 50 && saturated < seen / 4);
    close_it(m);
    o.percentile = 0;
    m = open_with(o); /* ranges that hold all: nothing saturates on the rows they come from */
    for (size_t line = 0; line < N_ROWS; line++)
        probe(m, "embd", line, s);
    assert_true(linear_saturation(m->layers[0].q, &saturated, &seen) && saturated == 0);
    close_it(m);
    free(s);
}

/* -- gptq -------------------------------------------------------------------------------------- */
/* Inverse of the damped Hessian of columns from..n-1, by elimination. */
static void inverse_of_rest(const double *h, size_t n, size_t from, double *out)
{
    const size_t m = n - from;
    double *a = calloc(m * 2 * m, sizeof *a);
    for (size_t i = 0; i < m; i++) {
        memcpy(a + i * 2 * m, h + (from + i) * n + from, m * sizeof *a);
        a[i * 2 * m + m + i] = 1;
    }
    for (size_t p = 0; p < m; p++)
        for (size_t i = 0; i < m; i++) {
            const double f =
                i == p ? 1 - 1 / a[p * 2 * m + p] : a[i * 2 * m + p] / a[p * 2 * m + p];
            for (size_t k = 0; i != p && k < 2 * m; k++)
                a[i * 2 * m + k] -= f * a[p * 2 * m + k];
        }
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < m; k++)
            out[i * m + k] = a[i * 2 * m + m + k] / a[i * 2 * m + i];
    free(a);
}

/* Optimal brain surgery, one weight at a time: after w[i] is fixed, the others move by
 * -(w[i] - q) / C[i][i] * C[:, i], C the inverse of the Hessian of what is left. */
static void surgeon(const double *h, size_t n, size_t group, double *w)
{
    double *c = malloc(n * n * sizeof *c), s = 0;
    for (size_t i = 0; i < n; i++) {
        if (i % group == 0) {
            s = 0;
            for (size_t k = i; k < i + group; k++)
                s = fmax(s, fabs(w[k]) / 7);
        }
        const double q = s > 0 ? s * fmax(-7, fmin(7, nearbyint(w[i] / s))) : 0;
        const double error = w[i] - q;
        inverse_of_rest(h, n, i, c);
        for (size_t k = i + 1; k < n; k++)
            w[k] -= error / c[0] * c[(k - i) * (n - i)];
        w[i] = q;
    }
    free(c);
}

static double output_error(const float *x, size_t n_x, const float *w, const double *q, size_t n)
{
    double sum = 0;
    for (size_t t = 0; t < n_x; t++) {
        double y = 0;
        for (size_t i = 0; i < n; i++)
            y += (double)x[t * n + i] * ((double)w[i] - q[i]);
        sum += y * y;
    }
    return sum;
}

static void gptq_is_optimal_brain_surgery(void **state)
{
    (void)state;
    enum { N = 48, OUT = 19, TOKENS = 200, GROUP = 16, DEAD = 7 };
    static float x[TOKENS * N], w[OUT * N], gram[N * N], hinv[N * N], row[N], plain[N];
    static double h[N * N];
    struct rng r = {51};
    struct kern kern;
    double damp, mean = 0, gptq = 0, nearest = 0;
    struct linear *l = NULL, *rtn = NULL;
    for (size_t t = 0; t < TOKENS; t++) /* columns that go together */
        for (size_t i = 0; i < N; i++)
            x[t * N + i] =
                i == DEAD ? 0 : (float)(2 * rng_double(&r) - 1) + (i ? 0.8f * x[t * N + i - 1] : 0);
    for (size_t i = 0; i < OUT * N; i++)
        w[i] = (float)(2 * rng_double(&r) - 1);
    for (size_t i = 0; i < N * N; i++)
        for (size_t t = 0; t < TOKENS; t++)
            gram[i] += x[t * N + i / N] * x[t * N + i % N];
    assert_int_equal(gptq_factor(gram, N, hinv, &damp, NULL), 0);
    assert_true(damp == 0.01 && hinv[DEAD * N + DEAD] == 0);
    for (size_t i = 0; i < N; i++)
        mean += (i == DEAD ? 1 : (double)gram[i * N + i]) / N;
    for (size_t i = 0; i < N * N; i++)
        h[i] = (double)gram[i] + (i % (N + 1) ? 0 : 0.01 * mean + (i / N == DEAD));
    assert_int_equal(kern_open(NULL, &kern, NULL), 0);
    struct linear_source from = {.name = "w", .type = QT_F32, .rows = w, .hinv = hinv};
    const struct scheme s = {SCHEME_INT4, GROUP};
    assert_int_equal(linear_build(&kern, s, &from, OUT, N, NULL, &l, NULL), 0);
    from.hinv = NULL;
    assert_int_equal(linear_build(&kern, s, &from, OUT, N, NULL, &rtn, NULL), 0);
    assert_string_equal(linear_stored(l), "int4 g16 gptq");
    for (size_t o = 0; o < OUT; o++) {
        double q[N], own[N];
        for (size_t i = 0; i < N; i++)
            q[i] = i == DEAD ? 0 : (double)w[o * N + i];
        surgeon(h, N, GROUP, q);
        linear_row(l, o, row);
        for (size_t i = 0; i < N; i++)
            assert_true(fabs((double)row[i] - q[i]) < 1e-4);
        gptq += output_error(x, TOKENS, w + o * N, q, N);
        linear_row(rtn, o, plain);
        for (size_t i = 0; i < N; i++)
            own[i] = (double)plain[i];
        nearest += output_error(x, TOKENS, w + o * N, own, N);
    }
    assert_true(gptq < 0.6 * nearest);
    linear_free(l);
    linear_free(rtn);
}

/* Rows that lie in few directions need more damping than usual, and say so. */
static void gptq_dampens_or_refuses(void **state)
{
    (void)state;
    float gram[4] = {1, 3, 3, 1}, hinv[4];
    double damp;
    struct assay_err e = {0};
    assert_int_equal(gptq_factor(gram, 2, hinv, &damp, &e), ASSAY_EFORMAT);
    assert_non_null(strstr(e.msg, "cannot be inverted"));
    gram[1] = gram[2] = 1.05f;
    assert_int_equal(gptq_factor(gram, 2, hinv, &damp, &e), 0);
    assert_true(fabs(damp - 0.1) < 1e-9);
}

static void gptq_is_said_and_helps(void **state)
{
    const struct world *w = *state;
    struct model *exact = open_with((struct model_options){.path = w->model});
    struct model_options o = {.path = w->model, .precision = "int3", .threads = 2};
    struct model *m = open_with(o);
    const double nearest = worst_logit(exact, m);
    close_it(m);
    o.calibrate = w->rows;
    o.rounding = "gptq";
    m = open_with(o);
    assert_non_null(strstr(m->precision, "int3 g32 gptq; int8 row: token_embd, output; kv f32; "
                                         "calibrated on 3 rows, "));
    assert_true(worst_logit(exact, m) < nearest);
    close_it(m);
    o.precision = "w8a8";
    m = open_with(o);
    assert_non_null(strstr(m->precision, "w8a8 gptq; w8a8: token_embd, output; kv f32; "));
    close_it(m);
    close_it(exact);
}

/* -- awq --------------------------------------------------------------------------------------- */
/* Sum of the squared output errors that 3-bit weights of the full range make at scales s. */
static double loss_at(const struct linear *w, const float *gram, const double *s)
{
    double loss = 0;
    for (size_t o = 0; o < linear_n_out(w); o++) {
        float row[EMBD];
        double d[EMBD], q[EMBD];
        linear_row(w, o, row);
        for (size_t g = 0; g < EMBD; g += 32) {
            double top = 0;
            for (size_t i = g; i < g + 32; i++) {
                q[i] = (double)row[i] * s[i];
                top = fabs(q[i]) > fabs(top) ? q[i] : top;
            }
            for (size_t i = g; i < g + 32; i++)
                d[i] = (double)row[i] -
                       fmin(3, fmax(-4, nearbyint(q[i] / (top / -4)))) * (top / -4) / s[i];
        }
        for (size_t i = 0; i < EMBD; i++)
            for (size_t k = 0; k < EMBD; k++)
                loss += d[i] * d[k] * (double)gram[i * EMBD + k];
    }
    return loss;
}

static void check_awq(const struct calib_site *x, const struct linear *const *w, size_t n,
                      const float *before, const float *after)
{
    double best = INFINITY, own = 0, s[EMBD];
    int at = 0;
    for (int r = 0; r < 20; r++) {
        double most = 0, least = INFINITY, loss = 0, ratio = 0;
        for (size_t i = 0; i < EMBD; i++) {
            s[i] = fmax(pow(x->abs_sum[i] / (double)x->n_rows, r / 20.0), 1e-4);
            most = fmax(most, s[i]);
            least = fmin(least, s[i]);
        }
        for (size_t i = 0; i < EMBD; i++) {
            s[i] /= sqrt(most * least);
            ratio = fmax(ratio, fabs((double)after[i] * s[i] / (double)before[i] - 1));
        }
        for (size_t k = 0; k < n; k++)
            loss += loss_at(w[k], x->gram, s);
        if (ratio < 1e-5)
            own = loss;
        at = loss < best ? r : at;
        best = fmin(best, loss);
    }
    assert_true(at > 0);
    assert_true(own > 0 && own <= best * (1 + 1e-4));
}

static void awq_finds_the_least_loss(void **state)
{
    const struct world *w = *state;
    char *twin = outlier_model();
    struct model *exact = open_with((struct model_options){.path = twin});
    struct model_options o = {.path = twin, .precision = "int3", .threads = 2};
    struct model *m = open_with(o);
    const double nearest = worst_logit(exact, m);
    close_it(m);
    struct calibration *c =
        calibrate((struct model_options){.path = twin, .calibrate = w->rows}, true, false);
    o.calibrate = w->rows;
    o.rounding = "awq";
    m = open_with(o);
    const struct layer *a = &exact->layers[1];
    check_awq(calibrate_site(c, 1, CALIB_ATTN), (const struct linear *[]){a->q, a->k, a->v}, 3,
              a->attn_norm, m->layers[1].attn_norm);
    check_awq(calibrate_site(c, 1, CALIB_FFN), (const struct linear *[]){a->gate, a->up}, 2,
              a->ffn_norm, m->layers[1].ffn_norm);
    assert_non_null(strstr(m->precision, "int3 g32; int8 row: token_embd, output; kv f32; awq; "));
    assert_true(worst_logit(exact, m) < nearest);
    close_it(m);
    o.precision = "fp32"; /* folding changes no answer by itself */
    m = open_with(o);
    assert_true(worst_logit(exact, m) < 1e-5);
    close_it(m);
    calibrate_free(c);
    close_it(exact);
    unlink(twin);
    free(twin);
}

/* -- what makes no sense ----------------------------------------------------------------------- */
static void refuse_rows(const struct world *w, const char *rows, size_t n, int code,
                        const char *word)
{
    char *path = write_text(rows, n);
    refuse((struct model_options){.path = w->model, .calibrate = path, .smooth = 0.5}, code, word);
    unlink(path);
    free(path);
}

static void refusals(void **state)
{
    const struct world *w = *state;
    const char *p = w->model, *r = w->rows;
    refuse((struct model_options){.path = p, .smooth = 0.5}, ASSAY_EUSAGE, "smooth needs");
    refuse((struct model_options){.path = p, .precision = "w8a8_static"}, ASSAY_EUSAGE,
           "'w8a8_static' needs calibration rows");
    refuse((struct model_options){.path = p, .keep = "w8a8_static:*.ffn_down"}, ASSAY_EUSAGE,
           "needs calibration rows");
    refuse((struct model_options){.path = p, .calibrate = r}, ASSAY_EUSAGE,
           "nothing uses the calibration rows");
    refuse((struct model_options){.path = p, .calibrate = r, .smooth = 1.5}, ASSAY_EUSAGE, "1.5");
    refuse((struct model_options){.path = p, .calibrate = r, .smooth = (double)NAN}, ASSAY_EUSAGE,
           "nan");
    refuse((struct model_options){.path = p, .calibrate = r, .smooth = 1, .percentile = 99},
           ASSAY_EUSAGE, "percentile is for");
    refuse((struct model_options){.path = p, .calibrate = r, .smooth = 1, .precision = "stored"},
           ASSAY_EUSAGE, "'stored'");
    refuse((struct model_options){.path = p, .calibrate = r, .keep = "w8a8_static:token_embd"},
           ASSAY_EUSAGE, "'token_embd.weight' is read row by row");
    refuse((struct model_options){.path = p, .rounding = "gptq", .precision = "int4"}, ASSAY_EUSAGE,
           "rounding gptq needs calibration rows");
    refuse((struct model_options){.path = p, .rounding = "awq", .precision = "int4"}, ASSAY_EUSAGE,
           "rounding awq needs calibration rows");
    refuse((struct model_options){.path = p, .calibrate = r, .rounding = "awq", .smooth = 0.5},
           ASSAY_EUSAGE, "awq chooses its own scales");
    refuse(
        (struct model_options){
            .path = p, .calibrate = r, .rounding = "awq", .precision = "w8a8_static"},
        ASSAY_EUSAGE, "use smooth instead");
    refuse(
        (struct model_options){.path = p, .calibrate = r, .rounding = "awq", .precision = "stored"},
        ASSAY_EUSAGE, "awq changes weights");
    refuse((struct model_options){.path = p, .rounding = "up"}, ASSAY_EUSAGE, "'up'");
    refuse(
        (struct model_options){.path = p, .calibrate = r, .rounding = "gptq", .precision = "q4_0"},
        ASSAY_EUSAGE, "nothing to round");
    refuse((struct model_options){.path = p, .calibrate = "/nowhere/rows", .smooth = 1}, ASSAY_EIO,
           "/nowhere/rows");
    refuse_rows(w, "", 0, ASSAY_EUSAGE, "no calibration rows");
    refuse_rows(w, "\n\r\n\n", 4, ASSAY_EUSAGE, "no calibration rows");
    char *many = malloc(2 * (CALIBRATE_ROWS + 1));
    for (size_t i = 0; i <= CALIBRATE_ROWS; i++)
        memcpy(many + 2 * i, "a\n", 2);
    refuse_rows(w, many, 2 * (CALIBRATE_ROWS + 1), ASSAY_ELIMIT, ":4097: more than 4096");
    memset(many + 2, 'q', 400);
    refuse_rows(w, many, 402, ASSAY_ELIMIT, ":2: a calibration row of ");
    free(many);
}

static void fingerprints(void **state)
{
    const struct world *w = *state;
    char *other = write_text("another text\n", 13), prints[6][65];
    const struct model_options all[6] = {
        {.path = w->model, .precision = "w8a8"},
        {.path = w->model, .precision = "w8a8", .calibrate = w->rows, .smooth = 0.5},
        {.path = w->model, .precision = "w8a8", .calibrate = w->rows, .smooth = 0.6},
        {.path = w->model, .precision = "w8a8", .calibrate = other, .smooth = 0.6},
        {.path = w->model, .precision = "w8a8_static", .calibrate = other, .smooth = 0.6},
        {.path = w->model,
         .precision = "w8a8",
         .calibrate = other,
         .smooth = 0.6,
         .rounding = "gptq"},
    };
    for (size_t i = 0; i < 6; i++) {
        struct model *m = open_with(all[i]);
        strcpy(prints[i], m->fingerprint);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(prints[i], prints[k]);
        close_it(m);
    }
    unlink(other);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(statistics, setup, teardown),
        cmocka_unit_test_setup_teardown(smoothing_changes_nothing_in_fp32, setup, teardown),
        cmocka_unit_test_setup_teardown(smoothing_is_as_defined, setup, teardown),
        cmocka_unit_test_setup_teardown(outliers_cost_and_are_smoothed, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges_are_measured_and_said, setup, teardown),
        cmocka_unit_test(gptq_is_optimal_brain_surgery),
        cmocka_unit_test(gptq_dampens_or_refuses),
        cmocka_unit_test_setup_teardown(gptq_is_said_and_helps, setup, teardown),
        cmocka_unit_test_setup_teardown(awq_finds_the_least_loss, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(fingerprints, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
