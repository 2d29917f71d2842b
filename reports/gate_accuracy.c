/* gate_accuracy.c - tonight's answers against those of the last good run, item by item.
 *
 * Every task is paired with the pinned baseline, else with the newest run that passed, else with the
 * first of the segment: always with the same data and configuration.  Tasks that share a base run
 * are judged together (Holm, pooled), as `assay compare` does. */
#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "reports/fmt.h"
#include "reports/gate_impl.h"

struct pairing { /* one task of one variant and what it is paired with */
    const struct history_point *tonight, *base;
    bool is_done;
};
struct pairings {
    struct pairing *v;
    size_t n;
};

/* The first run of what is still open about a task, or about all of them together: nothing from
 * there on is a base, or what somebody acknowledged would pass for good the next night. */
static int64_t first_bad(const struct judging *j, const struct history_series *s)
{
    int64_t first = INT64_MAX;
    for (int all = 0; all < 2; all++) {
        struct history_series key = {.metric = "accuracy",
                                     .task = all ? "" : s->task,
                                     .variant = s->variant,
                                     .machine_class = j->run->machine_class};
        history_identify(&key);
        const struct store_finding *f = gate_open_finding(j, key.id, "regression");
        if (f && f->run_id < first)
            first = f->run_id;
    }
    return first;
}

static const struct history_point *choose_base(const struct judging *j,
                                               const struct history_series *s, const char **why)
{
    const struct view_run *runs = j->history.set->runs;
    *why = NULL;
    if (j->pinned && j->pinned->id != j->run->id) {
        for (size_t i = s->first; i + 1 < s->n; i++)
            if (&runs[s->points[i].run] == j->pinned)
                return &s->points[i];
        uint32_t w = s->points[s->first].starts;
        *why = w & HISTORY_DATASET
                   ? "the baseline has another dataset; `assay baseline set` accepts the new one"
               : w & HISTORY_CONFIG
                   ? "the baseline has another configuration; `assay baseline set` accepts this one"
               : w ? "the baseline has another model; `assay baseline set` accepts this one"
                   : "the baseline did not measure it";
        return NULL;
    }
    int64_t bad = first_bad(j, s);
    for (size_t i = s->n - 1; i-- > s->first;)
        if (runs[s->points[i].run].id < bad && gate_was_good(j, &runs[s->points[i].run]))
            return &s->points[i];
    if (s->first + 1 < s->n)
        return &s->points[s->first];
    uint32_t w = s->points[s->first].starts;
    *why = w & HISTORY_DATASET  ? "the dataset changed: tonight is its first night"
           : w & HISTORY_CONFIG ? "the configuration changed: tonight is its first night"
           : w                  ? "the model changed: tonight is its first night"
                                : "measured for the first time";
    return NULL;
}

/* Answers are kept by the fingerprint of what can change them: the same one, the same answers. */
static bool is_same(const struct pairing *p)
{
    return strcmp(p->tonight->variant->uid, p->base->variant->uid) == 0 && p->tonight->job->task &&
           p->base->job->task && strcmp(p->tonight->job->task->uid, p->base->job->task->uid) == 0 &&
           p->tonight->value == p->base->value;
}

/* The variant with those of its jobs and results only that belong to the pairings of this base. */
static struct view_variant *only_tasks(const struct view_variant *v, const struct pairings *ps,
                                       const struct pairing *like, bool tonight, struct arena *a)
{
    struct view_variant *copy = ARENA_NEW(a, struct view_variant);
    struct view_job *jobs = ARENA_ARRAY(a, struct view_job, v->n_jobs + 1);
    struct view_result *results = ARENA_ARRAY(a, struct view_result, v->n_results + 1);
    *copy = *v;
    copy->n_jobs = copy->n_results = 0;
    for (size_t i = 0; i < ps->n; i++) {
        const struct pairing *p = &ps->v[i];
        if (!p->base || p->is_done || p->base->variant != like->base->variant ||
            p->tonight->variant != like->tonight->variant)
            continue;
        const struct view_job *job = tonight ? p->tonight->job : p->base->job;
        jobs[copy->n_jobs] = *job;
        for (size_t k = 0; k < v->n_results; k++)
            if (v->results[k].job == job) {
                results[copy->n_results] = v->results[k];
                results[copy->n_results++].job = &jobs[copy->n_jobs];
            }
        copy->n_jobs++;
    }
    copy->jobs = jobs;
    copy->results = results;
    copy->is_reference = !tonight;
    return copy;
}

