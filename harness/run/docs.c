/* docs.c - rows of a dataset -> items of a task. */
#include "harness/run/docs.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "datasets/data.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/value.h"
#include "harness/run/prepare.h"
#include "harness/run/suite.h"

enum { MAX_POOL = 1 << 20, LOAD_BYTES = 256 << 20, REHEARSED = 8 };
struct many { /* documents that one row holds */
    struct arena arena;
    const struct value *list;
    uint32_t at;
};
struct rows { /* of one split: as they are in files, or as Python made them */
    struct data *data;
    struct many many;
    const struct prepared *made;
    size_t at;                    /* in made */
    const struct value *fields;   /* of the row read last, when it was made */
};
struct docs {
    struct arena arena; /* first row, few-shot pool, selections: as long as this */
    struct task *task;
    struct rows rows, shots;
    const struct value *first, *first_fields; /* document 0 of the split */
    const struct value **pool, **pool_fields;
    size_t n_pool;
    const size_t *samples; /* places, or NULL */
    size_t n_samples;
    double limit;                /* as suite.limit */
    size_t n_rows, n_docs;       /* 0 until docs_check or docs_expect */
    size_t idx, n_out;           /* next row's place; items handed out */
    const size_t *wanted;
    size_t n_wanted;
};

static struct data_source source_of(const struct task *t, const char *split,
                                    const struct docs_paths *paths)
{
    return (struct data_source){
        .path = t->dataset_path,
        .name = t->dataset_name,
        .split = split,
        .kwargs = t->dataset_kwargs,
        .base_dir = t->base_dir,
        .data_dirs = paths->data,
        .recipe_dirs = paths->recipes,
        .cache = paths->cache,
    };
}

/* -- rows -------------------------------------------------------------------------------------- */

struct source { /* the rows of a split on their way to Python */
    struct task *task;
    struct rows *rows;
    bool is_shot;
};

/* The next of the documents that the row read last holds. */
static bool next_of_many(struct many *m, struct arena *a, const struct value **out)
{
    if (!m->list || m->at >= m->list->n)
        return false;
    *out = value_copy(a, m->list->items[m->at++]);
    return true;
}

static int keep_many(struct rows *r, const struct value *list, struct assay_err *e)
{
    arena_reset(&r->many.arena);
    for (uint32_t i = 0; i < list->n; i++)
        if (list->items[i]->type != VALUE_DICT)
            return err_set(e, ASSAY_EFORMAT, "process_docs makes a row that is %s, expected a dict",
                           value_type_name(list->items[i]));
    r->many.list = value_copy(&r->many.arena, list);
    r->many.at = 0;
    return 0;
}

/* The next row that is a document of the task: process_docs may change rows, drop some, and make several of
 * one. */
static int next_own(struct task *t, struct rows *rows, bool is_shot, struct arena *a,
                    const struct value **out, struct assay_err *e)
{
    for (;;) {
        struct arena_mark mark = arena_mark(a);
        const struct value *row;
        if (next_of_many(&rows->many, a, out))
            return 0;
        TRY(data_next(rows->data, a, &row, e));
        *out = row;
        if (!row || !task_has_rows(t, is_shot))
            return 0;
        struct task_source_row r = {row, data_at(rows->data) - 1, is_shot};
        int rc = task_row(t, &r, a, out, e);
        bool has_many = rc >= 0 && *out && (*out)->type == VALUE_LIST;
        if (has_many)
            rc = keep_many(rows, *out, e);
        if (rc < 0)
            return err_prefix(e, rc, "task '%s', a row of '%s'", t->name, data_origin(rows->data));
        if (*out && !has_many)
            return 0;
        arena_rewind(a, mark);
    }
}

static int next_source(void *user, struct arena *a, const struct value **row, struct assay_err *e)
{
    struct source *s = user;
    return next_own(s->task, s->rows, s->is_shot, a, row, e);
}

static int next_row(struct docs *d, bool is_shot, struct arena *a, const struct value **out,
                    struct assay_err *e)
{
    struct rows *r = is_shot ? &d->shots : &d->rows;
    if (!r->made)
        return next_own(d->task, r, is_shot, a, out, e);
    return prepared_next(r->made, &r->at, a, out, &r->fields, e);
}

/* Rows past the last one wanted need not be read. */
static size_t last_needed(const struct docs *d)
{
    if (d->samples)
        return d->n_samples ? d->samples[d->n_samples - 1] + 1 : 0;
    return d->limit >= 1 && d->limit < 1e15 ? (size_t)d->limit : SIZE_MAX;
}

