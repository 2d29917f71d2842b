/* runs.c - differences between runs and the compatibility matrix; see the header.
 *
 * A cell of the matrix is what was seen, never what was expected: a variant that did not run is
 * untested, one whose answers differ from the first machine's is a mismatch. */
#include "reports/runs.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "reports/fmt.h"

enum { MAX_FIELDS = 96, MAX_DEPTH = 3 };

struct gathering {
    struct arena *a;
    size_t n_runs, n;
    struct runs_field fields[MAX_FIELDS];
};

static void put(struct gathering *g, size_t run, const char *name, const char *value)
{
    size_t i = 0;
    while (i < g->n && strcmp(g->fields[i].name, name) != 0)
        i++;
    if (i == MAX_FIELDS)
        return;
    if (i == g->n)
        g->fields[g->n++] =
            (struct runs_field){name, ARENA_ARRAY(g->a, const char *, g->n_runs), false};
    ((const char **)g->fields[i].values)[run] = value;
}

static const char *text_of(const struct value *v, struct arena *a)
{
    struct buf b;
    bool is_words = v->type == VALUE_LIST;
    for (size_t i = 0; i < v->n && is_words; i++)
        is_words = v->items[i]->type == VALUE_STR;
    buf_init(&b, 0);
    if (v->type == VALUE_STR)
        buf_add(&b, v->s, v->n);
    else if (is_words && v->n == 0)
        buf_adds(&b, "none");
    else if (is_words)
        for (size_t i = 0; i < v->n; i++) {
            buf_adds(&b, i ? ", " : "");
            buf_add(&b, v->items[i]->s, v->items[i]->n);
        }
    else
        json_write(&b, v, JSON_COMPACT);
    const char *s = arena_strndup(a, b.v, b.n);
    buf_release(&b);
    return s;
}

static void flatten(struct gathering *g, size_t run, const char *prefix, const struct value *v,
                    int depth)
{
    for (size_t i = 0; i < v->n; i++) {
        const char *name = *prefix ? arena_printf(g->a, "%s.%s", prefix, v->entries[i].key->s)
                                   : v->entries[i].key->s;
        const struct value *member = v->entries[i].value;
        if (member->type == VALUE_DICT && depth < MAX_DEPTH)
            flatten(g, run, name, member, depth + 1);
        else if (member->type != VALUE_NULL)
            put(g, run, name, text_of(member, g->a));
    }
}

static void flatten_json(struct gathering *g, size_t run, const char *json)
{
    const struct value *v;
    struct assay_err ignored;
    if (json_parse(json, strlen(json), "machine", 1, g->a, &v, &ignored) >= 0 &&
        v->type == VALUE_DICT)
        flatten(g, run, "", v, 0);
}

size_t runs_fields(const struct view_set *set, struct arena *a, const struct runs_field **out)
{
    struct gathering *g = ARENA_NEW(a, struct gathering);
    *g = (struct gathering){.a = a, .n_runs = set->n_runs};
    for (size_t i = 0; i < set->n_runs; i++) {
        const struct view_run *r = &set->runs[i];
        put(g, i, "machine", r->machine);
        put(g, i, "class", arena_printf(a, "%.12s", r->machine_class));
        put(g, i, "assay", r->version);
        put(g, i, "plan", arena_printf(a, "%.12s", r->plan_uid));
    }
    for (size_t i = 0; i < set->n_runs; i++)
        flatten_json(g, i, set->runs[i].machine_key);
    for (size_t i = 0; i < set->n_runs; i++)
        flatten_json(g, i, set->runs[i].environment);
    for (size_t k = 0; k < g->n; k++)
        for (size_t i = 1; i < set->n_runs; i++) {
            const char *x = g->fields[k].values[0], *y = g->fields[k].values[i];
            g->fields[k].differs |= (!x != !y) || (x && y && strcmp(x, y) != 0);
        }
    *out = g->fields;
    return g->n;
}

/* -- in words ---------------------------------------------------------------------------------- */

static const char *change(const char *text, const char *what, const char *x, const char *y,
                          struct arena *a)
{
    if (!x)
        x = "";
    if (!y)
        y = "";
    if (strcmp(x, y) == 0)
        return text;
    return arena_printf(a, "%s%s%s '%.40s' -> '%.40s'", text, *text ? "; " : "", what, x, y);
}

static const char *variant_changes(const struct compare *c, size_t at, const char *text,
                                   struct arena *a)
{
    for (size_t i = 0; i < c->n_rows && c->is_by_name; i++) {
        const struct view_variant *v = c->rows[i].variant;
        if (v->run != at || c->rows[i].base >= c->n_rows)
            continue;
        const struct view_variant *b = c->rows[c->rows[i].base].variant;
        const char *const pairs[][3] = {{"model", b->model_uid, v->model_uid},
                                        {"precision", b->precision, v->precision},
                                        {"backend", b->backend, v->backend},
                                        {"backend version", b->backend_version, v->backend_version},
                                        {"kernel", b->kernel, v->kernel},
                                        {"options", b->options, v->options}};
        for (size_t k = 0; k < sizeof pairs / sizeof *pairs && v->variant_id && b->variant_id; k++)
            text = change(text, arena_printf(a, "%s of %s", pairs[k][0], v->name), pairs[k][1],
                          pairs[k][2], a);
    }
    return text;
}

const char *runs_changes(const struct compare *c, size_t at, struct arena *a)
{
    const struct runs_field *f;
    size_t n = runs_fields(c->set, a, &f);
    const char *text = "";
    for (size_t k = 0; k < n; k++)
        text = change(text, f[k].name, f[k].values[0], f[k].values[at], a);
    return variant_changes(c, at, text, a);
}

