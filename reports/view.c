/* view.c - SQL rows -> plain structs: all SQL of the report half.
 *
 * Invariant: one read transaction from view_open to view_close, so every number of a report comes
 * from the same state of the store.  Reads only; blobs are checked before they are believed. */
#include "reports/view.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/store/store.h"

enum query {
    Q_RUNS,
    Q_MEASURES,
    Q_TASKS,
    Q_SCENARIOS,
    Q_GROUPS,
    Q_LEAVES,
    Q_VARIANTS,
    Q_JOBS,
    Q_RESULTS,
    Q_SCORES,
    Q_DIVERGENCE,
    Q_SAMPLES,
    Q_ITEM,
    Q_RESPONSE,
    Q_COUNT
};
/* A member of variant.info, or NULL; text that is not JSON is no reason to lose the report. */
#define INFO(key) "CASE WHEN json_valid(v.info) THEN json_extract(v.info, '$." key "') END"
static const char *const queries[Q_COUNT] = {
    [Q_RUNS] = "SELECT r.id, r.uid, r.plan_uid, r.suite, r.command, r.version, r.status, m.name,"
               " m.uid, m.class, m.class_key, m.environment, r.seed, r.started_ns, r.ended_ns,"
               " (SELECT count(*) FROM run_variant v WHERE v.run_id = r.id),"
               " (SELECT count(*) FROM run_variant v WHERE v.run_id = r.id"
               "  AND v.status IN ('failed', 'crashed', 'timeout'))"
               " FROM run r JOIN machine m ON m.id = r.machine_id"
               " ORDER BY r.started_ns DESC, r.id DESC",
    [Q_MEASURES] = "SELECT id, metric, filter FROM measure ORDER BY id",
    [Q_TASKS] = "SELECT id, uid, name, alias, version, output_type, config_uid, dataset_uid,"
                " dataset, n_fewshot FROM task ORDER BY id",
    [Q_SCENARIOS] = "SELECT id, uid, name, kind, params FROM scenario ORDER BY id",
    [Q_GROUPS] = "SELECT id, name, alias FROM task_group WHERE run_id = ?1 ORDER BY id",
    [Q_LEAVES] = "SELECT e.value FROM task_group g, json_each(g.leaves) e"
                 " WHERE g.id = ?1 AND json_valid(g.leaves)",
    [Q_VARIANTS] =
        "SELECT rv.id, rv.variant_id, rv.name, rv.status, rv.reason, rv.is_reference,"
        " rv.signal, rv.exit_code, v.uid, m.name, m.uid, m.path,"
        " coalesce(m.arch, " INFO(
            "arch") "), v.backend, v.backend_version, v.precision,"
                    " " INFO("kernel") ", " INFO(
                        "device") ", v.options, m.bytes, m.n_params,"
                                  " rv.load_ns, rv.weight_bytes, rv.file_bytes, rv.kv_bytes,"
                                  " rv.kv_bytes_per_token, rv.peak_rss_bytes, rv.anon_bytes, "
                                  "rv.file_rss_bytes,"
                                  " rv.n_evaluated, rv.n_reused"
                                  " FROM run_variant rv LEFT JOIN variant v ON v.id = rv.variant_id"
                                  " LEFT JOIN model m ON m.id = v.model_id"
                                  " WHERE rv.run_id = ?1 ORDER BY rv.position, rv.id",
    [Q_JOBS] = "SELECT id, kind, name, status, reason, warning, task_id, scenario_id, n_items,"
               " n_done, n_asked, n_reused, n_tokens, n_cut, wall_ns, cpu_ns"
               " FROM job WHERE run_variant_id = ?1 ORDER BY id",
    [Q_RESULTS] = "SELECT job_id, group_id, measure_id, value, stderr, n, higher_is_better,"
                  " aggregation FROM result WHERE run_variant_id = ?1"
                  " ORDER BY job_id IS NULL, job_id, group_id, id",
    [Q_SCORES] = "SELECT measure_id, idx, value, weight FROM score WHERE job_id = ?1"
                 " ORDER BY measure_id, idx",
    [Q_DIVERGENCE] = "SELECT idx, n, kl, same_top, delta_p, nll, nll_ref FROM divergence"
                     " WHERE job_id = ?1 ORDER BY idx, request",
    [Q_SAMPLES] = "SELECT rep, is_warmup, n_prompt, n_generated, wall_ns, cpu_ns, ttft_ns,"
                  " token_ns, switches, is_dirty FROM sample WHERE job_id = ?1 ORDER BY rep",
    [Q_ITEM] = "SELECT prompt, choices, target, requests FROM item WHERE task_id = ?1 AND idx = ?2",
    [Q_RESPONSE] = "SELECT logprob, n_tokens, text, finish FROM response"
                   " WHERE variant_id = ?1 AND request = ?2",
};