static int open_rows(struct docs *d, bool is_shot, const struct docs_paths *paths,
                     struct assay_err *e)
{
    struct task *t = d->task;
    struct rows *r = is_shot ? &d->shots : &d->rows;
    if (!task_has_own_data(t)) {
        struct data_source src = source_of(t, is_shot ? t->fewshot_split : t->eval_split, paths);
        TRY(data_open(&src, &r->data, e));
    }
    if (!task_wants_code(t, is_shot))
        return 0;
    struct source s = {t, r, is_shot};
    struct prepare_ask ask = {
        .task = t,
        .is_shot = is_shot,
        .io = {.next = next_source, .user = &s, .until = is_shot ? SIZE_MAX : last_needed(d)}};
    int rc = prepare_split(paths->prepare, &ask, &r->made, e);
    return rc < 0 ? err_prefix(e, rc, "task '%s'", t->name) : 0;
}

static void grow_pool(struct docs *d, size_t *cap)
{
    size_t more = *cap ? *cap * 2 : 256;
    const struct value **rows = ARENA_ARRAY(&d->arena, const struct value *, more);
    const struct value **fields = ARENA_ARRAY(&d->arena, const struct value *, more);
    if (*cap) {
        memcpy(rows, d->pool, *cap * sizeof *rows);
        memcpy(fields, d->pool_fields, *cap * sizeof *fields);
    }
    d->pool = rows;
    d->pool_fields = fields;
    *cap = more;
}

static int load_pool(struct docs *d, const struct docs_paths *paths, struct assay_err *e)
{
    struct task *t = d->task;
    if (t->n_fewshot <= 0 || !t->fewshot_split)
        return 0;
    TRY(open_rows(d, true, paths, e));
    size_t cap = 0;
    for (;;) {
        const struct value *row;
        TRY(next_row(d, true, &d->arena, &row, e));
        if (!row)
            return 0;
        if (d->n_pool == MAX_POOL)
            return err_set(e, ASSAY_ELIMIT, "more than %d rows to draw few-shot examples from",
                           MAX_POOL);
        if (d->n_pool == cap)
            grow_pool(d, &cap);
        d->pool_fields[d->n_pool] = d->shots.fields;
        d->pool[d->n_pool++] = row;
    }
}

static int begin(struct docs *d, struct assay_err *e)
{
    size_t n_columns = 0;
    const char *const *columns = d->rows.data ? data_columns(d->rows.data, &n_columns) : NULL;
    bool is_made = d->rows.made || task_has_rows(d->task, false);
    task_code_row(d->task, d->first, d->first_fields);
    task_code_pool(d->task, d->pool_fields, d->n_pool);
    if (is_made && d->first && d->first->type == VALUE_DICT) {
        const char **own = ARENA_ARRAY(&d->arena, const char *, d->first->n + 1);
        n_columns = 0;
        for (uint32_t i = 0; i < d->first->n; i++)
            if (d->first->entries[i].key->type == VALUE_STR)
                own[n_columns++] = d->first->entries[i].key->s;
        columns = own;
    }
    return task_begin(d->task, d->first, columns, n_columns, d->pool, d->n_pool, e);
}

static int take_samples(struct docs *d, const struct suite *s, struct assay_err *e)
{
    if (!s->samples)
        return 0;
    const struct value *list = value_get(s->samples, d->task->name);
    if (!list)
        return err_set(e, ASSAY_EUSAGE, "task '%s' is not among the samples", d->task->name);
    size_t *at = ARENA_ARRAY(&d->arena, size_t, list->n + 1);
    for (uint32_t i = 0; i < list->n; i++) {
        at[i] = (size_t)list->items[i]->i;
        if (i && at[i] <= at[i - 1])
            return err_set(e, ASSAY_EUSAGE, "the samples of task '%s' are not in rising order",
                           d->task->name);
    }
    d->wanted = d->samples = at;
    d->n_wanted = d->n_samples = list->n;
    return 0;
}