/* Shares differ by points.  Perplexities, bits and scores without a scale change by a share of what
 * they were, and are said as the series of perplexities are. */
static void fill_cell(struct gate_row *r, const struct compare_cell *c)
{
    bool is_share = c->kind == COMPARE_BINARY || (c->kind == COMPARE_MEAN && !isnan(c->margin));
    r->before = c->base.v;
    r->after = c->variant.v;
    r->effect = c->delta.v;
    r->lo = c->delta.lo;
    r->hi = c->delta.hi;
    if (is_share)
        return;
    bool is_log = c->kind == COMPARE_LIKELIHOOD && !c->is_bits;
    r->key.kind = HISTORY_PERPLEXITY;
    r->effect = is_log ? expm1(c->delta.v) : c->delta.v / c->base.v;
    r->lo = is_log ? expm1(c->delta.lo) : c->delta.lo / c->base.v;
    r->hi = is_log ? expm1(c->delta.hi) : c->delta.hi / c->base.v;
    if (!(c->base.v > 0))          /* a share of what? */
        r->effect = r->lo = r->hi = NAN;
}

/* What is not as it was on the night of the base: of one task, or (NULL) of any with that base. */
static const char *tag_of(const struct pairings *ps, const struct pairing *like, const char *task)
{
    unsigned d = 0;
    for (size_t i = 0; i < ps->n; i++) {
        const struct pairing *p = &ps->v[i];
        if (!p->base || p->base->variant != like->base->variant ||
            p->tonight->variant != like->tonight->variant ||
            (task && strcmp(p->tonight->job->name, task) != 0))
            continue;
        const struct view_task *x = p->base->job->task, *y = p->tonight->job->task;
        if (!x || !y)
            continue;
        bool is_config = strcmp(p->base->variant->options, p->tonight->variant->options) != 0 ||
                         strcmp(x->config_uid, y->config_uid) != 0;
        unsigned now = (strcmp(x->dataset_uid, y->dataset_uid) != 0 ? HISTORY_DATASET : 0) |
                       (is_config ? HISTORY_CONFIG : 0);
        for (const struct history_point *q = p->base + 1; q <= p->tonight; q++)
            d |= q->differs & now; /* changed on the way, and not changed back */
    }
    return d & HISTORY_DATASET ? "dataset" : d & HISTORY_CONFIG ? "config" : "code";
}

static void judge_row(struct judging *j, struct gate_row *r, enum compare_verdict v,
                      const char *reason, const char *tag)
{
    const struct store_finding *f = gate_open_finding(j, r->key.id, "regression");
    if (f && f->run_id > j->run->id)
        f = NULL;
    r->reason = reason ? reason : "";
    r->tag = tag;
    if (v == COMPARE_FAIL) {
        bool is_excused = f && gate_is_excused(j, f);
        r->state = is_excused ? GATE_ACKNOWLEDGED : GATE_CONFIRMED;
        if (is_excused && f->reason)
            r->reason = f->reason;
        gate_set_next(j, r, f, gate_state_name(r->state), f ? f->run_id : j->run->id);
        return;
    }
    r->state = v == COMPARE_PASS           ? GATE_OK
               : v == COMPARE_INCONCLUSIVE ? GATE_UNDECIDED
                                           : GATE_NO_BASELINE;
    if (f && v == COMPARE_PASS) {
        r->state = GATE_FIXED;
        if (isnan(r->before)) /* the same answers as before: nothing was counted */
            r->before = r->after = f->before;
        gate_set_next(j, r, f, "fixed", f->run_id);
    }
}

static struct gate_row *accuracy_row(struct judging *j, const struct view_variant *v,
                                     const char *task)
{
    struct history_series s = {.metric = "accuracy",
                               .task = task,
                               .variant = v->name,
                               .machine_class = j->run->machine_class,
                               .machine = j->run->machine,
                               .unit = "",
                               .kind = HISTORY_ACCURACY,
                               .higher_is_better = true};
    history_identify(&s);
    return gate_add_row(j, &s);
}