struct view {
    struct store *store;
    sqlite3 *db;
    const char *path;
    sqlite3_stmt *st[Q_COUNT];
    struct arena arena;
    const struct view_run *runs; /* NULL: not read yet */
    size_t n_runs;
    const struct view_measure *measures; /* NULL: not read yet */
    size_t n_measures;
};

/* -- statements -------------------------------------------------------------------------------- */

static int fail(struct view *v, struct assay_err *e)
{
    int code = sqlite3_errcode(v->db) == SQLITE_CORRUPT ? ASSAY_EFORMAT : ASSAY_EIO;
    return err_set(e, code, "reading database '%s': %s", v->path, sqlite3_errmsg(v->db));
}

/* The statement, ready for binding and stepping; NULL with *e filled. */
static sqlite3_stmt *query(struct view *v, enum query q, int64_t key, struct assay_err *e)
{
    if (!v->st[q] && sqlite3_prepare_v3(v->db, queries[q], -1, SQLITE_PREPARE_PERSISTENT, &v->st[q],
                                        NULL) != SQLITE_OK) {
        fail(v, e);
        return NULL;
    }
    sqlite3_reset(v->st[q]);
    if (sqlite3_bind_parameter_count(v->st[q]) > 0)
        sqlite3_bind_int64(v->st[q], 1, key);
    return v->st[q];
}

/* 1: a row; 0: the end; negative: an error. */
static int step(struct view *v, sqlite3_stmt *st, struct assay_err *e)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        return 1;
    int ret = rc == SQLITE_DONE ? 0 : fail(v, e);
    sqlite3_reset(st);
    return ret;
}

static int64_t col_int(sqlite3_stmt *st, int i)
{
    return sqlite3_column_type(st, i) == SQLITE_NULL ? VIEW_NONE : sqlite3_column_int64(st, i);
}

static double col_real(sqlite3_stmt *st, int i)
{
    return sqlite3_column_type(st, i) == SQLITE_NULL ? NAN : sqlite3_column_double(st, i);
}

/* A copy; NULL stays NULL. */
static const char *col_text(sqlite3_stmt *st, int i, struct arena *a)
{
    const char *s = (const char *)sqlite3_column_text(st, i);
    return s ? arena_strndup(a, s, (size_t)sqlite3_column_bytes(st, i)) : NULL;
}

static const char *col_word(sqlite3_stmt *st, int i, struct arena *a)
{
    const char *s = col_text(st, i, a);
    return s ? s : "";
}

/* An array that doubles inside an arena; what it leaves behind goes with the arena. */
static void *grown(struct arena *a, void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    size_t more = *cap ? *cap * 2 : 16;
    char *w = arena_calloc(a, more, size);
    if (n)
        memcpy(w, v, n * size);
    *cap = more;
    return w;
}

/* -- opening ----------------------------------------------------------------------------------- */

