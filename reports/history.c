/* history.c - runs -> series of nights; see the header. */
#include "reports/history.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/stats/quantile.h"
#include "harness/store/store_gate.h"
#include "reports/cell.h"
#include "reports/speed.h"
#include "reports/stopping.h"

const char *history_kind_name(enum history_kind k)
{
    static const char *const names[] = {"speed", "memory", "perplexity", "accuracy", "canary"};
    return names[k];
}

double history_min_effect(enum history_kind k)
{
    static const double least[] = {0.02, 0.01, 0.002, 0.01, 0.02};
    return least[k];
}

struct slot { /* a series that grows */
    struct history_series s;
    struct history_point *points;
    size_t cap;
    const char *model, *dataset, *config; /* of the newest point */
};
struct making {
    struct view *view;
    const struct history_options *o;
    struct arena *a, scratch;
    const struct view_set *set;
    struct slot **table; /* open addressing by seed; a power of two, at most half full */
    size_t n_table, n_slots, cap_slots;
    struct slot **slots; /* in the order met */
};
struct value_of { /* one value on its way into its series */
    const char *metric, *task, *unit, *model, *dataset, *config;
    enum history_kind kind;
    bool higher_is_better, is_main;
    struct history_point point;
};

/* -- the table of series ----------------------------------------------------------------------- */

static struct slot *slot_at(struct making *m, const struct history_series *key)
{
    size_t i = key->seed & (m->n_table - 1);
    while (m->table[i] && strcmp(m->table[i]->s.id, key->id) != 0)
        i = (i + 1) & (m->n_table - 1);
    return m->table[i];
}

static void keep_slot(struct making *m, struct slot *s)
{
    size_t i = s->s.seed & (m->n_table - 1);
    while (m->table[i])
        i = (i + 1) & (m->n_table - 1);
    m->table[i] = s;
}

static struct slot *add_slot(struct making *m, const struct history_series *key)
{
    if (2 * (m->n_slots + 1) > m->n_table) {
        m->n_table *= 2;
        m->table = ARENA_ARRAY(m->a, struct slot *, m->n_table);
        for (size_t i = 0; i < m->n_slots; i++)
            keep_slot(m, m->slots[i]);
    }
    if (m->n_slots == m->cap_slots) {
        struct slot **more = ARENA_ARRAY(m->a, struct slot *, m->cap_slots * 2);
        memcpy(more, m->slots, m->n_slots * sizeof(struct slot *));
        m->slots = more;
        m->cap_slots *= 2;
    }
    struct slot *s = ARENA_NEW(m->a, struct slot);
    s->s = *key;
    m->slots[m->n_slots++] = s;
    keep_slot(m, s);
    return s;
}

void history_identify(struct history_series *s)
{
    const char *parts[] = {s->metric, s->task, s->variant, s->machine_class};
    struct hash h = {NULL};
    uint8_t digest[HASH_BYTES];
    char hex[HASH_HEX];
    hash_init(&h);
    for (size_t i = 0; i < 4; i++)
        hash_add_str(&h, parts[i], strlen(parts[i]));
    hash_end(&h, digest);
    hash_release(&h);
    memcpy(s->id, hash_hex(digest, hex), 12);
    memcpy(&s->seed, digest, sizeof s->seed);
}

static bool is_wanted(const char *want, const char *got)
{
    return !want || strcmp(want, got) == 0;
}

static bool wants_machine(const char *want, const struct view_run *r)
{
    return !want || strcmp(want, r->machine) == 0 ||
           (strlen(want) >= 4 && strncmp(want, r->machine_class, strlen(want)) == 0);
}

/* Whether a value is of another number of items than the one before it: of other items, that is. */
static bool has_other_items(const struct slot *s, size_t before, const struct history_point *p)
{
    bool is_of_items = s->s.kind == HISTORY_PERPLEXITY || s->s.kind == HISTORY_ACCURACY;
    while (before > 0 && s->points[before - 1].is_part)
        before--;
    return is_of_items && !p->is_part && before > 0 && s->points[before - 1].n != p->n;
}

/* Accuracy is paired item by item whatever the number; perplexities are compared as they are. */
static uint8_t differs(const struct slot *s, const struct value_of *v)
{
    bool is_cut = s->s.kind == HISTORY_PERPLEXITY && has_other_items(s, s->s.n, &v->point);
    return (uint8_t)((is_cut ? HISTORY_CONFIG : 0) |
                     (strcmp(s->model, v->model) != 0 ? HISTORY_MODEL : 0) |
                     (strcmp(s->dataset, v->dataset) != 0 ? HISTORY_DATASET : 0) |
                     (strcmp(s->config, v->config) != 0 ? HISTORY_CONFIG : 0));
}

