/* store_care.c - checking, compacting and exporting a database. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/fs.h"
#include "harness/store/store_impl.h"

/* -- check ------------------------------------------------------------------------------------- */

struct findings {
    store_line_fn *fn;
    void *user;
    size_t n;
};

static void found(struct findings *f, const char *line)
{
    f->n++;
    if (f->fn)
        f->fn(f->user, line);
}

/* What the schema cannot say.  Each query yields one line per breach, none when all is well. */
static const char *const invariants[] = {
    "SELECT 'run ' || r.uid || ' has ' || count(v.id) || ' reference variants, expected at most 1' "
    "FROM run r JOIN run_variant v ON v.run_id = r.id AND v.is_reference GROUP BY r.id "
    "HAVING count(v.id) > 1",
    "SELECT 'variant ''' || name || ''' is done but was never opened' FROM run_variant "
    "WHERE status = 'done' AND variant_id IS NULL",
    "SELECT 'variant ''' || v.name || ''' is done but its job ''' || j.name || ''' is ' || "
    "j.status "
    "FROM run_variant v JOIN job j ON j.run_variant_id = v.id "
    "WHERE v.status = 'done' AND j.status IN ('planned', 'running')",
    "SELECT 'variant ''' || name || ''' is ' || status || ' without a reason' FROM run_variant "
    "WHERE status IN ('failed', 'crashed', 'timeout') AND reason IS NULL",
    "SELECT 'job ''' || name || ''' is ' || status || ' without a reason' FROM job "
    "WHERE status IN ('failed', 'skipped') AND reason IS NULL",
    "SELECT 'job ' || id || ' (''' || name || ''') is done with ' || n_done || ' of ' || n_items "
    "|| "
    "' items' FROM job WHERE kind = 'task' AND status = 'done' AND n_done IS NOT n_items "
    "AND reason IS NOT 'decided'",
    "SELECT 'job ' || j.id || ' (''' || j.name || ''') stopped early, but its variant was not "
    "decided' FROM job j LEFT JOIN decision d ON d.run_variant_id = j.run_variant_id "
    "WHERE j.reason = 'decided' AND (d.verdict IS NULL OR d.verdict = 'inconclusive')",
    "SELECT 'the decision on variant ' || run_variant_id || ' counts ' || n_seen || ' of ' || "
    "n_items || ' items, ' || losses || ' losses and ' || gains || ' gains' FROM decision WHERE "
    "n_seen > n_items OR losses < 0 OR gains < 0 OR losses + gains > n_seen",
    "SELECT 'job ' || j.id || ' (''' || j.name || ''') has ' || count(*) || ' scores without an "
    "item' "
    "FROM job j JOIN score s ON s.job_id = j.id LEFT JOIN item i ON i.task_id = j.task_id "
    "AND i.idx = s.idx WHERE i.idx IS NULL GROUP BY j.id",
    "SELECT 'result ' || r.id || ' counts ' || r.n || ' items, ' || count(s.idx) || ' have scores' "
    "FROM result r JOIN job j ON j.id = r.job_id LEFT JOIN score s ON s.job_id = r.job_id "
    "AND s.measure_id = r.measure_id GROUP BY r.id HAVING count(s.idx) <> r.n",
    "SELECT 'result ' || id || ' belongs to a job and a group at once, or to neither' FROM result "
    "WHERE (job_id IS NULL) = (group_id IS NULL)",
    "SELECT 'job ' || job_id || ' counts ' || n || ' of ' || n_of || ' items as ' || kind FROM notice "
    "WHERE n < 0 OR n > n_of",
    "SELECT 'energy of job ' || job_id || ' (' || source || ') is missing without a reason, or not a "
    "quantity' FROM energy WHERE (uj IS NULL) = (reason IS NULL) OR uj <= 0 OR ns < 0 OR n_blocks < 0 "
    "OR n_tokens < 0",
    "SELECT 'idle power of run ' || run_id || ' (' || source || ') is missing without a reason, or "
    "not a quantity' FROM idle WHERE (uj IS NULL) = (reason IS NULL) OR uj <= 0 OR ns < 0 OR "
    "(uj IS NOT NULL AND ns = 0)",
    "SELECT 'item ' || idx || ' of task ' || task_id || ' has a broken list of requests' FROM item "
    "WHERE length(requests) % 16 <> 0 OR length(doc_uid) <> 16",
    "SELECT 'variant ' || variant_id || ' has ' || count(*) || ' responses with a broken key' "
    "FROM response WHERE length(request) <> 16 GROUP BY variant_id",
    "SELECT 'divergence of job ' || job_id || ', item ' || idx || ' has arrays of wrong length' "
    "FROM divergence WHERE length(kl) <> 8 * n OR length(same_top) <> n OR length(delta_p) <> 8 * "
    "n "
    "OR length(nll) <> 8 * n OR length(nll_ref) <> 8 * n",
};

