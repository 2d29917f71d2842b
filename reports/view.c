/* view.c - SQL rows -> plain structs: all SQL of the report half, and what is small enough to be
 * read whole; view_cells.c reads the rest cell by cell.
 *
 * Invariant: one read transaction from view_open to view_close, so every number of a report comes
 * from the same state of the store.  Reads only; blobs are checked before they are believed. */
#include "reports/view.h"

#include <math.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/text.h"
#include "harness/store/store.h"
#include "reports/view_impl.h"

/* A member of variant.info, or NULL; text that is not JSON is no reason to lose the report. */
#define INFO(key) "CASE WHEN json_valid(v.info) THEN json_extract(v.info, '$." key "') END"
static const char *const queries[VIEW_QUERIES] = {
    [VIEW_Q_RUNS] =
        "SELECT r.id, r.uid, r.plan_uid, r.suite, r.command, r.version, r.status, m.name,"
        " m.uid, m.class, m.class_key, m.environment, r.seed, r.started_ns, r.ended_ns,"
        " (SELECT count(*) FROM run_variant v WHERE v.run_id = r.id),"
        " (SELECT count(*) FROM run_variant v WHERE v.run_id = r.id"
        "  AND v.status IN ('failed', 'crashed', 'timeout'))"
        " FROM run r JOIN machine m ON m.id = r.machine_id"
        " ORDER BY r.started_ns DESC, r.id DESC",
    [VIEW_Q_MEASURES] = "SELECT id, metric, filter FROM measure ORDER BY id",
    [VIEW_Q_TASKS] = "SELECT id, uid, name, alias, version, output_type, config_uid, dataset_uid,"
                     " dataset, n_fewshot, json_extract(p, '$.chat_template_sha256'),"
                     " json_extract(p, '$.chat_template_source'), json_extract(p, '$.system_instruction'),"
                     " (SELECT 'Python ' || json_extract(c, '$.python') || ', ' || group_concat("
                     "json_extract(f.value, '$.path') || ' ' || json_extract(f.value, '$.sha256'), ', ')"
                     " FROM json_each(c, '$.files') f)"
                     " FROM (SELECT *, CASE WHEN json_valid(config)"
                     " THEN json_extract(config, '$.prompting') END AS p, CASE WHEN json_valid(config)"
                     " THEN json_extract(config, '$.task_code') END AS c FROM task) ORDER BY id",
    [VIEW_Q_SCENARIOS] = "SELECT id, uid, name, kind, params FROM scenario ORDER BY id",
    [VIEW_Q_GROUPS] = "SELECT id, name, alias FROM task_group WHERE run_id = ?1 ORDER BY id",
    [VIEW_Q_LEAVES] = "SELECT e.value FROM task_group g, json_each(g.leaves) e"
                      " WHERE g.id = ?1 AND json_valid(g.leaves)",
    [VIEW_Q_VARIANTS] =
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
    /* Who asked a smaller share of a task's requests than an earlier run of the same variant did. */
    [VIEW_Q_ANSWERED] =
        "SELECT DISTINCT id FROM (SELECT v.id, j.share, max(j.share) OVER ("
        "PARTITION BY v.variant_id, j.task_id ORDER BY r.started_ns, v.id"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before"
        " FROM (SELECT run_variant_id, task_id, 1.0 * n_asked / (n_asked + n_reused) AS share"
        " FROM job WHERE kind = 'task' AND n_asked + n_reused > 0) j"
        " JOIN run_variant v ON v.id = j.run_variant_id JOIN run r ON r.id = v.run_id"
        " WHERE v.variant_id IS NOT NULL) WHERE share < before ORDER BY id",
    [VIEW_Q_DECISION] = "SELECT verdict, margin, alpha, n_subjects, n_items, n_seen, losses, gains"
                        " FROM decision WHERE run_variant_id = ?1",
    [VIEW_Q_JOBS] = "SELECT id, kind, name, status, reason, warning, task_id, scenario_id, n_items,"
                    " n_done, n_asked, n_reused, n_tokens, n_cut, wall_ns, cpu_ns"
                    " FROM job WHERE run_variant_id = ?1"
                    " AND (?2 & CASE kind WHEN 'scenario' THEN 1 ELSE 2 END) ORDER BY id",
    [VIEW_Q_NOTICES] =
        "SELECT n.job_id, n.kind, n.detail, n.n, n.n_of FROM job j JOIN notice n"
        " ON n.job_id = j.id WHERE j.run_variant_id = ?1 ORDER BY n.job_id, n.kind, n.detail",
    [VIEW_Q_ENERGY] = "SELECT e.job_id, e.source, e.round, e.uj, e.ns, e.n_blocks, e.n_tokens, e.reason"
                      " FROM job j JOIN energy e ON e.job_id = j.id WHERE j.run_variant_id = ?1"
                      " ORDER BY e.job_id, e.source, e.round",
    [VIEW_Q_IDLE] = "SELECT source, uj, ns, n_windows, sd_watts, reason FROM idle WHERE run_id = ?1",
    [VIEW_Q_RESULTS] = "SELECT job_id, group_id, measure_id, value, stderr, n, higher_is_better,"
                       " aggregation FROM result WHERE run_variant_id = ?1"
                       " ORDER BY job_id IS NULL, job_id, group_id, id",
    [VIEW_Q_SCORES] = "SELECT measure_id, idx, value, weight FROM score WHERE job_id = ?1"
                      " ORDER BY measure_id, idx",
    [VIEW_Q_SCORES_OF] = "SELECT idx, value, weight FROM score WHERE job_id = ?1"
                         " AND measure_id = ?2 ORDER BY idx",
    /* The request of a wrong choice ends in tokens that are not true. */
    [VIEW_Q_DIVERGENCE] =
        "SELECT d.idx, d.n, d.kl, d.same_top, d.delta_p, d.nll, d.nll_ref, i.choices IS NULL OR"
        " EXISTS (SELECT 1 FROM json_each(i.target) g WHERE g.value = d.request)"
        " FROM divergence d JOIN job j ON j.id = d.job_id"
        " LEFT JOIN item i ON i.task_id = j.task_id AND i.idx = d.idx"
        " WHERE d.job_id = ?1 ORDER BY d.idx, d.request",
    [VIEW_Q_SAMPLES] = "SELECT rep, is_warmup, n_prompt, n_generated, wall_ns, cpu_ns, ttft_ns,"
                       " token_ns, switches, is_dirty, round FROM sample WHERE job_id = ?1 ORDER BY rep",
    [VIEW_Q_CLUSTERS] = "SELECT idx, key FROM cluster WHERE task_id = ?1 ORDER BY idx",
    [VIEW_Q_ITEM] =
        "SELECT prompt, choices, target, requests FROM item WHERE task_id = ?1 AND idx = ?2",
    [VIEW_Q_RESPONSE] = "SELECT logprob, n_tokens, text, finish FROM response"
                        " WHERE variant_id = ?1 AND request = ?2",
};

