/* store_impl.h - what the files of this folder share: the handle, cached statements, binding. */
#ifndef STORE_IMPL_H
#define STORE_IMPL_H
#include <sqlite3.h>
#include "harness/base/err.h"
#include "harness/store/store.h"

enum { STORE_STMTS = 64 };
struct store {
    sqlite3 *db;
    char *path;
    bool is_writable;
    struct {
        const char *sql;               /* the literal's address is the key */
        sqlite3_stmt *st;
    } stmts[STORE_STMTS];
    size_t n_stmts;
};

/* Prepared once per literal; NULL with *e filled. */
sqlite3_stmt *store_prepare(struct store *, const char *sql, struct assay_err *);
/* Binds by `types`: t text, i int64_t (STORE_NULL: NULL), d double (NAN: NULL), b bool.
 * Runs the statement to its end; errors as sentences. */
int store_exec(struct store *, struct assay_err *, const char *sql, const char *types, ...);
/* As store_exec for a query of one integer; *out is left alone when there is no row. */
int store_int(struct store *, struct assay_err *, int64_t *out, const char *sql, const char *types,
              ...);
/* Binds and leaves the statement before its first row; NULL on error.  Reset it when done. */
sqlite3_stmt *store_query(struct store *, struct assay_err *, const char *sql, const char *types,
                          ...);
/* 1 row, 0 end (and reset), negative error (and reset). */
int store_step(struct store *, sqlite3_stmt *, struct assay_err *);
/* What SQLite says as one sentence with the database's name in front. */
int store_fail(struct store *, struct assay_err *);
char *store_column(sqlite3_stmt *, int column, struct arena *);   /* NULL stays NULL */
int64_t store_column_int(sqlite3_stmt *, int column);             /* NULL: STORE_NULL */
int store_script(struct store *, const char *sql, struct assay_err *);
#endif
