/* hub_rows.c - a split from the rows of the hub's data set viewer, 100 at a time.
 *
 * Each page is written whole into the stage before it counts, so a fetch goes on where it ended.
 * Every page must be of the commit that was asked for, hold exactly the rows that were asked for, in
 * order, whole; the pages together must be as many rows as the viewer says there are. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "datasets/hub_impl.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/json.h"
#include "harness/base/pool.h"
#include "harness/base/value.h"

enum { PAGE = 100, PAGE_MOST = 64 << 20, MAX_ROWS = 200000000, MAX_COLUMNS = 4096 };

struct pages {
    struct hub_job *job;
    int64_t total; /* rows */
    size_t n;
    const struct value *features;
    _Atomic int64_t done;
    atomic_bool floats; /* an answer did not say of which commit it is */
    int rc;
    struct assay_err err; /* the first */
    pthread_mutex_t lock;
};

static char *page_url(const struct hub_job *j, int64_t offset, int length, struct arena *a)
{
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "%s/rows?dataset=", j->hub->rows_endpoint);
    http_escape(&b, j->m.dataset, false);
    buf_adds(&b, "&config=");
    http_escape(&b, j->m.config, false);
    buf_adds(&b, "&split=");
    http_escape(&b, j->m.split, false);
    buf_printf(&b, "&offset=%lld&length=%d", (long long)offset, length);
    char *url = arena_strndup(a, b.v, b.n);
    buf_release(&b);
    return url;
}

/* -- checking ---------------------------------------------------------------------------------- */

static int rows_fail(const struct hub_job *j, int code, const char *why, struct assay_err *e)
{
    return err_set(e, code, "split '%s' of '%s' (%s) cannot be had as rows: %s", j->m.split,
                   j->m.dataset, j->m.config, why);
}

/* Columns that are not text or numbers anywhere inside. */
static const char *foreign_type(const struct value *type, int depth)
{
    static const char *const foreign[] = {"Image", "Audio", "Video", "Pdf", "Nifti", "Mesh"};
    if (depth > 32 || (type->type != VALUE_DICT && type->type != VALUE_LIST))
        return NULL;
    const struct value *own = value_get(type, "_type");
    for (size_t i = 0; own && i < sizeof foreign / sizeof *foreign; i++)
        if (value_is_str(own, foreign[i]))
            return foreign[i];
    for (uint32_t i = 0; i < type->n; i++) {
        const char *in = foreign_type(
            type->type == VALUE_DICT ? type->entries[i].value : type->items[i], depth + 1);
        if (in)
            return in;
    }
    return NULL;
}

static int check_features(const struct hub_job *j, const struct value *f, struct assay_err *e)
{
    if (!f || f->type != VALUE_LIST || f->n == 0 || f->n > MAX_COLUMNS)
        return rows_fail(j, ASSAY_EREMOTE, "the answer has no 'features'", e);
    for (uint32_t i = 0; i < f->n; i++) {
        const struct value *name = value_get(f->items[i], "name");
        const struct value *type = value_get(f->items[i], "type");
        if (!name || name->type != VALUE_STR)
            return rows_fail(j, ASSAY_EREMOTE, "a column without a name", e);
        const char *foreign = type ? foreign_type(type, 0) : NULL;
        if (foreign)
            return err_set(e, ASSAY_EUNSUPPORTED, "dataset '%s': column '%s' is of type %s; only "
                           "text and numbers can be read", j->m.dataset, name->s, foreign);
    }
    return 0;
}

static int check_revision(const struct hub_job *j, const struct http_reply *r, struct assay_err *e)
{
    if (!r->revision[0] || strcmp(r->revision, j->m.sha) == 0)
        return 0;
    return err_set(e, ASSAY_EREMOTE,
                   "the viewer has the rows of '%s' at commit %.12s, not at %.12s that was asked for "
                   "(%s): when the dataset has just changed, try again later",
                   j->m.dataset, r->revision, j->m.sha, j->m.revision);
}

