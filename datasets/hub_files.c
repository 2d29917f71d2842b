/* hub_files.c - a split from files: downloaded, checked, turned into JSON lines. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "datasets/data.h"
#include "datasets/hub_impl.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/base/pool.h"
#include "harness/base/value.h"

/* -- one download ------------------------------------------------------------------------------ */

struct download {
    struct hub_job *job;
    struct hub_file *file;
    char *path, *part, *etag_path; /* whole; so far; what the part belongs to */
    char etag[192];
    int fd;
    bool resumed;
    int64_t counted; /* bytes of this file in the progress */
    _Atomic int64_t *done;
    int64_t total;
};

static void download_resume(void *user, int64_t *offset, const char **etag)
{
    struct download *d = user;
    struct stat st;
    struct arena a = {0};
    const char *text;
    size_t n;
    *offset = 0;
    *etag = NULL;
    if (stat(d->part, &st) == 0 && st.st_size > 0 &&
        (d->file->size < 0 || st.st_size < d->file->size) &&
        fs_read(d->etag_path, sizeof d->etag - 1, &a, &text, &n, NULL) == 0 && n) {
        memcpy(d->etag, text, n + 1);
        *offset = st.st_size;
        *etag = d->etag;
    }
    arena_release(&a);
}

static int download_begin(void *user, int64_t offset, const struct http_reply *r,
                          struct assay_err *e)
{
    struct download *d = user;
    if (d->fd >= 0)
        close(d->fd);
    d->resumed = offset > 0;
    /* From the start: first the mark goes that says what the part belongs to. */
    if (offset == 0)
        unlink(d->etag_path);
    d->fd = open(d->part, O_WRONLY | O_CREAT | O_CLOEXEC | (offset ? 0 : O_TRUNC), 0666);
    if (d->fd < 0 || lseek(d->fd, offset, SEEK_SET) < 0 || ftruncate(d->fd, offset) < 0)
        return err_errno(e, ASSAY_EIO, "cannot write '%s'", d->part);
    *d->done += offset - d->counted;
    d->counted = offset;
    if (offset == 0 && r->etag[0] && strncmp(r->etag, "W/", 2) != 0)
        TRY(fs_write_atomic(d->etag_path, r->etag, strlen(r->etag), e));
    return 0;
}

static int download_write(void *user, const char *p, size_t n, struct assay_err *e)
{
    struct download *d = user;
    for (size_t at = 0; at < n;) {
        ssize_t w = write(d->fd, p + at, n - at);
        if (w < 0 && errno != EINTR)
            return err_errno(e, ASSAY_EIO, "cannot write '%s'", d->part);
        at += w > 0 ? (size_t)w : 0;
    }
    d->counted += (int64_t)n;
    int64_t done = atomic_fetch_add(d->done, (int64_t)n) + (int64_t)n;
    hub_say(d->job->hub, HUB_PROGRESS, done, d->total, false);
    return 0;
}

/* What came must be what the hub names. */
static int download_check(struct download *d, struct assay_err *e)
{
    struct hub_file *f = d->file;
    struct stat st;
    uint8_t h[HASH_BYTES];
    char git[41] = "";
    if (stat(d->part, &st) < 0)
        return err_errno(e, ASSAY_EIO, "cannot read '%s'", d->part);
    if (f->size >= 0 && st.st_size != f->size)
        return err_set(e, ASSAY_EFORMAT, "'%s' has %lld bytes, the hub names %lld", f->url,
                       (long long)st.st_size, (long long)f->size);
    TRY(hash_file(d->part, h, e));
    hash_hex(h, f->got_sha256);
    if (f->sha256 && strcmp(f->sha256, f->got_sha256) != 0)
        return err_set(e, ASSAY_EFORMAT, "'%s' is damaged: sha256 %.12s, the hub names %.12s", f->url,
                       f->got_sha256, f->sha256);
    if (!f->sha256 && f->git) {
        TRY(hash_file_git(d->part, git, e));
        if (strcmp(f->git, git) != 0)
            return err_set(e, ASSAY_EFORMAT, "'%s' is damaged: git blob %.12s, the hub names %.12s",
                           f->url, git, f->git);
    }
    return 0;
}

