/* code.c - Python functions as questions to a host. */
#include "tasks/code.h"
#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "tasks/port.h"

enum { MAX_FILES = 1000 };

/* -- questions --------------------------------------------------------------------------------- */

struct question {
    struct value_entry all[8];
    size_t n;
    struct arena *a;
};

static struct question question(struct arena *a, const char *op, const struct code *c)
{
    struct question q = {.a = a};
    q.all[q.n++] = (struct value_entry){value_str(a, "op"), value_str(a, op)};
    q.all[q.n++] = (struct value_entry){value_str(a, "func"), c ? c->func : &value_null};
    return q;
}

static void with(struct question *q, const char *key, const struct value *v)
{
    q->all[q->n++] = (struct value_entry){value_str(q->a, key), v};
}

static int ask(struct question *q, const struct task_host *host, const struct value **out,
               struct assay_err *e)
{
    return host->call(host->user, value_dict(q->a, q->all, q->n), q->a, out, e);
}

static int ask_code(struct question *q, const struct code *c, const struct value **out,
                    struct assay_err *e)
{
    int rc = ask(q, c->host, out, e);
    return rc < 0 ? err_prefix(e, rc, "%s: '%s' (!function %s)", c->where, c->key, c->spec) : 0;
}

static int no_sense(const struct code *c, struct assay_err *e)
{
    return err_set(e, ASSAY_EFORMAT, "%s: '%s' (!function %s): the answer has no sense", c->where,
                   c->key, c->spec);
}

static bool is_list(const struct value *v)
{
    return v->type == VALUE_LIST || v->type == VALUE_TUPLE;
}

/* -- opening ----------------------------------------------------------------------------------- */

/* [{path, sha256}]: what the host says it read is read again here. */
static int hash_files(const struct value *paths, struct arena *a, const struct value **out,
                      struct assay_err *e)
{
    size_t n = paths && is_list(paths) ? paths->n : 0;
    if (n > MAX_FILES)
        return err_set(e, ASSAY_ELIMIT, "it needs more than %d files", MAX_FILES);
    const struct value **all = ARENA_ARRAY(a, const struct value *, n + 1);
    for (size_t i = 0; i < n; i++) {
        uint8_t h[HASH_BYTES];
        char hex[HASH_HEX];
        if (paths->items[i]->type != VALUE_STR)
            return err_set(e, ASSAY_EFORMAT, "the answer has no sense");
        TRY(hash_file(paths->items[i]->s, h, e));
        struct value_entry one[2] = {{value_str(a, "path"), paths->items[i]},
                                     {value_str(a, "sha256"), value_str(a, hash_hex(h, hex))}};
        all[i] = value_dict(a, one, 2);
    }
    *out = value_list(a, all, n);
    return 0;
}

int code_open(const struct port_ask *p, const char *path, const char *name, struct arena *a,
              struct code **out, struct assay_err *e)
{
    const struct value *func[2] = {value_str(a, path), value_str(a, name)}, *answer;
    struct code *c = ARENA_NEW(a, struct code);
    struct value *pair = value_list(a, func, 2);
    pair->type = VALUE_TUPLE;
    *c = (struct code){.host = p->host,
                       .func = pair,
                       .where = arena_strdup(a, p->where),
                       .key = p->key,
                       .spec = p->func->s,
                       .name = name};
    struct question q = question(a, "bind", c);
    with(&q, "use", value_str(a, p->key));
    int rc = ask(&q, c->host, &answer, e);
    if (rc >= 0)
        rc = hash_files(value_get(answer, "files"), a, &c->files, e);
    if (rc < 0)
        return err_prefix(e, rc, "%s: '%s' can't be used: !function %s", c->where, c->key, c->spec);
    const struct value *said = value_get(answer, "name"), *python = value_get(answer, "python");
    if (said && said->type == VALUE_STR)
        c->name = said->s;
    c->python = python && python->type == VALUE_STR ? python->s : "?";
    *out = c;
    return 0;
}

const struct value *code_identity(const struct code *c, struct arena *a)
{
    const struct value **v = ARENA_ARRAY(a, const struct value *, c->files->n + 2);
    v[0] = value_str(a, c->spec);
    v[1] = value_str(a, c->python);
    for (uint32_t i = 0; i < c->files->n; i++)
        v[i + 2] = value_get(c->files->items[i], "sha256");
    return value_list(a, v, c->files->n + 2);
}

const struct value *code_option(const struct code *c, struct arena *a)
{
    struct value_entry one = {value_strn(a, "\0function", 9), c->func};
    return value_dict(a, &one, 1);
}

/* -- fields ------------------------------------------------------------------------------------ */

