/* calibrate.c - reading calibration rows with the fp32 model, and what is kept of them. */
#include "backends/native/calibrate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "backends/native/forward.h"
#include "backends/native/forward_step.h"
#include "backends/native/vocab.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/pool.h"

/* A bin holds the floats that share sign-less bits from here up: 256 to a power of two. */
enum { BIN_SHIFT = 15, N_BINS = 1 << (31 - BIN_SHIFT) };
#define GRAM_MAX ((size_t)4 << 30)

struct rows { /* the lines of the file, blank ones left out */
    const char *text;
    size_t n, line; /* bytes left, number of the last line given out */
};

/* -- statistics -------------------------------------------------------------------------------- */

struct gram_job {
    const struct calib_site *s;
    const float *v;
    size_t n;
};

/* Rows of the Gram matrix are split among threads: each entry is one sum in token order. */
static void gram_part(void *user, size_t part, size_t n_parts)
{
    const struct gram_job *j = user;
    const size_t n = j->s->n;
    for (size_t i = n * part / n_parts; i < n * (part + 1) / n_parts; i++)
        for (size_t t = 0; t < j->n; t++) {
            const float *x = j->v + t * n, xi = x[i];
            float *g = j->s->gram + i * n;
            for (size_t k = 0; xi != 0 && k < n; k++)
                g[k] += xi * x[k];
        }
}

static void add_rows(struct calib_site *s, const float *v, size_t n, struct pool *pool)
{
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < s->n; i++) {
            const float a = fabsf(v[t * s->n + i]);
            uint32_t bits;
            memcpy(&bits, &a, sizeof bits);
            s->absmax[i] = a > s->absmax[i] ? a : s->absmax[i];
            s->abs_sum[i] += (double)a;
            if (s->bins)
                s->bins[bits >> BIN_SHIFT]++;
        }
    s->n_rows += n;
    if (s->gram)
        pool_run(pool, (size_t)pool_size(pool), gram_part, &(struct gram_job){s, v, n});
}

struct watch {
    struct calibration *c;
    struct pool *pool;
};

static int on_tap(void *user, const struct tap_rows *r)
{
    static const int places[] = {
        [TAP_ATTN_NORM] = CALIB_ATTN + 1,
        [TAP_FFN_NORM] = CALIB_FFN + 1,
        [TAP_O_IN] = CALIB_O + 1,
        [TAP_DOWN_IN] = CALIB_DOWN + 1,
    };
    const struct watch *w = user;
    struct calib_site *s = NULL;
    if (r->tap == TAP_OUTPUT_NORM)
        s = &w->c->sites[w->c->n_layer * CALIB_PLACES];
    else if ((size_t)r->tap < sizeof places / sizeof *places && places[r->tap])
        s = &w->c->sites[r->layer * CALIB_PLACES + (size_t)places[r->tap] - 1];
    if (s)
        add_rows(s, r->v, r->n, w->pool);
    return 0;
}

static int make_sites(struct calibration *c, const struct model *m, struct calib_want want,
                      struct assay_err *e)
{
    const struct hparams *hp = &m->hp;
    const size_t widths[CALIB_PLACES] = {hp->n_embd, (size_t)hp->n_head * hp->head_dim, hp->n_embd,
                                         hp->n_ff};
    const size_t n_sites = (size_t)hp->n_layer * CALIB_PLACES + 1;
    double bytes = 0;
    c->n_layer = hp->n_layer;
    c->sites = ARENA_ARRAY(&c->arena, struct calib_site, n_sites);
    for (size_t i = 0; i < n_sites; i++) {
        struct calib_site *s = &c->sites[i];
        s->n = i + 1 < n_sites ? widths[i % CALIB_PLACES] : hp->n_embd;
        bytes += (double)s->n * (double)s->n * sizeof(float);
    }
    if (want.gram && bytes > (double)GRAM_MAX)
        return err_set(e, ASSAY_ELIMIT,
                       "gptq and awq would need %.1f GiB for the inputs' Gram matrices of this "
                       "model, at most 4 are possible; choose rounding nearest",
                       bytes / (1 << 30));
    for (size_t i = 0; i < n_sites; i++) {
        struct calib_site *s = &c->sites[i];
        s->absmax = ARENA_ARRAY(&c->arena, float, s->n);
        s->abs_sum = ARENA_ARRAY(&c->arena, double, s->n);
        if (want.bins)
            s->bins = ARENA_ARRAY(&c->arena, uint32_t, N_BINS);
        if (want.gram)
            s->gram = ARENA_ARRAY(&c->arena, float, s->n * s->n);
    }
    return 0;
}

/* -- reading ----------------------------------------------------------------------------------- */

static bool next_row(struct rows *r, const char **row, size_t *len)
{
    while (r->n) {
        const char *end = memchr(r->text, '\n', r->n);
        const size_t line = end ? (size_t)(end - r->text) : r->n;
        *row = r->text;
        *len = line && r->text[line - 1] == '\r' ? line - 1 : line;
        r->text += line + (end != NULL);
        r->n -= line + (end != NULL);
        r->line++;
        if (*len)
            return true;
    }
    return false;
}