/* -- statements -------------------------------------------------------------------------------- */

int view_fail(struct view *v, struct assay_err *e)
{
    int code = sqlite3_errcode(v->db) == SQLITE_CORRUPT ? ASSAY_EFORMAT : ASSAY_EIO;
    return err_set(e, code, "reading database '%s': %s", v->path, sqlite3_errmsg(v->db));
}

/* The statement, ready for binding and stepping; NULL with *e filled. */
sqlite3_stmt *view_query(struct view *v, enum view_query q, int64_t key, struct assay_err *e)
{
    if (!v->st[q] && sqlite3_prepare_v3(v->db, queries[q], -1, SQLITE_PREPARE_PERSISTENT, &v->st[q],
                                        NULL) != SQLITE_OK) {
        view_fail(v, e);
        return NULL;
    }
    sqlite3_reset(v->st[q]);
    if (sqlite3_bind_parameter_count(v->st[q]) > 0)
        sqlite3_bind_int64(v->st[q], 1, key);
    return v->st[q];
}

/* 1: a row; 0: the end; negative: an error. */
int view_step(struct view *v, sqlite3_stmt *st, struct assay_err *e)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        return 1;
    int ret = rc == SQLITE_DONE ? 0 : view_fail(v, e);
    sqlite3_reset(st);
    return ret;
}

int64_t view_int(sqlite3_stmt *st, int i)
{
    return sqlite3_column_type(st, i) == SQLITE_NULL ? VIEW_NONE : sqlite3_column_int64(st, i);
}

double view_real(sqlite3_stmt *st, int i)
{
    return sqlite3_column_type(st, i) == SQLITE_NULL ? NAN : sqlite3_column_double(st, i);
}