int view_open(const char *path, struct view **out, struct assay_err *e)
{
    struct view *v = calloc(1, sizeof *v);
    *out = NULL;
    if (!v)
        return err_set(e, ASSAY_ENOMEM, "opening database '%s': out of memory", path);
    int rc = store_open(path, STORE_READ, &v->store, e);
    if (rc < 0)
        goto out;
    v->db = store_sqlite(v->store);
    v->path = arena_strdup(&v->arena, path);
    if (sqlite3_exec(v->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        rc = fail(v, e);
out:
    if (rc < 0) {
        view_close(v);
        return rc;
    }
    *out = v;
    return 0;
}

void view_close(struct view *v)
{
    if (!v)
        return;
    for (int i = 0; i < Q_COUNT; i++)
        sqlite3_finalize(v->st[i]);
    if (v->db && !sqlite3_get_autocommit(v->db))
        sqlite3_exec(v->db, "ROLLBACK", NULL, NULL, NULL);
    store_close(v->store);
    arena_release(&v->arena);
    free(v);
}

/* -- runs -------------------------------------------------------------------------------------- */

int view_runs(struct view *v, const struct view_run **out, size_t *n, struct assay_err *e)
{
    struct arena *a = &v->arena;
    if (!v->runs) {
        sqlite3_stmt *st = query(v, Q_RUNS, 0, e);
        struct view_run *runs = NULL;
        size_t count = 0, cap = 0;
        int rc = st ? 0 : ASSAY_EIO;
        while (rc >= 0 && (rc = step(v, st, e)) > 0) {
            runs = grown(a, runs, count, &cap, sizeof *runs);
            runs[count++] = (struct view_run){.id = col_int(st, 0),
                                              .uid = col_word(st, 1, a),
                                              .plan_uid = col_word(st, 2, a),
                                              .suite = col_word(st, 3, a),
                                              .command = col_word(st, 4, a),
                                              .version = col_word(st, 5, a),
                                              .status = col_word(st, 6, a),
                                              .machine = col_word(st, 7, a),
                                              .machine_uid = col_word(st, 8, a),
                                              .machine_class = col_word(st, 9, a),
                                              .machine_key = col_word(st, 10, a),
                                              .environment = col_word(st, 11, a),
                                              .seed = col_int(st, 12),
                                              .started_ns = col_int(st, 13),
                                              .ended_ns = col_int(st, 14),
                                              .n_variants = col_int(st, 15),
                                              .n_failed = col_int(st, 16)};
        }
        if (rc < 0)
            return rc;
        v->runs = runs ? runs : ARENA_NEW(a, struct view_run);
        v->n_runs = count;
    }
    *out = v->runs;
    *n = v->n_runs;
    return 0;
}

static bool names_run(const struct view_run *r, const char *name, size_t n)
{
    size_t len = strlen(r->uid);
    return n >= 4 && n <= len &&
           (strncmp(r->uid, name, n) == 0 || strcmp(r->uid + len - n, name) == 0);
}

static int find_run(struct view *v, const char *name, const struct view_run **out,
                    struct assay_err *e)
{
    *out = NULL;
    if (!name || strcmp(name, "latest") == 0) {
        *out = v->runs;
        return 0;
    }
    for (size_t i = 0; i < v->n_runs; i++) {
        if (!names_run(&v->runs[i], name, strlen(name)))
            continue;
        if (*out)
            return err_set(e, ASSAY_EUSAGE, "run '%s' is ambiguous: '%s' and '%s' both match", name,
                           (*out)->uid, v->runs[i].uid);
        *out = &v->runs[i];
    }
    if (!*out)
        return err_set(e, ASSAY_EUSAGE,
                       "run '%s' is not in '%s'; the newest is '%s', and `assay list "
                       "runs` shows all",
                       name, v->path, v->runs[0].uid);
    return 0;
}

/* -- what a set is made of --------------------------------------------------------------------- */

static int load_measures(struct view *v, struct assay_err *e)
{
    struct view_measure *m = NULL;
    size_t n = 0, cap = 0;
    sqlite3_stmt *st = query(v, Q_MEASURES, 0, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = step(v, st, e)) > 0) {
        m = grown(&v->arena, m, n, &cap, sizeof *m);
        m[n++] = (struct view_measure){col_int(st, 0), col_word(st, 1, &v->arena),
                                       col_word(st, 2, &v->arena)};
    }
    v->measures = m;
    v->n_measures = n;
    return rc;
}

static const struct view_measure *find_measure(const struct view *v, int64_t id)
{
    for (size_t i = 0; i < v->n_measures; i++)
        if (v->measures[i].id == id)
            return &v->measures[i];
    return NULL;
}

struct loading {
    struct view *view;
    struct arena *a;
    struct view_set *set;
    const struct view_scenario *scenarios;
    size_t n_scenarios;
};

static int load_tasks(struct loading *l, struct assay_err *e)
{
    struct view_task *t = NULL;
    size_t n = 0, cap = 0;
    sqlite3_stmt *st = query(l->view, Q_TASKS, 0, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = step(l->view, st, e)) > 0) {
        t = grown(l->a, t, n, &cap, sizeof *t);
        t[n++] = (struct view_task){.id = col_int(st, 0),
                                    .uid = col_word(st, 1, l->a),
                                    .name = col_word(st, 2, l->a),
                                    .alias = col_text(st, 3, l->a),
                                    .version = col_text(st, 4, l->a),
                                    .output_type = col_word(st, 5, l->a),
                                    .config_uid = col_word(st, 6, l->a),
                                    .dataset_uid = col_word(st, 7, l->a),
                                    .dataset = col_word(st, 8, l->a),
                                    .n_fewshot = col_int(st, 9)};
    }
    l->set->tasks = t;
    l->set->n_tasks = n;
    return rc;
}