int docs_open(struct task *t, const struct suite *s, const struct docs_paths *paths,
              struct docs **out, struct assay_err *e)
{
    struct docs *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(e, ASSAY_ENOMEM, "out of memory");
    d->task = t;
    d->limit = s->limit;
    int rc = 0;
    if (!t->dataset_path && !task_has_own_data(t))
        rc = err_set(e, ASSAY_EUSAGE, "task '%s' names no dataset (dataset_path)", t->name);
    else if (!t->eval_split)
        rc = err_set(e, ASSAY_EUSAGE,
                     "task '%s' names no split to evaluate (test_split or validation_split)",
                     t->name);
    if (rc >= 0)
        rc = take_samples(d, s, e);
    if (rc >= 0)
        rc = open_rows(d, false, paths, e);
    if (rc >= 0)
        rc = next_row(d, false, &d->arena, &d->first, e);
    d->first_fields = d->rows.fields;
    if (rc >= 0)
        rc = load_pool(d, paths, e);
    if (rc >= 0)
        rc = docs_rewind(d, e);
    if (rc < 0) {
        docs_close(d);
        return rc;
    }
    *out = d;
    return 0;
}

void docs_close(struct docs *d)
{
    if (!d)
        return;
    task_code_row(d->task, NULL, NULL);
    task_code_pool(d->task, NULL, 0);
    data_close(d->rows.data);
    data_close(d->shots.data);
    arena_release(&d->rows.many.arena);
    arena_release(&d->shots.many.arena);
    arena_release(&d->arena);
    free(d);
}

/* Reads from the first row again. */
static int rewind_rows(struct docs *d, struct assay_err *e)
{
    d->rows.at = 0;
    d->rows.many.list = NULL;
    return d->rows.made ? 0 : data_rewind(d->rows.data, e);
}

int docs_rewind(struct docs *d, struct assay_err *e)
{
    TRY(rewind_rows(d, e));
    d->idx = d->n_out = 0;
    return begin(d, e);
}

/* -- counting ---------------------------------------------------------------------------------- */

static size_t limit_of(const struct docs *d, size_t n_rows)
{
    if (d->limit <= 0)
        return n_rows;
    double n = d->limit < 1 ? ceil((double)n_rows * d->limit) : floor(d->limit);
    return n < (double)n_rows ? (size_t)n : n_rows;
}

static int count_rows(struct docs *d, size_t most, size_t *n, struct arena *a, struct assay_err *e)
{
    *n = 0;
    TRY(rewind_rows(d, e));
    while (*n < most) {
        const struct value *row;
        arena_reset(a);
        TRY(next_row(d, false, a, &row, e));
        if (!row)
            break;
        ++*n;
    }
    return 0;
}

int docs_count(struct docs *d, size_t *n_rows, struct assay_err *e)
{
    struct arena a = {0};
    int rc = count_rows(d, SIZE_MAX, n_rows, &a, e);
    arena_release(&a);
    return rc;
}

/* Asks the first document; grades some where code grades: not every score comes up for every document. */
static int rehearse(struct docs *d, struct arena *a, struct assay_err *e)
{
    bool has = true, more = true;
    int rc = 0;
    for (size_t i = 0; i < REHEARSED && rc >= 0 && has && more; i++) {
        struct task_item item;
        int64_t key;
        arena_reset(a);
        rc = docs_next(d, a, &item, &has, e);
        if (rc >= 0 && has)
            rc = task_cluster(d->task, item.doc, &key, e);
        if (rc >= 0 && has)
            rc = task_rehearse(d->task, &item, a, &more, e);
    }
    return rc < 0 ? rc : docs_rewind(d, e);
}

int docs_check(struct docs *d, size_t *n_docs, struct assay_err *e)
{
    struct arena a = {0};
    size_t n = 0, most = last_needed(d);
    int rc = count_rows(d, most, &n, &a, e);
    if (rc >= 0 && n == 0 && most > 0)
        rc = err_set(e, ASSAY_EFORMAT, "task '%s': '%s' has no rows", d->task->name,
                     docs_origin(d));
    if (rc >= 0 && d->samples && n < most)
        rc = err_set(e, ASSAY_EUSAGE, "task '%s' has %zu documents, sample %zu does not exist",
                     d->task->name, n, most - 1);
    docs_expect(d, n, d->samples ? d->n_samples : limit_of(d, n));
    *n_docs = d->n_docs;
    if (rc >= 0)
        rc = docs_rewind(d, e);
    /* What can't be asked yet, its chat template being unknown, is checked when it is. */
    if (rc >= 0 && d->n_docs && !task_awaits_chat(d->task))
        rc = rehearse(d, &a, e);
    arena_release(&a);
    return rc;
}

void docs_expect(struct docs *d, size_t n_rows, size_t n_docs)
{
    d->n_rows = n_rows;
    d->n_docs = n_docs;
}

size_t docs_rows(const struct docs *d)
{
    return d->n_rows;
}