/* A copy; NULL stays NULL. */
const char *view_text(sqlite3_stmt *st, int i, struct arena *a)
{
    const char *s = (const char *)sqlite3_column_text(st, i);
    return s ? arena_strndup(a, s, (size_t)sqlite3_column_bytes(st, i)) : NULL;
}

const char *view_word(sqlite3_stmt *st, int i, struct arena *a)
{
    const char *s = view_text(st, i, a);
    return s ? s : "";
}

enum { LONG_NAME = 400 }; /* names are in every table and chart: nobody's may fill the page */

const char *view_name(sqlite3_stmt *st, int i, struct arena *a)
{
    size_t n = (size_t)sqlite3_column_bytes(st, i);
    if (n <= LONG_NAME)
        return view_word(st, i, a);
    const char *s = (const char *)sqlite3_column_text(st, i);
    uint8_t digest[HASH_BYTES];
    char hex[HASH_HEX];
    hash_bytes(s, n, digest);
    return arena_printf(a, "%.*s... (%zu bytes, %.8s)", (int)text_whole(s, LONG_NAME / 2), s, n,
                        hash_hex(digest, hex));
}

/* An array that doubles inside an arena; what it leaves behind goes with the arena. */
void *view_grown(struct arena *a, void *v, size_t n, size_t *cap, size_t size)
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
        rc = view_fail(v, e);
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
    for (int i = 0; i < VIEW_QUERIES; i++)
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
        sqlite3_stmt *st = view_query(v, VIEW_Q_RUNS, 0, e);
        struct view_run *runs = NULL;
        size_t count = 0, cap = 0;
        int rc = st ? 0 : ASSAY_EIO;
        while (rc >= 0 && (rc = view_step(v, st, e)) > 0) {
            runs = view_grown(a, runs, count, &cap, sizeof *runs);
            runs[count++] = (struct view_run){.id = view_int(st, 0),
                                              .uid = view_word(st, 1, a),
                                              .plan_uid = view_word(st, 2, a),
                                              .suite = view_word(st, 3, a),
                                              .command = view_word(st, 4, a),
                                              .version = view_word(st, 5, a),
                                              .status = view_word(st, 6, a),
                                              .machine = view_name(st, 7, a),
                                              .machine_uid = view_word(st, 8, a),
                                              .machine_class = view_word(st, 9, a),
                                              .machine_key = view_word(st, 10, a),
                                              .environment = view_word(st, 11, a),
                                              .seed = view_int(st, 12),
                                              .started_ns = view_int(st, 13),
                                              .ended_ns = view_int(st, 14),
                                              .n_variants = view_int(st, 15),
                                              .n_failed = view_int(st, 16)};
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

/* The newest run before the latest that did the same (plan) on the same class of machine. */
static int find_previous(struct view *v, const struct view_run **out, struct assay_err *e)
{
    for (size_t i = 1; i < v->n_runs; i++)
        if (strcmp(v->runs[i].plan_uid, v->runs[0].plan_uid) == 0 &&
            strcmp(v->runs[i].machine_class, v->runs[0].machine_class) == 0) {
            *out = &v->runs[i];
            return 0;
        }
    return err_set(e, ASSAY_EUSAGE,
                   "'%s' has no run before '%s' with the same plan on the same class of machine; "
                   "`assay list runs` shows all",
                   v->path, v->runs[0].uid);
}

/* The newest run of every machine, the latest first. */
static size_t newest_of_machines(const struct view *v, const char **names)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n_runs; i++) {
        bool is_newest = true;
        for (size_t k = 0; k < i; k++)
            is_newest &= strcmp(v->runs[k].machine_uid, v->runs[i].machine_uid) != 0;
        if (is_newest)
            names[n++] = v->runs[i].uid;
    }
    return n;
}

static int find_run(struct view *v, const char *name, const struct view_run **out,
                    struct assay_err *e)
{
    *out = NULL;
    if (!name || strcmp(name, "latest") == 0) {
        *out = v->runs;
        return 0;
    }
    if (strcmp(name, "previous") == 0)
        return find_previous(v, out, e);
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
    if (v->measures) /* sets of one view share them: they are told apart by address */
        return 0;
    sqlite3_stmt *st = view_query(v, VIEW_Q_MEASURES, 0, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = view_step(v, st, e)) > 0) {
        m = view_grown(&v->arena, m, n, &cap, sizeof *m);
        m[n++] = (struct view_measure){view_int(st, 0), view_name(st, 1, &v->arena),
                                       view_name(st, 2, &v->arena)};
    }
    v->measures = m;
    v->n_measures = n;
    return rc;
}

