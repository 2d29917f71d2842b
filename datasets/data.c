/* data.c - one split as one stream of rows over all its files. */
#include "datasets/data.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "datasets/resolve.h"
#include "datasets/rows.h"
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"

struct data {
    struct arena arena; /* lives as long as the dataset */
    struct resolved where;
    struct rows_options options;
    const struct rows_format *format; /* of the open file */
    struct rows *rows;
    size_t file; /* index of the open file */
    size_t at;   /* rows given */
    const char **columns;
    size_t n_columns;
    const char *origin;
    char uid[HASH_HEX];
};

/* -- dataset_kwargs ---------------------------------------------------------------------------- */

static int kwargs_delimiter(const struct value *v, char *out, struct assay_err *e)
{
    if (v->type != VALUE_STR || v->n != 1 || v->s[0] == '"' || v->s[0] == '\n')
        return err_set(e, ASSAY_EUSAGE, "dataset_kwargs: the delimiter must be one character");
    *out = v->s[0];
    return 0;
}

/* Keys that would change the rows and are not known here: passing over them would score other rows. */
static int kwargs_refuse(const struct value *kwargs, struct assay_err *e)
{
    static const char *const keys[] = {
        "skiprows",   "usecols", "index_col",        "quotechar", "quoting",  "dtype",     "nrows",
        "skipfooter", "comment", "converters",       "na_values", "decimal",  "thousands", "features",
        "true_values", "false_values", "keep_default_na", "sample_by", "keep_linebreaks", "escapechar"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct value *v = value_get(kwargs, keys[i]);
        bool usual = !v || v->type == VALUE_NULL || value_is_str(v, "line") ||
                     (value_is_str(v, "\"") && strcmp(keys[i], "quotechar") == 0);
        if (!usual)
            return err_set(e, ASSAY_EUNSUPPORTED, "dataset_kwargs: '%s' is not supported", keys[i]);
    }
    return 0;
}

/* header: null or absent with names, 0 when the first line gives way to the names. */
static int kwargs_header(const struct value *v, struct rows_options *o, struct assay_err *e)
{
    if (v->type == VALUE_NULL && o->columns)
        return 0;
    if (value_is_str(v, "infer"))
        return 0;
    if (v->type == VALUE_INT && v->i == 0) {
        o->skips_header = o->columns != NULL;
        return 0;
    }
    return err_set(e, ASSAY_EUNSUPPORTED,
                   "dataset_kwargs: 'header' can be 0, or null with 'column_names'");
}

/* What changes how a file is read; keys that only steer a download mean nothing for local files. */
static int data_options(const struct value *kwargs, struct rows_options *o, struct assay_err *e)
{
    const struct value *v;
    *o = (struct rows_options){0};
    TRY(kwargs_refuse(kwargs, e));
    if ((v = value_get(kwargs, "delimiter")) || (v = value_get(kwargs, "sep")))
        TRY(kwargs_delimiter(v, &o->delimiter, e));
    if (((v = value_get(kwargs, "column_names")) || (v = value_get(kwargs, "names"))) &&
        v->type != VALUE_NULL) {
        if (v->type != VALUE_LIST)
            return err_set(e, ASSAY_EUSAGE,
                           "dataset_kwargs: 'column_names' must be a list of names");
        o->columns = v;
    }
    if ((v = value_get(kwargs, "header")))
        TRY(kwargs_header(v, o, e));
    if ((v = value_get(kwargs, "field")) && v->type != VALUE_NULL) {
        if (v->type != VALUE_STR)
            return err_set(e, ASSAY_EUSAGE, "dataset_kwargs: 'field' must be a key");
        o->field = v->s;
    }
    return 0;
}

/* -- files ------------------------------------------------------------------------------------- */

static void data_shut(struct data *d)
{
    if (d->rows)
        d->format->close(d->rows);
    d->rows = NULL;
}

static int data_open_file(struct data *d, size_t i, struct assay_err *e)
{
    data_shut(d);
    const char *path = d->where.files[i];
    d->format = d->where.format ? d->where.format : resolve_format(path);
    d->file = i;
    return d->format->open(path, &d->options, &d->rows, e);
}