static int load_scenarios(struct loading *l, struct assay_err *e)
{
    struct view_scenario *s = NULL;
    size_t n = 0, cap = 0;
    sqlite3_stmt *st = query(l->view, Q_SCENARIOS, 0, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = step(l->view, st, e)) > 0) {
        s = grown(l->a, s, n, &cap, sizeof *s);
        s[n++] =
            (struct view_scenario){col_int(st, 0), col_word(st, 1, l->a), col_word(st, 2, l->a),
                                   col_word(st, 3, l->a), col_word(st, 4, l->a)};
    }
    l->scenarios = s;
    l->n_scenarios = n;
    return rc;
}

static int load_leaves(struct loading *l, struct view_group *g, struct assay_err *e)
{
    const char **leaves = NULL;
    size_t cap = 0;
    sqlite3_stmt *st = query(l->view, Q_LEAVES, g->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = step(l->view, st, e)) > 0) {
        leaves = grown(l->a, leaves, g->n_leaves, &cap, sizeof *leaves);
        leaves[g->n_leaves++] = col_word(st, 0, l->a);
    }
    g->leaves = leaves;
    return rc;
}

static int load_groups(struct loading *l, struct assay_err *e)
{
    struct view_group *g = NULL;
    size_t n = 0, cap = 0;
    int rc = 0;
    for (size_t r = 0; r < l->set->n_runs && rc >= 0; r++) {
        sqlite3_stmt *st = query(l->view, Q_GROUPS, l->set->runs[r].id, e);
        rc = st ? 0 : ASSAY_EIO;
        while (rc >= 0 && (rc = step(l->view, st, e)) > 0) {
            g = grown(l->a, g, n, &cap, sizeof *g);
            g[n++] = (struct view_group){.id = col_int(st, 0),
                                         .run = r,
                                         .name = col_word(st, 1, l->a),
                                         .alias = col_text(st, 2, l->a)};
        }
    }
    for (size_t i = 0; i < n && rc >= 0; i++)
        rc = load_leaves(l, &g[i], e);
    l->set->groups = g;
    l->set->n_groups = n;
    return rc;
}