const struct view_measure *view_measure_of(const struct view *v, int64_t id)
{
    for (size_t i = 0; i < v->n_measures; i++)
        if (v->measures[i].id == id)
            return &v->measures[i];
    return NULL;
}

struct loading {
    struct view *view;
    struct arena *a, scratch; /* scratch: arrays while they grow */
    struct view_set *set;
    uint32_t parts;
    const struct view_scenario *scenarios;
    size_t n_scenarios;
};

/* What grew in the scratch, as long as it is; the scratch is free again. */
static void *kept(struct loading *l, const void *v, size_t n, size_t size)
{
    void *w = n ? arena_calloc(l->a, n, size) : NULL;
    if (n)
        memcpy(w, v, n * size);
    arena_reset(&l->scratch);
    return w;
}

/* Words that every row repeats are kept once. */
static const char *often(sqlite3_stmt *st, int i, struct arena *a)
{
    static const char *const words[] = {"task", "scenario", "divergence", "done", "mean", "skipped"};
    const char *s = (const char *)sqlite3_column_text(st, i);
    for (size_t k = 0; s && k < sizeof words / sizeof *words; k++)
        if (strcmp(s, words[k]) == 0)
            return words[k];
    return view_word(st, i, a);
}

/* Of rows in rising order of their id, which is their first member; NULL: not there. */
static const void *by_id(const void *rows, size_t n, size_t size, int64_t id)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const void *row = (const char *)rows + mid * size;
        int64_t at;
        memcpy(&at, row, sizeof at);
        if (at == id)
            return row;
        if (at < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static int load_tasks(struct loading *l, struct assay_err *e)
{
    struct view_task *t = NULL;
    size_t n = 0, cap = 0;
    sqlite3_stmt *st = view_query(l->view, VIEW_Q_TASKS, 0, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = view_step(l->view, st, e)) > 0) {
        t = view_grown(l->a, t, n, &cap, sizeof *t);
        t[n++] = (struct view_task){.id = view_int(st, 0),
                                    .uid = view_word(st, 1, l->a),
                                    .name = view_name(st, 2, l->a),
                                    .alias = view_text(st, 3, l->a),
                                    .version = view_text(st, 4, l->a),
                                    .output_type = view_word(st, 5, l->a),
                                    .config_uid = view_word(st, 6, l->a),
                                    .dataset_uid = view_word(st, 7, l->a),
                                    .dataset = view_word(st, 8, l->a),
                                    .n_fewshot = view_int(st, 9),
                                    .chat_template = view_text(st, 10, l->a),
                                    .chat_source = view_text(st, 11, l->a),
                                    .system_instruction = view_text(st, 12, l->a),
                                    .code = view_text(st, 13, l->a)};
    }
    l->set->tasks = t;
    l->set->n_tasks = n;
    return rc;
}

static int load_scenarios(struct loading *l, struct assay_err *e)
{
    struct view_scenario *s = NULL;
    size_t n = 0, cap = 0;
    sqlite3_stmt *st = view_query(l->view, VIEW_Q_SCENARIOS, 0, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = view_step(l->view, st, e)) > 0) {
        s = view_grown(l->a, s, n, &cap, sizeof *s);
        s[n++] =
            (struct view_scenario){view_int(st, 0), view_word(st, 1, l->a), view_name(st, 2, l->a),
                                   view_word(st, 3, l->a), view_word(st, 4, l->a)};
    }
    l->scenarios = s;
    l->n_scenarios = n;
    return rc;
}

static int load_leaves(struct loading *l, struct view_group *g, struct assay_err *e)
{
    const char **leaves = NULL;
    size_t cap = 0;
    sqlite3_stmt *st = view_query(l->view, VIEW_Q_LEAVES, g->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = view_step(l->view, st, e)) > 0) {
        leaves = view_grown(l->a, leaves, g->n_leaves, &cap, sizeof *leaves);
        leaves[g->n_leaves++] = view_name(st, 0, l->a);
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
        sqlite3_stmt *st = view_query(l->view, VIEW_Q_GROUPS, l->set->runs[r].id, e);
        rc = st ? 0 : ASSAY_EIO;
        while (rc >= 0 && (rc = view_step(l->view, st, e)) > 0) {
            g = view_grown(l->a, g, n, &cap, sizeof *g);
            g[n++] = (struct view_group){.id = view_int(st, 0),
                                         .run = r,
                                         .name = view_name(st, 1, l->a),
                                         .alias = view_text(st, 2, l->a)};
        }
    }
    for (size_t i = 0; i < n && rc >= 0; i++)
        rc = load_leaves(l, &g[i], e);
    l->set->groups = g;
    l->set->n_groups = n;
    return rc;
}