static int download_try(struct download *d, struct assay_err *e)
{
    int64_t max = d->file->size >= 0 ? d->file->size : d->job->hub->max_bytes;
    struct http_sink sink = {download_resume, download_begin, download_write, d, max};
    struct http_reply reply;
    struct stat st;
    /* Killed between the last byte and the check: all of it is there. */
    bool whole = d->file->size > 0 && stat(d->part, &st) == 0 && st.st_size == d->file->size;
    int rc = whole ? 0 : http_get(&d->job->hub->http, d->file->url, &sink, &reply, e);
    if (rc == 0 && d->fd >= 0 && fsync(d->fd) < 0)
        rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", d->part);
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
    if (rc < 0)
        return rc;
    rc = download_check(d, e);
    if (rc == ASSAY_EFORMAT) {
        unlink(d->etag_path);
        unlink(d->part);
    }
    return rc;
}

static int download_one(struct hub_job *j, struct hub_file *f, _Atomic int64_t *done, int64_t total,
                        struct assay_err *e)
{
    struct arena a = {0};
    struct download d = {.job = j, .file = f, .fd = -1, .done = done, .total = total};
    d.path = fs_join(&a, j->stage, f->name);
    d.part = arena_printf(&a, "%s.part", d.path);
    d.etag_path = arena_printf(&a, "%s.etag", d.path);
    int rc = 0;
    uint8_t h[HASH_BYTES];
    if (fs_exists(d.path)) {
        rc = hash_file(d.path, h, e);
        hash_hex(h, f->got_sha256);
        *done += f->size > 0 ? f->size : 0;
    } else {
        rc = download_try(&d, e);
        /* A part of an earlier day may be what was damaged: once from the start. */
        if (rc == ASSAY_EFORMAT)
            rc = download_try(&d, e);
        if (rc == 0 && rename(d.part, d.path) < 0)
            rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", d.path);
        if (rc == 0)
            unlink(d.etag_path);
    }
    arena_release(&a);
    return rc;
}

struct downloads {
    struct hub_job *job;
    struct hub_file *files;
    _Atomic int64_t done;
    int64_t total;
    int rc;
    struct assay_err err; /* the first */
    pthread_mutex_t lock;
};

static void download_part(void *user, size_t part, size_t n_parts)
{
    struct downloads *all = user;
    struct http *http = &all->job->hub->http;
    struct assay_err e = {0};
    (void)n_parts;
    if (atomic_load(&http->stop))
        return;
    int rc = download_one(all->job, &all->files[part], &all->done, all->total, &e);
    pthread_mutex_lock(&all->lock);
    if (rc < 0 && all->rc == 0) {
        all->rc = rc;
        all->err = e;
        atomic_store(&http->stop, true);
    }
    pthread_mutex_unlock(&all->lock);
}

int hub_download(struct hub_job *j, struct hub_file *files, size_t n, struct assay_err *e)
{
    struct downloads all = {.job = j, .files = files, .lock = PTHREAD_MUTEX_INITIALIZER};
    for (size_t i = 0; i < n; i++) {
        all.total = files[i].size < 0 || all.total < 0 ? -1 : all.total + files[i].size;
        files[i].got_sha256 = arena_alloc(j->arena, HASH_HEX);
    }
    if (all.total > j->hub->max_bytes)
        return err_set(e, ASSAY_ELIMIT, "split '%s' of '%s' has %lld MiB, more than --max-size allows",
                       j->m.split, j->m.dataset, (long long)(all.total >> 20));
    TRY(fs_mkdirs(j->stage, e));
    hub_say(j->hub, HUB_FETCH, 0, all.total, false);
    int n_threads = (size_t)j->hub->connections < n ? j->hub->connections : (int)n;
    struct pool *pool = pool_new(n_threads);
    atomic_store(&j->hub->http.stop, false);
    pool_run(pool, n, download_part, &all);
    pool_free(pool);
    atomic_store(&j->hub->http.stop, false);
    if (all.rc < 0 && e)
        *e = all.err;
    return all.rc;
}