static int check_answer(const struct hub_job *j, const struct value *v, int64_t *total,
                        struct assay_err *e)
{
    const struct value *n = value_get(v, "num_rows_total"), *part = value_get(v, "partial");
    if (part && part->type == VALUE_BOOL && part->b)
        return rows_fail(j, ASSAY_EUNSUPPORTED, "the viewer has only the first part of it", e);
    if (!n || n->type != VALUE_INT || n->i < 0 || n->i > MAX_ROWS)
        return rows_fail(j, ASSAY_EREMOTE, "the answer does not say how many rows there are", e);
    *total = n->i;
    return check_features(j, value_get(v, "features"), e);
}

/* The row's cells in the order of the columns. */
static int order_cells(const struct hub_job *j, const struct value *features,
                       const struct value *row, struct arena *a, const struct value **out,
                       struct assay_err *e)
{
    struct value_entry *cells = ARENA_ARRAY(a, struct value_entry, features->n);
    if (!row || row->type != VALUE_DICT)
        return rows_fail(j, ASSAY_EREMOTE, "a row is no object", e);
    for (uint32_t i = 0; i < features->n; i++) {
        const struct value *name = value_get(features->items[i], "name");
        const struct value *cell = name ? value_getn(row, name->s, name->n) : NULL;
        if (!cell)
            return rows_fail(j, ASSAY_EREMOTE, "a row lacks a column", e);
        cells[i] = (struct value_entry){name, cell};
    }
    if (row->n != features->n)
        return rows_fail(j, ASSAY_EREMOTE, "a row has more cells than there are columns", e);
    *out = value_dict(a, cells, features->n);
    return 0;
}

static int add_row(const struct hub_job *j, const struct value *features, const struct value *x,
                   int64_t want_idx, struct buf *out, struct assay_err *e)
{
    const struct value *idx = value_get(x, "row_idx"), *cut = value_get(x, "truncated_cells");
    struct arena a = {0};
    const struct value *row = NULL;
    if (!idx || idx->type != VALUE_INT || idx->i != want_idx)
        return rows_fail(j, ASSAY_EREMOTE, "the rows are not those that were asked for", e);
    if (cut && (cut->type == VALUE_LIST || cut->type == VALUE_DICT) && cut->n)
        return rows_fail(j, ASSAY_EUNSUPPORTED,
                         "the viewer cuts long cells short, and scores over cut text would be wrong",
                         e);
    int rc = order_cells(j, features, value_get(x, "row"), &a, &row, e);
    if (rc == 0) {
        json_write(out, row, JSON_COMPACT);
        buf_addc(out, '\n');
    }
    arena_release(&a);
    return rc;
}

/* -- pages ------------------------------------------------------------------------------------- */

static char *page_path(const struct hub_job *j, size_t page, struct arena *a)
{
    return arena_printf(a, "%s/page-%08zu.jsonl", j->stage, page);
}

static int64_t page_rows(const struct pages *p, size_t page)
{
    int64_t left = p->total - (int64_t)page * PAGE;
    return left < PAGE ? left : PAGE;
}

struct answer {
    const struct value *v;
    bool is_pinned; /* it says of which commit it is */
};

static int get_answer(struct hub_job *j, int64_t offset, int length, struct arena *a,
                      struct answer *out, struct assay_err *e)
{
    struct buf text;
    struct http_reply reply;
    buf_init(&text, PAGE_MOST);
    const char *url = page_url(j, offset, length, a);
    int rc = http_text(&j->hub->http, url, PAGE_MOST, &text, &reply, e);
    if (rc == 0)
        rc = check_revision(j, &reply, e);
    if (rc == 0) {
        out->is_pinned = reply.revision[0] != 0;
        rc = json_parse(text.v, text.n, url, 1, a, &out->v, e);
        rc = rc < 0 ? rows_fail(j, ASSAY_EREMOTE, "the answer is no JSON", e) : 0;
    }
    buf_release(&text);
    return rc;
}

