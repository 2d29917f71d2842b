/* score.c - from answered items to items, scores and results in the store. */
#include "harness/run/score.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/json.h"

int score_begin(struct score *s, size_t n_items, struct arena *a, struct assay_err *e)
{
    int64_t n_stored;
    s->hash = (struct hash){0};
    buf_init(&s->bytes, 0);
    buf_init(&s->choices, 0);
    buf_init(&s->target, 0);
    s->measures = task_measures(s->task, &s->n_measures);
    s->measure_ids = ARENA_ARRAY(a, int64_t, s->n_measures + 1);
    s->row = ARENA_ARRAY(a, struct task_score, s->n_measures + 1);
    s->notices = task_notices_new(s->task, a, &s->n_notices);
    for (size_t i = 0; i < s->n_measures; i++)
        TRY(store_measure(s->store, s->measures[i].metric, s->measures[i].filter,
                          &s->measure_ids[i], e));
    TRY(store_count_items(s->store, s->task_id, &n_stored, e));
    s->items_known = n_items && n_stored == (int64_t)n_items;
    TRY(store_count_clusters(s->store, s->task_id, &n_stored, e));
    s->clusters_known = s->items_known && n_stored > 0;
    return s->is_more ? 0 : store_clear_job(s->store, s->job_id, e);
}

void score_release(struct score *s)
{
    hash_release(&s->hash);
    buf_release(&s->bytes);
    buf_release(&s->choices);
    buf_release(&s->target);
}

/* -- items ------------------------------------------------------------------------------------- */

/* An unambiguous byte string of a row: type, length, content.  Cheaper than JSON, and as stable. */
static void add_value(struct buf *b, const struct value *v)
{
    uint8_t head[5] = {v->type, (uint8_t)v->n, (uint8_t)(v->n >> 8), (uint8_t)(v->n >> 16),
                       (uint8_t)(v->n >> 24)};
    switch (v->type) {
    case VALUE_STR:
        buf_add(b, head, 5);
        buf_add(b, v->s, v->n);
        break;
    case VALUE_LIST:
    case VALUE_TUPLE:
        buf_add(b, head, 5);
        for (uint32_t i = 0; i < v->n; i++)
            add_value(b, v->items[i]);
        break;
    case VALUE_DICT:
        buf_add(b, head, 5);
        for (uint32_t i = 0; i < v->n; i++) {
            add_value(b, v->entries[i].key);
            add_value(b, v->entries[i].value);
        }
        break;
    case VALUE_INT:
        buf_add(b, head, 1);
        buf_add(b, &v->i, sizeof v->i);
        break;
    case VALUE_FLOAT:
        buf_add(b, head, 1);
        buf_add(b, &v->f, sizeof v->f);
        break;
    default:
        head[1] = v->type == VALUE_BOOL && v->b;
        buf_add(b, head, 2);
    }
}

static void doc_uid(struct score *s, const struct value *doc, uint8_t out[STORE_KEY])
{
    uint8_t digest[HASH_BYTES];
    buf_clear(&s->bytes);
    add_value(&s->bytes, doc);
    hash_init(&s->hash);
    hash_add(&s->hash, s->bytes.v, s->bytes.n);
    hash_end(&s->hash, digest);
    memcpy(out, digest, STORE_KEY);
}

static int put_item(struct score *s, const struct task_item *x, const uint8_t (*keys)[STORE_KEY],
                    struct assay_err *e)
{
    struct store_item row = {
        .task_id = s->task_id,
        .idx = (int64_t)x->idx,
        .requests = keys[0],
        .n_requests = x->n_requests,
        .prompt = "",
    };
    doc_uid(s, x->doc, row.doc_uid);
    if (x->n_requests) {
        const struct task_request *r = &x->requests[0];
        bool is_rolling = r->kind == TASK_REQ_ROLLING;
        row.prompt = is_rolling ? r->continuation : r->context;
        row.prompt_n = is_rolling ? r->continuation_n : r->context_n;
    }
    buf_clear(&s->target);
    json_write(&s->target, x->target ? x->target : &value_null, JSON_COMPACT);
    row.target = s->target.v;
    row.target_n = s->target.n;
    if (x->choices) {
        buf_clear(&s->choices);
        json_write(&s->choices, x->choices, JSON_COMPACT);
        row.choices = s->choices.v;
        row.choices_n = s->choices.n;
    }
    return store_put_item(s->store, &row, e);
}

