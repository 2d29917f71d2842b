/* store_item.c - items, responses, scores, results, divergence, samples: rows that come by the
 * hundred thousand.
 *
 * Statements are prepared once, bound by hand, and run inside the caller's transaction. */
#include <math.h>
#include <string.h>
#include "harness/store/store_impl.h"

static int finish(struct store *s, sqlite3_stmt *st, struct assay_err *e)
{
    int rc = sqlite3_step(st);
    int ret = rc == SQLITE_DONE ? 0 : store_fail(s, e);
    sqlite3_reset(st);
    return ret;
}

static void bind_int(sqlite3_stmt *st, int i, int64_t v)
{
    if (v == STORE_NULL)
        sqlite3_bind_null(st, i);
    else
        sqlite3_bind_int64(st, i, v);
}

static void bind_text(sqlite3_stmt *st, int i, const char *text, size_t n)
{
    if (text)
        sqlite3_bind_text64(st, i, text, n, SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_bind_null(st, i);
}

static void bind_blob(sqlite3_stmt *st, int i, const void *p, size_t n)
{
    if (p)
        sqlite3_bind_blob64(st, i, p, n, SQLITE_STATIC);
    else
        sqlite3_bind_null(st, i);
}

/* -- items ------------------------------------------------------------------------------------- */

int store_put_item(struct store *s, const struct store_item *x, struct assay_err *e)
{
    sqlite3_stmt *st =
        store_prepare(s,
                      "INSERT INTO item (task_id, idx, doc_uid, prompt, choices, target, requests) "
                      "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                      e);
    if (!st)
        return ASSAY_EIO;
    sqlite3_bind_int64(st, 1, x->task_id);
    sqlite3_bind_int64(st, 2, x->idx);
    sqlite3_bind_blob(st, 3, x->doc_uid, STORE_KEY, SQLITE_STATIC);
    bind_text(st, 4, x->prompt, x->prompt_n);
    bind_text(st, 5, x->choices, x->choices_n);
    bind_text(st, 6, x->target, x->target_n);
    bind_blob(st, 7, x->requests, x->n_requests * STORE_KEY);
    return finish(s, st, e);
}

int store_put_cluster(struct store *s, int64_t task_id, int64_t idx, int64_t key,
                      struct assay_err *e)
{
    return store_exec(s, e,
                      "INSERT INTO cluster (task_id, idx, key) VALUES (?, ?, ?) "
                      "ON CONFLICT DO NOTHING",
                      "iii", task_id, idx, key);
}

int store_count_items(struct store *s, int64_t task_id, int64_t *n, struct assay_err *e)
{
    *n = 0;
    return store_int(s, e, n, "SELECT count(*) FROM item WHERE task_id = ?", "i", task_id);
}

int store_count_clusters(struct store *s, int64_t task_id, int64_t *n, struct assay_err *e)
{
    *n = 0;
    return store_int(s, e, n, "SELECT count(*) FROM cluster WHERE task_id = ?", "i", task_id);
}

/* -- responses --------------------------------------------------------------------------------- */

int store_put_response(struct store *s, int64_t variant_id, const struct store_response *r,
                       bool *kept, struct assay_err *e)
{
    sqlite3_stmt *st = store_prepare(
        s,
        "INSERT INTO response (variant_id, request, logprob, n_tokens, is_greedy, text, finish, "
        "n_prompt, piece_ns, is_cut) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        e);
    if (!st)
        return ASSAY_EIO;
    sqlite3_bind_int64(st, 1, variant_id);
    sqlite3_bind_blob(st, 2, r->request, STORE_KEY, SQLITE_STATIC);
    sqlite3_bind_double(st, 3, r->logprob); /* NaN is stored as NULL */
    sqlite3_bind_int64(st, 4, r->n_tokens);
    bind_int(st, 5, r->is_greedy < 0 ? STORE_NULL : r->is_greedy);
    bind_text(st, 6, r->text, r->text_n);
    bind_text(st, 7, r->finish, r->finish ? strlen(r->finish) : 0);
    bind_int(st, 8, r->n_prompt);
    bind_blob(st, 9, r->piece_ns, r->n_pieces * sizeof *r->piece_ns);
    bind_int(st, 10, r->is_cut < 0 ? STORE_NULL : r->is_cut);
    TRY(finish(s, st, e));
    *kept = sqlite3_changes(s->db) > 0;
    return 0;
}

int store_get_response(struct store *s, int64_t variant_id, struct store_response *r, bool *found,
                       struct assay_err *e)
{
    sqlite3_stmt *st = store_prepare(
        s,
        "SELECT logprob, n_tokens, is_greedy, text, finish, n_prompt, piece_ns, is_cut FROM response "
        "WHERE variant_id = ? AND request = ?",
        e);
    *found = false;
    if (!st)
        return ASSAY_EIO;
    sqlite3_reset(st); /* the last look-up's texts end here */
    sqlite3_bind_int64(st, 1, variant_id);
    sqlite3_bind_blob(st, 2, r->request, STORE_KEY, SQLITE_STATIC);
    int rc = store_step(s, st, e);
    if (rc <= 0)
        return rc;
    *found = true;
    r->logprob =
        sqlite3_column_type(st, 0) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(st, 0);
    r->n_tokens = sqlite3_column_int64(st, 1);
    r->is_greedy = sqlite3_column_type(st, 2) == SQLITE_NULL ? -1 : sqlite3_column_int(st, 2) != 0;
    r->text = (const char *)sqlite3_column_text(st, 3);
    r->text_n = (size_t)sqlite3_column_bytes(st, 3);
    r->finish = (const char *)sqlite3_column_text(st, 4);
    r->n_prompt = store_column_int(st, 5);
    r->piece_ns = sqlite3_column_blob(st, 6);
    r->n_pieces = (size_t)sqlite3_column_bytes(st, 6) / sizeof *r->piece_ns;
    r->is_cut = sqlite3_column_type(st, 7) == SQLITE_NULL ? -1 : sqlite3_column_int(st, 7) != 0;
    return 0;
}

void store_end_lookup(struct store *s)
{
    for (size_t i = 0; i < s->n_stmts; i++)
        sqlite3_reset(s->stmts[i].st);
}

int store_each_key(struct store *s, int64_t variant_id, store_key_fn *fn, void *user,
                   struct assay_err *e)
{
    sqlite3_stmt *st =
        store_query(s, e, "SELECT request FROM response WHERE variant_id = ?", "i", variant_id);
    if (!st)
        return ASSAY_EIO;
    int rc;
    while ((rc = store_step(s, st, e)) > 0)
        if (sqlite3_column_bytes(st, 0) == STORE_KEY)
            fn(user, sqlite3_column_blob(st, 0));
    return rc;
}

/* -- measures, scores, results ----------------------------------------------------------------- */

int store_measure(struct store *s, const char *metric, const char *filter, int64_t *id,
                  struct assay_err *e)
{
    TRY(store_exec(s, e,
                   "INSERT INTO measure (metric, filter) VALUES (?, ?) "
                   "ON CONFLICT (metric, filter) DO NOTHING",
                   "tt", metric, filter));
    return store_int(s, e, id, "SELECT id FROM measure WHERE metric = ? AND filter = ?", "tt",
                     metric, filter);
}

int store_put_score(struct store *s, const struct store_score *x, struct assay_err *e)
{
    sqlite3_stmt *st =
        store_prepare(s,
                      "INSERT INTO score (job_id, measure_id, idx, value, weight, detail) VALUES "
                      "(?, ?, ?, ?, ?, ?) "
                      "ON CONFLICT (job_id, measure_id, idx) DO UPDATE SET value = excluded.value, "
                      "weight = excluded.weight, detail = excluded.detail",
                      e);
    if (!st)
        return ASSAY_EIO;
    sqlite3_bind_int64(st, 1, x->job_id);
    sqlite3_bind_int64(st, 2, x->measure_id);
    sqlite3_bind_int64(st, 3, x->idx);
    sqlite3_bind_double(st, 4, x->value);
    sqlite3_bind_double(st, 5, x->weight);
    bind_text(st, 6, x->detail, x->detail ? strlen(x->detail) : 0);
    return finish(s, st, e);
}

int store_each_score(struct store *s, int64_t job_id, int64_t measure_id, store_score_fn *fn,
                     void *user, struct assay_err *e)
{
    sqlite3_stmt *st = store_query(s, e,
                                   "SELECT idx, value, weight, detail FROM score "
                                   "WHERE job_id = ? AND measure_id = ? ORDER BY idx",
                                   "ii", job_id, measure_id);
    if (!st)
        return ASSAY_EIO;
    int rc;
    while ((rc = store_step(s, st, e)) > 0) {
        struct store_score x = {.job_id = job_id, .measure_id = measure_id};
        x.idx = sqlite3_column_int64(st, 0);
        x.value =
            sqlite3_column_type(st, 1) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(st, 1);
        x.weight =
            sqlite3_column_type(st, 2) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(st, 2);
        x.detail = (const char *)sqlite3_column_text(st, 3);
        rc = fn(user, &x);
        if (rc < 0) {
            sqlite3_reset(st);
            return rc;
        }
    }
    return rc;
}

int store_add_notice(struct store *s, const struct store_notice *x, struct assay_err *e)
{
    return store_exec(s, e,
                      "INSERT INTO notice (job_id, kind, detail, n, n_of) VALUES (?, ?, ?, ?, ?) "
                      "ON CONFLICT (job_id, kind, detail) DO UPDATE SET n = n + excluded.n, "
                      "n_of = n_of + excluded.n_of",
                      "ittii", x->job_id, x->kind, x->detail, x->n, x->n_of);
}

int store_put_result(struct store *s, const struct store_result *r, struct assay_err *e)
{
    /* UNIQUE lets NULLs repeat: an old row is found by hand.  It keeps its place in the order. */
    TRY(store_exec(s, e,
                   "UPDATE result SET value = ?, stderr = ?, n = ?, higher_is_better = ?, "
                   "aggregation = ? WHERE run_variant_id = ? AND job_id IS ? AND group_id IS ? "
                   "AND measure_id = ?",
                   "ddiitiiii", r->value, r->stderr_, r->n, r->higher_is_better, r->aggregation,
                   r->run_variant_id, r->job_id, r->group_id, r->measure_id));
    if (sqlite3_changes(s->db) > 0)
        return 0;
    return store_exec(
        s, e,
        "INSERT INTO result (run_variant_id, job_id, group_id, measure_id, value, stderr, "
        "n, higher_is_better, aggregation) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "iiiiddiit", r->run_variant_id, r->job_id, r->group_id, r->measure_id, r->value, r->stderr_,
        r->n, r->higher_is_better, r->aggregation);
}

int store_clear_groups(struct store *s, int64_t run_variant_id, struct assay_err *e)
{
    return store_exec(s, e, "DELETE FROM result WHERE run_variant_id = ? AND group_id IS NOT NULL",
                      "i", run_variant_id);
}

#define RESULT_COLUMNS                                                                             \
    "SELECT r.run_variant_id, r.measure_id, r.value, r.stderr, r.n, r.higher_is_better, "          \
    "r.aggregation, m.metric, m.filter FROM result r JOIN measure m ON m.id = r.measure_id "

static int each_result(struct store *s, sqlite3_stmt *st, struct store_result r,
                       store_result_fn *fn, void *user, struct assay_err *e)
{
    if (!st)
        return ASSAY_EIO;
    int rc;
    while ((rc = store_step(s, st, e)) > 0) {
        r.run_variant_id = sqlite3_column_int64(st, 0);
        r.measure_id = sqlite3_column_int64(st, 1);
        r.value = sqlite3_column_type(st, 2) == SQLITE_NULL ? (double)NAN
                                                            : sqlite3_column_double(st, 2);
        r.stderr_ = sqlite3_column_type(st, 3) == SQLITE_NULL ? (double)NAN
                                                              : sqlite3_column_double(st, 3);
        r.n = sqlite3_column_int64(st, 4);
        r.higher_is_better = store_column_int(st, 5);
        r.aggregation = (const char *)sqlite3_column_text(st, 6);
        fn(user, &r, (const char *)sqlite3_column_text(st, 7),
           (const char *)sqlite3_column_text(st, 8));
    }
    return rc;
}

int store_each_result(struct store *s, int64_t job_id, store_result_fn *fn, void *user,
                      struct assay_err *e)
{
    struct store_result r = {.job_id = job_id, .group_id = STORE_NULL};
    return each_result(
        s, store_query(s, e, RESULT_COLUMNS "WHERE r.job_id = ? ORDER BY r.id", "i", job_id), r, fn,
        user, e);
}

int store_each_group_result(struct store *s, int64_t run_variant_id, const char *group,
                            store_result_fn *fn, void *user, struct assay_err *e)
{
    struct store_result r = {.job_id = STORE_NULL, .group_id = STORE_NULL};
    return each_result(
        s,
        store_query(s, e,
                    RESULT_COLUMNS "JOIN task_group g ON g.id = r.group_id "
                                   "WHERE r.run_variant_id = ? AND g.name = ? ORDER BY r.id",
                    "it", run_variant_id, group),
        r, fn, user, e);
}

/* -- divergence, samples ----------------------------------------------------------------------- */

int store_put_divergence(struct store *s, const struct store_divergence *d, struct assay_err *e)
{
    sqlite3_stmt *st = store_prepare(
        s,
        "INSERT OR REPLACE INTO divergence (job_id, idx, request, n, kl, same_top, delta_p, nll, "
        "nll_ref) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        e);
    if (!st)
        return ASSAY_EIO;
    sqlite3_bind_int64(st, 1, d->job_id);
    sqlite3_bind_int64(st, 2, d->idx);
    sqlite3_bind_int64(st, 3, d->request);
    sqlite3_bind_int64(st, 4, (int64_t)d->n);
    bind_blob(st, 5, d->kl, d->n * sizeof *d->kl);
    bind_blob(st, 6, d->same_top, d->n);
    bind_blob(st, 7, d->delta_p, d->n * sizeof *d->delta_p);
    bind_blob(st, 8, d->nll, d->n * sizeof *d->nll);
    bind_blob(st, 9, d->nll_ref, d->n * sizeof *d->nll_ref);
    return finish(s, st, e);
}

int store_put_sample(struct store *s, const struct store_sample *x, struct assay_err *e)
{
    sqlite3_stmt *st = store_prepare(
        s,
        "INSERT OR REPLACE INTO sample (job_id, rep, is_warmup, n_prompt, n_generated, wall_ns, "
        "cpu_ns, "
        "ttft_ns, token_ns, switches, is_dirty, round) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        e);
    if (!st)
        return ASSAY_EIO;
    sqlite3_bind_int64(st, 1, x->job_id);
    sqlite3_bind_int64(st, 2, x->rep);
    sqlite3_bind_int(st, 3, x->is_warmup);
    sqlite3_bind_int64(st, 4, x->n_prompt);
    sqlite3_bind_int64(st, 5, x->n_generated);
    sqlite3_bind_int64(st, 6, x->wall_ns);
    sqlite3_bind_int64(st, 7, x->cpu_ns);
    bind_int(st, 8, x->ttft_ns);
    bind_blob(st, 9, x->token_ns, x->n_token_ns * sizeof *x->token_ns);
    bind_int(st, 10, x->switches);
    sqlite3_bind_int(st, 11, x->is_dirty);
    sqlite3_bind_int64(st, 12, x->round);
    return finish(s, st, e);
}

int store_count_samples(struct store *s, int64_t job_id, int64_t *n_rounds, int64_t *n_reps,
                        struct assay_err *e)
{
    TRY(store_int(s, e, n_rounds,
                  "SELECT coalesce(max(round) + 1, 0) FROM sample WHERE job_id = ?", "i", job_id));
    return store_int(s, e, n_reps,
                     "SELECT coalesce(max(rep) + 1, 0) FROM sample WHERE job_id = ?", "i", job_id);
}
