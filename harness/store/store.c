/* store.c - opening, locking and transactions of the database, and cached statements.
 *
 * Invariant: a database is created, and its version raised, inside one transaction; a file that
 * this program made and could not fill is removed again. */
#include "harness/store/store_impl.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "schema_2_sql.h"
#include "schema_3_sql.h"
#include "schema_4_sql.h"
#include "schema_sql.h"

enum { APPLICATION_ID = 0x61737379, CACHE_KIB = 32 * 1024, CHECKPOINT_PAGES = 8192 };

/* -- errors and statements --------------------------------------------------------------------- */

int store_fail(struct store *s, struct assay_err *e)
{
    int code = sqlite3_errcode(s->db);
    int os = sqlite3_system_errno(s->db);
    switch (code) {
    case SQLITE_FULL:
        return err_set(e, ASSAY_EIO, "database '%s': disk full; what was committed is kept",
                       s->path);
    case SQLITE_READONLY:
        return err_set(e, ASSAY_EIO, "database '%s' is read-only", s->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, ASSAY_ESTATE, "database '%s' is locked by another program", s->path);
    case SQLITE_NOTADB:
        return err_set(e, ASSAY_EFORMAT, "'%s' is not a database", s->path);
    case SQLITE_CORRUPT:
        return err_set(e, ASSAY_EFORMAT, "database '%s' is damaged (%s); see `assay db check`",
                       s->path, sqlite3_errmsg(s->db));
    case SQLITE_NOMEM:
        return err_set(e, ASSAY_ENOMEM, "database '%s': out of memory", s->path);
    case SQLITE_IOERR:
        if (os == ENOSPC || os == EFBIG || os == EDQUOT)
            return err_set(e, ASSAY_EIO,
                           "database '%s': disk full (%s); what was committed is kept", s->path,
                           strerror(os));
        /* SQLite may have lost errno by now: a write that failed has few causes. */
        if (sqlite3_extended_errcode(s->db) == SQLITE_IOERR_WRITE)
            return err_set(
                e, ASSAY_EIO,
                "database '%s' cannot be written: disk full, or a limit on file size; what "
                "was committed is kept",
                s->path);
        return err_set(e, ASSAY_EIO, "database '%s': %s (%s)", s->path, sqlite3_errmsg(s->db),
                       os ? strerror(os) : "input or output error");
    case SQLITE_CANTOPEN:
        return err_set(e, ASSAY_EIO, "cannot open database '%s': %s", s->path,
                       os ? strerror(os) : sqlite3_errmsg(s->db));
    default:
        return err_set(e, ASSAY_EIO, "database '%s': %s", s->path, sqlite3_errmsg(s->db));
    }
}

sqlite3_stmt *store_prepare(struct store *s, const char *sql, struct assay_err *e)
{
    for (size_t i = 0; i < s->n_stmts; i++)
        if (s->stmts[i].sql == sql)
            return s->stmts[i].st;
    sqlite3_stmt *st = NULL;
    if (s->n_stmts == STORE_STMTS) {
        err_set(e, ASSAY_ELIMIT, "database '%s': more than %d statements", s->path, STORE_STMTS);
        return NULL;
    }
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK) {
        store_fail(s, e);
        return NULL;
    }
    s->stmts[s->n_stmts].sql = sql;
    s->stmts[s->n_stmts++].st = st;
    return st;
}

static void bind_all(sqlite3_stmt *st, const char *types, va_list ap)
{
    for (int i = 1; *types; types++, i++) {
        if (*types == 't') {
            sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
        } else if (*types == 'i') {
            int64_t v = va_arg(ap, int64_t);
            if (v == STORE_NULL)
                sqlite3_bind_null(st, i);
            else
                sqlite3_bind_int64(st, i, v);
        } else if (*types == 'd') {
            sqlite3_bind_double(st, i, va_arg(ap, double)); /* SQLite stores NaN as NULL */
        } else {
            sqlite3_bind_int(st, i, va_arg(ap, int));
        }
    }
}

