/* nights.c - histories and last night's verdicts for the report; see the header. */
#include "reports/nights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/store/store_gate.h"
#include "reports/speed.h"

struct making {
    struct view *view;
    const struct compare *c;
    struct arena *a;
    struct nights *out;
    struct nights_change *changes;
    const struct store_finding *findings; /* of this class */
    size_t n_findings;
};

const struct history_series *nights_series(const struct nights *n, const char *id)
{
    for (size_t i = 0; i < n->history.n_series; i++)
        if (strcmp(n->history.series[i].id, id) == 0)
            return &n->history.series[i];
    return NULL;
}

static const struct view_run *run_of(const struct nights *n, const char *uid)
{
    for (size_t i = 0; i < n->history.set->n_runs && uid; i++)
        if (strcmp(n->history.set->runs[i].uid, uid) == 0)
            return &n->history.set->runs[i];
    return NULL;
}

/* -- effects ----------------------------------------------------------------------------------- */

/* Logarithms of the clean values of points [from, to). */
static size_t logs_of(const struct history_series *s, size_t from, size_t to, double *out)
{
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        if (!s->points[i].is_dirty && s->points[i].value > 0)
            out[n++] = log(s->points[i].value);
    return n;
}

/* The nights at the new level against those of the level before it, as a Hodges-Lehmann ratio. */
static bool step_effect(struct making *m, const struct gate_row *r, struct compare_value *out)
{
    const struct history_series *s = nights_series(m->out, r->key.id);
    size_t at = 0, from = 0;
    struct compare_value ratio = {NAN, NAN, NAN};
    if (!s || !r->since || s->kind == HISTORY_ACCURACY)
        return false;
    while (at < s->n && strcmp(m->out->history.set->runs[s->points[at].run].uid, r->since) != 0)
        at++;
    for (size_t i = 0; i < s->n_changes; i++) /* the level ends where another step begins */
        if (s->changes[i].at < at)
            from = s->changes[i].at;
    from = from > s->first ? from : s->first;
    if (at <= from || at >= s->n)
        return false;
    double *before = ARENA_ARRAY(m->a, double, at), *after = ARENA_ARRAY(m->a, double, s->n - at);
    size_t n_before = logs_of(s, from, at, before), n_after = logs_of(s, at, s->n, after);
    if (n_before && n_after)
        speed_compare(before, n_before, after, n_after, 0.05, &ratio);
    *out = (struct compare_value){ratio.v - 1, ratio.lo - 1, ratio.hi - 1};
    return isfinite(ratio.lo) && isfinite(ratio.hi);
}

static void add_change(struct making *m, const struct gate_row *r)
{
    struct nights *n = m->out;
    const struct view_run *since = run_of(n, r->since);
    struct nights_change *x = &m->changes[n->n_changes++];
    *x = (struct nights_change){.row = r, .effect = {r->effect, r->lo, r->hi}};
    /* the gate keeps when a state began; where it was not asked, what began this night is new */
    x->is_new = n->is_stored ? r->next.uid && r->next.changed_ns >= n->run->started_ns
                             : r->since && strcmp(r->since, n->run->uid) == 0;
    x->from_uid = r->since;
    x->from_ns = r->from_ns ? r->from_ns : since ? since->started_ns : 0;
    x->to_ns = r->to_ns ? r->to_ns : x->from_ns;
    bool is_level = r->state == GATE_CONFIRMED || r->state == GATE_ACKNOWLEDGED;
    if (isnan(r->lo) && is_level && !step_effect(m, r, &x->effect))
        x->effect = (struct compare_value){r->effect, NAN, NAN};
}

/* -- what the gate kept ------------------------------------------------------------------------ */

/* What the gate found on this night about the series, in this direction. */
static const struct store_finding *kept_of(const struct making *m, const struct gate_row *r)
{
    const char *direction = r->is_improvement ? "improvement" : "regression";
    for (size_t i = m->n_findings; i-- > 0;)
        if (strcmp(m->findings[i].series, r->key.id) == 0 &&
            strcmp(m->findings[i].direction, direction) == 0 &&
            m->findings[i].run_id <= m->out->run->id)
            return &m->findings[i];
    return NULL;
}

/* Whether a judged row is to be shown.  A shift that the gate, asked that night, did not find by the
 * suite's rules is none. */
static bool is_shown(const struct making *m, const struct gate_row *r)
{
    bool is_shift = r->state == GATE_CONFIRMED || r->state == GATE_SUSPECT;
    if (r->state == GATE_OK || r->state == GATE_NO_BASELINE)
        return false;
    return !m->out->is_stored || !is_shift || kept_of(m, r);
}

/* A finding of the paired tests, which belongs to no series: of points, unless its task's series is of
 * perplexities or its values are no shares. */
static enum history_kind paired_kind(const struct making *m, const struct store_finding *f)
{
    if (strncmp(f->name, "accuracy/", 9) != 0)
        return HISTORY_SPEED;
    bool is_share = f->before >= 0 && f->before <= 1 && f->after >= 0 && f->after <= 1;
    for (size_t i = 0; i < m->out->history.n_series; i++) {
        const struct history_series *s = &m->out->history.series[i];
        if (s->is_main && s->kind == HISTORY_PERPLEXITY &&
            strcmp(arena_printf(m->a, "accuracy/%s/%s", s->task, s->variant), f->name) == 0)
            is_share = false;
    }
    return is_share ? HISTORY_ACCURACY : HISTORY_PERPLEXITY;
}