/* -- the matrix -------------------------------------------------------------------------------- */

const char *runs_state_name(enum runs_state s)
{
    static const char *const names[] = {"native",      "emulated", "mismatch", "out of memory",
                                        "unsupported", "crash",    "timeout",  "untested"};
    return names[s];
}

bool runs_on_machines(const struct view_set *set)
{
    for (size_t i = 1; i < set->n_runs; i++)
        if (strcmp(set->runs[i].machine_class, set->runs[0].machine_class) != 0)
            return true;
    return false;
}

static bool says(const char *reason, const char *word)
{
    return reason && strcasestr(reason, word) != NULL;
}

static enum runs_state failure_of(const struct view_variant *v)
{
    if (strcmp(v->status, "timeout") == 0)
        return RUNS_TIMEOUT;
    if (says(v->reason, "memory") || v->signal == 9)
        return RUNS_OOM;
    if (strcmp(v->status, "crashed") == 0)
        return RUNS_CRASH;
    return strcmp(v->status, "failed") == 0 ? RUNS_UNSUPPORTED : RUNS_UNTESTED;
}

/* Items with another score than on the first machine, over all tasks that can be compared. */
static size_t changed_items(const struct compare *c, const struct compare_row *r, size_t *of)
{
    size_t n = 0;
    *of = 0;
    for (size_t t = 0; t < c->n_tasks; t++) {
        n += r->tasks[t].n_changed;
        *of += r->tasks[t].n;
    }
    return n;
}

/* "2 of 15 jobs failed: ..."; NULL: none. */
static const char *failed_jobs(const struct view_variant *v, struct arena *a)
{
    const char *reason = NULL;
    size_t n = 0;
    for (size_t i = 0; i < v->n_jobs; i++) {
        if (strcmp(v->jobs[i].status, "failed") != 0)
            continue;
        reason = reason ? reason : v->jobs[i].reason;
        n++;
    }
    return n ? arena_printf(a, "%zu of %s failed: %s", n, fmt_things(v->n_jobs, "job").s,
                            reason ? reason : "no reason was recorded")
             : NULL;
}

static struct runs_cell cell_of(const struct compare *c, const struct compare_row *r,
                                struct arena *a)
{
    const struct view_variant *v = r->variant;
    const char *kernel = v->kernel[0] ? v->kernel : "path not told";
    const struct compare_speed *s = r->decode ? r->decode : r->prefill;
    struct runs_cell cell = {.rate = s ? s->rate.v : NAN};
    size_t of = 0, changed = c->is_by_name && r->base < c->n_rows ? changed_items(c, r, &of) : 0;
    if (v->variant_id)
        cell.detail = arena_printf(a, "loaded as %s by %s %s; path %s", v->precision, v->backend,
                                   v->backend_version, kernel);
    if (!v->is_done) {
        cell.state = failure_of(v);
        cell.reason = v->reason ? v->reason : arena_printf(a, "it is %s", v->status);
        return cell;
    }
    const char *failed = failed_jobs(v, a);
    cell.state = failed                          ? RUNS_UNSUPPORTED
                 : changed                       ? RUNS_MISMATCH
                 : strstr(v->kernel, "emulated") ? RUNS_EMULATED
                                                 : RUNS_NATIVE;
    cell.reason = failed    ? failed
                  : changed ? arena_printf(a, "%s of %s score otherwise than on '%s' (%s)",
                                           fmt_count((int64_t)changed).s, fmt_things(of, "item").s,
                                           c->set->runs[0].machine, kernel)
                            : kernel;
    return cell;
}

static size_t list_names(const struct compare *c, const char **names)
{
    size_t n = 0, k;
    for (size_t i = 0; i < c->n_rows; i++) {
        for (k = 0; k < n && strcmp(names[k], c->rows[i].variant->name) != 0; k++)
            ;
        if (k == n)
            names[n++] = c->rows[i].variant->name;
    }
    return n;
}

/* One run per class: the newest of those loaded. */
static size_t list_classes(const struct view_set *set, size_t *runs)
{
    size_t n = 0, k;
    for (size_t i = 0; i < set->n_runs; i++) {
        for (k = 0; k < n; k++)
            if (strcmp(set->runs[runs[k]].machine_class, set->runs[i].machine_class) == 0)
                break;
        if (k == n)
            runs[n++] = i;
        else if (set->runs[i].started_ns > set->runs[runs[k]].started_ns)
            runs[k] = i;
    }
    return n;
}

bool runs_matrix_make(const struct compare *c, struct arena *a, struct runs_matrix *m)
{
    if (!runs_on_machines(c->set))
        return false;
    const char **names = ARENA_ARRAY(a, const char *, c->n_rows + 1);
    size_t *runs = ARENA_ARRAY(a, size_t, c->set->n_runs);
    m->n_names = list_names(c, names);
    m->n_classes = list_classes(c->set, runs);
    struct runs_cell *cells = ARENA_ARRAY(a, struct runs_cell, m->n_classes * m->n_names + 1);
    for (size_t i = 0; i < m->n_classes * m->n_names; i++)
        cells[i] = (struct runs_cell){RUNS_UNTESTED, "not part of that machine's run", NULL, NAN};
    for (size_t i = 0; i < c->n_rows; i++)
        for (size_t k = 0; k < m->n_classes; k++)
            for (size_t n = 0; n < m->n_names; n++)
                if (c->rows[i].variant->run == runs[k] &&
                    strcmp(c->rows[i].variant->name, names[n]) == 0)
                    cells[k * m->n_names + n] = cell_of(c, &c->rows[i], a);
    m->names = names;
    m->runs = runs;
    m->cells = cells;
    return true;
}