static int load_jobs(struct loading *l, struct view_variant *v, struct assay_err *e)
{
    struct view_job *j = NULL;
    size_t n = 0, cap = 0;
    sqlite3_stmt *st = query(l->view, Q_JOBS, v->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = step(l->view, st, e)) > 0) {
        j = grown(l->a, j, n, &cap, sizeof *j);
        j[n] = (struct view_job){.id = col_int(st, 0),
                                 .kind = col_word(st, 1, l->a),
                                 .name = col_word(st, 2, l->a),
                                 .status = col_word(st, 3, l->a),
                                 .reason = col_text(st, 4, l->a),
                                 .warning = col_text(st, 5, l->a),
                                 .n_items = col_int(st, 8),
                                 .n_done = col_int(st, 9),
                                 .n_asked = col_int(st, 10),
                                 .n_reused = col_int(st, 11),
                                 .n_tokens = col_int(st, 12),
                                 .n_cut = col_int(st, 13),
                                 .wall_ns = col_int(st, 14),
                                 .cpu_ns = col_int(st, 15)};
        int64_t task = col_int(st, 6), scenario = col_int(st, 7);
        for (size_t i = 0; i < l->set->n_tasks && task >= 0; i++)
            if (l->set->tasks[i].id == task)
                j[n].task = &l->set->tasks[i];
        for (size_t i = 0; i < l->n_scenarios && scenario >= 0; i++)
            if (l->scenarios[i].id == scenario)
                j[n].scenario = &l->scenarios[i];
        n++;
    }
    v->jobs = j;
    v->n_jobs = n;
    return rc;
}

static int load_results(struct loading *l, struct view_variant *v, struct assay_err *e)
{
    struct view_result *r = NULL;
    size_t n = 0, cap = 0;
    sqlite3_stmt *st = query(l->view, Q_RESULTS, v->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = step(l->view, st, e)) > 0) {
        int64_t job = col_int(st, 0), group = col_int(st, 1);
        r = grown(l->a, r, n, &cap, sizeof *r);
        r[n] = (struct view_result){.measure = find_measure(l->view, col_int(st, 2)),
                                    .value = col_real(st, 3),
                                    .stderr_ = col_real(st, 4),
                                    .n = col_int(st, 5),
                                    .higher_is_better = (int)col_int(st, 6),
                                    .aggregation = col_word(st, 7, l->a)};
        for (size_t i = 0; i < v->n_jobs && job >= 0; i++)
            if (v->jobs[i].id == job)
                r[n].job = &v->jobs[i];
        for (size_t i = 0; i < l->set->n_groups && group >= 0; i++)
            if (l->set->groups[i].id == group)
                r[n].group = &l->set->groups[i];
        n += r[n].measure && (r[n].job || r[n].group);
    }
    v->results = r;
    v->n_results = n;
    return rc;
}

static struct view_variant read_variant(sqlite3_stmt *st, struct arena *a)
{
    struct view_variant v = {.id = col_int(st, 0),
                             .variant_id = col_int(st, 1),
                             .name = col_word(st, 2, a),
                             .status = col_word(st, 3, a),
                             .reason = col_text(st, 4, a),
                             .is_reference = sqlite3_column_int(st, 5) != 0,
                             .signal = col_int(st, 6),
                             .exit_code = col_int(st, 7),
                             .uid = col_word(st, 8, a),
                             .model = col_word(st, 9, a),
                             .model_uid = col_word(st, 10, a),
                             .model_path = col_word(st, 11, a),
                             .arch = col_word(st, 12, a),
                             .backend = col_word(st, 13, a),
                             .backend_version = col_word(st, 14, a),
                             .precision = col_word(st, 15, a),
                             .kernel = col_word(st, 16, a),
                             .device = col_word(st, 17, a),
                             .options = col_word(st, 18, a),
                             .model_bytes = col_int(st, 19),
                             .n_params = col_int(st, 20),
                             .load_ns = col_int(st, 21),
                             .weight_bytes = col_int(st, 22),
                             .file_bytes = col_int(st, 23),
                             .kv_bytes = col_int(st, 24),
                             .kv_bytes_per_token = col_int(st, 25),
                             .peak_rss_bytes = col_int(st, 26),
                             .anon_bytes = col_int(st, 27),
                             .file_rss_bytes = col_int(st, 28),
                             .n_evaluated = col_int(st, 29),
                             .n_reused = col_int(st, 30)};
    v.is_done = strcmp(v.status, "done") == 0;
    if (v.variant_id < 0)
        v.variant_id = 0;
    return v;
}