/* -- JSON lines -------------------------------------------------------------------------------- */

struct hub_out {
    struct hub_job *job;
    char *tmp;
    FILE *f;
    struct hash hash;
    struct buf line;
    int64_t rows, bytes;
};

int hub_out_open(struct hub_job *j, struct hub_out **out, struct assay_err *e)
{
    TRY(fs_mkdirs(j->stage, e));
    struct hub_out *o = calloc(1, sizeof *o);
    if (!o)
        return err_set(e, ASSAY_ENOMEM, "out of memory");
    o->job = j;
    o->tmp = fs_join(j->arena, j->stage, "out.jsonl");
    o->f = fopen(o->tmp, "we");
    buf_init(&o->line, 0);
    hash_init(&o->hash);
    if (!o->f) {
        int rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", o->tmp);
        hub_out_close(o);
        return rc;
    }
    *out = o;
    return 0;
}

int hub_out_lines(struct hub_out *o, const char *s, size_t n, int64_t rows, struct assay_err *e)
{
    if ((int64_t)n > o->job->hub->max_bytes - o->bytes)
        return err_set(e, ASSAY_ELIMIT, "split '%s' of '%s' has more rows than --max-size allows",
                       o->job->m.split, o->job->m.dataset);
    if (fwrite(s, 1, n, o->f) != n)
        return err_errno(e, ASSAY_EIO, "cannot write '%s'", o->tmp);
    hash_add(&o->hash, s, n);
    o->bytes += (int64_t)n;
    o->rows += rows;
    return 0;
}

int hub_out_row(struct hub_out *o, const struct value *row, struct assay_err *e)
{
    buf_clear(&o->line);
    json_write(&o->line, row, JSON_COMPACT);
    buf_addc(&o->line, '\n');
    if (o->line.failed)
        return err_set(e, ASSAY_ELIMIT, "a row of split '%s' is longer than 1 GiB", o->job->m.split);
    return hub_out_lines(o, o->line.v, o->line.n, 1, e);
}

int hub_out_commit(struct hub_out *o, struct assay_err *e)
{
    struct hub_job *j = o->job;
    struct cache_manifest *m = &j->m;
    uint8_t h[HASH_BYTES];
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    if (o->rows == 0)
        return err_set(e, ASSAY_EFORMAT, "split '%s' of '%s' has no rows", m->split, m->dataset);
    if (fflush(o->f) != 0 || fsync(fileno(o->f)) < 0)
        return err_errno(e, ASSAY_EIO, "cannot write '%s'", o->tmp);
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
    hash_end(&o->hash, h);
    m->sha256 = hash_hex(h, arena_alloc(j->arena, HASH_HEX));
    m->fetched = arena_strdup(j->arena, stamp);
    m->rows = o->rows;
    m->bytes = o->bytes;
    const char *path = cache_file(j->dir, m->sha, m->split, ".jsonl", j->arena);
    TRY(fs_mkdirs(fs_dirname(j->arena, path), e));
    /* A manifest that is there belongs to another file: gone first. */
    unlink(cache_file(j->dir, m->sha, m->split, ".json", j->arena));
    if (rename(o->tmp, path) < 0)
        return err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
    return cache_commit(j->dir, m, e);
}

void hub_out_close(struct hub_out *o)
{
    if (!o)
        return;
    if (o->f)
        fclose(o->f);
    unlink(o->tmp);
    hash_release(&o->hash);
    buf_release(&o->line);
    free(o);
}

int64_t hub_out_count(const struct hub_out *o)
{
    return o->rows;
}

/* -- converting -------------------------------------------------------------------------------- */

struct label { /* a column whose texts are classes, numbered by the README */
    const char *column;
    const struct value *names; /* {'0': name, ...} or a list */
};

