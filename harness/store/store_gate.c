/* store_gate.c - rows of the nightly gate. */
#include "harness/store/store_gate.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/store/store_impl.h"

static double column_real(sqlite3_stmt *st, int i)
{
    return sqlite3_column_type(st, i) == SQLITE_NULL ? NAN : sqlite3_column_double(st, i);
}

/* An array in the arena that grows as rows come. */
static void *room(struct arena *a, void *v, size_t n, size_t size)
{
    if ((n & (n - 1)) != 0 || (n > 0 && n < 16)) /* full at 16, 32, 64 ... */
        return v;
    if (n == 0)
        return arena_calloc(a, 16, size);
    void *w = arena_calloc(a, n * 2, size);
    memcpy(w, v, n * size);
    return w;
}

/* -- canaries and measurements in turns ---------------------------------------------------------- */

int store_put_canary(struct store *s, const struct store_canary *c, struct assay_err *e)
{
    return store_exec(s, e,
                      "INSERT INTO canary (run_id, name, rep, value, unit) VALUES (?, ?, ?, ?, ?) "
                      "ON CONFLICT DO UPDATE SET value = excluded.value, unit = excluded.unit",
                      "itidt", c->run_id, c->name, c->rep, c->value, c->unit);
}

int store_get_canaries(struct store *s, struct arena *a, struct store_canary **out, size_t *n,
                       struct assay_err *e)
{
    struct store_canary *v = NULL;
    int rc;
    *n = 0;
    sqlite3_stmt *st = store_query(
        s, e, "SELECT run_id, name, rep, value, unit FROM canary ORDER BY run_id, name, rep", "");
    if (!st)
        return ASSAY_EIO;
    while ((rc = store_step(s, st, e)) > 0) {
        v = room(a, v, *n, sizeof *v);
        v[(*n)++] = (struct store_canary){
            .run_id = sqlite3_column_int64(st, 0),
            .name = store_column(st, 1, a),
            .rep = sqlite3_column_int64(st, 2),
            .value = column_real(st, 3),
            .unit = store_column(st, 4, a),
        };
    }
    *out = v;
    return rc;
}

int store_put_rerun(struct store *s, const struct store_rerun *r, struct assay_err *e)
{
    return store_exec(s, e,
                      "INSERT INTO rerun (run_id, kind, variant, scenario, block, a, b) "
                      "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET a = excluded.a, "
                      "b = excluded.b",
                      "itttidd", r->run_id, r->kind, r->variant, r->scenario, r->block, r->a, r->b);
}

int store_get_reruns(struct store *s, int64_t run_id, struct arena *a, struct store_rerun **out,
                     size_t *n, struct assay_err *e)
{
    struct store_rerun *v = NULL;
    int rc;
    *n = 0;
    sqlite3_stmt *st = store_query(s, e,
                                   "SELECT run_id, kind, variant, scenario, block, a, b FROM rerun "
                                   "WHERE run_id = ? ORDER BY kind, variant, scenario, block",
                                   "i", run_id);
    if (!st)
        return ASSAY_EIO;
    while ((rc = store_step(s, st, e)) > 0) {
        v = room(a, v, *n, sizeof *v);
        v[(*n)++] = (struct store_rerun){
            .run_id = sqlite3_column_int64(st, 0),
            .kind = store_column(st, 1, a),
            .variant = store_column(st, 2, a),
            .scenario = store_column(st, 3, a),
            .block = sqlite3_column_int64(st, 4),
            .a = column_real(st, 5),
            .b = column_real(st, 6),
        };
    }
    *out = v;
    return rc;
}

/* -- findings ------------------------------------------------------------------------------------ */

int store_put_finding(struct store *s, const struct store_finding *f, struct assay_err *e)
{
    return store_exec(
        s, e,
        "INSERT INTO finding (uid, series, name, class, direction, state, tag, run_id, seen_id, "
        "before, "
        "after, reason, until_ns, changed_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (uid) DO UPDATE SET state = excluded.state, tag = excluded.tag, "
        "seen_id = excluded.seen_id, before = excluded.before, after = excluded.after, "
        "reason = excluded.reason, until_ns = excluded.until_ns, changed_ns = excluded.changed_ns",
        "tttttttiiddtii", f->uid, f->series, f->name, f->class_uid, f->direction, f->state, f->tag,
        f->run_id, f->seen_id, f->before, f->after, f->reason, f->until_ns, f->changed_ns);
}