static int load_variants(struct loading *l, struct assay_err *e)
{
    struct view_variant *v = NULL;
    size_t n = 0, cap = 0;
    int rc = 0;
    for (size_t r = 0; r < l->set->n_runs && rc >= 0; r++) {
        sqlite3_stmt *st = query(l->view, Q_VARIANTS, l->set->runs[r].id, e);
        rc = st ? 0 : ASSAY_EIO;
        while (rc >= 0 && (rc = step(l->view, st, e)) > 0) {
            v = grown(l->a, v, n, &cap, sizeof *v);
            v[n] = read_variant(st, l->a);
            v[n].run = r;
            const char *uid = l->set->runs[r].uid;
            size_t tail = strlen(uid) > 6 ? strlen(uid) - 6 : 0;
            v[n].label =
                l->set->n_runs > 1 ? arena_printf(l->a, "%s@%s", v[n].name, uid + tail) : v[n].name;
            n++;
        }
    }
    for (size_t i = 0; i < n && rc >= 0; i++)
        rc = load_jobs(l, &v[i], e);
    for (size_t i = 0; i < n && rc >= 0; i++)
        rc = load_results(l, &v[i], e);
    l->set->variants = v;
    l->set->n_variants = n;
    return rc;
}

int view_load(struct view *v, const char *const *runs, size_t n, const struct view_set **out,
              struct assay_err *e)
{
    const struct view_run *all;
    size_t n_all;
    TRY(view_runs(v, &all, &n_all, e));
    if (n_all == 0)
        return err_set(e, ASSAY_EUSAGE, "database '%s' holds no runs yet; `assay run` makes one",
                       v->path);
    TRY(load_measures(v, e));
    struct arena *a = &v->arena;
    struct view_set *set = ARENA_NEW(a, struct view_set);
    size_t n_runs = n ? n : 1;
    struct view_run *chosen = ARENA_ARRAY(a, struct view_run, n_runs);
    for (size_t i = 0; i < n_runs; i++) {
        const struct view_run *r;
        TRY(find_run(v, n ? runs[i] : NULL, &r, e));
        chosen[i] = *r;
    }
    *set = (struct view_set){.path = v->path,
                             .runs = chosen,
                             .n_runs = n_runs,
                             .measures = v->measures,
                             .n_measures = v->n_measures};
    struct loading l = {v, a, set, NULL, 0};
    TRY(load_tasks(&l, e));
    TRY(load_scenarios(&l, e));
    TRY(load_groups(&l, e));
    TRY(load_variants(&l, e));
    *out = set;
    return 0;
}