static int read_row(struct model *m, const int32_t *tokens, size_t n)
{
    struct forward *f = m->forward;
    for (size_t at = 0; at < n; at += f->step.n) {
        f->step.n = 0;
        for (size_t i = at; i < n && f->step.n < STEP_TOKENS; i++)
            step_add(&f->step, tokens[i], (uint32_t)i, &f->path, true);
        TRY(forward_step(f));
    }
    return 0;
}

static int read_all(struct calibration *c, struct model *m, const char *path, struct rows rows,
                    struct assay_err *e)
{
    const uint32_t n_ctx = m->hp.n_ctx;
    int32_t *tokens = ARENA_ARRAY(&c->arena, int32_t, n_ctx);
    const char *row;
    size_t len, n;
    m->forward->n_held = 0;
    TRY(kv_reserve(&m->forward->path, &m->forward->kv, n_ctx, e));
    TRY(forward_reserve(m->forward, n_ctx, e));
    while (next_row(&rows, &row, &len)) {
        if (c->n_rows == CALIBRATE_ROWS)
            return err_set(e, ASSAY_ELIMIT, "%s:%zu: more than %d calibration rows; keep fewer",
                           path, rows.line, CALIBRATE_ROWS);
        TRY(vocab_encode(m->vocab, row, len, 1, tokens, n_ctx, &n, e));
        if (n > n_ctx)
            return err_set(e, ASSAY_ELIMIT,
                           "%s:%zu: a calibration row of %zu tokens does not fit the context of "
                           "%u; split it",
                           path, rows.line, n, n_ctx);
        TRY(read_row(m, tokens, n));
        c->n_rows++;
        c->n_tokens += n;
    }
    if (!c->n_rows)
        return err_set(e, ASSAY_EUSAGE, "%s: no calibration rows, expected one text to a line",
                       path);
    return 0;
}

static int run(const struct model_options *o, struct calib_want want, struct calibration *c,
               struct assay_err *e)
{
    const struct model_options plain = {.path = o->path,
                                        .n_ctx = o->n_ctx,
                                        .threads = o->threads,
                                        .calibrate = o->smooth > 0 ? o->calibrate : NULL,
                                        .smooth = o->smooth};
    struct model *m = NULL;
    struct rows rows = {0};
    TRY(fs_read(o->calibrate, CALIBRATE_BYTES, &c->arena, &rows.text, &rows.n, e));
    hash_bytes(rows.text, rows.n, c->hash);
    int rc = model_open(&plain, &m, e);
    if (rc == 0)
        rc = forward_new(m, &m->forward, e);
    if (rc == 0)
        rc = make_sites(c, m, want, e);
    if (rc == 0) {
        struct watch w = {c, m->pool};
        m->forward->tap = on_tap;
        m->forward->tap_user = &w;
        rc = read_all(c, m, o->calibrate, rows, e);
    }
    if (m)
        forward_free(m->forward);
    model_close(m);
    return rc;
}

int calibrate_run(const struct model_options *o, struct calib_want want, struct calibration **out,
                  struct assay_err *e)
{
    struct calibration *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(e, ASSAY_ENOMEM, "no memory for a calibration");
    int rc = run(o, want, c, e);
    if (rc < 0)
        calibrate_free(c);
    else
        *out = c;
    return rc;
}

void calibrate_free(struct calibration *c)
{
    if (!c)
        return;
    arena_release(&c->arena);
    free(c);
}

/* -- asking ------------------------------------------------------------------------------------ */

const struct calib_site *calibrate_site(const struct calibration *c, uint32_t layer,
                                        enum calib_place place)
{
    return &c->sites[layer * CALIB_PLACES + place];
}

const struct calib_site *calibrate_output(const struct calibration *c)
{
    return &c->sites[c->n_layer * CALIB_PLACES];
}

static float bin_edge(size_t bin)
{
    const uint32_t bits = (uint32_t)bin << BIN_SHIFT;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

float calibrate_top(const struct calib_site *s, double percent, double *beyond)
{
    float top = 0;
    *beyond = 0;
    for (size_t i = 0; i < s->n; i++)
        top = s->absmax[i] > top ? s->absmax[i] : top;
    if (percent >= 100)
        return top;
    const double all = (double)s->n_rows * (double)s->n;
    double within = 0, above = 0;
    size_t bin = 0;
    for (; bin < N_BINS && within < all * percent / 100; bin++)
        within += s->bins[bin];
    const float edge = bin_edge(bin);
    top = edge < top ? edge : top;
    for (size_t b = bin; b < N_BINS; b++)
        above += (double)bin_edge(b) > (double)top * 127.5 / 127 ? s->bins[b] : 0;
    *beyond = above / all;
    return top;
}
