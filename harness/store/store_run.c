/* store_run.c - the rows around the answers: machine, model, variant, run, job, task, group,
 * scenario.
 *
 * Puts find a row by its uid or make it; a row found is not changed. */
#include <stdio.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/store/store_impl.h"

/* -- machine, model, variant ------------------------------------------------------------------- */

int store_put_machine(struct store *s, const struct store_machine *m, int64_t *id,
                      struct assay_err *e)
{
    TRY(store_exec(s, e,
                   "INSERT INTO machine (uid, name, class, class_key, environment) "
                   "VALUES (?, ?, ?, ?, ?) ON CONFLICT (uid) DO NOTHING",
                   "ttttt", m->uid, m->name, m->class_uid, m->class_key, m->environment));
    return store_int(s, e, id, "SELECT id FROM machine WHERE uid = ?", "t", m->uid);
}

int store_put_model(struct store *s, const struct store_model *m, int64_t *id, struct assay_err *e)
{
    TRY(store_exec(s, e,
                   "INSERT INTO model (uid, name, path, bytes, arch, n_params) "
                   "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO NOTHING",
                   "tttiti", m->uid, m->name, m->path, m->bytes, m->arch, m->n_params));
    return store_int(s, e, id, "SELECT id FROM model WHERE uid = ?", "t", m->uid);
}

int store_put_variant(struct store *s, const struct store_variant *v, int64_t *id,
                      struct assay_err *e)
{
    TRY(store_exec(
        s, e,
        "INSERT INTO variant (uid, model_id, backend, backend_version, precision, options, "
        "info) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO NOTHING",
        "tittttt", v->uid, v->model_id, v->backend, v->backend_version, v->precision, v->options,
        v->info));
    return store_int(s, e, id, "SELECT id FROM variant WHERE uid = ?", "t", v->uid);
}

/* -- run --------------------------------------------------------------------------------------- */

int store_add_run(struct store *s, struct store_run *r, struct assay_err *e)
{
    TRY(store_exec(
        s, e,
        "INSERT INTO run (uid, plan_uid, suite, command, version, machine_id, seed, status, "
        "started_ns, ended_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "tttttiitii", r->uid, r->plan_uid, r->suite, r->command, r->version, r->machine_id, r->seed,
        r->status, r->started_ns, r->ended_ns));
    r->id = sqlite3_last_insert_rowid(s->db);
    return 0;
}

#define RUN_COLUMNS                                                                             \
    "SELECT id, uid, plan_uid, suite, command, version, machine_id, seed, status, started_ns, " \
    "ended_ns FROM run "

static void read_run(sqlite3_stmt *st, struct arena *a, struct store_run *r)
{
    *r = (struct store_run){
        .id = sqlite3_column_int64(st, 0),
        .uid = store_column(st, 1, a),
        .plan_uid = store_column(st, 2, a),
        .suite = store_column(st, 3, a),
        .command = store_column(st, 4, a),
        .version = store_column(st, 5, a),
        .machine_id = sqlite3_column_int64(st, 6),
        .seed = sqlite3_column_int64(st, 7),
        .status = store_column(st, 8, a),
        .started_ns = sqlite3_column_int64(st, 9),
        .ended_ns = store_column_int(st, 10),
    };
}

int store_find_unfinished(struct store *s, const char *plan_uid, const char *class_uid,
                          struct arena *a, struct store_run *r, struct assay_err *e)
{
    *r = (struct store_run){.id = 0};
    sqlite3_stmt *st =
        store_query(s, e,
                    RUN_COLUMNS "WHERE plan_uid = ? AND machine_id IN "
                                "(SELECT id FROM machine WHERE class = ?) AND status IN "
                                "('running', 'interrupted') ORDER BY id DESC LIMIT 1",
                    "tt", plan_uid, class_uid);
    if (!st)
        return ASSAY_EIO;
    int rc = store_step(s, st, e);
    if (rc > 0) {
        read_run(st, a, r);
        sqlite3_reset(st);
    }
    return rc < 0 ? rc : 0;
}

int store_get_run(struct store *s, const char *uid, struct arena *a, struct store_run *r,
                  struct assay_err *e)
{
    *r = (struct store_run){.id = 0};
    sqlite3_stmt *st =
        uid ? store_query(s, e, RUN_COLUMNS "WHERE substr(uid, 1, length(?1)) = ?1 LIMIT 2", "t",
                          uid)
            : store_query(s, e, RUN_COLUMNS "ORDER BY started_ns DESC, id DESC LIMIT 1", "");
    if (!st)
        return ASSAY_EIO;
    int n = 0, rc;
    while ((rc = store_step(s, st, e)) > 0)
        if (n++ == 0)
            read_run(st, a, r);
    if (rc < 0)
        return rc;
    if (n == 0 && uid)
        return err_set(e, ASSAY_EUSAGE, "database '%s' has no run '%s'; see `assay list runs`",
                       s->path, uid);
    if (n == 0)
        return err_set(e, ASSAY_EUSAGE, "database '%s' has no runs", s->path);
    if (n > 1)
        return err_set(e, ASSAY_EUSAGE, "more than one run begins with '%s'; give more digits",
                       uid);
    return 0;
}