/* The next row as its file has it, going from file to file. */
static int data_raw(struct data *d, struct arena *a, const struct value **row, struct assay_err *e)
{
    for (;;) {
        TRY(d->format->next(d->rows, a, row, e));
        if (*row || d->file + 1 == d->where.n)
            return 0;
        TRY(data_open_file(d, d->file + 1, e));
    }
}

static int data_first_row(struct data *d, struct assay_err *e)
{
    struct arena tmp = {0};
    const struct value *row = NULL;
    int rc = data_raw(d, &tmp, &row, e);
    if (rc == 0 && row) {
        d->columns = ARENA_ARRAY(&d->arena, const char *, row->n);
        for (uint32_t i = 0; i < row->n; i++)
            d->columns[d->n_columns++] =
                arena_strndup(&d->arena, row->entries[i].key->s, row->entries[i].key->n);
    }
    arena_release(&tmp);
    return rc < 0 ? rc : data_rewind(d, e);
}

static const char *data_describe(struct data *d)
{
    if (d->where.n == 1)
        return d->where.files[0];
    return arena_printf(&d->arena, "%s and %zu more", d->where.files[0], d->where.n - 1);
}

/* Opens the first file, once it is known what is to be read. */
static int data_begin(struct data *d, int rc, struct data **out, struct assay_err *e)
{
    if (rc == 0)
        rc = data_open_file(d, 0, e);
    if (rc == 0)
        rc = data_first_row(d, e);
    if (rc < 0) {
        data_close(d);
        return rc;
    }
    d->origin = data_describe(d);
    *out = d;
    return 0;
}

int data_open(const struct data_source *src, struct data **out, struct assay_err *e)
{
    *out = NULL;
    if (!src->path || !*src->path)
        return err_set(e, ASSAY_EUSAGE, "no dataset_path");
    if (!src->split || !*src->split)
        return err_set(e, ASSAY_EUSAGE, "dataset '%s': no split asked for", src->path);
    struct data *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(e, ASSAY_ENOMEM, "out of memory opening dataset '%s'", src->path);
    int rc = resolve_files(src, &d->arena, &d->where, e);
    if (rc == 0 && !d->where.cached_sha256)
        rc = data_options(src->kwargs, &d->options, e);
    return data_begin(d, rc, out, e);
}

bool data_is_here(const struct data_source *src)
{
    struct arena a = {0};
    struct resolved where;
    int rc = src->path && src->split ? resolve_files(src, &a, &where, NULL) : ASSAY_EUSAGE;
    arena_release(&a);
    return rc == 0;
}

int data_open_files(const char *const *files, size_t n, const struct value *kwargs,
                    struct data **out, struct assay_err *e)
{
    *out = NULL;
    struct data *d = n ? calloc(1, sizeof *d) : NULL;
    if (!d)
        return err_set(e, n ? ASSAY_ENOMEM : ASSAY_ENOTFOUND, n ? "out of memory" : "no files");
    d->where = (struct resolved){.files = files, .n = n};
    int rc = data_options(kwargs, &d->options, e);
    for (size_t i = 0; i < n && rc == 0; i++)
        if (!resolve_format(files[i]))
            rc = err_set(e, ASSAY_EUNSUPPORTED, "'%s': unknown kind of file", files[i]);
    return data_begin(d, rc, out, e);
}

/* -- rows -------------------------------------------------------------------------------------- */

/* Columns the first row has and this one lacks are null, as in a table. */
static const struct value *data_complete(const struct data *d, const struct value *row,
                                         struct arena *a)
{
    bool same = row->n >= d->n_columns;
    for (size_t i = 0; same && i < d->n_columns; i++)
        same = strcmp(row->entries[i].key->s, d->columns[i]) == 0;
    for (size_t i = 0; !same && i < d->n_columns; i++) {
        if (value_get(row, d->columns[i]))
            continue;
        struct value *wider = value_with(a, row, d->columns[i], &value_null);
        wider->line = row->line;
        wider->col = row->col;
        row = wider;
    }
    return row;
}