static int check_query(struct store *s, const char *sql, const char *ok, struct findings *f,
                       struct assay_err *e)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
        return store_fail(s, e);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(st, 0);
        if (text && (!ok || strcmp(text, ok) != 0))
            found(f, text);
    }
    int ret = rc == SQLITE_DONE || rc == SQLITE_CORRUPT ? 0 : store_fail(s, e);
    if (rc == SQLITE_CORRUPT)
        found(f, sqlite3_errmsg(s->db));
    sqlite3_finalize(st);
    return ret;
}

static int check_foreign_keys(struct store *s, struct findings *f, struct assay_err *e)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(s->db, "PRAGMA foreign_key_check", -1, &st, NULL) != SQLITE_OK)
        return store_fail(s, e);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        char line[256];
        snprintf(line, sizeof line, "table %s: a row refers to a row of %s that is not there",
                 (const char *)sqlite3_column_text(st, 0),
                 (const char *)sqlite3_column_text(st, 2));
        found(f, line);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : store_fail(s, e);
}

/* Scores rest on responses: every request of a scored item must have one. */
static int check_responses(struct store *s, struct findings *f, struct assay_err *e)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(
            s->db,
            "SELECT j.id, j.name, v.variant_id, i.requests FROM job j "
            "JOIN run_variant v ON v.id = j.run_variant_id "
            "JOIN item i ON i.task_id = j.task_id WHERE j.kind = 'task' AND EXISTS "
            "(SELECT 1 FROM score s WHERE s.job_id = j.id AND s.idx = i.idx AND "
            "s.measure_id = (SELECT min(measure_id) FROM score WHERE job_id = j.id))",
            -1, &st, NULL) != SQLITE_OK)
        return store_fail(s, e);
    int rc, ret = 0;
    int64_t n_missing = 0;
    while (ret >= 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const uint8_t *keys = sqlite3_column_blob(st, 3);
        int n = sqlite3_column_bytes(st, 3) / STORE_KEY;
        for (int i = 0; i < n && ret >= 0; i++) {
            struct store_response r;
            bool is_there;
            memcpy(r.request, keys + (size_t)i * STORE_KEY, STORE_KEY);
            ret = store_get_response(s, sqlite3_column_int64(st, 2), &r, &is_there, e);
            n_missing += ret >= 0 && !is_there;
        }
    }
    if (ret >= 0 && rc != SQLITE_DONE)
        ret = store_fail(s, e);
    sqlite3_finalize(st);
    store_end_lookup(s);
    if (ret >= 0 && n_missing) {
        char line[128];
        snprintf(line, sizeof line, "%" PRId64 " requests of scored items have no response",
                 n_missing);
        found(f, line);
    }
    return ret;
}

int store_check(struct store *s, store_line_fn *fn, void *user, size_t *n_findings,
                struct assay_err *e)
{
    struct findings f = {.fn = fn, .user = user};
    int rc = check_query(s, "PRAGMA integrity_check(20)", "ok", &f, e);
    if (rc >= 0 && f.n == 0) /* the rest would trip over the same damage */
        rc = check_foreign_keys(s, &f, e);
    if (rc >= 0 && f.n == 0) {
        for (size_t i = 0; rc >= 0 && i < sizeof invariants / sizeof *invariants; i++)
            rc = check_query(s, invariants[i], NULL, &f, e);
        if (rc >= 0)
            rc = check_responses(s, &f, e);
    }
    *n_findings = f.n;
    return rc;
}

/* -- vacuum ------------------------------------------------------------------------------------ */

int store_vacuum(const char *path, int64_t *before, int64_t *after, struct assay_err *e)
{
    struct store_lock lock;
    struct store *s = NULL;
    struct stat st;
    TRY(store_lock(path, false, &lock, e));
    int rc = store_open(path, STORE_WRITE, &s, e);
    if (rc >= 0)
        rc = store_script(s, "PRAGMA wal_checkpoint(TRUNCATE)", e);
    *before = rc >= 0 && stat(path, &st) == 0 ? st.st_size : 0;
    if (rc >= 0)
        rc = store_script(s, "VACUUM; PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)", e);
    store_close(s);
    *after = rc >= 0 && stat(path, &st) == 0 ? st.st_size : 0;
    store_unlock(&lock);
    return rc;
}