int store_get_findings(struct store *s, const char *class_uid, struct arena *a,
                       struct store_finding **out, size_t *n, struct assay_err *e)
{
    struct store_finding *v = NULL;
    int rc;
    *n = 0;
    sqlite3_stmt *st =
        store_query(s, e,
                    "SELECT id, uid, series, name, class, direction, state, tag, run_id, "
                    "seen_id, before, after, reason, until_ns, changed_ns FROM finding "
                    "WHERE ?1 IS NULL OR class = ?1 ORDER BY id",
                    "t", class_uid);
    if (!st)
        return ASSAY_EIO;
    while ((rc = store_step(s, st, e)) > 0) {
        v = room(a, v, *n, sizeof *v);
        v[(*n)++] = (struct store_finding){
            .id = sqlite3_column_int64(st, 0),
            .uid = store_column(st, 1, a),
            .series = store_column(st, 2, a),
            .name = store_column(st, 3, a),
            .class_uid = store_column(st, 4, a),
            .direction = store_column(st, 5, a),
            .state = store_column(st, 6, a),
            .tag = store_column(st, 7, a),
            .run_id = sqlite3_column_int64(st, 8),
            .seen_id = sqlite3_column_int64(st, 9),
            .before = column_real(st, 10),
            .after = column_real(st, 11),
            .reason = store_column(st, 12, a),
            .until_ns = store_column_int(st, 13),
            .changed_ns = sqlite3_column_int64(st, 14),
        };
    }
    *out = v;
    return rc;
}

/* -- verdicts and baselines ---------------------------------------------------------------------- */

int store_put_gate(struct store *s, const struct store_gate *g, struct assay_err *e)
{
    return store_exec(
        s, e,
        "INSERT INTO gate (run_id, verdict, exit_code, headline, binary_uid, judged_ns) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run_id) DO UPDATE SET "
        "verdict = excluded.verdict, exit_code = excluded.exit_code, "
        "headline = excluded.headline, judged_ns = excluded.judged_ns, "
        "binary_uid = coalesce(excluded.binary_uid, binary_uid)",
        "ititti", g->run_id, g->verdict, g->exit_code, g->headline, g->binary_uid, g->judged_ns);
}

int store_get_gates(struct store *s, struct arena *a, struct store_gate **out, size_t *n,
                    struct assay_err *e)
{
    struct store_gate *v = NULL;
    int rc;
    *n = 0;
    sqlite3_stmt *st = store_query(
        s, e, "SELECT run_id, verdict, exit_code, headline, binary_uid, judged_ns FROM gate", "");
    if (!st)
        return ASSAY_EIO;
    while ((rc = store_step(s, st, e)) > 0) {
        v = room(a, v, *n, sizeof *v);
        v[(*n)++] = (struct store_gate){
            .run_id = sqlite3_column_int64(st, 0),
            .verdict = store_column(st, 1, a),
            .exit_code = sqlite3_column_int64(st, 2),
            .headline = store_column(st, 3, a),
            .binary_uid = store_column(st, 4, a),
            .judged_ns = sqlite3_column_int64(st, 5),
        };
    }
    *out = v;
    return rc;
}

int store_put_baseline(struct store *s, const struct store_baseline *b, struct assay_err *e)
{
    return store_exec(s, e,
                      "INSERT INTO baseline (class, run_id, reason, set_ns) VALUES (?, ?, ?, ?) "
                      "ON CONFLICT (class) DO UPDATE SET run_id = excluded.run_id, "
                      "reason = excluded.reason, set_ns = excluded.set_ns",
                      "titi", b->class_uid, b->run_id, b->reason, b->set_ns);
}

int store_get_baselines(struct store *s, struct arena *a, struct store_baseline **out, size_t *n,
                        struct assay_err *e)
{
    struct store_baseline *v = NULL;
    int rc;
    *n = 0;
    sqlite3_stmt *st =
        store_query(s, e, "SELECT class, run_id, reason, set_ns FROM baseline ORDER BY set_ns", "");
    if (!st)
        return ASSAY_EIO;
    while ((rc = store_step(s, st, e)) > 0) {
        v = room(a, v, *n, sizeof *v);
        v[(*n)++] = (struct store_baseline){
            .class_uid = store_column(st, 0, a),
            .run_id = sqlite3_column_int64(st, 1),
            .reason = store_column(st, 2, a),
            .set_ns = sqlite3_column_int64(st, 3),
        };
    }
    *out = v;
    return rc;
}

int store_get_class(struct store *s, int64_t run_id, char class_uid[65], struct assay_err *e)
{
    sqlite3_stmt *st = store_query(
        s, e, "SELECT m.class FROM run r JOIN machine m ON m.id = r.machine_id WHERE r.id = ?", "i",
        run_id);
    if (!st)
        return ASSAY_EIO;
    int rc = store_step(s, st, e);
    if (rc <= 0)
        return rc < 0 ? rc : err_set(e, ASSAY_ENOTFOUND, "database '%s' lost a run", s->path);
    snprintf(class_uid, 65, "%s", (const char *)sqlite3_column_text(st, 0));
    sqlite3_reset(st);
    return 0;
}