int store_step(struct store *s, sqlite3_stmt *st, struct assay_err *e)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        return 1;
    int ret = rc == SQLITE_DONE ? 0 : store_fail(s, e);
    sqlite3_reset(st);
    return ret;
}

int store_exec(struct store *s, struct assay_err *e, const char *sql, const char *types, ...)
{
    sqlite3_stmt *st = store_prepare(s, sql, e);
    if (!st)
        return ASSAY_EIO;
    va_list ap;
    va_start(ap, types);
    bind_all(st, types, ap);
    va_end(ap);
    int rc;
    while ((rc = store_step(s, st, e)) > 0)
        ;
    return rc;
}

int store_int(struct store *s, struct assay_err *e, int64_t *out, const char *sql,
              const char *types, ...)
{
    sqlite3_stmt *st = store_prepare(s, sql, e);
    if (!st)
        return ASSAY_EIO;
    va_list ap;
    va_start(ap, types);
    bind_all(st, types, ap);
    va_end(ap);
    int rc = store_step(s, st, e);
    if (rc > 0) {
        *out = store_column_int(st, 0);
        sqlite3_reset(st);
        rc = 0;
    }
    return rc;
}

sqlite3_stmt *store_query(struct store *s, struct assay_err *e, const char *sql, const char *types,
                          ...)
{
    sqlite3_stmt *st = store_prepare(s, sql, e);
    if (!st)
        return NULL;
    va_list ap;
    va_start(ap, types);
    bind_all(st, types, ap);
    va_end(ap);
    return st;
}

char *store_column(sqlite3_stmt *st, int column, struct arena *a)
{
    const char *text = (const char *)sqlite3_column_text(st, column);
    return text ? arena_strndup(a, text, (size_t)sqlite3_column_bytes(st, column)) : NULL;
}

int64_t store_column_int(sqlite3_stmt *st, int column)
{
    return sqlite3_column_type(st, column) == SQLITE_NULL ? STORE_NULL
                                                          : sqlite3_column_int64(st, column);
}

int store_script(struct store *s, const char *sql, struct assay_err *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_fail(s, e);
}

/* -- transactions ------------------------------------------------------------------------------ */

int store_begin(struct store *s, struct assay_err *e)
{
    return store_exec(s, e, "BEGIN IMMEDIATE", "");
}

void store_rollback(struct store *s)
{
    if (s && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

bool store_is_open(const struct store *s)
{
    return !sqlite3_get_autocommit(s->db);
}

int store_commit(struct store *s, struct assay_err *e)
{
    int rc = store_exec(s, e, "COMMIT", "");
    if (rc < 0)
        store_rollback(s);
    return rc;
}

/* -- versions ---------------------------------------------------------------------------------- */

/* Step i raises a database from version i to i + 1.  Steps are never changed, only appended. */
static const char *const migrations[] = {
    (const char *)schema_sql,
    (const char *)schema_2_sql,
    (const char *)schema_3_sql,
    (const char *)schema_4_sql,
};
_Static_assert(sizeof migrations / sizeof *migrations == STORE_SCHEMA, "one step per version");

static int pragma_int(struct store *s, const char *sql, int64_t *out, struct assay_err *e)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW) {
        int rc = store_fail(s, e);
        sqlite3_finalize(st);
        return rc;
    }
    *out = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return 0;
}

static int raise_version(struct store *s, int64_t from, struct assay_err *e)
{
    TRY(store_script(s, "BEGIN EXCLUSIVE", e));
    int rc = 0;
    for (int64_t v = from; v < STORE_SCHEMA && rc >= 0; v++)
        rc = store_script(s, migrations[v], e);
    if (rc >= 0) {
        char text[64];
        snprintf(text, sizeof text, "PRAGMA user_version = %d", STORE_SCHEMA);
        rc = store_script(s, text, e);
    }
    if (rc >= 0)
        rc = store_script(s, "COMMIT", e);
    if (rc < 0)
        store_rollback(s);
    return rc;
}

