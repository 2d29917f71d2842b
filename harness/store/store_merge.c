/* store_merge.c - the rows of another database, brought into this one.
 *
 * Row numbers mean nothing outside their file: each table's are mapped, parents before children, and
 * what is content (models, tasks, answers ...) is found again by what it is.  A run comes whole with
 * what it owns, or stays out; what the gate says about runs is taken from whoever said it last.
 * Invariant afterwards: runs are numbered in the order they started, as the gate takes them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/store/store_impl.h"

enum { MOST_COLUMNS = 40 };
enum kind {
    SHARED,  /* content with a number of its own: found by key, else added */
    CONTENT, /* rows of shared things: what is there already stays */
    RUN,
    OWNED, /* by one run: comes and goes with it */
    SAID   /* about a run: the newer one wins */
};
struct table {
    const char *name;
    enum kind kind;
    const char *key[2];   /* SHARED, RUN: the columns it is known by */
    const char *conflict; /* CONTENT, SAID: how an INSERT ends */
};

#define NEWER(key, sets, when) "ON CONFLICT (" key ") DO UPDATE SET " sets " WHERE " when
static const struct table tables[] = {
    {"machine", SHARED, {"uid"}, ""},
    {"model", SHARED, {"uid"}, ""},
    {"variant", SHARED, {"uid"}, ""},
    {"task", SHARED, {"uid"}, ""},
    {"scenario", SHARED, {"uid"}, ""},
    {"measure", SHARED, {"metric", "filter"}, ""},
    {"item", CONTENT, {0}, "ON CONFLICT DO NOTHING"},
    {"cluster", CONTENT, {0}, "ON CONFLICT DO NOTHING"},
    {"response", CONTENT, {0}, "ON CONFLICT DO NOTHING"},
    {"run", RUN, {"uid"}, ""},
    {"run_variant", OWNED, {0}, ""},
    {"task_group", OWNED, {0}, ""},
    {"job", OWNED, {0}, ""},
    {"score", OWNED, {0}, ""},
    {"result", OWNED, {0}, ""},
    {"divergence", OWNED, {0}, ""},
    {"sample", OWNED, {0}, ""},
    {"notice", OWNED, {0}, ""},
    {"energy", OWNED, {0}, ""},
    {"idle", OWNED, {0}, ""},
    {"decision", OWNED, {0}, ""},
    {"canary", SAID, {0}, "ON CONFLICT DO NOTHING"},
    {"rerun", SAID, {0}, "ON CONFLICT DO NOTHING"},
    {"finding",
     SAID,
     {0},
     NEWER("uid",
           "state = excluded.state, tag = excluded.tag, seen_id = excluded.seen_id, "
           "before = excluded.before, after = excluded.after, reason = excluded.reason, "
           "until_ns = excluded.until_ns, changed_ns = excluded.changed_ns",
           "(excluded.changed_ns, (SELECT started_ns FROM run WHERE id = excluded.seen_id)) > "
           "(finding.changed_ns, (SELECT started_ns FROM run WHERE id = finding.seen_id))")},
    {"gate",
     SAID,
     {0},
     NEWER("run_id",
           "verdict = excluded.verdict, exit_code = excluded.exit_code, "
           "headline = excluded.headline, binary_uid = excluded.binary_uid, "
           "judged_ns = excluded.judged_ns",
           "excluded.judged_ns > gate.judged_ns")},
    {"baseline",
     SAID,
     {0},
     NEWER("class", "run_id = excluded.run_id, reason = excluded.reason, set_ns = excluded.set_ns",
           "excluded.set_ns > baseline.set_ns")},
};
enum { N_TABLES = sizeof tables / sizeof *tables };