static int page_fetch(struct pages *p, size_t page, struct arena *a, struct assay_err *e)
{
    struct hub_job *j = p->job;
    struct answer x;
    int64_t total, offset = (int64_t)page * PAGE;
    TRY(get_answer(j, offset, PAGE, a, &x, e));
    TRY(check_answer(j, x.v, &total, e));
    if (!x.is_pinned)
        atomic_store(&p->floats, true);
    const struct value *rows = value_get(x.v, "rows"), *features = value_get(x.v, "features");
    if (total != p->total || !rows || rows->type != VALUE_LIST ||
        (int64_t)rows->n != page_rows(p, page))
        return rows_fail(j, ASSAY_EREMOTE, "the number of rows changed on the way", e);
    struct buf out;
    buf_init(&out, 0);
    int rc = 0;
    for (uint32_t i = 0; i < rows->n && rc == 0; i++)
        rc = add_row(j, features, rows->items[i], offset + i, &out, e);
    if (rc == 0)
        rc = fs_write_atomic(page_path(j, page, a), out.v, out.n, e);
    buf_release(&out);
    return rc;
}

static void page_part(void *user, size_t page, size_t n_pages)
{
    struct pages *p = user;
    struct http *http = &p->job->hub->http;
    struct assay_err e = {0};
    struct arena a = {0};
    (void)n_pages;
    if (atomic_load(&http->stop))
        return;
    int rc = fs_exists(page_path(p->job, page, &a)) ? 0 : page_fetch(p, page, &a, &e);
    arena_release(&a);
    if (rc == 0) {
        int64_t n = page_rows(p, page), done = atomic_fetch_add(&p->done, n) + n;
        hub_say(p->job->hub, HUB_PROGRESS, done, p->total, true);
        return;
    }
    pthread_mutex_lock(&p->lock);
    if (p->rc == 0) {
        p->rc = rc;
        p->err = e;
        atomic_store(&http->stop, true);
    }
    pthread_mutex_unlock(&p->lock);
}

static int pages_join(struct pages *p, struct assay_err *e)
{
    struct hub_out *o;
    struct arena a = {0};
    TRY(hub_out_open(p->job, &o, e));
    int rc = 0;
    for (size_t i = 0; i < p->n && rc == 0; i++) {
        const char *text;
        size_t n;
        int64_t rows = 0;
        arena_reset(&a);
        rc = fs_read(page_path(p->job, i, &a), PAGE_MOST, &a, &text, &n, e);
        for (const char *nl = text; rc == 0 && (nl = memchr(nl, '\n', n - (size_t)(nl - text))); nl++)
            rows++;
        if (rc == 0 && rows != page_rows(p, i)) {
            unlink(page_path(p->job, i, &a));
            rc = rows_fail(p->job, ASSAY_EFORMAT, "a page in the cache is damaged, fetch again", e);
        }
        if (rc == 0)
            rc = hub_out_lines(o, text, n, rows, e);
    }
    if (rc == 0)
        rc = hub_out_commit(o, e);
    hub_out_close(o);
    arena_release(&a);
    return rc;
}

/* Pages of another shape (the number of rows changed at the same commit) are of no use. */
static int stage_check(struct pages *p, struct assay_err *e)
{
    struct arena a = {0};
    const char *text, *path = fs_join(&a, p->job->stage, "total");
    const char *want = arena_printf(&a, "%lld\n", (long long)p->total);
    size_t n;
    if (fs_read(path, 64, &a, &text, &n, NULL) < 0 || strcmp(text, want) != 0)
        cache_drop(p->job->stage);
    int rc = fs_mkdirs(p->job->stage, e);
    if (rc == 0)
        rc = fs_write_atomic(path, want, strlen(want), e);
    arena_release(&a);
    return rc;
}

static int first_answer(struct hub_job *j, int length, int64_t *total,
                        const struct value **features, struct assay_err *e)
{
    struct answer x;
    TRY(get_answer(j, 0, length, j->arena, &x, e));
    TRY(check_answer(j, x.v, total, e));
    *features = value_get(x.v, "features");
    return 0;
}

int hub_rows_count(struct hub_job *j, int64_t *n, struct assay_err *e)
{
    const struct value *features;
    return first_answer(j, 1, n, &features, e);
}