/* Findings that ended on this night: judging it again does not see them any more. */
static void add_closed(struct making *m)
{
    for (size_t i = 0; i < m->n_findings; i++) {
        const struct store_finding *f = &m->findings[i];
        bool is_fixed = strcmp(f->state, "fixed") == 0;
        if (f->seen_id != m->out->run->id || (!is_fixed && strcmp(f->state, "expected") != 0))
            continue;
        const struct history_series *s = nights_series(m->out, f->series);
        struct gate_row *r = ARENA_NEW(m->a, struct gate_row);
        *r = (struct gate_row){.name = f->name,
                               .state = is_fixed ? GATE_FIXED : GATE_EXPECTED,
                               .is_improvement = strcmp(f->direction, "improvement") == 0,
                               .tag = f->tag,
                               .reason = f->reason  ? f->reason
                                         : is_fixed ? "back at the level before it"
                                                    : "accepted as the new level",
                               .before = f->before,
                               .after = f->after,
                               .effect = f->after / f->before - 1,
                               .lo = NAN,
                               .hi = NAN,
                               .next = *f};
        if (s)
            r->key = *s;
        else
            r->key.kind = paired_kind(m, f);
        for (size_t k = 0; k < m->out->history.set->n_runs; k++)
            if (m->out->history.set->runs[k].id == f->run_id)
                r->since = m->out->history.set->runs[k].uid;
        if (r->key.kind == HISTORY_ACCURACY)
            r->effect = f->after - f->before;
        if (!isfinite(r->effect))
            r->effect = NAN;
        add_change(m, r);
    }
}

static int read_kept(struct making *m, struct assay_err *e)
{
    struct store *s = NULL;
    struct store_finding *findings;
    struct store_gate *gates = NULL;
    size_t n_gates = 0;
    TRY(store_open(m->c->set->path, STORE_READ, &s, e));
    int rc = store_get_findings(s, m->out->run->machine_class, m->a, &findings, &m->n_findings, e);
    if (rc >= 0)
        rc = store_get_gates(s, m->a, &gates, &n_gates, e);
    store_close(s);
    if (rc < 0)
        return rc;
    m->findings = findings;
    for (size_t i = 0; i < n_gates; i++)
        if (gates[i].run_id == m->out->run->id) {
            m->out->is_stored = true;
            m->out->verdict = gates[i].verdict;
            m->out->headline = gates[i].headline;
        }
    return 0;
}

/* -- a class of machine ------------------------------------------------------------------------ */

static int judge(struct making *m, struct assay_err *e)
{
    struct nights *n = m->out;
    const struct compare_options *o = &m->c->options;
    struct gate_rules rules = {
        .margin = o->margin, .ppl_margin = o->ppl_margin, .alpha = o->alpha, .metric = o->metric};
    int64_t ended = n->run->ended_ns;
    struct gate_input in = {.view = m->view,
                            .path = m->c->set->path,
                            .rules = &rules,
                            .run = n->run->uid,
                            .now_ns = ended > 0 ? ended : n->run->started_ns};
    TRY(read_kept(m, e));
    TRY(gate_judge(&in, m->a, &n->gate, e));
    if (!n->is_stored) {
        n->verdict = gate_verdict_name(n->gate.verdict);
        n->headline = n->gate.headline;
    }
    m->changes = ARENA_ARRAY(m->a, struct nights_change, n->gate.n_rows + m->n_findings + 1);
    for (size_t i = 0; i < n->gate.n_rows; i++)
        if (is_shown(m, &n->gate.rows[i]))
            add_change(m, &n->gate.rows[i]);
    add_closed(m);
    n->changes = m->changes;
    return 0;
}

/* The newest run of the class that ended; runs: newest first. */
static const struct view_run *newest_of(const struct view_run *runs, size_t n, const char *class)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(runs[i].machine_class, class) == 0 && strcmp(runs[i].status, "running") != 0)
            return &runs[i];
    return NULL;
}

static int make_class(struct making *m, const struct view_run *run, struct assay_err *e)
{
    struct history_options o = {.machine = run->machine_class,
                                .max_runs = NIGHTS_MOST,
                                .last_run = run->uid,
                                .with_changes = true};
    const struct view_run *runs, *newest;
    size_t n;
    *m->out = (struct nights){.run = run};
    TRY(view_runs(m->view, &runs, &n, e));
    newest = newest_of(runs, n, run->machine_class);
    if (!newest || strcmp(run->status, "running") == 0)
        return 0;
    TRY(history_make(m->view, &o, m->a, &m->out->history, e));
    if (m->out->history.set->n_runs < 2)
        return 0;
    m->out->last = &m->out->history.set->runs[m->out->history.set->n_runs - 2];
    m->out->is_judged = newest->id == run->id;
    return m->out->is_judged ? judge(m, e) : 0;
}

/* Whether run `i` is the newest that is shown of its class. */
static bool is_latest(const struct view_set *set, size_t i)
{
    for (size_t k = 0; k < set->n_runs; k++)
        if (strcmp(set->runs[k].machine_class, set->runs[i].machine_class) == 0 &&
            (set->runs[k].started_ns > set->runs[i].started_ns ||
             (set->runs[k].started_ns == set->runs[i].started_ns && k > i)))
            return false;
    return true;
}

int nights_make(struct view *view, const struct compare *c, struct arena *a,
                const struct nights **out, size_t *n, struct assay_err *e)
{
    struct nights *all = ARENA_ARRAY(a, struct nights, c->set->n_runs + 1);
    *out = all;
    *n = 0;
    for (size_t i = 0; i < c->set->n_runs; i++) {
        struct making m = {.view = view, .c = c, .a = a, .out = &all[*n]};
        if (!is_latest(c->set, i))
            continue;
        TRY(make_class(&m, &c->set->runs[i], e));
        *n += m.out->last != NULL;
    }
    return 0;
}