/* What is in the file: *version, or -1 for an empty database. */
static int identify(struct store *s, int64_t *version, struct assay_err *e)
{
    int64_t app = 0, n_tables = 0;
    TRY(pragma_int(s, "PRAGMA application_id", &app, e));
    TRY(pragma_int(s, "PRAGMA user_version", version, e));
    TRY(pragma_int(s, "SELECT count(*) FROM sqlite_master", &n_tables, e));
    if (app == 0 && n_tables == 0 && *version == 0) {
        *version = -1;
        return 0;
    }
    if (app != APPLICATION_ID)
        return err_set(e, ASSAY_EFORMAT, "'%s' is a database of another program, not of assay",
                       s->path);
    if (*version > STORE_SCHEMA)
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "database '%s' is of a newer version (schema %lld, this assay knows %d); "
                       "use the assay that wrote it",
                       s->path, (long long)*version, STORE_SCHEMA);
    return 0;
}

/* -- opening ----------------------------------------------------------------------------------- */

static int check_file(const char *path, enum store_mode mode, bool *is_new, struct assay_err *e)
{
    struct stat st;
    *is_new = false;
    if (stat(path, &st) < 0) {
        if (errno != ENOENT)
            return err_errno(e, ASSAY_EIO, "cannot open database '%s'", path);
        if (mode != STORE_CREATE)
            return err_set(e, ASSAY_EIO, "database '%s' does not exist", path);
        *is_new = true;
        return 0;
    }
    if (!S_ISREG(st.st_mode))
        return err_set(e, ASSAY_EFORMAT, "'%s' is not a database: it is no regular file", path);
    if (st.st_size == 0 && mode != STORE_CREATE)
        return err_set(e, ASSAY_EFORMAT, "'%s' is an empty file, not a database of assay", path);
    return 0;
}

/* A WAL database in a folder that cannot be written has no place for its index: read it as a file
 * that nobody changes. */
static int open_immutable(struct store *s, struct assay_err *e)
{
    char *uri = sqlite3_mprintf("file:%w?immutable=1", s->path);
    if (!uri)
        return err_set(e, ASSAY_ENOMEM, "out of memory");
    sqlite3_close(s->db);
    s->db = NULL;
    int rc = 0;
    if (strpbrk(s->path, "?#%")) /* would have to be escaped in a URI */
        rc = err_set(e, ASSAY_EIO, "cannot read database '%s': its folder is read-only", s->path);
    else if (sqlite3_open_v2(uri, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) !=
             SQLITE_OK)
        rc = store_fail(s, e);
    sqlite3_free(uri);
    return rc;
}