int store_set_run_status(struct store *s, int64_t run_id, const char *status, int64_t ended_ns,
                         struct assay_err *e)
{
    return store_exec(s, e, "UPDATE run SET status = ?, ended_ns = ? WHERE id = ?", "tii", status,
                      ended_ns, run_id);
}

/* -- run_variant ------------------------------------------------------------------------------- */

void store_run_variant_init(struct store_run_variant *v)
{
    *v = (struct store_run_variant){
        .variant_id = STORE_NULL,
        .position = STORE_NULL,
        .signal = STORE_NULL,
        .exit_code = STORE_NULL,
        .load_ns = STORE_NULL,
        .weight_bytes = STORE_NULL,
        .file_bytes = STORE_NULL,
        .kv_bytes = STORE_NULL,
        .kv_bytes_per_token = STORE_NULL,
        .peak_rss_bytes = STORE_NULL,
        .anon_bytes = STORE_NULL,
        .file_rss_bytes = STORE_NULL,
        .n_evaluated = STORE_NULL,
        .n_reused = STORE_NULL,
    };
}

int store_plan_variant(struct store *s, struct store_run_variant *v, struct arena *a,
                       struct assay_err *e)
{
    TRY(store_exec(s, e,
                   "INSERT INTO run_variant (run_id, position, name, is_reference, status) "
                   "VALUES (?, ?, ?, ?, 'planned') ON CONFLICT (run_id, name) DO NOTHING",
                   "iitb", v->run_id, v->position, v->name, (int)v->is_reference));
    sqlite3_stmt *st = store_query(
        s, e, "SELECT id, status, variant_id FROM run_variant WHERE run_id = ? AND name = ?", "it",
        v->run_id, v->name);
    if (!st)
        return ASSAY_EIO;
    int rc = store_step(s, st, e);
    if (rc <= 0)
        return rc < 0 ? rc : err_set(e, ASSAY_EIO, "database '%s' lost a row", s->path);
    v->id = sqlite3_column_int64(st, 0);
    v->status = store_column(st, 1, a);
    v->variant_id = store_column_int(st, 2);
    sqlite3_reset(st);
    return 0;
}

/* The largest stays: a run that was interrupted goes on in a process that has less left to do.
 * Another model under the same name begins anew. */
static int set_memory(struct store *s, const struct store_run_variant *v, struct assay_err *e)
{
    return store_exec(
        s, e,
        "UPDATE run_variant SET weight_bytes = coalesce(?2, weight_bytes), "
        "file_bytes = coalesce(?3, file_bytes), "
        "kv_bytes = max(coalesce(?4, kv_bytes), coalesce(kv_bytes, ?4)), "
        "kv_bytes_per_token = coalesce(?5, kv_bytes_per_token), "
        "peak_rss_bytes = max(coalesce(?6, 0), coalesce(peak_rss_bytes, ?6)), "
        "file_rss_bytes = CASE WHEN ?7 <= anon_bytes THEN file_rss_bytes "
        "ELSE coalesce(?8, file_rss_bytes) END, "
        "anon_bytes = max(coalesce(?7, anon_bytes), coalesce(anon_bytes, ?7)), "
        "n_evaluated = coalesce(?9, n_evaluated), n_reused = coalesce(?10, n_reused) WHERE id = ?1",
        "iiiiiiiiii", v->id, v->weight_bytes, v->file_bytes, v->kv_bytes, v->kv_bytes_per_token,
        v->peak_rss_bytes, v->anon_bytes, v->file_rss_bytes, v->n_evaluated, v->n_reused);
}

