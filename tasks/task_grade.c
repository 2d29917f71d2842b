/* task_grade.c - responses of a document to its scores.
 *
 * Every pipeline of filters sees the responses anew; every metric is computed once per pipeline. */
#include <math.h>
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "tasks/port.h"
#include "tasks/task_impl.h"

struct grading {
    struct task *task;
    struct task_impl *m;
    const struct task_item *item;
    const struct task_response *responses;
    struct arena *arena;
    struct assay_err *e;
    size_t n;         /* requests without their repeats */
    double *logprobs; /* [n] */
    bool *greedy;     /* [n] */
};

static int grade_error(const struct grading *g, const struct filter *f, const char *what)
{
    return err_set(g->e, ASSAY_EFORMAT, "task '%s', row %zu, filter '%s': %s", g->task->name,
                   g->item->idx, f->name, what);
}

/* Per request the list of its responses. */
static const struct value **grade_lists(const struct grading *g)
{
    size_t k = (size_t)g->task->repeats;
    const struct value **lists = ARENA_ARRAY(g->arena, const struct value *, g->n ? g->n : 1);
    const struct value **some = ARENA_ARRAY(g->arena, const struct value *, k);
    for (size_t i = 0; i < g->n; i++) {
        for (size_t j = 0; j < k; j++) {
            const struct task_response *r = &g->responses[i * k + j];
            if (g->item->requests[i * k + j].kind == TASK_REQ_GENERATE) {
                some[j] = value_strn(g->arena, r->text ? r->text : "", r->text ? r->text_n : 0);
            } else if (g->task->output == TASK_ROLLING) {
                some[j] = value_float(g->arena, r->logprob); /* upstream drops is_greedy */
            } else {
                const struct value *pair[2] = {value_float(g->arena, r->logprob),
                                               value_bool(r->is_greedy)};
                struct value *tuple = value_list(g->arena, pair, 2);
                tuple->type = VALUE_TUPLE;
                some[j] = tuple;
            }
        }
        lists[i] = value_list(g->arena, some, k);
    }
    return lists;
}

/* responses -> what the pipeline makes of each request's list. */
static int grade_filter(const struct grading *g, const struct filter *f, const struct value **out)
{
    struct filter_call call = {.doc = g->item->doc,
                               .resps = grade_lists(g),
                               .n = g->n,
                               .out = out,
                               .is_missed = &g->m->filter_missed[f - g->m->filters]};
    int rc = filter_apply(f, &call, g->arena, g->e);
    return rc < 0 ? err_prefix(g->e, rc, "task '%s', row %zu, filter '%s'", g->task->name,
                               g->item->idx, f->name)
                  : 0;
}

/* Log-likelihoods after the filters; take_first alone costs nothing. */
static int grade_numbers(struct grading *g, size_t filter)
{
    const struct task_impl *m = g->m;
    size_t k = (size_t)g->task->repeats;
    if (m->filter_is_first[filter]) {
        for (size_t i = 0; i < g->n; i++) {
            g->logprobs[i] = g->responses[i * k].logprob;
            g->greedy[i] = g->responses[i * k].is_greedy;
        }
        return 0;
    }
    const struct value **out = ARENA_ARRAY(g->arena, const struct value *, g->n ? g->n : 1);
    TRY(grade_filter(g, &m->filters[filter], out));
    for (size_t i = 0; i < g->n; i++) {
        const struct value *v = out[i];
        if (g->task->output == TASK_ROLLING && v->type == VALUE_FLOAT) {
            g->logprobs[i] = v->f;
            g->greedy[i] = false;
            continue;
        }
        if (v->type != VALUE_TUPLE || v->n != 2 || v->items[0]->type != VALUE_FLOAT ||
            v->items[1]->type != VALUE_BOOL)
            return grade_error(g, &m->filters[filter],
                               "a pipeline over log-likelihoods must end in "
                               "take_first and leave them as they are");
        g->logprobs[i] = v->items[0]->f;
        g->greedy[i] = v->items[1]->b;
    }
    return 0;
}

static int fill_scoring(struct grading *g, size_t filter, struct metric_doc *d)
{
    TRY(grade_numbers(g, filter));
    d->logprobs = g->logprobs;
    d->greedy = g->greedy;
    d->n_choices = g->n;
    if (g->task->output != TASK_MULTIPLE_CHOICE)
        return 0;
    d->choices = g->item->choices;
    d->n_choices = g->item->choices->n;
    if (g->m->wants_unconditional)
        d->unconditional = g->logprobs + d->n_choices;
    return 0;
}

static int fill_generated(struct grading *g, size_t filter, struct metric_doc *d)
{
    const struct value *out[1];
    TRY(grade_filter(g, &g->m->filters[filter], out));
    d->response = out[0];
    /* upstream: gold = type(response)(gold) */
    if (!g->item->choices && !g->m->multiple_target && d->response->type == VALUE_STR &&
        d->gold->type != VALUE_STR && !g->m->has_bypass) {
        struct pystr s = pystr_of(g->arena, d->gold);
        if (!s.s)
            return grade_error(g, &g->m->filters[filter], "the target is too deep to print");
        d->gold = value_strn(g->arena, s.s, s.n);
    }
    return 0;
}