/* Rows come by job, jobs are in the order of their ids. */
static int load_notices(struct loading *l, struct view_variant *v, struct view_job *jobs,
                        struct assay_err *e)
{
    struct view_notice *x = NULL;
    size_t n = 0, cap = 0, *of = NULL, cap_of = 0;
    sqlite3_stmt *st = view_query(l->view, VIEW_Q_NOTICES, v->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    for (size_t at = 0; rc >= 0 && (rc = view_step(l->view, st, e)) > 0;) {
        while (at < v->n_jobs && jobs[at].id < view_int(st, 0))
            at++;
        if (at == v->n_jobs || jobs[at].id != view_int(st, 0))
            continue;
        x = view_grown(l->a, x, n, &cap, sizeof *x);
        of = view_grown(&l->scratch, of, n, &cap_of, sizeof *of);
        of[n] = at;
        x[n++] = (struct view_notice){view_word(st, 1, l->a), view_word(st, 2, l->a),
                                      view_int(st, 3), view_int(st, 4)};
    }
    for (size_t i = n; i-- > 0;) {
        jobs[of[i]].notices = &x[i];
        jobs[of[i]].n_notices++;
    }
    arena_reset(&l->scratch);
    return rc;
}

static int load_jobs(struct loading *l, struct view_variant *v, struct assay_err *e)
{
    struct view_job *j = NULL;
    size_t n = 0, cap = 0;
    sqlite3_stmt *st = view_query(l->view, VIEW_Q_JOBS, v->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    if (st)
        sqlite3_bind_int64(st, 2, l->parts);
    while (rc >= 0 && (rc = view_step(l->view, st, e)) > 0) {
        j = view_grown(&l->scratch, j, n, &cap, sizeof *j);
        j[n] = (struct view_job){.id = view_int(st, 0),
                                 .kind = often(st, 1, l->a),
                                 .status = often(st, 3, l->a),
                                 .reason = view_text(st, 4, l->a),
                                 .warning = view_text(st, 5, l->a),
                                 .n_items = view_int(st, 8),
                                 .n_done = view_int(st, 9),
                                 .n_asked = view_int(st, 10),
                                 .n_reused = view_int(st, 11),
                                 .n_tokens = view_int(st, 12),
                                 .n_cut = view_int(st, 13),
                                 .wall_ns = view_int(st, 14),
                                 .cpu_ns = view_int(st, 15)};
        j[n].task = by_id(l->set->tasks, l->set->n_tasks, sizeof *j->task, view_int(st, 6));
        j[n].scenario = by_id(l->scenarios, l->n_scenarios, sizeof *j->scenario, view_int(st, 7));
        const char *name = (const char *)sqlite3_column_text(st, 2);
        bool is_task = name && j[n].task && strcmp(name, j[n].task->name) == 0;
        j[n].name = is_task ? j[n].task->name : view_name(st, 2, l->a);
        n++;
    }
    j = kept(l, j, n, sizeof *j);
    v->jobs = j;
    v->n_jobs = n;
    if (rc >= 0)
        rc = load_notices(l, v, j, e);
    return rc < 0 ? rc : view_load_energy(l->view, v, j, e);
}

static int load_results(struct loading *l, struct view_variant *v, struct assay_err *e)
{
    struct view_result *r = NULL;
    size_t n = 0, cap = 0;
    sqlite3_stmt *st = view_query(l->view, VIEW_Q_RESULTS, v->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = view_step(l->view, st, e)) > 0) {
        int64_t group = view_int(st, 1);
        r = view_grown(&l->scratch, r, n, &cap, sizeof *r);
        r[n] = (struct view_result){.measure = view_measure_of(l->view, view_int(st, 2)),
                                    .value = view_real(st, 3),
                                    .stderr_ = view_real(st, 4),
                                    .n = view_int(st, 5),
                                    .higher_is_better = (int)view_int(st, 6),
                                    .aggregation = often(st, 7, l->a)};
        r[n].job = by_id(v->jobs, v->n_jobs, sizeof *v->jobs, view_int(st, 0));
        for (size_t i = 0; i < l->set->n_groups && group >= 0; i++)
            if (l->set->groups[i].id == group)
                r[n].group = &l->set->groups[i];
        n += r[n].measure && (r[n].job || r[n].group);
    }
    v->results = kept(l, r, n, sizeof *r);
    v->n_results = n;
    return rc;
}

static void forget_memory(struct view_variant *v)
{
    v->asked_less = true;
    v->kv_bytes = v->peak_rss_bytes = v->anon_bytes = v->file_rss_bytes = VIEW_NONE;
}

static int load_decision(struct loading *l, struct view_variant *v, struct assay_err *e)
{
    sqlite3_stmt *st = view_query(l->view, VIEW_Q_DECISION, v->id, e);
    int rc = st ? view_step(l->view, st, e) : ASSAY_EIO;
    if (rc <= 0)
        return rc;
    struct view_decision *d = ARENA_NEW(l->a, struct view_decision);
    *d = (struct view_decision){.verdict = view_word(st, 0, l->a),
                                .margin = view_real(st, 1),
                                .alpha = view_real(st, 2),
                                .n_subjects = view_int(st, 3),
                                .n_items = view_int(st, 4),
                                .n_seen = view_int(st, 5),
                                .losses = view_int(st, 6),
                                .gains = view_int(st, 7)};
    if (d->n_subjects < 1 || d->n_items < 1 || !(d->margin > 0 && d->margin < 1))
        return err_set(e, ASSAY_EFORMAT,
                       "reading database '%s': the decision on variant '%s' makes "
                       "no sense",
                       l->view->path, v->name);
    v->decision = d;
    if (d->n_seen < d->n_items)
        forget_memory(v);
    return 0;
}

static struct view_variant read_variant(sqlite3_stmt *st, struct arena *a)
{
    struct view_variant v = {.id = view_int(st, 0),
                             .variant_id = view_int(st, 1),
                             .name = view_name(st, 2, a),
                             .status = view_word(st, 3, a),
                             .reason = view_text(st, 4, a),
                             .is_reference = sqlite3_column_int(st, 5) != 0,
                             .signal = view_int(st, 6),
                             .exit_code = view_int(st, 7),
                             .uid = view_word(st, 8, a),
                             .model = view_name(st, 9, a),
                             .model_uid = view_word(st, 10, a),
                             .model_path = view_word(st, 11, a),
                             .arch = view_word(st, 12, a),
                             .backend = view_word(st, 13, a),
                             .backend_version = view_word(st, 14, a),
                             .precision = view_word(st, 15, a),
                             .kernel = view_word(st, 16, a),
                             .device = view_word(st, 17, a),
                             .options = view_word(st, 18, a),
                             .model_bytes = view_int(st, 19),
                             .n_params = view_int(st, 20),
                             .load_ns = view_int(st, 21),
                             .weight_bytes = view_int(st, 22),
                             .file_bytes = view_int(st, 23),
                             .kv_bytes = view_int(st, 24),
                             .kv_bytes_per_token = view_int(st, 25),
                             .peak_rss_bytes = view_int(st, 26),
                             .anon_bytes = view_int(st, 27),
                             .file_rss_bytes = view_int(st, 28),
                             .n_evaluated = view_int(st, 29),
                             .n_reused = view_int(st, 30)};
    v.is_done = strcmp(v.status, "done") == 0;
    if (v.variant_id < 0)
        v.variant_id = 0;
    return v;
}

/* A process that found its answers in the store needed less memory than the suite does. */
static int find_answered(struct loading *l, struct view_variant *v, size_t n, struct assay_err *e)
{
    int64_t *ids = NULL;
    size_t n_ids = 0, cap = 0;
    sqlite3_stmt *st = view_query(l->view, VIEW_Q_ANSWERED, 0, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = view_step(l->view, st, e)) > 0) {
        ids = view_grown(&l->scratch, ids, n_ids, &cap, sizeof *ids);
        ids[n_ids++] = view_int(st, 0);
    }
    for (size_t i = 0; i < n && n_ids > 0; i++)
        if (by_id(ids, n_ids, sizeof *ids, v[i].id))
            forget_memory(&v[i]);
    return rc;
}