static size_t labels_find(const struct value *features, struct label *out, size_t cap)
{
    size_t n = 0;
    for (uint32_t i = 0; features && features->type == VALUE_LIST && i < features->n && n < cap; i++) {
        const struct value *name = value_get(features->items[i], "name");
        const struct value *names =
            value_get(value_get(value_get(features->items[i], "dtype"), "class_label"), "names");
        if (name && name->type == VALUE_STR && names)
            out[n++] = (struct label){name->s, names};
    }
    return n;
}

static const struct value *label_number(const struct label *l, const struct value *text,
                                        struct arena *a)
{
    for (uint32_t i = 0; i < l->names->n; i++) {
        bool list = l->names->type == VALUE_LIST;
        const struct value *name = list ? l->names->items[i] : l->names->entries[i].value;
        const struct value *key = list ? NULL : l->names->entries[i].key;
        if (!value_equal(name, text))
            continue;
        return value_int(a, list ? (int64_t)i : key->type == VALUE_INT ? key->i
                                            : key->type == VALUE_STR   ? strtoll(key->s, NULL, 10)
                                                                       : -1);
    }
    return NULL;
}

static int labels_apply(const struct label *labels, size_t n, const struct value **row,
                        struct arena *a, struct assay_err *e)
{
    for (size_t i = 0; i < n; i++) {
        const struct value *v = value_get(*row, labels[i].column);
        if (!v || v->type != VALUE_STR)
            continue;
        const struct value *number = label_number(&labels[i], v, a);
        if (!number)
            return err_set(e, ASSAY_EFORMAT, "column '%s' holds a class that the README does not name",
                           labels[i].column);
        *row = value_with(a, *row, labels[i].column, number);
    }
    return 0;
}

static int convert_rows(struct hub_job *j, struct data *d, const struct value *features,
                        struct hub_out *o, struct assay_err *e)
{
    struct arena a = {0};
    struct label labels[64];
    size_t n_labels = labels_find(features, labels, sizeof labels / sizeof *labels);
    const struct value *row;
    int rc;
    do {
        arena_reset(&a);
        rc = data_next(d, &a, &row, e);
        if (rc == 0 && row && labels_apply(labels, n_labels, &row, &a, e) < 0)
            rc = err_prefix(e, ASSAY_EFORMAT, "row %lld of split '%s' of '%s'",
                            (long long)hub_out_count(o) + 1, j->m.split, j->m.dataset);
        if (rc == 0 && row)
            rc = hub_out_row(o, row, e);
    } while (rc == 0 && row);
    arena_release(&a);
    return rc;
}

static const struct value *files_record(const struct hub_file *files, size_t n, const char *stage,
                                        struct arena *a)
{
    const struct value **v = ARENA_ARRAY(a, const struct value *, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct stat st = {0};
        stat(fs_join(a, stage, files[i].name), &st);
        struct value *x = value_with(a, value_dict(a, NULL, 0), "url", value_str(a, files[i].url));
        x = value_with(a, x, "bytes", value_int(a, st.st_size));
        v[i] = value_with(a, x, "sha256", value_str(a, files[i].got_sha256));
    }
    return value_list(a, v, n);
}

int hub_convert(struct hub_job *j, const struct hub_file *files, size_t n,
                const struct value *options, const struct value *features, struct assay_err *e)
{
    const char **paths = ARENA_ARRAY(j->arena, const char *, n + 1);
    struct data *d = NULL;
    struct hub_out *o = NULL;
    for (size_t i = 0; i < n; i++)
        paths[i] = fs_join(j->arena, j->stage, files[i].name);
    j->m.from = files_record(files, n, j->stage, j->arena);
    int rc = data_open_files(paths, n, options, &d, e);
    if (rc == 0)
        rc = hub_out_open(j, &o, e);
    if (rc == 0)
        rc = convert_rows(j, d, features, o, e);
    if (rc == 0)
        rc = hub_out_commit(o, e);
    hub_out_close(o);
    data_close(d);
    if (rc == ASSAY_EFORMAT || rc == ASSAY_ELIMIT)
        for (size_t i = 0; i < n; i++)
            unlink(paths[i]); /* not to be met again as if it were good */
    return rc;
}