int store_set_variant(struct store *s, const struct store_run_variant *v, struct assay_err *e)
{
    TRY(store_exec(s, e,
                   "UPDATE run_variant SET weight_bytes = NULL, kv_bytes = NULL, "
                   "kv_bytes_per_token = NULL, peak_rss_bytes = NULL, anon_bytes = NULL, "
                   "file_rss_bytes = NULL, n_evaluated = NULL, n_reused = NULL "
                   "WHERE id = ?1 AND variant_id <> ?2",
                   "ii", v->id, v->variant_id));
    TRY(store_exec(
        s, e,
        "UPDATE run_variant SET variant_id = coalesce(?2, variant_id), "
        "reason = CASE WHEN ?3 IS NULL THEN reason ELSE ?4 END, "
        "status = coalesce(?3, status), signal = CASE WHEN ?3 IS NULL THEN signal ELSE ?5 END, "
        "exit_code = CASE WHEN ?3 IS NULL THEN exit_code ELSE ?6 END, "
        "load_ns = coalesce(?7, load_ns) WHERE id = ?1",
        "iittiii", v->id, v->variant_id, v->status, v->reason, v->signal, v->exit_code,
        v->load_ns));
    return set_memory(s, v, e);
}

int store_get_variants(struct store *s, int64_t run_id, struct arena *a,
                       struct store_run_variant **out, size_t *n, struct assay_err *e)
{
    int64_t count = 0;
    TRY(store_int(s, e, &count, "SELECT count(*) FROM run_variant WHERE run_id = ?", "i", run_id));
    struct store_run_variant *v = ARENA_ARRAY(a, struct store_run_variant, (size_t)count + 1);
    sqlite3_stmt *st =
        store_query(s, e,
                    "SELECT id, run_id, variant_id, position, name, is_reference, status, "
                    "reason, n_evaluated, n_reused FROM run_variant WHERE run_id = ? "
                    "ORDER BY position",
                    "i", run_id);
    if (!st)
        return ASSAY_EIO;
    int rc;
    *n = 0;
    while ((rc = store_step(s, st, e)) > 0 && *n < (size_t)count) {
        struct store_run_variant *x = &v[(*n)++];
        store_run_variant_init(x);
        x->id = sqlite3_column_int64(st, 0);
        x->run_id = sqlite3_column_int64(st, 1);
        x->variant_id = store_column_int(st, 2);
        x->position = sqlite3_column_int64(st, 3);
        x->name = store_column(st, 4, a);
        x->is_reference = sqlite3_column_int(st, 5) != 0;
        x->status = store_column(st, 6, a);
        x->reason = store_column(st, 7, a);
        x->n_evaluated = store_column_int(st, 8);
        x->n_reused = store_column_int(st, 9);
    }
    sqlite3_reset(st);
    *out = v;
    return rc < 0 ? rc : 0;
}

/* -- job --------------------------------------------------------------------------------------- */

void store_job_init(struct store_job *j)
{
    *j = (struct store_job){
        .task_id = STORE_NULL,
        .scenario_id = STORE_NULL,
        .n_items = STORE_NULL,
        .n_done = STORE_NULL,
        .n_asked = STORE_NULL,
        .n_reused = STORE_NULL,
        .n_tokens = STORE_NULL,
        .n_cut = STORE_NULL,
        .wall_ns = STORE_NULL,
        .cpu_ns = STORE_NULL,
    };
}

#define JOB_COLUMNS                                                                          \
    "SELECT id, run_variant_id, kind, task_id, scenario_id, name, status, reason, warning, " \
    "n_items, "                                                                              \
    "n_done, n_asked, n_reused, n_tokens, n_cut, wall_ns, cpu_ns FROM job "

static void read_job(sqlite3_stmt *st, struct arena *a, struct store_job *j)
{
    *j = (struct store_job){
        .id = sqlite3_column_int64(st, 0),
        .run_variant_id = sqlite3_column_int64(st, 1),
        .kind = store_column(st, 2, a),
        .task_id = store_column_int(st, 3),
        .scenario_id = store_column_int(st, 4),
        .name = store_column(st, 5, a),
        .status = store_column(st, 6, a),
        .reason = store_column(st, 7, a),
        .warning = store_column(st, 8, a),
        .n_items = store_column_int(st, 9),
        .n_done = store_column_int(st, 10),
        .n_asked = store_column_int(st, 11),
        .n_reused = store_column_int(st, 12),
        .n_tokens = store_column_int(st, 13),
        .n_cut = store_column_int(st, 14),
        .wall_ns = store_column_int(st, 15),
        .cpu_ns = store_column_int(st, 16),
    };
}