static int load_variants(struct loading *l, struct assay_err *e)
{
    struct view_variant *v = NULL;
    size_t n = 0, cap = 0;
    int rc = 0;
    for (size_t r = 0; r < l->set->n_runs && rc >= 0; r++) {
        sqlite3_stmt *st = view_query(l->view, VIEW_Q_VARIANTS, l->set->runs[r].id, e);
        rc = st ? 0 : ASSAY_EIO;
        while (rc >= 0 && (rc = view_step(l->view, st, e)) > 0) {
            v = view_grown(l->a, v, n, &cap, sizeof *v);
            v[n] = read_variant(st, l->a);
            v[n].run = r;
            const char *uid = l->set->runs[r].uid;
            size_t tail = strlen(uid) > 6 ? strlen(uid) - 6 : 0;
            v[n].label =
                l->set->n_runs > 1 ? arena_printf(l->a, "%s@%s", v[n].name, uid + tail) : v[n].name;
            n++;
        }
    }
    if (rc >= 0 && l->parts != VIEW_SPEEDS)
        rc = find_answered(l, v, n, e);
    for (size_t i = 0; i < n && rc >= 0; i++)
        rc = load_jobs(l, &v[i], e);
    for (size_t i = 0; i < n && rc >= 0; i++)
        rc = load_decision(l, &v[i], e);
    for (size_t i = 0; i < n && rc >= 0 && (l->parts & VIEW_TASKS); i++)
        rc = load_results(l, &v[i], e);
    l->set->variants = v;
    l->set->n_variants = n;
    return rc;
}