static int put_cluster(struct score *s, const struct task_item *x, struct assay_err *e)
{
    int64_t key;
    int has_key = task_cluster(s->task, x->doc, &key, e);
    return has_key > 0 ? store_put_cluster(s->store, s->task_id, (int64_t)x->idx, key, e) : has_key;
}

static int put_scores(struct score *s, size_t idx, struct assay_err *e)
{
    for (size_t i = 0; i < s->n_measures; i++) {
        if (s->row[i].is_absent)
            continue;
        struct store_score row = {
            .job_id = s->job_id,
            .measure_id = s->measure_ids[i],
            .idx = (int64_t)idx,
            .value = s->row[i].value,
            .weight = s->row[i].weight,
            .detail = s->row[i].detail,
        };
        TRY(store_put_score(s->store, &row, e));
    }
    return 0;
}

static bool is_complete(const struct ask_answers *x, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (x->is_missing[at + i])
            return false;
    return true;
}

/* Adds what was counted to what the job has, in the transaction of the scores. */
static int put_notices(struct score *s, struct assay_err *e)
{
    for (size_t i = 0; i < s->n_notices; i++) {
        struct task_notice *x = &s->notices[i];
        struct store_notice row = {s->job_id, x->kind, x->detail, x->n, x->n_of};
        if (x->n_of)
            TRY(store_add_notice(s->store, &row, e));
        x->n = x->n_of = 0;
    }
    return 0;
}

int score_items(struct score *s, const struct task_item *items, size_t n,
                const struct ask_answers *x, struct arena *a, struct assay_err *e)
{
    for (size_t i = 0, at = 0; i < n; at += items[i++].n_requests) {
        if (!is_complete(x, at, items[i].n_requests))
            continue;
        int rc = task_grade(s->task, &items[i], x->responses + at, a, s->row, e);
        if (rc < 0)
            return err_prefix(e, rc, "grading item %zu of task '%s'", items[i].idx, s->task->name);
        if (!s->items_known)
            TRY(put_item(s, &items[i], (const uint8_t(*)[STORE_KEY])(x->keys + at), e));
        if (!s->clusters_known)
            TRY(put_cluster(s, &items[i], e));
        TRY(put_scores(s, items[i].idx, e));
        task_notices_add(s->task, &items[i], x->responses + at, a, s->notices);
    }
    return put_notices(s, e);
}

/* -- results of a task ------------------------------------------------------------------------- */

struct column {
    struct arena arena; /* details */
    struct task_score *v;
    size_t n, cap;
};

static int take_score(void *user, const struct store_score *x)
{
    struct column *c = user;
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 4096;
        struct task_score *v = realloc(c->v, cap * sizeof *v);
        if (!v)
            return ASSAY_ENOMEM;
        c->v = v;
        c->cap = cap;
    }
    c->v[c->n++] = (struct task_score){
        .value = x->value,
        .weight = x->weight,
        .detail = x->detail ? arena_strdup(&c->arena, x->detail) : NULL,
    };
    return 0;
}

static int end_measure(struct score *s, size_t i, struct column *c, struct assay_err *e)
{
    const struct task_measure *m = &s->measures[i];
    struct task_aggregate r;
    c->n = 0;
    arena_reset(&c->arena);
    int rc = store_each_score(s->store, s->job_id, s->measure_ids[i], take_score, c, e);
    if (rc == ASSAY_ENOMEM)
        return err_set(e, rc, "out of memory for %zu scores", c->n);
    if (rc < 0 || c->n == 0)
        return rc;
    rc = task_aggregate(s->task, i, c->v, c->n, &r, e);
    if (rc < 0)
        return err_prefix(e, rc, "aggregating '%s' of task '%s'", m->metric, s->task->name);
    struct store_result row = {
        .run_variant_id = s->run_variant_id,
        .job_id = s->job_id,
        .group_id = STORE_NULL,
        .measure_id = s->measure_ids[i],
        .n = (int64_t)r.n,
        .higher_is_better = m->higher_is_better < 0 ? STORE_NULL : m->higher_is_better,
        .value = r.value,
        .stderr_ = r.stderr_,
        .aggregation = m->aggregation ? m->aggregation : "mean",
    };
    return store_put_result(s->store, &row, e);
}