/* All pairings with the base of `like`: one row for all items, one for each task that is worse. */
static int compare_with(struct judging *j, struct pairings *ps, const struct pairing *like,
                        struct assay_err *e)
{
    const struct gate_rules *rules = j->in->rules;
    const struct compare *c;
    struct view_set set = *j->history.set;
    struct view_variant *two = ARENA_ARRAY(j->a, struct view_variant, 2);
    two[0] = *only_tasks(like->base->variant, ps, like, false, j->a);
    two[1] = *only_tasks(like->tonight->variant, ps, like, true, j->a);
    set.variants = two;
    set.n_variants = 2;
    struct compare_options o = {.metric = rules->metric,
                                .margin = rules->margin,
                                .ppl_margin = rules->ppl_margin,
                                .alpha = rules->alpha};
    TRY(compare_make(j->in->view, &set, &o, j->a, &c, e));
    const struct compare_row *row = &c->rows[1];
    bool is_one = c->n_tasks == 1;
    struct gate_row *r = accuracy_row(j, like->tonight->variant, is_one ? c->tasks[0].name : "");
    fill_cell(r, row->pool.kind != COMPARE_NONE ? &row->pool : &row->tasks[0]);
    judge_row(j, r, row->verdict, row->reason, tag_of(ps, like, NULL));
    for (size_t t = 0; t < c->n_tasks && !is_one; t++) {
        const struct compare_cell *cell = &row->tasks[t];
        struct history_series key = {.metric = "accuracy",
                                     .task = c->tasks[t].name,
                                     .variant = like->tonight->variant->name,
                                     .machine_class = j->run->machine_class};
        history_identify(&key);
        bool is_open = gate_open_finding(j, key.id, "regression") != NULL;
        if (cell->verdict != COMPARE_FAIL && !(is_open && cell->verdict == COMPARE_PASS))
            continue;
        r = accuracy_row(j, like->tonight->variant, c->tasks[t].name);
        fill_cell(r, cell);
        judge_row(j, r, cell->verdict, cell->reason, tag_of(ps, like, c->tasks[t].name));
    }
    j->out->good = &j->history.set->runs[like->base->run];
    for (size_t i = 0; i < ps->n; i++)
        if (&ps->v[i] != like && ps->v[i].base && ps->v[i].base->variant == like->base->variant &&
            ps->v[i].tonight->variant == like->tonight->variant)
            ps->v[i].is_done = true;
    return 0;
}

static void pair_up(struct judging *j, struct pairings *ps)
{
    ps->v = ARENA_ARRAY(j->a, struct pairing, j->history.n_series + 1);
    for (size_t i = 0; i < j->history.n_series; i++) {
        const struct history_series *s = &j->history.series[i];
        const char *why;
        if (!s->is_main || s->points[s->n - 1].run != j->at)
            continue;
        struct pairing p = {.tonight = &s->points[s->n - 1]};
        p.base = choose_base(j, s, &why);
        if (p.base) {
            ps->v[ps->n++] = p;
            continue;
        }
        if (j->pinned == j->run)
            continue;
        uint32_t w = s->points[s->first].starts;
        struct gate_row *r = accuracy_row(j, p.tonight->variant, s->task);
        r->state = GATE_NO_BASELINE;
        r->tag = w & HISTORY_DATASET  ? "dataset"
                 : w & HISTORY_CONFIG ? "config"
                 : w                  ? "code"
                                      : NULL;
        r->after = p.tonight->value;
        r->reason = why;
    }
}

/* One row for the tasks of a variant whose answers are those of the base by construction. */
static void same_answers(struct judging *j, struct pairings *ps)
{
    for (size_t i = 0; i < ps->n; i++) {
        size_t n = 0;
        bool all = true;
        for (size_t k = 0; k < ps->n; k++)
            if (ps->v[k].tonight->variant == ps->v[i].tonight->variant) {
                all &= is_same(&ps->v[k]);
                n++;
            }
        if (ps->v[i].is_done || !all)
            continue;
        struct gate_row *r =
            accuracy_row(j, ps->v[i].tonight->variant, n == 1 ? ps->v[i].tonight->job->name : "");
        r->effect = 0;
        r->reason = "the same fingerprint: the same answers";
        judge_row(j, r, COMPARE_PASS, r->reason, "code");
        j->out->good = &j->history.set->runs[ps->v[i].base->run];
        for (size_t k = 0; k < ps->n; k++)
            ps->v[k].is_done |= ps->v[k].tonight->variant == ps->v[i].tonight->variant;
    }
}

int gate_judge_accuracy(struct judging *j, struct assay_err *e)
{
    struct pairings ps = {.n = 0};
    pair_up(j, &ps);
    same_answers(j, &ps);
    for (size_t i = 0; i < ps.n; i++)
        if (!ps.v[i].is_done) {
            TRY(compare_with(j, &ps, &ps.v[i], e));
            ps.v[i].is_done = true;
        }
    return 0;
}