/* -- export ------------------------------------------------------------------------------------ */

static void csv_text(struct buf *b, const char *text, size_t n)
{
    /* A spreadsheet would run such a text as a formula. */
    bool guard = n && strchr("=+-@\t\r", text[0]);
    bool quote = guard || memchr(text, '"', n) || memchr(text, ',', n) || memchr(text, '\n', n) ||
                 memchr(text, '\r', n);
    if (!quote) {
        buf_add(b, text, n);
        return;
    }
    buf_adds(b, guard ? "\"'" : "\"");
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"')
            buf_addc(b, '"');
        buf_addc(b, text[i]);
    }
    buf_addc(b, '"');
}

static void csv_cell(struct buf *b, sqlite3_stmt *st, int i)
{
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_NULL:
        break;
    case SQLITE_INTEGER:
        buf_printf(b, "%" PRId64, (int64_t)sqlite3_column_int64(st, i));
        break;
    case SQLITE_FLOAT:
        buf_printf(b, "%.17g", sqlite3_column_double(st, i));
        break;
    case SQLITE_BLOB: {
        const uint8_t *p = sqlite3_column_blob(st, i);
        for (int k = 0; k < sqlite3_column_bytes(st, i); k++)
            buf_printf(b, "%02x", p[k]);
        break;
    }
    default:
        csv_text(b, (const char *)sqlite3_column_text(st, i), (size_t)sqlite3_column_bytes(st, i));
    }
}

static int write_rows(struct store *s, sqlite3_stmt *st, FILE *f, size_t *n_rows,
                      struct assay_err *e)
{
    struct buf line;
    buf_init(&line, 0);
    int n = sqlite3_column_count(st), rc;
    for (int i = 0; i < n; i++) {
        if (i)
            buf_addc(&line, ',');
        buf_adds(&line, sqlite3_column_name(st, i));
    }
    buf_addc(&line, '\n');
    fwrite(line.v, 1, line.n, f);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        buf_clear(&line);
        for (int i = 0; i < n; i++) {
            if (i)
                buf_addc(&line, ',');
            csv_cell(&line, st, i);
        }
        buf_addc(&line, '\n');
        if (line.failed || fwrite(line.v, 1, line.n, f) != line.n)
            break;
        ++*n_rows;
    }
    int ret = 0;
    if (line.failed)
        ret = err_set(e, ASSAY_ELIMIT, "a row is too long to export");
    else if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        ret = store_fail(s, e);
    buf_release(&line);
    return ret;
}

/* Written beside its place and renamed: a table that is there is whole. */
static int export_table(struct store *s, const char *dir, const char *table, size_t *n_rows,
                        struct assay_err *e)
{
    struct arena a = {0};
    char *path = arena_printf(&a, "%s/%s.csv", dir, table);
    char *part = arena_printf(&a, "%s.part", path);
    char *sql = arena_printf(&a, "SELECT * FROM \"%s\"", table);
    sqlite3_stmt *st = NULL;
    int rc = 0;
    FILE *f = fopen(part, "w");
    if (!f) {
        rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", part);
        goto out;
    }
    rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) == SQLITE_OK ? 0 : store_fail(s, e);
    if (rc >= 0)
        rc = write_rows(s, st, f, n_rows, e);
    bool broken = ferror(f);
    broken = fclose(f) != 0 || broken;
    if (rc >= 0 && (broken || rename(part, path) < 0))
        rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
    if (rc < 0)
        unlink(part);
out:
    sqlite3_finalize(st);
    arena_release(&a);
    return rc;
}

int store_export(struct store *s, const char *dir, size_t *n_rows, struct assay_err *e)
{
    *n_rows = 0;
    TRY(fs_mkdirs(dir, e));
    sqlite3_stmt *st =
        store_query(s, e, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", "");
    if (!st)
        return ASSAY_EIO;
    TRY(store_script(s, "BEGIN", e)); /* all tables as of one moment */
    int rc;
    while ((rc = store_step(s, st, e)) > 0) {
        rc = export_table(s, dir, (const char *)sqlite3_column_text(st, 0), n_rows, e);
        if (rc < 0)
            break;
    }
    sqlite3_reset(st);
    sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}