/* A number; a pair of a sum and its weight where the aggregation wants those; else any value. */
static int result_score(const struct grading *g, const struct metric_use *u, const struct value *v,
                        struct task_score *out)
{
    bool weighted = strcmp(u->aggregation, "weighted_perplexity") == 0 ||
                    strcmp(u->aggregation, "bits_per_byte") == 0;
    bool pair = (v->type == VALUE_TUPLE || v->type == VALUE_LIST) && v->n == 2;
    *out = (struct task_score){.value = NAN, .weight = NAN};
    if (weighted && pair && v->items[0]->type == VALUE_FLOAT && v->items[1]->type == VALUE_INT) {
        out->value = v->items[0]->f;
        out->weight = (double)v->items[1]->i;
    } else if (v->type == VALUE_FLOAT) {
        out->value = v->f;
    } else if (v->type == VALUE_INT || v->type == VALUE_BOOL) {
        out->value = v->type == VALUE_BOOL ? v->b : (double)v->i;
    } else {
        struct buf b;
        buf_init(&b, 0);
        json_write(&b, v, JSON_PYTHON);
        out->detail = arena_strndup(g->arena, b.v, b.n);
        buf_release(&b);
    }
    return 0;
}

/* Scores of process_results, which replaces the metrics. */
static int grade_results(struct grading *g, size_t filter, struct task_score *out)
{
    const struct task_impl *m = g->m;
    const struct value **resps = ARENA_ARRAY(g->arena, const struct value *, g->n ? g->n : 1), *names;
    TRY(grade_filter(g, &m->filters[filter], resps));
    const struct value *list = value_list(g->arena, resps, g->n);
    TRY(port_results(m->results, g->item->doc, list, g->arena, &names, g->e));
    for (size_t i = 0; i < m->n_metrics; i++) {
        const struct value *v = value_get(names, m->metrics[i].name);
        if (!v)
            return grade_error(g, &m->filters[filter], "process_results yields no score for a metric");
        TRY(result_score(g, &m->metrics[i], v, &out[i]));
    }
    return 0;
}

/* -- scores that Python computes --------------------------------------------------------------- */

/* (sum, weight) where the aggregation wants those; else what Python said. */
static int code_score(const struct grading *g, const struct metric_use *u, const struct code_score *s,
                      struct task_score *out)
{
    bool weighted = !u->aggregate_code && (strcmp(u->aggregation, "weighted_perplexity") == 0 ||
                                           strcmp(u->aggregation, "bits_per_byte") == 0);
    *out = (struct task_score){.value = s->value, .weight = NAN, .detail = s->detail, .number = s->number};
    if (!weighted || !s->detail)
        return 0;
    const struct value *v;
    TRY(json_parse(s->detail, strlen(s->detail), "score", 1, g->arena, &v, g->e));
    return result_score(g, u, v, out);
}

/* Measures are known before anything is asked: a score that comes up later has no place to go. */
static int score_without_place(const struct grading *g, const char *name)
{
    return err_set(g->e, ASSAY_EFORMAT,
                   "a function yields the score '%.100s', which it did not for the first documents: name it in "
                   "'metric_list' (metric, aggregation, higher_is_better) and run again; answers are kept",
                   name);
}

static int take_scores(const struct grading *g, const struct code_score *s, size_t n,
                       struct task_score *out)
{
    const struct task_impl *m = g->m;
    for (size_t k = 0; k < n; k++) {
        bool has_place = false;
        for (size_t i = 0; i < m->n_metrics; i++)
            if (strcmp(m->metrics[i].name, s[k].name) == 0) {
                TRY(code_score(g, &m->metrics[i], &s[k], &out[i]));
                out[i].place = (uint32_t)k;
                has_place = true;
            }
        if (!has_place)
            return score_without_place(g, s[k].name);
    }
    return 0;
}

static int ask_results(const struct grading *g, size_t filter, const struct code_score **out,
                       size_t *n)
{
    const struct task_impl *m = g->m;
    const struct value **resps = ARENA_ARRAY(g->arena, const struct value *, g->n ? g->n : 1);
    TRY(grade_filter(g, &m->filters[filter], resps));
    struct code_results ask = {.idx = g->item->idx,
                               .doc = g->item->doc,
                               .results = value_list(g->arena, resps, g->n),
                               .exact = m->exact};
    return code_results(m->results->code, &ask, g->arena, out, n, g->e);
}

static int ask_metric(const struct grading *g, const struct metric_use *u, const struct metric_doc *d,
                      const struct code_score **out, size_t *n)
{
    bool listed = d->multiple_target && d->gold->type == VALUE_LIST;
    struct code_metric ask = {.idx = g->item->idx,
                              .golds = listed ? d->gold : value_list(g->arena, &d->gold, 1),
                              .any = d->multiple_target,
                              .exact = u->aggregate_code != NULL,
                              .response = d->response,
                              .kwargs = u->kwargs};
    return code_metric(u->score_code, &ask, g->arena, out, n, g->e);
}

