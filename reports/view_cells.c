/* view_cells.c - what is large, cell by cell: scores, divergences, samples, items, responses.
 * Blobs are checked before they are believed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "reports/view_impl.h"

struct score_row {
    int64_t measure;
    int32_t idx;
    double value, weight;
};

/* rows[n] of one measure as columns. */
static void split_scores(const struct score_row *rows, size_t n, struct arena *a,
                         struct view_scores *s)
{
    int32_t *idx = ARENA_ARRAY(a, int32_t, n);
    double *value = ARENA_ARRAY(a, double, n), *weight = ARENA_ARRAY(a, double, n);
    bool is_weighted = false;
    for (size_t i = 0; i < n; i++) {
        idx[i] = rows[i].idx;
        value[i] = rows[i].value;
        weight[i] = rows[i].weight;
        is_weighted |= !isnan(weight[i]);
    }
    s->n = n;
    s->idx = idx;
    s->value = value;
    s->weight = is_weighted ? weight : NULL;
}

int view_scores(struct view *v, const struct view_job *job, struct arena *a,
                const struct view_scores **out, size_t *n_out, struct assay_err *e)
{
    struct arena scratch = {0};
    struct score_row *rows = NULL;
    struct view_scores *sets = NULL;
    size_t n = 0, cap = 0, n_sets = 0, cap_sets = 0;
    sqlite3_stmt *st = view_query(v, VIEW_Q_SCORES, job->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = view_step(v, st, e)) > 0) {
        rows = view_grown(&scratch, rows, n, &cap, sizeof *rows);
        rows[n++] = (struct score_row){sqlite3_column_int64(st, 0), sqlite3_column_int(st, 1),
                                       view_real(st, 2), view_real(st, 3)};
    }
    for (size_t i = 0, j; i < n && rc >= 0; i = j) {
        for (j = i + 1; j < n && rows[j].measure == rows[i].measure; j++)
            ;
        sets = view_grown(a, sets, n_sets, &cap_sets, sizeof *sets);
        sets[n_sets].measure = view_measure_of(v, rows[i].measure);
        if (sets[n_sets].measure)
            split_scores(rows + i, j - i, a, &sets[n_sets++]);
    }
    arena_release(&scratch);
    *out = sets;
    *n_out = n_sets;
    return rc;
}

struct columns { /* that double outside the arena, so that it keeps only what is needed */
    int32_t *idx;
    double *value, *weight;
    size_t n, cap;
};

static bool make_room(struct columns *c)
{
    size_t cap = c->cap ? 2 * c->cap : 1024;
    int32_t *idx = realloc(c->idx, cap * sizeof *idx);
    c->idx = idx ? idx : c->idx;
    double *value = realloc(c->value, cap * sizeof *value);
    c->value = value ? value : c->value;
    double *weight = realloc(c->weight, cap * sizeof *weight);
    c->weight = weight ? weight : c->weight;
    c->cap = idx && value && weight ? cap : c->cap;
    return idx && value && weight;
}

static void *kept(struct arena *a, const void *v, size_t bytes)
{
    void *copy = arena_alloc(a, bytes);
    return bytes ? memcpy(copy, v, bytes) : copy;
}