struct pair { /* a row's number there and here */
    int64_t from, to;
    bool is_new; /* of a run: what it owns is taken over */
};
struct map { /* in rising order of `from` */
    struct pair *v;
    size_t n, cap;
};
struct merging {
    struct store *to, *from;
    struct map maps[N_TABLES];
    struct store_merged *out;
    struct arena a;
};
struct plan { /* how one table is copied */
    const struct table *t;
    int n, id;                     /* columns; the place of "id", -1: none */
    int ref[MOST_COLUMNS];         /* the table a column refers to, by place; -1: none */
    sqlite3_stmt *in, *out, *find; /* find: of those with a key */
    int key[2];                    /* places of the key's columns */
};

static size_t table_at(const char *name)
{
    size_t i = 0;
    while (i < N_TABLES && strcmp(tables[i].name, name) != 0)
        i++;
    return i;
}

static int map_add(struct map *m, struct pair p, struct assay_err *e)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 64;
        struct pair *v = realloc(m->v, cap * sizeof *v);
        if (!v)
            return err_set(e, ASSAY_ENOMEM, "out of memory");
        m->v = v;
        m->cap = cap;
    }
    m->v[m->n++] = p;
    return 0;
}

static const struct pair *map_get(const struct map *m, int64_t from)
{
    size_t lo = 0, hi = m->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->v[mid].from < from)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < m->n && m->v[lo].from == from ? &m->v[lo] : NULL;
}

static int fail(struct merging *m, struct assay_err *e)
{
    if (sqlite3_errcode(m->to->db) == SQLITE_CONSTRAINT)
        return err_set(e, ASSAY_EFORMAT, "cannot merge '%s' into '%s': %s; see `assay db check`",
                       m->from->path, m->to->path, sqlite3_errmsg(m->to->db));
    return store_fail(m->to, e);
}

static int prepare(struct store *s, const char *sql, sqlite3_stmt **st, struct assay_err *e)
{
    return sqlite3_prepare_v2(s->db, sql, -1, st, NULL) == SQLITE_OK ? 0 : store_fail(s, e);
}

/* -- one table ----------------------------------------------------------------------------------- */

static int find_columns(struct merging *m, struct plan *p, struct buf *names, struct assay_err *e)
{
    sqlite3_stmt *st = NULL;
    TRY(prepare(m->to, arena_printf(&m->a, "SELECT * FROM \"%s\"", p->t->name), &st, e));
    p->n = sqlite3_column_count(st);
    for (int i = 0; i < p->n && i < MOST_COLUMNS; i++) {
        const char *name = sqlite3_column_name(st, i);
        p->ref[i] = -1;
        if (strcmp(name, "id") == 0)
            p->id = i;
        for (int k = 0; k < 2 && p->t->key[k]; k++)
            if (strcmp(p->t->key[k], name) == 0)
                p->key[k] = i;
        buf_printf(names, "%s[%s]", i ? ", " : "", name); /* never taken for a text */
    }
    sqlite3_finalize(st);
    return p->n <= MOST_COLUMNS
               ? 0
               : err_set(e, ASSAY_ELIMIT, "table %s has too many columns", p->t->name);
}

static int find_refs(struct merging *m, struct plan *p, struct assay_err *e)
{
    sqlite3_stmt *st = NULL;
    TRY(prepare(m->to,
                arena_printf(&m->a,
                             "SELECT c.cid, f.\"table\" FROM pragma_foreign_key_list('%s') f "
                             "JOIN pragma_table_info('%s') c ON c.name = f.\"from\"",
                             p->t->name, p->t->name),
                &st, e));
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        p->ref[sqlite3_column_int(st, 0)] = (int)table_at((const char *)sqlite3_column_text(st, 1));
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : store_fail(m->to, e);
}