int hub_rows(struct hub_job *j, struct assay_err *e)
{
    struct pages p = {.job = j, .lock = PTHREAD_MUTEX_INITIALIZER};
    TRY(first_answer(j, 1, &p.total, &p.features, e));
    TRY(stage_check(&p, e));
    p.n = (size_t)((p.total + PAGE - 1) / PAGE);
    hub_say(j->hub, HUB_FETCH, 0, p.total, true);
    int n_threads = (size_t)j->hub->connections < p.n ? j->hub->connections : (int)p.n;
    struct pool *pool = pool_new(n_threads ? n_threads : 1);
    atomic_store(&j->hub->http.stop, false);
    pool_run(pool, p.n, page_part, &p);
    pool_free(pool);
    atomic_store(&j->hub->http.stop, false);
    if (p.rc < 0) {
        if (e)
            *e = p.err;
        return p.rc;
    }
    struct value *from = value_with(j->arena, value_dict(j->arena, NULL, 0), "url",
                                    value_str(j->arena, page_url(j, 0, PAGE, j->arena)));
    const struct value *one[] = {from};
    j->m.from = value_list(j->arena, one, 1);
    j->m.features = p.features;
    if (atomic_load(&p.floats))
        TRY(hub_check_head(j->hub, j->m.dataset, j->m.revision, j->m.sha, e));
    return pages_join(&p, e);
}

/* -- configurations and splits ----------------------------------------------------------------- */

static const char *text_of(const struct value *v, const char *key)
{
    const struct value *s = value_get(v, key);
    return s && s->type == VALUE_STR ? s->s : NULL;
}

/* Without a name: `default`, or the only one there is. */
static int default_config(const struct value *list, const char *path, const char **config,
                          struct assay_err *e)
{
    const char *only = NULL;
    bool several = false;
    struct buf b;
    buf_init(&b, 200);
    for (uint32_t i = 0; i < list->n && !*config; i++) {
        const char *c = text_of(list->items[i], "config");
        if (c && strcmp(c, "default") == 0)
            *config = c;
        if (!c || (only && strcmp(only, c) == 0))
            continue;
        several = only != NULL;
        buf_printf(&b, "%s%s", only ? ", " : "", c);
        only = c;
    }
    int rc = 0;
    if (!*config && several)
        rc = err_set(e, ASSAY_EUSAGE, "dataset '%s' has several configurations, name one of %s", path,
                     b.v);
    else if (!*config && !only)
        rc = err_set(e, ASSAY_ENOTFOUND, "the viewer knows no split of dataset '%s'", path);
    else if (!*config)
        *config = only;
    buf_release(&b);
    return rc;
}

static int configs_unknown(const struct value *list, const char *path, const char *config,
                           struct assay_err *e)
{
    struct buf b;
    buf_init(&b, 200);
    const char *last = NULL;
    for (uint32_t i = 0; i < list->n; i++) {
        const char *c = text_of(list->items[i], "config");
        if (c && (!last || strcmp(last, c) != 0))
            buf_printf(&b, "%s%s", last ? ", " : "", c);
        last = c ? c : last;
    }
    int rc = err_set(e, ASSAY_EUSAGE, "dataset '%s' has no configuration '%s'; it has %s", path,
                     config, b.n ? b.v : "none");
    buf_release(&b);
    return rc;
}

int hub_rows_splits(struct hub *h, const char *path, const char **config, const char ***splits,
                    size_t *n, struct assay_err *e)
{
    struct buf text;
    struct http_reply reply;
    const struct value *v = NULL;
    buf_init(&text, PAGE_MOST);
    struct buf url;
    buf_init(&url, 0);
    buf_printf(&url, "%s/splits?dataset=", h->rows_endpoint);
    http_escape(&url, path, false);
    int rc = http_text(&h->http, url.v, PAGE_MOST, &text, &reply, e);
    if (rc == 0)
        rc = json_parse(text.v, text.n, url.v, 1, &h->arena, &v, e);
    buf_release(&text);
    buf_release(&url);
    TRY(rc);
    const struct value *list = value_get(v, "splits");
    if (!list || list->type != VALUE_LIST)
        return err_set(e, ASSAY_EREMOTE, "the viewer does not say which splits '%s' has", path);
    if (!*config)
        TRY(default_config(list, path, config, e));
    *splits = ARENA_ARRAY(&h->arena, const char *, list->n + 1);
    for (uint32_t i = 0; i < list->n; i++) {
        const char *c = text_of(list->items[i], "config"), *s = text_of(list->items[i], "split");
        if (c && s && strcmp(c, *config) == 0)
            (*splits)[(*n)++] = s;
    }
    return *n ? 0 : configs_unknown(list, path, *config, e);
}