int store_plan_job(struct store *s, struct store_job *j, struct arena *a, struct assay_err *e)
{
    TRY(store_exec(
        s, e,
        "INSERT INTO job (run_variant_id, kind, task_id, scenario_id, name, status, n_items) "
        "VALUES (?, ?, ?, ?, ?, 'planned', ?) ON CONFLICT (run_variant_id, kind, name) "
        "DO NOTHING",
        "itiiti", j->run_variant_id, j->kind, j->task_id, j->scenario_id, j->name, j->n_items));
    sqlite3_stmt *st =
        store_query(s, e, JOB_COLUMNS "WHERE run_variant_id = ? AND kind = ? AND name = ?", "itt",
                    j->run_variant_id, j->kind, j->name);
    if (!st)
        return ASSAY_EIO;
    int rc = store_step(s, st, e);
    if (rc <= 0)
        return rc < 0 ? rc : err_set(e, ASSAY_EIO, "database '%s' lost a row", s->path);
    read_job(st, a, j);
    sqlite3_reset(st);
    return 0;
}

int store_set_job(struct store *s, const struct store_job *j, struct assay_err *e)
{
    return store_exec(
        s, e,
        "UPDATE job SET task_id = coalesce(?2, task_id), scenario_id = coalesce(?3, scenario_id), "
        "reason = CASE WHEN ?4 IS NULL THEN reason ELSE ?5 END, "
        "warning = CASE WHEN ?4 IS NULL THEN warning ELSE ?6 END, status = coalesce(?4, status), "
        "n_items = coalesce(?7, n_items), n_done = coalesce(?8, n_done), "
        "n_asked = coalesce(?9, n_asked), n_reused = coalesce(?10, n_reused), "
        "n_tokens = coalesce(?11, n_tokens), n_cut = coalesce(?12, n_cut), "
        "wall_ns = coalesce(?13, wall_ns), cpu_ns = coalesce(?14, cpu_ns) WHERE id = ?1",
        "iiitttiiiiiiii", j->id, j->task_id, j->scenario_id, j->status, j->reason, j->warning,
        j->n_items, j->n_done, j->n_asked, j->n_reused, j->n_tokens, j->n_cut, j->wall_ns,
        j->cpu_ns);
}

int store_get_jobs(struct store *s, int64_t run_variant_id, struct arena *a, struct store_job **out,
                   size_t *n, struct assay_err *e)
{
    int64_t count = 0;
    TRY(store_int(s, e, &count, "SELECT count(*) FROM job WHERE run_variant_id = ?", "i",
                  run_variant_id));
    struct store_job *jobs = ARENA_ARRAY(a, struct store_job, (size_t)count + 1);
    sqlite3_stmt *st =
        store_query(s, e, JOB_COLUMNS "WHERE run_variant_id = ? ORDER BY id", "i", run_variant_id);
    if (!st)
        return ASSAY_EIO;
    int rc;
    *n = 0;
    while ((rc = store_step(s, st, e)) > 0 && *n < (size_t)count)
        read_job(st, a, &jobs[(*n)++]);
    sqlite3_reset(st);
    *out = jobs;
    return rc < 0 ? rc : 0;
}

int store_end_jobs(struct store *s, int64_t run_variant_id, const char *status, const char *reason,
                   struct assay_err *e)
{
    return store_exec(
        s, e,
        "UPDATE job SET status = CASE status WHEN 'running' THEN 'failed' ELSE ?2 END, "
        "reason = ?3 WHERE run_variant_id = ?1 AND status IN ('planned', 'running')",
        "itt", run_variant_id, status, reason);
}

int store_clear_job(struct store *s, int64_t job_id, struct assay_err *e)
{
    TRY(store_exec(s, e, "DELETE FROM score WHERE job_id = ?", "i", job_id));
    TRY(store_exec(s, e, "DELETE FROM result WHERE job_id = ?", "i", job_id));
    TRY(store_exec(s, e, "DELETE FROM notice WHERE job_id = ?", "i", job_id));
    TRY(store_exec(s, e, "DELETE FROM divergence WHERE job_id = ?", "i", job_id));
    TRY(store_exec(s, e, "DELETE FROM energy WHERE job_id = ?", "i", job_id));
    return store_exec(s, e, "DELETE FROM sample WHERE job_id = ?", "i", job_id);
}

/* -- early stopping ---------------------------------------------------------------------------- */

int store_put_decision(struct store *s, const struct store_decision *d, struct assay_err *e)
{
    return store_exec(s, e,
                      "INSERT OR REPLACE INTO decision (run_variant_id, verdict, margin, alpha, "
                      "n_subjects, n_items, n_seen, losses, gains, e_pass, e_fail) "
                      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      "itddiiiiidd", d->run_variant_id, d->verdict, d->margin, d->alpha,
                      d->n_subjects, d->n_items, d->n_seen, d->losses, d->gains, d->e_pass,
                      d->e_fail);
}