static void add_value(struct making *m, const struct value_of *v)
{
    const struct view_run *run = &m->set->runs[v->point.run];
    const char *variant = v->point.variant ? v->point.variant->name : "";
    if (!isfinite(v->point.value) || !is_wanted(m->o->metric, v->metric) ||
        !is_wanted(m->o->task, v->task) || !is_wanted(m->o->variant, variant))
        return;
    struct history_series key = {.metric = v->metric,
                                 .task = v->task,
                                 .variant = variant,
                                 .machine_class = run->machine_class,
                                 .unit = v->unit,
                                 .kind = v->kind,
                                 .higher_is_better = v->higher_is_better,
                                 .is_main = v->is_main};
    history_identify(&key);
    struct slot *s = slot_at(m, &key);
    if (!s)
        s = add_slot(m, &key);
    if (s->s.n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 32;
        struct history_point *more = ARENA_ARRAY(m->a, struct history_point, s->cap);
        if (s->s.n)
            memcpy(more, s->points, s->s.n * sizeof *more);
        s->points = more;
    }
    struct history_point *p = &s->points[s->s.n];
    *p = v->point;
    p->differs = s->s.n ? differs(s, v) : 0;
    p->starts = p->differs & (m->o->segments ? m->o->segments : HISTORY_ALL);
    if (p->starts)
        s->s.first = s->s.n;
    s->s.n++;
    s->s.machine = run->machine;
    s->model = v->model;
    s->dataset = v->dataset;
    s->config = v->config;
}

/* -- values of a run --------------------------------------------------------------------------- */

/* What a variant was asked to be, without where its file lies: a file that moved is the same. */
static const char *config_of(struct making *m, const struct view_variant *v)
{
    const struct value *options;
    struct arena_mark mark = arena_mark(&m->scratch);
    struct buf b;
    buf_init(&b, 0);
    buf_adds(&b, v->backend);
    if (json_parse(v->options, strlen(v->options), "options", 1, &m->scratch, &options, NULL) ==
            0 &&
        options->type == VALUE_DICT) {
        for (uint32_t i = 0; i < options->n; i++) {
            const struct value_entry *x = &options->entries[i];
            if (value_is_str(x->key, "model"))
                continue;
            buf_addc(&b, ' ');
            json_write(&b, x->key, JSON_SORTED);
            json_write(&b, x->value, JSON_SORTED);
        }
    } else {
        buf_adds(&b, v->options);
    }
    const char *text = arena_strndup(m->a, b.v, b.n);
    buf_release(&b);
    arena_rewind(&m->scratch, mark);
    return text;
}

static int add_speed(struct making *m, const struct view_job *job, struct value_of v,
                     struct assay_err *e)
{
    struct compare_speed speed;
    struct arena_mark mark = arena_mark(&m->scratch);
    bool is_decode = strcmp(job->scenario->kind, "decode") == 0;
    TRY(speed_measure(m->view, job, 0.05, &m->scratch, &speed, e));
    v.task = job->name;
    v.dataset = job->scenario->uid;
    v.kind = HISTORY_SPEED;
    v.point.job = job;
    v.point.n = speed.n;
    v.point.is_dirty = speed.is_disturbed;
    v.metric = is_decode ? "decode" : "prefill";
    v.unit = "tokens/s";
    v.higher_is_better = true;
    v.point.value = speed.rate.v;
    add_value(m, &v);
    if (is_decode) {
        v.metric = "ttft";
        v.unit = "ms";
        v.higher_is_better = false;
        v.point.value = speed.ttft_ms.v;
        add_value(m, &v);
    }
    arena_rewind(&m->scratch, mark);
    return 0;
}

static void add_result(struct making *m, const struct view_result *r, struct value_of v,
                       bool is_first)
{
    const struct view_measure *x = r->measure;
    bool is_plain = strcmp(x->filter, "none") == 0;
    v.metric = is_plain ? x->metric : arena_printf(m->a, "%s,%s", x->metric, x->filter);
    v.task = r->job ? r->job->name : r->group->name;
    v.kind = cell_is_likelihood(r->aggregation) ? HISTORY_PERPLEXITY : HISTORY_ACCURACY;
    v.unit = "";
    v.higher_is_better = r->higher_is_better != 0;
    v.is_main = r->job && is_first;
    if (r->job && r->job->task) {
        v.dataset = r->job->task->dataset_uid;
        v.config = arena_printf(m->a, "%s %s", v.config, r->job->task->config_uid);
    }
    v.point.job = r->job;
    v.point.n = (size_t)(r->n > 0 ? r->n : 0);
    v.point.is_part = stopping_is_part(v.point.variant, r);
    v.point.value = r->value;
    add_value(m, &v);
}