/* -- by the cell ------------------------------------------------------------------------------- */

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
    sqlite3_stmt *st = query(v, Q_SCORES, job->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = step(v, st, e)) > 0) {
        rows = grown(&scratch, rows, n, &cap, sizeof *rows);
        rows[n++] = (struct score_row){sqlite3_column_int64(st, 0), sqlite3_column_int(st, 1),
                                       col_real(st, 2), col_real(st, 3)};
    }
    for (size_t i = 0, j; i < n && rc >= 0; i = j) {
        for (j = i + 1; j < n && rows[j].measure == rows[i].measure; j++)
            ;
        sets = grown(a, sets, n_sets, &cap_sets, sizeof *sets);
        sets[n_sets].measure = find_measure(v, rows[i].measure);
        if (sets[n_sets].measure)
            split_scores(rows + i, j - i, a, &sets[n_sets++]);
    }
    arena_release(&scratch);
    *out = sets;
    *n_out = n_sets;
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
    uint8_t *same_top;
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
                          .n = p->n,
                          .cap = cap};
    for (int k = 0; k < 4; k++)
        q.real[k] = ARENA_ARRAY(a, double, cap);
    if (p->n) {
        memcpy(q.idx, p->idx, p->n * sizeof *q.idx);
        memcpy(q.same_top, p->same_top, p->n);
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
    sqlite3_stmt *st = query(v, Q_DIVERGENCE, job->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = step(v, st, e)) > 0) {
        int64_t n = col_int(st, 1);
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
        for (size_t i = 0; i < (size_t)n; i++)
            p.idx[p.n + i] = sqlite3_column_int(st, 0);
        p.n += (size_t)n;
    }
    *out = (struct view_divergence){.n = p.n,
                                    .idx = p.idx,
                                    .kl = p.real[0],
                                    .delta_p = p.real[1],
                                    .nll = p.real[2],
                                    .nll_ref = p.real[3],
                                    .same_top = p.same_top};
    return rc;
}

int view_samples(struct view *v, const struct view_job *job, struct arena *a,
                 const struct view_sample **out, size_t *n_out, struct assay_err *e)
{
    struct view_sample *s = NULL;
    size_t n = 0, cap = 0;
    sqlite3_stmt *st = query(v, Q_SAMPLES, job->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = step(v, st, e)) > 0) {
        s = grown(a, s, n, &cap, sizeof *s);
        size_t bytes = (size_t)sqlite3_column_bytes(st, 7);
        int64_t *token_ns = ARENA_ARRAY(a, int64_t, bytes / 8 + 1);
        if (bytes)
            memcpy(token_ns, sqlite3_column_blob(st, 7), bytes / 8 * 8);
        s[n++] = (struct view_sample){.rep = col_int(st, 0),
                                      .is_warmup = sqlite3_column_int(st, 1) != 0,
                                      .n_prompt = col_int(st, 2),
                                      .n_generated = col_int(st, 3),
                                      .wall_ns = col_int(st, 4),
                                      .cpu_ns = col_int(st, 5),
                                      .ttft_ns = col_int(st, 6),
                                      .token_ns = token_ns,
                                      .n_token_ns = bytes / 8,
                                      .switches = col_int(st, 8),
                                      .is_dirty = sqlite3_column_int(st, 9) != 0};
    }
    *out = s;
    *n_out = n;
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
    sqlite3_stmt *st = query(v, Q_ITEM, task->id, e);
    if (!st)
        return ASSAY_EIO;
    sqlite3_bind_int(st, 2, idx);
    int rc = step(v, st, e);
    if (rc > 0) {
        out->prompt = col_word(st, 0, a);
        out->target = col_word(st, 2, a);
        read_choices(col_text(st, 1, a), a, out);
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
    sqlite3_stmt *st = query(v, Q_RESPONSE, variant->variant_id, e);
    if (!st)
        return ASSAY_EIO;
    sqlite3_bind_blob(st, 2, request, VIEW_KEY_BYTES, SQLITE_STATIC);
    int rc = step(v, st, e);
    if (rc > 0) {
        out->is_present = true;
        out->logprob = col_real(st, 0);
        out->n_tokens = col_int(st, 1);
        out->text_n = (size_t)sqlite3_column_bytes(st, 2);
        out->text = col_text(st, 2, a);
        out->finish = col_text(st, 3, a);
        sqlite3_reset(st);
    }
    return rc < 0 ? rc : 0;
}