int store_get_decided(struct store *s, int64_t run_variant_id, int64_t *n_items, int64_t *n_seen,
                      struct assay_err *e)
{
    *n_items = *n_seen = 0;
    TRY(store_int(s, e, n_items, "SELECT n_items FROM decision WHERE run_variant_id = ?", "i",
                  run_variant_id));
    return store_int(s, e, n_seen, "SELECT n_seen FROM decision WHERE run_variant_id = ?", "i",
                     run_variant_id);
}

int store_forget_decision(struct store *s, int64_t run_variant_id, struct assay_err *e)
{
    return store_exec(s, e, "DELETE FROM decision WHERE run_variant_id = ?", "i", run_variant_id);
}

int store_get_scored(struct store *s, int64_t job_id, struct arena *a, size_t **idx, size_t *n,
                     struct assay_err *e)
{
    int64_t count = 0;
    TRY(store_int(s, e, &count, "SELECT count(DISTINCT idx) FROM score WHERE job_id = ?", "i",
                  job_id));
    *idx = ARENA_ARRAY(a, size_t, (size_t)count + 1);
    *n = 0;
    sqlite3_stmt *st = store_query(
        s, e, "SELECT DISTINCT idx FROM score WHERE job_id = ? ORDER BY idx", "i", job_id);
    if (!st)
        return ASSAY_EIO;
    int rc;
    while ((rc = store_step(s, st, e)) > 0 && *n < (size_t)count)
        (*idx)[(*n)++] = (size_t)sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    return rc < 0 ? rc : 0;
}

/* -- task, group, scenario --------------------------------------------------------------------- */

int store_put_task(struct store *s, const struct store_task *t, int64_t *id, struct assay_err *e)
{
    TRY(store_exec(
        s, e,
        "INSERT INTO task (uid, name, alias, version, output_type, n_fewshot, config_uid, "
        "dataset_uid, dataset, config) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (uid) DO NOTHING",
        "tttttitttt", t->uid, t->name, t->alias, t->version, t->output_type, t->n_fewshot,
        t->config_uid, t->dataset_uid, t->dataset, t->config));
    return store_int(s, e, id, "SELECT id FROM task WHERE uid = ?", "t", t->uid);
}

int store_put_group(struct store *s, const struct store_group *g, int64_t *id, struct assay_err *e)
{
    TRY(store_exec(s, e,
                   "INSERT INTO task_group (run_id, name, alias, members, leaves) "
                   "VALUES (?, ?, ?, ?, ?) ON CONFLICT (run_id, name) DO UPDATE SET "
                   "alias = excluded.alias, members = excluded.members, leaves = excluded.leaves",
                   "itttt", g->run_id, g->name, g->alias, g->members, g->leaves));
    return store_int(s, e, id, "SELECT id FROM task_group WHERE run_id = ? AND name = ?", "it",
                     g->run_id, g->name);
}

int store_put_scenario(struct store *s, const struct store_scenario *c, int64_t *id,
                       struct assay_err *e)
{
    TRY(store_exec(s, e,
                   "INSERT INTO scenario (uid, name, kind, params) VALUES (?, ?, ?, ?) "
                   "ON CONFLICT (uid) DO NOTHING",
                   "tttt", c->uid, c->name, c->kind, c->params));
    return store_int(s, e, id, "SELECT id FROM scenario WHERE uid = ?", "t", c->uid);
}

static int read_uid(struct store *s, sqlite3_stmt *st, char uid[65], struct assay_err *e)
{
    if (!st)
        return ASSAY_EIO;
    int rc = store_step(s, st, e);
    if (rc > 0) {
        snprintf(uid, 65, "%s", (const char *)sqlite3_column_text(st, 0));
        sqlite3_reset(st);
    }
    return rc < 0 ? rc : 0;
}

int store_get_variant_uid(struct store *s, int64_t id, char uid[65], struct assay_err *e)
{
    uid[0] = 0;
    return read_uid(s, store_query(s, e, "SELECT uid FROM variant WHERE id = ?", "i", id), uid, e);
}

int store_get_variant_info(struct store *s, int64_t id, struct arena *a, const char **info,
                           struct assay_err *e)
{
    sqlite3_stmt *st = store_query(s, e, "SELECT info FROM variant WHERE id = ?", "i", id);
    if (!st)
        return ASSAY_EIO;
    int rc = store_step(s, st, e);
    *info = "{}";
    if (rc > 0) {
        *info = store_column(st, 0, a);
        sqlite3_reset(st);
    }
    return rc < 0 ? rc : 0;
}

int store_get_task_uid(struct store *s, int64_t id, char uid[65], struct assay_err *e)
{
    uid[0] = 0;
    return read_uid(s, store_query(s, e, "SELECT uid FROM task WHERE id = ?", "i", id), uid, e);
}