static int make_plan(struct merging *m, struct plan *p, struct assay_err *e)
{
    struct buf names, marks;
    buf_init(&names, 0);
    buf_init(&marks, 0);
    int rc = find_columns(m, p, &names, e);
    for (int i = 0; i < p->n; i++)
        buf_adds(&marks, i ? ", ?" : "?");
    if (rc >= 0)
        rc = find_refs(m, p, e);
    if (rc >= 0)
        rc = prepare(m->from,
                     arena_printf(&m->a, "SELECT %s FROM \"%s\"%s%s", names.v, p->t->name,
                                  p->t->kind == RUN ? " WHERE status <> 'running'" : "",
                                  p->id >= 0 ? " ORDER BY id" : ""),
                     &p->in, e);
    if (rc >= 0)
        rc = prepare(m->to,
                     arena_printf(&m->a, "INSERT INTO \"%s\" (%s) VALUES (%s) %s", p->t->name,
                                  names.v, marks.v, p->t->conflict),
                     &p->out, e);
    if (rc >= 0 && p->t->key[0])
        rc = prepare(m->to,
                     arena_printf(&m->a, "SELECT id FROM \"%s\" WHERE %s = ?%s%s%s", p->t->name,
                                  p->t->key[0], p->t->key[1] ? " AND " : "",
                                  p->t->key[1] ? p->t->key[1] : "", p->t->key[1] ? " = ?" : ""),
                     &p->find, e);
    buf_release(&names);
    buf_release(&marks);
    return rc;
}

/* 1: the row is bound; 0: it belongs to a run that is not taken over. */
static int bind_row(struct merging *m, struct plan *p)
{
    for (int i = 0; i < p->n; i++) {
        int type = sqlite3_column_type(p->in, i);
        if (i == p->id) {
            sqlite3_bind_null(p->out, i + 1);
        } else if (p->ref[i] < 0 || type == SQLITE_NULL) {
            sqlite3_bind_value(p->out, i + 1, sqlite3_column_value(p->in, i));
        } else {
            const struct pair *x = map_get(&m->maps[p->ref[i]], sqlite3_column_int64(p->in, i));
            bool is_run = tables[p->ref[i]].kind == RUN;
            if (!x || (is_run && p->t->kind == OWNED && !x->is_new))
                return 0;
            sqlite3_bind_int64(p->out, i + 1, x->to);
        }
    }
    return 1;
}

/* The number of a row that is here already; 0: it is not. */
static int find_known(struct merging *m, struct plan *p, int64_t *id, struct assay_err *e)
{
    *id = 0;
    for (int k = 0; k < 2 && p->t->key[k]; k++)
        sqlite3_bind_value(p->find, k + 1, sqlite3_column_value(p->in, p->key[k]));
    int rc = sqlite3_step(p->find);
    if (rc == SQLITE_ROW)
        *id = sqlite3_column_int64(p->find, 0);
    sqlite3_reset(p->find);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : fail(m, e);
}

/* Another answer to a request that was answered here: the machines, or an engine, do not agree. */
static int count_different(struct merging *m, const struct plan *p, struct assay_err *e)
{
    sqlite3_stmt *st = store_prepare(
        m->to,
        "SELECT count(*) FROM response WHERE variant_id = ?1 AND request = ?2 AND "
        "(logprob IS NOT ?3 OR n_tokens IS NOT ?4 OR is_greedy IS NOT ?5 OR text IS NOT ?6)",
        e);
    if (!st)
        return ASSAY_EIO;
    sqlite3_bind_int64(st, 1, map_get(&m->maps[p->ref[0]], sqlite3_column_int64(p->in, 0))->to);
    for (int i = 1; i < 6; i++)
        sqlite3_bind_value(st, i + 1, sqlite3_column_value(p->in, i));
    int rc = store_step(m->to, st, e);
    if (rc > 0)
        m->out->n_different += (size_t)sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    return rc < 0 ? rc : 0;
}

/* -- runs ---------------------------------------------------------------------------------------- */