int code_field(const struct code *c, size_t idx, const struct value *doc, struct arena *a,
               const struct value **out, struct assay_err *e)
{
    struct question q = question(a, "field", c);
    with(&q, "idx", value_int(a, (int64_t)idx));
    with(&q, "doc", doc);
    return ask_code(&q, c, out, e);
}

int code_samples(const struct code *c, struct arena *a, const struct value **out,
                 struct assay_err *e)
{
    struct question q = question(a, "call", c);
    TRY(ask_code(&q, c, out, e));
    return is_list(*out) ? 0 : no_sense(c, e);
}

/* -- scores ------------------------------------------------------------------------------------ */

/* What Python's number is; float where it is none. */
static enum task_number kind_of(const struct value *v)
{
    return value_is_str(v, "int") ? TASK_INT : value_is_str(v, "bool") ? TASK_BOOL : TASK_FLOAT;
}

/* [(name, number or None, text or None, kind)] */
static int read_scores(const struct code *c, const struct value *list, struct arena *a,
                       const struct code_score **out, size_t *n, struct assay_err *e)
{
    if (!is_list(list))
        return no_sense(c, e);
    struct code_score *s = ARENA_ARRAY(a, struct code_score, list->n + 1);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *x = list->items[i];
        if (!is_list(x) || x->n != 4 || x->items[0]->type != VALUE_STR)
            return no_sense(c, e);
        bool is_number = x->items[1]->type == VALUE_FLOAT, has_text = x->items[2]->type == VALUE_STR;
        if (!is_number && !has_text)
            return no_sense(c, e);
        s[i].name = x->items[0]->s;
        s[i].value = is_number ? x->items[1]->f : NAN;
        s[i].detail = has_text ? x->items[2]->s : NULL;
        s[i].number = is_number ? kind_of(x->items[3]) : TASK_FLOAT;
    }
    *out = s;
    *n = list->n;
    return 0;
}

int code_results(const struct code *c, const struct code_results *r, struct arena *a,
                 const struct code_score **out, size_t *n, struct assay_err *e)
{
    struct question q = question(a, "results", c);
    const struct value *item[3] = {value_int(a, (int64_t)r->idx), r->doc, r->results}, *answer;
    const struct value *items = value_list(a, item, 3);
    with(&q, "items", value_list(a, &items, 1));
    with(&q, "exact", r->exact);
    TRY(ask_code(&q, c, &answer, e));
    if (!is_list(answer) || answer->n != 1)
        return no_sense(c, e);
    return read_scores(c, answer->items[0], a, out, n, e);
}

int code_metric(const struct code *c, const struct code_metric *m, struct arena *a,
                const struct code_score **out, size_t *n, struct assay_err *e)
{
    struct question q = question(a, "metric", c);
    const struct value *answer, *pair[2] = {value_str(a, c->name), value_bool(m->exact)};
    with(&q, "idx", value_int(a, (int64_t)m->idx));
    with(&q, "golds", m->golds);
    with(&q, "any", value_bool(m->any));
    with(&q, "response", m->response);
    with(&q, "kwargs", m->kwargs);
    with(&q, "how", value_list(a, pair, 2));
    TRY(ask_code(&q, c, &answer, e));
    return read_scores(c, answer, a, out, n, e);
}

int code_aggregate(const struct code *c, const struct task_score *s, size_t n,
                   struct task_aggregate *out, struct assay_err *e)
{
    struct arena a = {0};
    const struct value **items = ARENA_ARRAY(&a, const struct value *, n + 1), *answer = NULL;
    for (size_t i = 0; i < n; i++)
        items[i] = s[i].detail ? value_str(&a, s[i].detail) : value_float(&a, s[i].value);
    struct question q = question(&a, "aggregate", c);
    with(&q, "items", value_list(&a, items, n));
    int rc = ask_code(&q, c, &answer, e);
    bool is_sound = rc >= 0 && is_list(answer) && answer->n == 2 &&
                    answer->items[0]->type == VALUE_FLOAT && answer->items[1]->type == VALUE_BOOL;
    if (rc >= 0 && !is_sound)
        rc = no_sense(c, e);
    if (rc >= 0)
        *out = (struct task_aggregate){.value = answer->items[0]->f,
                                       .stderr_ = NAN,
                                       .n = n,
                                       .is_numpy = answer->items[1]->b};
    arena_release(&a);
    return rc;
}