static int open_file(struct store *s, enum store_mode mode, struct assay_err *e)
{
    /* Readers may write too where they can: only then does the last one out remove the WAL's files.
     * SQLite falls back to reading by itself, and query_only forbids every statement that writes. */
    int flags = SQLITE_OPEN_READWRITE | (mode == STORE_CREATE ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(s->path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return s->db ? store_fail(s, e) : err_set(e, ASSAY_ENOMEM, "out of memory");
    sqlite3_extended_result_codes(s->db, 0);
    sqlite3_busy_timeout(s->db, 5000);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (mode != STORE_READ && sqlite3_db_readonly(s->db, "main") == 1)
        return err_set(e, ASSAY_EIO, "database '%s' is read-only", s->path);
    int64_t any;
    if (mode == STORE_READ)
        sqlite3_exec(s->db, "PRAGMA query_only = 1", NULL, NULL, NULL);
    if (mode == STORE_READ && pragma_int(s, "PRAGMA application_id", &any, e) < 0 &&
        (sqlite3_errcode(s->db) == SQLITE_CANTOPEN || sqlite3_errcode(s->db) == SQLITE_READONLY))
        TRY(open_immutable(s, e));
    return 0;
}

static int settle(struct store *s, enum store_mode mode, struct assay_err *e)
{
    int64_t version = 0;
    TRY(identify(s, &version, e));
    if (version < 0 && mode != STORE_CREATE)
        return err_set(e, ASSAY_EFORMAT, "'%s' is an empty database, not one of assay", s->path);
    if (version < 0)
        TRY(raise_version(s, 0, e));
    else if (version < STORE_SCHEMA)
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "database '%s' is of an older version (schema %lld, now %d); run `assay db "
                       "migrate`",
                       s->path, (long long)version, STORE_SCHEMA);
    if (mode == STORE_READ)
        return store_script(s, "PRAGMA query_only = 1", e);
    char text[256];
    snprintf(text, sizeof text,
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
             "PRAGMA cache_size = -%d; PRAGMA wal_autocheckpoint = %d; PRAGMA temp_store = MEMORY",
             CACHE_KIB, CHECKPOINT_PAGES);
    return store_script(s, text, e);
}

int store_open(const char *path, enum store_mode mode, struct store **out, struct assay_err *e)
{
    *out = NULL;
    bool is_new;
    TRY(check_file(path, mode, &is_new, e));
    struct store *s = calloc(1, sizeof *s);
    if (!s || !(s->path = strdup(path))) {
        free(s);
        return err_set(e, ASSAY_ENOMEM, "out of memory");
    }
    s->is_writable = mode != STORE_READ;
    int rc = open_file(s, mode, e);
    if (rc >= 0)
        rc = settle(s, mode, e);
    if (rc < 0) {
        store_close(s);
        if (is_new)
            unlink(path);
        return rc;
    }
    *out = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_rollback(s);
    for (size_t i = 0; i < s->n_stmts; i++)
        sqlite3_finalize(s->stmts[i].st);
    sqlite3_close(s->db);
    free(s->path);
    free(s);
}

struct sqlite3 *store_sqlite(struct store *s)
{
    return s->db;
}

const char *store_path(const struct store *s)
{
    return s->path;
}

int store_migrate(const char *path, int *from, int *to, struct assay_err *e)
{
    struct store_lock lock;
    struct store s = {.path = NULL};
    bool is_new;
    int64_t version = 0;
    TRY(check_file(path, STORE_WRITE, &is_new, e));
    TRY(store_lock(path, false, &lock, e));
    int rc = ASSAY_ENOMEM;
    if (!(s.path = strdup(path)))
        err_set(e, rc, "out of memory");
    else
        rc = open_file(&s, STORE_WRITE, e);
    if (rc >= 0)
        rc = identify(&s, &version, e);
    if (rc >= 0 && version < 0)
        rc = err_set(e, ASSAY_EFORMAT, "'%s' is an empty database, not one of assay", path);
    if (rc >= 0 && version < STORE_SCHEMA)
        rc = raise_version(&s, version, e);
    sqlite3_close(s.db);
    free(s.path);
    store_unlock(&lock);
    *from = (int)version;
    *to = STORE_SCHEMA;
    return rc;
}

/* -- the run lock ------------------------------------------------------------------------------ */

/* An open-file-description lock on a byte of the database far behind SQLite's own lock bytes (which
 * lie at 1 GiB): it travels over fork and ends with the last process that holds it. */
static int try_lock(int fd)
{
    struct flock l = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)1 << 60, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &l);
}

int store_lock(const char *path, bool create, struct store_lock *lock, struct assay_err *e)
{
    lock->fd = -1;
    lock->made = create && access(path, F_OK) < 0;
    int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0666);
    if (fd < 0) {
        if (errno == EACCES || errno == EROFS)
            return err_set(e, ASSAY_EIO, "database '%s' is read-only (%s)", path, strerror(errno));
        if (errno == ENOENT && !create)
            return err_set(e, ASSAY_EIO, "database '%s' does not exist", path);
        return err_errno(e, ASSAY_EIO, "cannot open database '%s'", path);
    }
    for (int i = 0; try_lock(fd) < 0; i++) {
        if (errno != EAGAIN && errno != EACCES) {
            int rc = err_errno(e, ASSAY_EIO, "cannot lock database '%s'", path);
            close(fd);
            return rc;
        }
        if (i == 20) {
            close(fd);
            return err_set(e, ASSAY_ESTATE,
                           "database '%s' is in use by another assay process; wait for it, or use "
                           "another --db",
                           path);
        }
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    lock->fd = fd;
    return 0;
}

void store_unlock(struct store_lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    lock->fd = -1;
}