int score_end(struct score *s, struct assay_err *e)
{
    struct column c = {.v = NULL};
    int rc = 0;
    for (size_t i = 0; i < s->n_measures && rc >= 0; i++)
        rc = end_measure(s, i, &c, e);
    free(c.v);
    arena_release(&c.arena);
    return rc;
}

/* -- results of a group ------------------------------------------------------------------------ */

struct leaf_result {
    struct task_aggregate value;
    const char *metric, *filter;
    int64_t measure_id, higher_is_better;
};
struct leaves {
    struct arena arena;
    struct leaf_result *v;
    size_t n, cap;
    const struct task *task;           /* of the leaf being read */
};

static void take_result(void *user, const struct store_result *r, const char *metric,
                        const char *filter)
{
    struct leaves *l = user;
    if (l->n == l->cap) {
        struct leaf_result *v =
            ARENA_ARRAY(&l->arena, struct leaf_result, l->cap ? l->cap * 2 : 64);
        if (l->n)
            memcpy(v, l->v, l->n * sizeof *v);
        l->v = v;
        l->cap = l->cap ? l->cap * 2 : 64;
    }
    l->v[l->n++] = (struct leaf_result){
        .value = {.value = r->value,
                  .stderr_ = r->stderr_,
                  .n = (size_t)r->n,
                  .is_numpy = task_result_is_numpy(l->task, metric, r->aggregation)},
        .metric = arena_strdup(&l->arena, metric),
        .filter = arena_strdup(&l->arena, filter),
        .measure_id = r->measure_id,
        .higher_is_better = r->higher_is_better,
    };
}

static int put_group(struct store *store, const struct score_group *g,
                     const struct task_group_metric *m, const char *filter, struct leaves *l,
                     struct assay_err *e)
{
    struct task_aggregate *x = ARENA_ARRAY(&l->arena, struct task_aggregate, l->n + 1);
    const struct leaf_result *first = NULL;
    size_t n = 0;
    int64_t total = 0;
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].metric, m->metric) == 0 && strcmp(l->v[i].filter, filter) == 0) {
            first = first ? first : &l->v[i];
            x[n++] = l->v[i].value;
            total += (int64_t)l->v[i].value.n;
        }
    if (!n)
        return 0;
    struct task_group_way way = {m->weight_by_size, g->leaf_tasks[0]->naive_sum};
    struct task_aggregate r = task_group_aggregate(x, n, &way);
    struct store_result row = {
        .run_variant_id = g->run_variant_id,
        .job_id = STORE_NULL,
        .group_id = g->group_id,
        .measure_id = first->measure_id,
        .n = total,
        .higher_is_better = first->higher_is_better,
        .value = r.value,
        .stderr_ = r.stderr_,
        .aggregation = m->weight_by_size ? "mean over items" : "mean over tasks",
    };
    return store_put_result(store, &row, e);
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Every filter the leaves have for a metric, sorted, each once. */
static size_t all_filters(struct leaves *l, const char *metric, const char ***out)
{
    const char **v = ARENA_ARRAY(&l->arena, const char *, l->n + 1);
    size_t n = 0, k = 0;
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].metric, metric) == 0)
            v[n++] = l->v[i].filter;
    qsort(v, n, sizeof *v, by_text);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(v[i], v[i - 1]) != 0)
            v[k++] = v[i];
    *out = v;
    return k;
}

int score_group(struct store *store, const struct score_group *g, struct assay_err *e)
{
    struct leaves l = {.v = NULL};
    const struct task_group_metric *m;
    size_t n_metrics;
    int rc = task_group_metrics(g->node, &l.arena, &m, &n_metrics, e);
    bool whole = true;
    for (size_t i = 0; i < g->n_leaves && rc >= 0; i++) {
        l.task = g->leaf_tasks[i];
        size_t before = l.n;
        if (g->leaf_jobs[i])
            rc = store_each_result(store, g->leaf_jobs[i], take_result, &l, e);
        whole = whole && l.n > before;
    }
    for (size_t i = 0; i < n_metrics && rc >= 0 && whole; i++) {
        const char **filters = (const char **)m[i].filters;
        size_t n = filters ? m[i].n_filters : all_filters(&l, m[i].metric, &filters);
        for (size_t f = 0; f < n && rc >= 0; f++)
            rc = put_group(store, g, &m[i], filters[f], &l, e);
    }
    arena_release(&l.arena);
    return rc;
}
