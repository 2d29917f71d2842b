/* report_test.h - what the tests of the report half share: a database in a temporary folder,
 * opened, loaded and compared. */
#ifndef REPORT_TEST_H
#define REPORT_TEST_H
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <unistd.h>
#include "harness/base/buf.h"
#include "reports/compare.h"
#include "tests/reports/make_store.h"

struct fixture {
    struct arena a;
    char dir[64], db[96];
    struct view *view;
    const struct view_set *set;
    const struct compare *c;
    struct assay_err err;
};

static inline void fixture_folder(struct fixture *f)
{
    *f = (struct fixture){0};
    const char *tmp = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%.40s/reports-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->db, sizeof f->db, "%s/t.db", f->dir);
}

/* Runs SQL on the database behind everybody's back. */
static inline void fixture_sql(struct fixture *f, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    sqlite3_close(db);
}

static inline int64_t fixture_int(struct fixture *f, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return v;
}

static inline int fixture_compare(struct fixture *f, const char *const *runs, size_t n,
                                  struct compare_options o)
{
    int rc = view_open(f->db, &f->view, &f->err);
    if (rc >= 0)
        rc = view_load(f->view, runs, n, &f->set, &f->err);
    o.all_bases = true;
    if (rc >= 0)
        rc = compare_make(f->view, f->set, &o, &f->a, &f->c, &f->err);
    return rc;
}

static inline void fixture_close(struct fixture *f)
{
    view_close(f->view);
    f->view = NULL;
    arena_release(&f->a);
}

static inline void fixture_end(struct fixture *f)
{
    char command[128];
    fixture_close(f);
    snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
    assert_int_equal(system(command), 0);
}

static inline const struct compare_row *row_of(const struct compare *c, const char *name)
{
    for (size_t i = 0; i < c->n_rows; i++)
        if (strcmp(c->rows[i].variant->label, name) == 0)
            return &c->rows[i];
    fail_msg("no variant '%s'", name);
    return NULL;
}

#define near(got, want, eps)                                                                       \
    do {                                                                                           \
        double got_ = (got), want_ = (want);                                                       \
        if (!(fabs(got_ - want_) <= (eps)))                                                        \
            fail_msg("%s is %.12g, expected %.12g", #got, got_, want_);                            \
    } while (0)
#endif