int view_scores_of(struct view *v, const struct view_job *job, const struct view_measure *measure,
                   struct arena *a, struct view_scores *out, struct assay_err *e)
{
    struct columns c = {0};
    bool is_weighted = false;
    sqlite3_stmt *st = view_query(v, VIEW_Q_SCORES_OF, job->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    if (st)
        sqlite3_bind_int64(st, 2, measure->id);
    while (rc >= 0 && (rc = view_step(v, st, e)) > 0) {
        if (c.n == c.cap && !make_room(&c)) {
            sqlite3_reset(st);
            rc = err_set(e, ASSAY_ENOMEM, "reading the scores of '%s': out of memory", job->name);
            break;
        }
        c.idx[c.n] = sqlite3_column_int(st, 0);
        c.value[c.n] = view_real(st, 1);
        c.weight[c.n] = view_real(st, 2);
        is_weighted |= !isnan(c.weight[c.n]);
        c.n++;
    }
    *out = (struct view_scores){.measure = measure};
    if (rc >= 0) {
        out->n = c.n;
        out->idx = kept(a, c.idx, c.n * sizeof *c.idx);
        out->value = kept(a, c.value, c.n * sizeof *c.value);
        out->weight = is_weighted ? kept(a, c.weight, c.n * sizeof *c.weight) : NULL;
    }
    free(c.idx);
    free(c.value);
    free(c.weight);
    return rc;
}

/* Copies a blob of n elements of `size` bytes behind those already in dst; false: wrong length. */
static bool take_blob(sqlite3_stmt *st, int col, void *dst, size_t n, size_t size)
{
    const void *p = sqlite3_column_blob(st, col);
    if ((size_t)sqlite3_column_bytes(st, col) != n * size)
        return false;
    if (n)
        memcpy(dst, p, n * size);
    return true;
}

struct positions {
    int32_t *idx;
    double *real[4]; /* kl, delta_p, nll, nll_ref */
    uint8_t *same_top, *is_true;
    size_t n, cap;
};

static void reserve(struct positions *p, size_t more, struct arena *a)
{
    if (p->cap - p->n >= more)
        return;
    size_t cap = p->cap ? p->cap * 2 : 1024;
    while (cap - p->n < more)
        cap *= 2;
    struct positions q = {.idx = ARENA_ARRAY(a, int32_t, cap),
                          .same_top = ARENA_ARRAY(a, uint8_t, cap),
                          .is_true = ARENA_ARRAY(a, uint8_t, cap),
                          .n = p->n,
                          .cap = cap};
    for (int k = 0; k < 4; k++)
        q.real[k] = ARENA_ARRAY(a, double, cap);
    if (p->n) {
        memcpy(q.idx, p->idx, p->n * sizeof *q.idx);
        memcpy(q.same_top, p->same_top, p->n);
        memcpy(q.is_true, p->is_true, p->n);
        for (int k = 0; k < 4; k++)
            memcpy(q.real[k], p->real[k], p->n * sizeof(double));
    }
    *p = q;
}

int view_divergence(struct view *v, const struct view_job *job, struct arena *a,
                    struct view_divergence *out, struct assay_err *e)
{
    static const int real_cols[4] = {2, 4, 5, 6};
    struct positions p = {0};
    sqlite3_stmt *st = view_query(v, VIEW_Q_DIVERGENCE, job->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = view_step(v, st, e)) > 0) {
        int64_t n = view_int(st, 1);
        bool ok = n >= 0 && n == sqlite3_column_bytes(st, 2) / 8;
        if (ok)
            reserve(&p, (size_t)n, a);
        for (int k = 0; k < 4 && ok; k++)
            ok = take_blob(st, real_cols[k], p.real[k] + p.n, (size_t)n, sizeof(double));
        if (!ok || !take_blob(st, 3, p.same_top + p.n, (size_t)n, 1)) {
            rc = err_set(e, ASSAY_EFORMAT,
                         "database '%s': the divergence of '%s', item %d, has blobs of the wrong "
                         "length",
                         v->path, job->name, sqlite3_column_int(st, 0));
            sqlite3_reset(st);
            return rc;
        }
        for (size_t i = 0; i < (size_t)n; i++) {
            p.idx[p.n + i] = sqlite3_column_int(st, 0);
            p.is_true[p.n + i] = sqlite3_column_int(st, 7) != 0;
        }
        p.n += (size_t)n;
    }
    *out = (struct view_divergence){.n = p.n,
                                    .idx = p.idx,
                                    .kl = p.real[0],
                                    .delta_p = p.real[1],
                                    .nll = p.real[2],
                                    .nll_ref = p.real[3],
                                    .same_top = p.same_top,
                                    .is_true = p.is_true};
    return rc;
}