/* What a run owns, children first. */
static int forget_owned(struct store *s, int64_t run_id, struct assay_err *e)
{
#define OF_RUN "(SELECT id FROM run_variant WHERE run_id = ?1)"
#define OF_JOB " WHERE job_id IN (SELECT id FROM job WHERE run_variant_id IN " OF_RUN ")"
    static const char *const parts[] = {
        "DELETE FROM score" OF_JOB,
        "DELETE FROM divergence" OF_JOB,
        "DELETE FROM sample" OF_JOB,
        "DELETE FROM notice" OF_JOB,
        "DELETE FROM energy" OF_JOB,
        "DELETE FROM result WHERE run_variant_id IN " OF_RUN,
        "DELETE FROM decision WHERE run_variant_id IN " OF_RUN,
        "DELETE FROM job WHERE run_variant_id IN " OF_RUN,
        "DELETE FROM run_variant WHERE run_id = ?1",
        "DELETE FROM task_group WHERE run_id = ?1",
        "DELETE FROM idle WHERE run_id = ?1",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        TRY(store_exec(s, e, parts[i], "i", run_id));
    return 0;
}

/* A run that is here already: was it resumed there since?  Then its newer state takes the place of the
 * older one. */
static int renew_run(struct merging *m, struct pair *run, struct assay_err *e)
{
    int64_t ended = 0;
    sqlite3_stmt *st = store_query(
        m->from, e, "SELECT status, coalesce(ended_ns, 0), version, command FROM run WHERE id = ?",
        "i", run->from);
    if (!st)
        return ASSAY_EIO;
    TRY(store_int(m->to, e, &ended, "SELECT coalesce(ended_ns, 0) FROM run WHERE id = ?", "i",
                  run->to));
    int rc = store_step(m->from, st, e);
    run->is_new = rc > 0 && sqlite3_column_int64(st, 1) > ended;
    m->out->n_renewed += run->is_new;
    m->out->n_kept += !run->is_new;
    if (run->is_new) {
        rc = forget_owned(m->to, run->to, e);
        if (rc >= 0)
            rc = store_exec(m->to, e,
                            "UPDATE run SET status = ?2, ended_ns = ?3, version = ?4, command = ?5 "
                            "WHERE id = ?1",
                            "ititt", run->to, store_column(st, 0, &m->a),
                            sqlite3_column_int64(st, 1), store_column(st, 2, &m->a),
                            store_column(st, 3, &m->a));
    }
    sqlite3_reset(st);
    return rc < 0 ? rc : 0;
}

/* -- rows ---------------------------------------------------------------------------------------- */

static int copy_row(struct merging *m, struct plan *p, struct map *map, struct assay_err *e)
{
    struct pair x = {p->id >= 0 ? sqlite3_column_int64(p->in, p->id) : 0, 0, true};
    if (p->find)
        TRY(find_known(m, p, &x.to, e));
    if (x.to && p->t->kind == RUN)
        TRY(renew_run(m, &x, e));
    if (!x.to) {
        if (!bind_row(m, p))
            return 0;
        int rc = sqlite3_step(p->out) == SQLITE_DONE ? 0 : fail(m, e);
        sqlite3_reset(p->out);
        TRY(rc);
        x.to = sqlite3_last_insert_rowid(m->to->db);
        m->out->n_added += p->t->kind == RUN;
        if (sqlite3_changes(m->to->db) == 0 && strcmp(p->t->name, "response") == 0)
            TRY(count_different(m, p, e));
    }
    return p->id < 0 ? 0 : map_add(map, x, e);
}

static int copy_table(struct merging *m, size_t at, struct assay_err *e)
{
    struct plan p = {.t = &tables[at], .id = -1};
    int rc = make_plan(m, &p, e), step = SQLITE_DONE;
    while (rc >= 0 && (step = sqlite3_step(p.in)) == SQLITE_ROW)
        rc = copy_row(m, &p, &m->maps[at], e);
    if (rc >= 0 && step != SQLITE_DONE)
        rc = store_fail(m->from, e);
    sqlite3_finalize(p.in);
    sqlite3_finalize(p.out);
    sqlite3_finalize(p.find);
    return rc;
}

/* -- the order of runs --------------------------------------------------------------------------- */

/* Numbers are given anew in two steps, by way of negative ones that nothing else has. */
static int renumber_runs(struct store *s, struct assay_err *e)
{
    static const char *const places[][2] = {
        {"run", "id"},          {"run_variant", "run_id"}, {"task_group", "run_id"},
        {"canary", "run_id"},   {"rerun", "run_id"},       {"finding", "run_id"},
        {"finding", "seen_id"}, {"gate", "run_id"},        {"baseline", "run_id"},
        {"idle", "run_id"}};
    int64_t is_off = 0;
    TRY(store_int(s, e, &is_off,
                  "SELECT EXISTS (SELECT 1 FROM (SELECT started_ns AS x, lag(started_ns) OVER "
                  "(ORDER BY id) AS before FROM run) WHERE before > x)",
                  ""));
    if (!is_off)
        return 0;
    int rc =
        store_script(s,
                     "PRAGMA defer_foreign_keys = 1; CREATE TEMP TABLE place (old INTEGER PRIMARY "
                     "KEY, new INTEGER NOT NULL); INSERT INTO temp.place SELECT id, row_number() "
                     "OVER (ORDER BY started_ns, id) FROM main.run",
                     e);
    for (size_t i = 0; rc >= 0 && i < sizeof places / sizeof *places; i++) {
        const char *t = places[i][0], *c = places[i][1];
        char sql[300];
        snprintf(sql, sizeof sql,
                 "UPDATE \"%s\" SET %s = -(SELECT new FROM temp.place WHERE old = %s); "
                 "UPDATE \"%s\" SET %s = -%s",
                 t, c, c, t, c, c);
        rc = store_script(s, sql, e);
    }
    return rc < 0 ? rc : store_script(s, "DROP TABLE temp.place", e);
}

/* -- all of it ----------------------------------------------------------------------------------- */

static int check_source(struct merging *m, struct assay_err *e)
{
    struct stat a, b;
    sqlite3_stmt *st = NULL;
    int64_t n = 0;
    if (stat(m->from->path, &a) == 0 && stat(m->to->path, &b) == 0 && a.st_dev == b.st_dev &&
        a.st_ino == b.st_ino)
        return err_set(e, ASSAY_EUSAGE, "cannot merge database '%s' into itself", m->from->path);
    TRY(store_script(m->from, "BEGIN", e)); /* all tables as of one moment */
    TRY(prepare(m->from, "PRAGMA foreign_key_check", &st, e));
    int rc = sqlite3_step(st);
    sqlite3_finalize(st);
    if (rc == SQLITE_ROW)
        return err_set(
            e, ASSAY_EFORMAT,
            "cannot merge '%s': rows refer to rows that are not there; see `assay db check`",
            m->from->path);
    if (rc != SQLITE_DONE)
        return store_fail(m->from, e);
    TRY(store_int(m->from, e, &n, "SELECT count(*) FROM run WHERE status = 'running'", ""));
    m->out->n_running = (size_t)n;
    return 0;
}

static int merge(struct merging *m, struct assay_err *e)
{
    TRY(check_source(m, e));
    TRY(store_begin(m->to, e));
    for (size_t i = 0; i < N_TABLES; i++)
        TRY(copy_table(m, i, e));
    TRY(renumber_runs(m->to, e));
    return store_commit(m->to, e);
}

int store_merge(struct store *to, const char *path, struct store_merged *out, struct assay_err *e)
{
    struct merging m = {.to = to, .out = out};
    *out = (struct store_merged){0};
    TRY(store_open(path, STORE_READ, &m.from, e));
    int rc = merge(&m, e);
    if (rc < 0)
        store_rollback(to);
    store_close(m.from);
    for (size_t i = 0; i < N_TABLES; i++)
        free(m.maps[i].v);
    arena_release(&m.a);
    return rc;
}