int code_filter(const struct code_filter *f, const struct value *doc, const struct value *resps,
                struct arena *a, const struct value **out, struct assay_err *e)
{
    struct question q = question(a, "filter", f->code);
    const struct value *answer;
    with(&q, "kwargs", f->kwargs);
    with(&q, "resps", value_list(a, &resps, 1));
    with(&q, "docs", value_list(a, &doc, 1));
    int rc = ask(&q, f->host, &answer, e);
    if (rc < 0)
        return err_prefix(e, rc, "%s", f->where);
    if (!is_list(answer) || answer->n != 1)
        return err_set(e, ASSAY_EFORMAT, "%s: the answer of a filter has no sense", f->where);
    *out = answer->items[0];
    return 0;
}

/* -- rows of a split --------------------------------------------------------------------------- */

enum { ROWS_BYTES = 2 << 20, ROWS_MOST = 4096 };

/* Hands the rows over, some at a time. */
static int send_rows(const struct code_split *s, const struct task_code_io *io, struct assay_err *e)
{
    struct arena a = {0};
    const struct value *rows[ROWS_MOST], *answer;
    bool is_end = false;
    int rc = 0;
    while (rc >= 0 && !is_end) {
        size_t n = 0;
        arena_reset(&a);
        while (n < ROWS_MOST && a.used < ROWS_BYTES) {
            rc = io->next(io->user, &a, &rows[n], e);
            is_end = rc < 0 || !rows[n];
            if (is_end)
                break;
            n++;
        }
        if (rc < 0 || !n)
            break;
        struct question q = question(&a, "rows", NULL);
        with(&q, "rows", value_list(&a, rows, n));
        rc = ask(&q, s->host, &answer, e);
    }
    arena_release(&a);
    return rc;
}

/* process_docs, or nothing: *n rows are made. */
static int make_rows(const struct code_split *s, size_t *n, struct assay_err *e)
{
    struct arena a = {0};
    const struct value *answer;
    struct question q = question(&a, "run", s->rows);
    int rc = s->rows ? ask_code(&q, s->rows, &answer, e) : ask(&q, s->host, &answer, e);
    if (rc >= 0 && (answer->type != VALUE_INT || answer->i < 0))
        rc = err_set(e, ASSAY_EFORMAT, "the answer of task code has no sense");
    *n = rc >= 0 ? (size_t)answer->i : 0;
    arena_release(&a);
    return rc;
}

static int fetch_rows(const struct code_split *s, const struct task_code_io *io, size_t n,
                      struct assay_err *e)
{
    struct arena a = {0};
    int rc = 0;
    for (size_t at = 0; at < n && rc >= 0;) {
        const struct value *answer, *funcs[3];
        arena_reset(&a);
        for (size_t i = 0; i < s->n_fields; i++)
            funcs[i] = s->fields[i]->func;
        struct question q = question(&a, "get", NULL);
        with(&q, "at", value_int(&a, (int64_t)at));
        with(&q, "funcs", value_list(&a, funcs, s->n_fields));
        with(&q, "until", value_int(&a, io->until < (size_t)INT64_MAX ? (int64_t)io->until : INT64_MAX));
        rc = ask(&q, s->host, &answer, e);
        if (rc >= 0 && (!is_list(answer) || answer->n == 0 || answer->n > n - at))
            rc = err_set(e, ASSAY_EFORMAT, "the answer of task code has no sense");
        for (uint32_t i = 0; rc >= 0 && i < answer->n; i++)
            rc = is_list(answer->items[i]) && answer->items[i]->n == 2
                     ? io->put(io->user, answer->items[i], e)
                     : err_set(e, ASSAY_EFORMAT, "the answer of task code has no sense");
        at += rc >= 0 ? answer->n : 0;
    }
    arena_release(&a);
    return rc;
}

static int ask_dataset(const struct code_split *s, struct assay_err *e)
{
    struct arena a = {0};
    const struct value *answer;
    struct question q = question(&a, "dataset", s->dataset);
    with(&q, "kwargs", s->kwargs);
    with(&q, "split", value_str(&a, s->split));
    int rc = ask_code(&q, s->dataset, &answer, e);
    arena_release(&a);
    return rc;
}

int code_split_run(const struct code_split *s, const struct task_code_io *io, struct assay_err *e)
{
    struct arena a = {0};
    const struct value *answer;
    size_t n = 0;
    struct question q = question(&a, "drop", NULL);
    int rc = ask(&q, s->host, &answer, e); /* what an earlier failure may have left */
    if (rc >= 0)
        rc = s->dataset ? ask_dataset(s, e) : send_rows(s, io, e);
    if (rc >= 0)
        rc = make_rows(s, &n, e);
    if (rc >= 0)
        rc = fetch_rows(s, io, n, e);
    struct assay_err aside = {0};
    if (rc >= 0)
        rc = ask(&q, s->host, &answer, e);
    else if (rc != ASSAY_ELIMIT)
        ask(&q, s->host, &answer, &aside);
    arena_release(&a);
    return rc;
}