int data_next(struct data *d, struct arena *a, const struct value **row, struct assay_err *e)
{
    *row = NULL;
    TRY(data_raw(d, a, row, e));
    if (*row)
        *row = data_complete(d, *row, a);
    d->at += *row != NULL;
    return 0;
}

size_t data_at(const struct data *d)
{
    return d->at;
}

int data_rewind(struct data *d, struct assay_err *e)
{
    d->at = 0;
    if (d->file == 0 && d->rows)
        return d->format->rewind(d->rows, e);
    return data_open_file(d, 0, e);
}

const char *const *data_columns(const struct data *d, size_t *n)
{
    *n = d->n_columns;
    return d->columns;
}

const char *data_origin(const struct data *d)
{
    return d->origin;
}

/* -- identity ---------------------------------------------------------------------------------- */

struct uid_entry {
    struct uid_entry *next;
    struct timespec mtime;
    off_t size;
    uint8_t h[HASH_BYTES];
    char path[];
};
static struct uid_entry *uid_cache;
static pthread_mutex_t uid_lock = PTHREAD_MUTEX_INITIALIZER;

static bool uid_look_up(const char *path, const struct stat *st, uint8_t h[HASH_BYTES])
{
    bool hit = false;
    pthread_mutex_lock(&uid_lock);
    for (struct uid_entry *u = uid_cache; u && !hit; u = u->next) {
        hit = u->size == st->st_size && u->mtime.tv_sec == st->st_mtim.tv_sec &&
              u->mtime.tv_nsec == st->st_mtim.tv_nsec && strcmp(u->path, path) == 0;
        if (hit)
            memcpy(h, u->h, HASH_BYTES);
    }
    pthread_mutex_unlock(&uid_lock);
    return hit;
}

static void uid_remember(const char *path, const struct stat *st, const uint8_t h[HASH_BYTES])
{
    size_t n = strlen(path) + 1;
    struct uid_entry *u = malloc(sizeof *u + n);
    if (!u)
        return;
    u->mtime = st->st_mtim;
    u->size = st->st_size;
    memcpy(u->h, h, HASH_BYTES);
    memcpy(u->path, path, n);
    pthread_mutex_lock(&uid_lock);
    u->next = uid_cache;
    uid_cache = u;
    pthread_mutex_unlock(&uid_lock);
}

static int uid_of_file(const char *path, uint8_t h[HASH_BYTES], struct assay_err *e)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return err_errno(e, ASSAY_EIO, "cannot stat '%s'", path);
    if (uid_look_up(path, &st, h))
        return 0;
    TRY(hash_file(path, h, e));
    uid_remember(path, &st, h);
    return 0;
}

int data_uid(struct data *d, char hex[65], struct assay_err *e)
{
    if (!d->uid[0]) {
        struct hash all = {0};
        uint8_t h[HASH_BYTES];
        int rc = 0;
        hash_init(&all);
        for (size_t i = 0; i < d->where.n && rc == 0; i++) {
            rc = uid_of_file(d->where.files[i], h, e);
            if (rc == 0)
                hash_add(&all, h, HASH_BYTES);
        }
        /* One file: its own digest, the one that published checksums give. */
        if (rc == 0 && d->where.n > 1)
            hash_end(&all, h);
        hash_release(&all);
        if (rc < 0)
            return rc;
        char digest[HASH_HEX];
        hash_hex(h, digest);
        if (d->where.cached_sha256 && strcmp(digest, d->where.cached_sha256) != 0)
            return err_set(e, ASSAY_EFORMAT,
                           "'%s' is not what was fetched: 'assay data verify' lists what is damaged, "
                           "'assay data get --refresh' mends it", d->where.files[0]);
        memcpy(d->uid, digest, HASH_HEX);
    }
    memcpy(hex, d->uid, HASH_HEX);
    return 0;
}

void data_close(struct data *d)
{
    if (!d)
        return;
    data_shut(d);
    arena_release(&d->arena);
    free(d);
}