static int grade_code_results(const struct grading *g, size_t filter, struct task_score *out)
{
    const struct code_score *s;
    size_t n;
    TRY(ask_results(g, filter, &s, &n));
    for (size_t i = 0; i < g->m->n_metrics; i++)
        out[i].is_absent = true;
    return take_scores(g, s, n, out);
}

/* Upstream asks metric functions of generated answers only. */
static int grade_metric(const struct grading *g, const struct metric_use *u, const struct metric_doc *d,
                        struct task_score *out)
{
    struct task_score *own = &out[u - g->m->metrics];
    if (!u->score_code && !u->is_yielded)
        return metric_score(u, d, g->arena, own, g->e);
    if (u->is_yielded)
        return 0;
    own->is_absent = true;
    if (d->output != TASK_GENERATE)
        return 0;
    const struct code_score *s;
    size_t n;
    TRY(ask_metric(g, u, d, &s, &n));
    return take_scores(g, s, n, out);
}

static int grade_metrics(struct grading *g, size_t filter, struct task_score *out)
{
    const struct task_impl *m = g->m;
    struct metric_doc d = {.output = g->task->output,
                           .gold = g->item->target,
                           .multiple_target = m->multiple_target};
    TRY(g->task->output == TASK_GENERATE ? fill_generated(g, filter, &d) : fill_scoring(g, filter, &d));
    for (size_t i = 0; i < m->n_metrics; i++)
        out[i] = (struct task_score){.is_absent = m->metrics[i].is_yielded};
    for (size_t i = 0; i < m->n_metrics; i++) {
        int rc = grade_metric(g, &m->metrics[i], &d, out);
        if (rc < 0)
            return err_prefix(g->e, rc, "task '%s', row %zu", g->task->name, g->item->idx);
    }
    return 0;
}

int task_grade_code(struct task *t, const struct task_item *item, const struct task_response *responses,
                    struct arena *arena, struct task_yields *out, struct assay_err *e)
{
    struct task_impl *m = t->impl;
    struct grading g = {
        .task = t, .m = m, .item = item, .responses = responses, .arena = arena, .e = e};
    g.n = item->n_requests / (size_t)t->repeats;
    g.logprobs = ARENA_ARRAY(arena, double, g.n + 1);
    g.greedy = ARENA_ARRAY(arena, bool, g.n + 1);
    if (m->results && m->results->code) {
        TRY(ask_results(&g, 0, &out->scores, &out->n));
        return out->fn(out->user, NULL, out);
    }
    struct metric_doc d = {
        .output = t->output, .gold = item->target, .multiple_target = m->multiple_target};
    TRY(t->output == TASK_GENERATE ? fill_generated(&g, 0, &d) : fill_scoring(&g, 0, &d));
    size_t n = m->n_metrics;
    for (size_t i = 0; i < n && t->output == TASK_GENERATE; i++)
        if (m->metrics[i].score_code) {
            struct metric_use u = m->metrics[i];
            TRY(ask_metric(&g, &u, &d, &out->scores, &out->n));
            TRY(out->fn(out->user, &u, out));
        }
    return 0;
}

int task_grade(struct task *t, const struct task_item *item, const struct task_response *responses,
               struct arena *arena, struct task_score *out, struct assay_err *e)
{
    struct task_impl *m = t->impl;
    double few_numbers[8];
    bool few_flags[8];
    struct grading g = {
        .task = t, .m = m, .item = item, .responses = responses, .arena = arena, .e = e};
    g.n = item->n_requests / (size_t)t->repeats;
    g.logprobs = g.n <= 8 ? few_numbers : ARENA_ARRAY(arena, double, g.n);
    g.greedy = g.n <= 8 ? few_flags : ARENA_ARRAY(arena, bool, g.n);
    for (size_t f = 0; f < m->n_filters; f++) {
        struct task_score *row = &out[f * m->n_metrics];
        if (!m->results) {
            TRY(grade_metrics(&g, f, row));
            continue;
        }
        int rc = m->results->code ? grade_code_results(&g, f, row) : grade_results(&g, f, row);
        if (rc < 0)
            return err_prefix(e, rc, "task '%s', row %zu", t->name, item->idx);
    }
    return 0;
}

int task_filtered(struct task *t, const struct task_item *item, const struct task_response *responses,
                  size_t filter, struct arena *a, struct task_filtered *out, struct assay_err *e)
{
    struct grading g = {.task = t,
                        .m = t->impl,
                        .item = item,
                        .responses = responses,
                        .arena = a,
                        .e = e,
                        .n = item->n_requests / (size_t)t->repeats};
    out->n = g.n;
    out->lists = grade_lists(&g);
    out->filtered = ARENA_ARRAY(a, const struct value *, g.n ? g.n : 1);
    return grade_filter(&g, &t->impl->filters[filter], out->filtered);
}

const struct task_measure *task_measures(const struct task *t, size_t *n)
{
    *n = t->impl->n_filters * t->impl->n_metrics;
    return t->impl->measures;
}