static int add_variant(struct making *m, const struct view_variant *x, struct assay_err *e)
{
    struct value_of v = {.dataset = "", .point = {.run = x->run, .variant = x}};
    if (!x->is_done)
        return 0;
    v.model = x->model_uid;
    v.config = config_of(m, x);
    for (size_t i = 0; i < x->n_jobs; i++)
        if (x->jobs[i].scenario && strcmp(x->jobs[i].status, "done") == 0)
            TRY(add_speed(m, &x->jobs[i], v, e));
    for (size_t i = 0; i < x->n_results; i++) {
        const struct view_result *r = &x->results[i];
        add_result(m, r, v, i == 0 || x->results[i - 1].job != r->job);
    }
    v.metric = "memory";
    v.task = "";
    v.unit = "MiB";
    v.kind = HISTORY_MEMORY;
    v.point.n = 1;
    v.point.value = x->peak_rss_bytes > 0 ? (double)x->peak_rss_bytes / 1048576 : NAN;
    add_value(m, &v);
    return 0;
}

/* Canaries of run `at`: the median of each name's repetitions. */
static void add_canaries(struct making *m, size_t at, const struct store_canary *c, size_t n)
{
    double *v = ARENA_ARRAY(&m->scratch, double, n + 1);
    for (size_t i = 0, k = 0; i < n; i++) {
        if (c[i].run_id != m->set->runs[at].id)
            continue;
        v[k++] = c[i].value;
        if (i + 1 < n && c[i + 1].run_id == c[i].run_id && strcmp(c[i + 1].name, c[i].name) == 0)
            continue;
        struct value_of x = {.metric = "canary",
                             .task = c[i].name,
                             .unit = c[i].unit,
                             .model = "",
                             .dataset = "",
                             .config = "",
                             .kind = HISTORY_CANARY,
                             .higher_is_better = true,
                             .point = {.run = at, .n = k, .value = quantile_select(v, k, 0.5)}};
        add_value(m, &x);
        k = 0;
    }
}

static int add_all_canaries(struct making *m, struct assay_err *e)
{
    struct store *s = NULL;
    struct store_canary *c;
    size_t n;
    TRY(store_open(m->set->path, STORE_READ, &s, e));
    int rc = store_get_canaries(s, m->a, &c, &n, e);
    store_close(s);
    if (rc < 0 || n == 0)
        return rc;
    for (size_t r = 0; r < m->set->n_runs; r++) {
        size_t lo = 0, hi = n; /* canaries are sorted by run */
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (c[mid].run_id < m->set->runs[r].id)
                lo = mid + 1;
            else
                hi = mid;
        }
        for (hi = lo; hi < n && c[hi].run_id == m->set->runs[r].id;)
            hi++;
        struct arena_mark mark = arena_mark(&m->scratch);
        add_canaries(m, r, c + lo, hi - lo);
        arena_rewind(&m->scratch, mark);
    }
    return 0;
}

/* -- change points ----------------------------------------------------------------------------- */

enum { CHANGE_WINDOW = 120 }; /* the search is quadratic, and permuted a thousand times */

/* Of the newest points of segment [lo, hi): judged on clean values only, reported as indices of
 * points. */
static size_t find_changes(const struct slot *s, size_t lo, size_t hi, double least,
                           struct arena *scratch, struct change_point *out, size_t cap)
{
    double lowest = INFINITY, highest = -INFINITY;
    lo = hi - lo > CHANGE_WINDOW ? hi - CHANGE_WINDOW : lo;
    double *x = ARENA_ARRAY(scratch, double, hi - lo + 1);
    size_t *at = ARENA_ARRAY(scratch, size_t, hi - lo + 1), n = 0;
    for (size_t i = lo; i < hi; i++)
        if (!s->points[i].is_dirty && !s->points[i].is_part) {
            at[n] = i;
            x[n++] = s->points[i].value;
        }
    for (size_t i = 0; i < n; i++) {
        lowest = fmin(lowest, x[i]);
        highest = fmax(highest, x[i]);
    }
    /* no two medians are further apart than all values: spare the permutations */
    if (highest == lowest || (lowest > 0 && highest / lowest - 1 < least))
        return 0;
    struct change_options c = {.min_effect = least, .seed = s->s.seed};
    size_t k = change_find(x, n, &c, out, cap);
    k = k < cap ? k : cap;
    for (size_t i = 0; i < k; i++) {
        out[i].at = at[out[i].at];
        out[i].lo = at[out[i].lo];
        out[i].hi = at[out[i].hi];
    }
    return k;
}