static int load_all(struct loading *l, struct assay_err *e)
{
    TRY(load_tasks(l, e));
    TRY(load_scenarios(l, e));
    if (l->parts & VIEW_TASKS)
        TRY(load_groups(l, e));
    return load_variants(l, e);
}

int view_load_parts(struct view *v, const char *const *runs, size_t n, uint32_t parts,
                    const struct view_set **out, struct assay_err *e)
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
    if (n == 1 && strcmp(runs[0], "machines") == 0) {
        const char **newest = ARENA_ARRAY(a, const char *, n_all);
        n = newest_of_machines(v, newest);
        runs = newest;
    }
    size_t n_runs = n ? n : 1;
    struct view_run *chosen = ARENA_ARRAY(a, struct view_run, n_runs);
    for (size_t i = 0; i < n_runs; i++) {
        const struct view_run *r;
        TRY(find_run(v, n ? runs[i] : NULL, &r, e));
        chosen[i] = *r;
        TRY(view_load_idle(v, &chosen[i], e));
    }
    *set = (struct view_set){.path = v->path,
                             .runs = chosen,
                             .n_runs = n_runs,
                             .measures = v->measures,
                             .n_measures = v->n_measures};
    struct loading l = {.view = v, .a = a, .set = set, .parts = parts};
    int rc = load_all(&l, e);
    arena_release(&l.scratch);
    *out = set;
    return rc;
}

int view_load(struct view *v, const char *const *runs, size_t n, const struct view_set **out,
              struct assay_err *e)
{
    return view_load_parts(v, runs, n, VIEW_SPEEDS | VIEW_TASKS, out, e);
}

int view_keep(struct view *v, const char *const *patterns, size_t n, const struct view_set **io,
              struct assay_err *e)
{
    const struct view_set *all = *io;
    struct view_variant *kept = ARENA_ARRAY(&v->arena, struct view_variant, all->n_variants + 1);
    bool *used = ARENA_ARRAY(&v->arena, bool, n + 1);
    size_t n_kept = 0;
    for (size_t i = 0; i < all->n_variants; i++) {
        const struct view_variant *x = &all->variants[i];
        bool keep = x->is_reference;
        for (size_t p = 0; p < n; p++)
            if (fnmatch(patterns[p], x->name, 0) == 0 || fnmatch(patterns[p], x->label, 0) == 0)
                keep = used[p] = true;
        if (keep)
            kept[n_kept++] = *x;
    }
    for (size_t p = 0; p < n; p++)
        if (!used[p])
            return err_set(e, ASSAY_EUSAGE, "no variant is called '%s'; see `assay list variants`",
                           patterns[p]);
    struct view_set *set = ARENA_NEW(&v->arena, struct view_set);
    *set = *all;
    set->variants = kept;
    set->n_variants = n_kept;
    *io = set;
    return 0;
}