int view_samples(struct view *v, const struct view_job *job, struct arena *a,
                 const struct view_sample **out, size_t *n_out, struct assay_err *e)
{
    struct view_sample *s = NULL;
    size_t n = 0, cap = 0;
    sqlite3_stmt *st = view_query(v, VIEW_Q_SAMPLES, job->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = view_step(v, st, e)) > 0) {
        s = view_grown(a, s, n, &cap, sizeof *s);
        size_t bytes = (size_t)sqlite3_column_bytes(st, 7);
        int64_t *token_ns = ARENA_ARRAY(a, int64_t, bytes / 8 + 1);
        if (bytes)
            memcpy(token_ns, sqlite3_column_blob(st, 7), bytes / 8 * 8);
        s[n++] = (struct view_sample){.rep = view_int(st, 0),
                                      .is_warmup = sqlite3_column_int(st, 1) != 0,
                                      .n_prompt = view_int(st, 2),
                                      .n_generated = view_int(st, 3),
                                      .wall_ns = view_int(st, 4),
                                      .cpu_ns = view_int(st, 5),
                                      .ttft_ns = view_int(st, 6),
                                      .token_ns = token_ns,
                                      .n_token_ns = bytes / 8,
                                      .switches = view_int(st, 8),
                                      .is_dirty = sqlite3_column_int(st, 9) != 0,
                                      .round = view_int(st, 10)};
    }
    *out = s;
    *n_out = n;
    return rc;
}

int view_clusters(struct view *v, const struct view_task *task, struct arena *a,
                  struct view_clusters *out, struct assay_err *e)
{
    int32_t *idx = NULL;
    int64_t *key = NULL;
    size_t n = 0, cap = 0, cap_key = 0;
    sqlite3_stmt *st = view_query(v, VIEW_Q_CLUSTERS, task->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = view_step(v, st, e)) > 0) {
        idx = view_grown(a, idx, n, &cap, sizeof *idx);
        key = view_grown(a, key, n, &cap_key, sizeof *key);
        idx[n] = sqlite3_column_int(st, 0);
        key[n++] = sqlite3_column_int64(st, 1);
    }
    *out = (struct view_clusters){n, idx, key};
    return rc;
}

/* A JSON list of texts; what is not a string is shown as JSON. */
static void read_choices(const char *json, struct arena *a, struct view_item *item)
{
    const struct value *list;
    struct assay_err ignored;
    if (!json || json_parse(json, strlen(json), "choices", 1, a, &list, &ignored) < 0 ||
        list->type != VALUE_LIST)
        return;
    const char **texts = ARENA_ARRAY(a, const char *, list->n + 1);
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i]->type == VALUE_STR) {
            texts[i] = list->items[i]->s;
            continue;
        }
        struct buf b;
        buf_init(&b, 0);
        json_write(&b, list->items[i], JSON_COMPACT);
        texts[i] = arena_strndup(a, b.v, b.n);
        buf_release(&b);
    }
    item->choices = texts;
    item->n_choices = list->n;
}

int view_item(struct view *v, const struct view_task *task, int32_t idx, struct arena *a,
              struct view_item *out, struct assay_err *e)
{
    *out = (struct view_item){0};
    sqlite3_stmt *st = view_query(v, VIEW_Q_ITEM, task->id, e);
    if (!st)
        return ASSAY_EIO;
    sqlite3_bind_int(st, 2, idx);
    int rc = view_step(v, st, e);
    if (rc > 0) {
        out->prompt = view_word(st, 0, a);
        out->target = view_word(st, 2, a);
        read_choices(view_text(st, 1, a), a, out);
        size_t bytes = (size_t)sqlite3_column_bytes(st, 3);
        uint8_t *keys = ARENA_ARRAY(a, uint8_t, bytes + 1);
        if (bytes)
            memcpy(keys, sqlite3_column_blob(st, 3), bytes);
        out->requests = keys;
        out->n_requests = bytes / VIEW_KEY_BYTES;
        sqlite3_reset(st);
    }
    return rc < 0 ? rc : 0;
}

int view_response(struct view *v, const struct view_variant *variant, const uint8_t *request,
                  struct arena *a, struct view_response *out, struct assay_err *e)
{
    *out = (struct view_response){.logprob = NAN, .n_tokens = VIEW_NONE};
    sqlite3_stmt *st = view_query(v, VIEW_Q_RESPONSE, variant->variant_id, e);
    if (!st)
        return ASSAY_EIO;
    sqlite3_bind_blob(st, 2, request, VIEW_KEY_BYTES, SQLITE_STATIC);
    int rc = view_step(v, st, e);
    if (rc > 0) {
        out->is_present = true;
        out->logprob = view_real(st, 0);
        out->n_tokens = view_int(st, 1);
        out->text_n = (size_t)sqlite3_column_bytes(st, 2);
        out->text = view_text(st, 2, a);
        out->finish = view_text(st, 3, a);
        sqlite3_reset(st);
    }
    return rc < 0 ? rc : 0;
}