static void add_changes(struct making *m, struct slot *s)
{
    struct change_point *out = ARENA_ARRAY(m->a, struct change_point, s->s.n + 1);
    double least = m->o->min_effect[s->s.kind];
    least = least > 0 ? least : history_min_effect(s->s.kind);
    struct arena_mark mark = arena_mark(&m->scratch);
    for (size_t lo = 0, hi; lo < s->s.n; lo = hi) {
        for (hi = lo + 1; hi < s->s.n && !s->points[hi].starts &&
                          !has_other_items(s, hi, &s->points[hi]);)
            hi++;
        s->s.n_changes += find_changes(s, lo, hi, least, &m->scratch, out + s->s.n_changes,
                                       s->s.n - s->s.n_changes);
    }
    arena_rewind(&m->scratch, mark);
    s->s.changes = out;
}

/* -- all of it --------------------------------------------------------------------------------- */

/* Jobs that cannot hold this metric are not read. */
static uint32_t parts_of(const char *metric)
{
    static const char *const speeds[] = {"prefill", "decode", "ttft"};
    static const char *const none[] = {"memory", "canary"};
    for (size_t i = 0; metric && i < 3; i++)
        if (strcmp(metric, speeds[i]) == 0)
            return VIEW_SPEEDS;
    for (size_t i = 0; metric && i < 2; i++)
        if (strcmp(metric, none[i]) == 0)
            return 0;
    return metric ? VIEW_TASKS : VIEW_SPEEDS | VIEW_TASKS;
}

static int load_runs(struct making *m, struct assay_err *e)
{
    const struct view_run *runs;
    size_t n, k = 0;
    TRY(view_runs(m->view, &runs, &n, e));
    const char **names = ARENA_ARRAY(m->a, const char *, n + 1);
    size_t from = 0;
    while (m->o->last_run && from < n && strcmp(runs[from].uid, m->o->last_run) != 0)
        from++;
    for (size_t i = from; i < n && (m->o->max_runs == 0 || k < m->o->max_runs); i++)
        if (wants_machine(m->o->machine, &runs[i]) && strcmp(runs[i].status, "running") != 0)
            names[k++] = runs[i].uid;
    if (n == 0)
        return err_set(e, ASSAY_EUSAGE, "the database has no runs");
    if (k == 0)
        return err_set(e, ASSAY_EUSAGE,
                       "no finished run was made on machine '%s'; see `assay list runs`",
                       m->o->machine ? m->o->machine : "any");
    for (size_t i = 0; i < k / 2; i++) { /* oldest first */
        const char *swap = names[i];
        names[i] = names[k - 1 - i];
        names[k - 1 - i] = swap;
    }
    return view_load_parts(m->view, names, k, parts_of(m->o->metric), &m->set, e);
}

static int collect(struct making *m, struct assay_err *e)
{
    for (size_t i = 0; i < m->set->n_variants; i++)
        TRY(add_variant(m, &m->set->variants[i], e));
    return add_all_canaries(m, e);
}

int history_make(struct view *view, const struct history_options *o, struct arena *a,
                 struct history *out, struct assay_err *e)
{
    struct making m = {.view = view, .o = o, .a = a, .n_table = 256, .cap_slots = 64};
    TRY(load_runs(&m, e));
    m.table = ARENA_ARRAY(a, struct slot *, m.n_table);
    m.slots = ARENA_ARRAY(a, struct slot *, m.cap_slots);
    int rc = collect(&m, e);
    struct history_series *series = ARENA_ARRAY(a, struct history_series, m.n_slots + 1);
    for (size_t i = 0; i < m.n_slots && rc >= 0; i++) {
        if (o->with_changes)
            add_changes(&m, m.slots[i]);
        series[i] = m.slots[i]->s;
        series[i].points = m.slots[i]->points;
    }
    arena_release(&m.scratch);
    *out = (struct history){.set = m.set, .series = series, .n_series = m.n_slots};
    return rc;
}

const char *history_name(const struct history_series *s, struct arena *a)
{
    return arena_printf(a, "%s%s%s%s%s", s->metric, *s->task ? "/" : "", s->task,
                        *s->variant ? "/" : "", s->variant);
}

int history_find(const struct history *h, const char *text, struct arena *a,
                 const struct history_series **out, struct assay_err *e)
{
    size_t n = strlen(text);
    *out = NULL;
    for (size_t i = 0; i < h->n_series; i++) {
        const struct history_series *s = &h->series[i];
        bool is_id = n >= 4 && n <= 12 && strncmp(s->id, text, n) == 0;
        if (!is_id && strcmp(history_name(s, a), text) != 0)
            continue;
        if (*out)
            return err_set(e, ASSAY_EUSAGE,
                           "series '%s' is ambiguous: '%s' (%s) and '%s' (%s) both match", text,
                           history_name(*out, a), (*out)->id, history_name(s, a), s->id);
        *out = s;
    }
    if (!*out)
        return err_set(e, ASSAY_EUSAGE, "no series '%s'; `assay history` lists them", text);
    return 0;
}