void docs_only(struct docs *d, const size_t *wanted, size_t n)
{
    d->wanted = wanted;
    d->n_wanted = n;
}

/* -- items ------------------------------------------------------------------------------------- */

/* Whether a row is a document of the run: upstream draws no examples for others. */
static bool is_sample(const struct docs *d, size_t idx)
{
    size_t lo = 0, hi = d->n_samples;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (d->samples[mid] < idx)
            lo = mid + 1;
        else
            hi = mid;
    }
    return !d->samples || (lo < d->n_samples && d->samples[lo] == idx);
}

int docs_next(struct docs *d, struct arena *a, struct task_item *item, bool *has,
              struct assay_err *e)
{
    *has = false;
    while (d->wanted ? d->n_out < d->n_wanted : d->n_out < d->n_docs) {
        struct arena_mark mark = arena_mark(a);
        const struct value *row;
        TRY(next_row(d, false, a, &row, e));
        if (!row)
            return err_set(e, ASSAY_EFORMAT, "'%s' ended after %zu rows, it had %zu before",
                           docs_origin(d), d->idx, d->n_rows);
        task_code_row(d->task, row, d->rows.fields);
        size_t idx = d->idx++;
        if (d->wanted && d->wanted[d->n_out] != idx) {
            if (is_sample(d, idx)) /* left out for now only: its examples are drawn all the same */
                task_skip(d->task, row);
            arena_rewind(a, mark);
            continue;
        }
        d->n_out++;
        int rc = task_ask(d->task, idx, row, a, item, e);
        if (rc < 0)
            return err_prefix(e, rc, "task '%s', row %zu of '%s'", d->task->name, idx + 1,
                              docs_origin(d));
        *has = true;
        return 0;
    }
    return 0;
}

const char *docs_origin(const struct docs *d)
{
    return d->rows.data ? data_origin(d->rows.data) : "custom_dataset";
}

/* Of the files, and of what Python made of them. */
static int rows_uid(const struct rows *r, struct hash *h, struct assay_err *e)
{
    char hex[65];
    if (r->data) {
        TRY(data_uid(r->data, hex, e));
        hash_add_str(h, hex, 64);
    }
    if (r->made)
        hash_add_str(h, prepared_uid(r->made), 64);
    return 0;
}

int docs_uid(struct docs *d, char hex[65], struct assay_err *e)
{
    bool has_pool = d->shots.data || d->shots.made;
    if (!has_pool && !d->rows.made)
        return data_uid(d->rows.data, hex, e);
    struct hash h = {0};
    uint8_t digest[HASH_BYTES];
    hash_init(&h);
    int rc = rows_uid(&d->rows, &h, e);
    if (rc >= 0 && has_pool)
        rc = rows_uid(&d->shots, &h, e);
    hash_end(&h, digest);
    hash_release(&h);
    hash_hex(digest, hex);
    return rc;
}

/* -- rows for task code ------------------------------------------------------------------------ */

int docs_load(void *user, const struct value *ask, struct arena *a, const struct value **rows,
              struct assay_err *e)
{
    const struct docs_paths *p = user;
    const struct value *path = value_get(ask, "path"), *name = value_get(ask, "name"),
                       *split = value_get(ask, "split"), *files = value_get(ask, "data_files");
    if (!path || path->type != VALUE_STR || !split || split->type != VALUE_STR)
        return err_set(e, ASSAY_EFORMAT, "load_dataset: no path or no split");
    struct data_source src = {.path = path->s,
                              .name = name && name->type == VALUE_STR ? name->s : NULL,
                              .split = split->s,
                              .data_dirs = p->data,
                              .cache = p->cache,
                              .recipe_dirs = p->recipes};
    if (files && files->type != VALUE_NULL)
        src.kwargs = value_with(a, value_dict(a, NULL, 0), "data_files", files);
    struct data *d;
    struct buf all;
    const struct value *row;
    TRY(data_open(&src, &d, e));
    buf_init(&all, 0);
    size_t n = 0, most = a->used + LOAD_BYTES;
    int rc = data_next(d, a, &row, e);
    for (; rc >= 0 && row; rc = data_next(d, a, &row, e)) {
        if (a->used > most) {
            rc = err_set(e, ASSAY_ELIMIT, "load_dataset: '%s' is larger than task code may load",
                         path->s);
            break;
        }
        buf_add(&all, &row, sizeof row);
        n++;
    }
    if (rc >= 0)
        *rows = value_list(a, (const struct value *const *)(void *)all.v, n);
    buf_release(&all);
    data_close(d);
    return rc;
}
