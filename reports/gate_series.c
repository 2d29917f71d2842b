/* gate_series.c - a night's speeds, memory and perplexities against their own histories: what is
 * suspect, what is confirmed, what became of earlier findings, and what the canaries say. */
#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/stats/cluster.h"
#include "harness/stats/quantile.h"
#include "reports/fmt.h"
#include "reports/gate_impl.h"

enum { SAME_STEP = 2, LEAST_BLOCKS = 4 };

/* -- one series -------------------------------------------------------------------------------- */

struct clean { /* the values that are judged, and where they come from */
    const struct history_series *s;
    double *x;
    size_t *at, n; /* at: indices of s->points */
    double min_effect;
    struct nightly_night night;
};

static bool is_worse(const struct history_series *s, double ratio)
{
    return s->higher_is_better ? ratio < 1 : ratio > 1;
}

static double bad_effect(const struct clean *c, double now, double before)
{
    double r = now / before - 1;
    return c->s->higher_is_better ? -r : r;
}

static double median_from(const struct clean *c, size_t from, struct arena *a)
{
    double *v = ARENA_ARRAY(a, double, c->n - from);
    memcpy(v, c->x + from, (c->n - from) * sizeof *v);
    return quantile_select(v, c->n - from, 0.5);
}

static int64_t run_id_at(const struct judging *j, const struct clean *c, size_t i)
{
    return j->history.set->runs[c->s->points[c->at[i]].run].id;
}

/* The place among the clean values of the finding's first run; n: not in this segment. */
static size_t place_of(const struct judging *j, const struct clean *c,
                       const struct store_finding *f)
{
    size_t i = 0;
    while (i < c->n && run_id_at(j, c, i) < f->run_id)
        i++;
    return i > 0 || (c->n && run_id_at(j, c, 0) == f->run_id) ? i : c->n;
}

static const char *binary_of(const struct judging *j, const struct view_run *r)
{
    const struct store_gate *g = gate_verdict_on(j, r->id);
    return r->id == j->run->id && j->in->binary_uid ? j->in->binary_uid : g ? g->binary_uid : NULL;
}

/* Whether program, variant and version were the same on both sides of value `i`, as far as known. */
static bool is_same_code(const struct judging *j, const struct clean *c, size_t i)
{
    if (i == 0)
        return false;
    const struct history_point *p = &c->s->points[c->at[i - 1]], *q = &c->s->points[c->at[i]];
    const struct view_run *old = &j->history.set->runs[p->run],
                          *new = &j->history.set->runs[q->run];
    const char *a = binary_of(j, old), *b = binary_of(j, new);
    return a && b && strcmp(a, b) == 0 && p->variant && q->variant &&
           strcmp(p->variant->uid, q->variant->uid) == 0 && strcmp(old->version, new->version) == 0;
}

/* Whether a canary of this machine shifted the same way that night, or one beside it. */
static bool canary_moved(const struct judging *j, size_t run, bool is_bad)
{
    for (size_t i = 0; i < j->n_canary_steps; i++) {
        size_t r = j->canary_steps[i].run;
        if (r + 1 >= run && r <= run + 1 && j->canary_steps[i].is_slow == is_bad)
            return true;
    }
    return j->out->canary_shifted && run == j->at && is_bad;
}

/* The job of that kind and name, looked for first at `at`: mostly the plan is the same. */
static const struct view_job *same_job(const struct view_variant *v, const struct view_job *like,
                                       size_t at)
{
    for (size_t i = 0; i < v->n_jobs; i++) {
        const struct view_job *j = &v->jobs[(at + i) % v->n_jobs];
        if (strcmp(j->name, like->name) == 0 && strcmp(j->kind, like->kind) == 0)
            return j;
    }
    return NULL;
}

/* What a variant was given to do on two nights: HISTORY_DATASET, HISTORY_CONFIG. */
static unsigned work_differs(const struct view_variant *a, const struct view_variant *b)
{
    unsigned d = a->n_jobs != b->n_jobs ? HISTORY_CONFIG : 0;
    for (size_t i = 0; i < b->n_jobs; i++) {
        const struct view_job *y = &b->jobs[i], *x = same_job(a, y, i);
        if (!x || (x->scenario && y->scenario && strcmp(x->scenario->uid, y->scenario->uid) != 0))
            d |= HISTORY_CONFIG;
        if (!x || !x->task || !y->task)
            continue;
        d |= strcmp(x->task->dataset_uid, y->task->dataset_uid) != 0 ? HISTORY_DATASET : 0;
        d |= strcmp(x->task->config_uid, y->task->config_uid) != 0 ? HISTORY_CONFIG : 0;
    }
    return d;
}

/* Which hashes changed where a step may lie, between the values before `lo` and `hi`.  Memory is of
 * all that a variant did; a scenario's parameters are configuration. */
static unsigned changed_with(const struct clean *c, size_t lo, size_t hi)
{
    unsigned d = 0;
    for (size_t k = c->at[lo ? lo - 1 : 0] + 1; k <= c->at[hi]; k++) {
        const struct history_point *p = &c->s->points[k - 1], *q = &c->s->points[k];
        d |= q->differs;
        if (c->s->kind == HISTORY_MEMORY && p->variant && q->variant)
            d |= work_differs(p->variant, q->variant);
    }
    if (c->s->kind == HISTORY_SPEED && d & HISTORY_DATASET)
        d = (d & ~(unsigned)HISTORY_DATASET) | HISTORY_CONFIG;
    return d;
}

/* Of a shift at value `at` that may lie anywhere in lo .. hi. */
static const char *tag_of(const struct judging *j, const struct clean *c,
                          const struct change_point *s, bool is_bad)
{
    if (canary_moved(j, c->s->points[c->at[s->at]].run, is_bad))
        return "environment";
    unsigned d = changed_with(c, s->lo, s->hi);
    return d & HISTORY_DATASET         ? "dataset"
           : d & HISTORY_CONFIG        ? "config"
           : is_same_code(j, c, s->at) ? "environment"
                                       : "code";
}

static const char *tag_at(const struct judging *j, const struct clean *c, size_t at, bool is_bad)
{
    return tag_of(j, c, &(struct change_point){.at = at, .lo = at, .hi = at}, is_bad);
}

/* The newest step in the direction that still stands and that nobody has accepted; NULL: none. */
static const struct change_point *standing_step(const struct judging *j, const struct clean *c,
                                                bool improvement, struct arena *a)
{
    for (size_t k = c->night.n_steps; k-- > 0;) {
        const struct change_point *s = &c->night.steps[k];
        double now = median_from(c, c->night.steps[c->night.n_steps - 1].at, a);
        double bad = bad_effect(c, now, s->before);
        /* A way back up is no improvement: that is better than every level before. */
        for (size_t i = 0; i < k && improvement; i++)
            bad = fmax(bad, bad_effect(c, now, c->night.steps[i].before));
        bool is_it = is_worse(c->s, s->after / s->before) != improvement;
        bool is_closed = false;
        for (size_t i = 0; i < j->n_findings && is_it; i++) {
            const struct store_finding *f = &j->findings[i];
            if (strcmp(f->series, c->s->id) != 0 ||
                (strcmp(f->state, "expected") != 0 && strcmp(f->state, "fixed") != 0) ||
                (strcmp(f->direction, "improvement") == 0) != improvement)
                continue;
            size_t at = place_of(j, c, f);
            is_closed |= at + SAME_STEP >= s->lo && at <= s->hi + SAME_STEP;
        }
        /* What was there when a baseline was set is accepted with it. */
        if (j->pinned && j->pinned->id >= run_id_at(j, c, s->at))
            is_closed = true;
        if (is_it && !is_closed && (improvement ? -bad : bad) >= c->min_effect)
            return s;
    }
    return NULL;
}

static void fill_step(struct judging *j, struct gate_row *r, const struct clean *c,
                      const struct change_point *s)
{
    const struct view_run *runs = j->history.set->runs;
    r->before = s->before;
    r->after = median_from(c, s->at, j->a);
    r->effect = r->after / r->before - 1;
    r->from_ns = runs[c->s->points[c->at[s->lo ? s->lo - 1 : 0]].run].started_ns;
    r->to_ns = runs[c->s->points[c->at[s->hi]].run].started_ns;
    r->tag = tag_of(j, c, s, !r->is_improvement);
    r->reason = arena_printf(j->a, "a step at %.10s, %s ago (p %s)",
                             fmt_time(runs[c->s->points[c->at[s->at]].run].started_ns).s,
                             fmt_things(c->n - 1 - s->at, "night").s, fmt_p(s->p).s);
}

/* -- measured again tonight -------------------------------------------------------------------- */

enum again { AGAIN_NONE, AGAIN_SAME, AGAIN_OPEN, AGAIN_SHIFTED };

/* What measuring in turns said about a suspect: b against a, or against the stored level. */
static enum again look_again(struct judging *j, struct gate_row *r, const struct clean *c)
{
    double ln[256];
    size_t n = 0;
    bool is_stored = false;
    for (size_t i = 0; i < j->n_reruns && n < 256; i++) {
        const struct store_rerun *x = &j->reruns[i];
        if (strcmp(x->kind, "a/a") == 0 || strcmp(x->variant, r->key.variant) != 0 ||
            strcmp(x->scenario, r->key.task) != 0 || !(x->b > 0))
            continue;
        is_stored = isnan(x->a);
        double a = is_stored ? c->night.expected : x->a;
        if (a > 0)
            ln[n++] = log(x->b / a);
    }
    struct cluster_error ce;
    if (n < LEAST_BLOCKS || !cluster_mean(ln, NULL, n, &ce))
        return AGAIN_NONE;
    double half = cluster_half_width(ce.clt, n, 0.05);
    r->effect = exp(ce.mean) - 1;
    r->lo = exp(ce.mean - half) - 1;
    r->hi = exp(ce.mean + half) - 1;
    double worst =
        r->is_improvement == r->key.higher_is_better ? r->hi : r->lo; /* towards the shift */
    double least = r->is_improvement == r->key.higher_is_better ? r->lo : r->hi;
    double sign = r->is_improvement == r->key.higher_is_better ? 1 : -1;
    r->reason = arena_printf(j->a, "%s, %zu blocks: %s %% (%s .. %s)",
                             is_stored ? "measured again against stored nights"
                                       : "last good and tonight in turns",
                             n, fmt_signed(100 * r->effect, 2).s, fmt_signed(100 * r->lo, 2).s,
                             fmt_signed(100 * r->hi, 2).s);
    if (sign * least > 0 && sign * r->effect >= c->min_effect)
        return AGAIN_SHIFTED;
    return sign * worst < c->min_effect ? AGAIN_SAME : AGAIN_OPEN;
}

/* -- what a series says tonight ---------------------------------------------------------------- */

static const struct view_variant *good_variant(const struct judging *j, const struct clean *c)
{
    const struct view_variant *first = NULL;
    for (size_t i = c->n - 1; i-- > 0;) {
        const struct history_point *p = &c->s->points[c->at[i]];
        if (!first)
            first = p->variant;
        if (gate_was_good(j, &j->history.set->runs[p->run]))
            return p->variant;
    }
    return first;
}

static void suspect(struct judging *j, struct gate_row *r, const struct clean *c,
                    const struct store_finding *old)
{
    r->is_improvement = !c->night.is_worse;
    r->before = c->night.expected;
    r->after = c->x[c->n - 1];
    r->effect = c->night.effect;
    r->tag = tag_at(j, c, c->n - 1, c->night.is_worse);
    r->reason = arena_printf(j->a, "outside what %zu nights predict (p %s), not seen twice yet",
                             c->night.n_history,
                             fmt_p(c->night.is_worse ? c->night.q_worse : c->night.q_better).s);
    bool is_rate = strcmp(r->key.metric, "prefill") == 0 || strcmp(r->key.metric, "decode") == 0;
    enum again again = is_rate ? look_again(j, r, c) : AGAIN_NONE;
    if (!old)
        old = gate_open_finding(j, r->key.id, r->is_improvement ? "improvement" : "regression");
    if (again == AGAIN_SAME) {
        r->state = GATE_OK;
        if (old)
            gate_set_next(j, r, old, "fixed", old->run_id);
        return;
    }
    r->state = again == AGAIN_SHIFTED ? GATE_CONFIRMED : GATE_SUSPECT;
    if (again == AGAIN_NONE && is_rate) {
        r->can_rerun = true;
        r->good = good_variant(j, c);
        r->tonight = c->s->points[c->s->n - 1].variant;
    }
    gate_set_next(j, r, old, gate_state_name(r->state), old ? old->run_id : j->run->id);
}

static void close_finding(struct judging *j, struct gate_row *r, const struct store_finding *f,
                          enum gate_state state, const char *reason)
{
    r->state = state;
    r->before = f->before;
    r->effect = r->after / f->before - 1;
    r->tag = f->tag;
    r->reason = reason;
    gate_set_next(j, r, f, gate_state_name(state), f->run_id);
}

/* A suspect of an earlier night, first seen at value `at`, that no change point explains yet. */
static void look_twice(struct judging *j, struct gate_row *r, const struct clean *c,
                       const struct store_finding *f, size_t at)
{
    struct nightly_series s = {c->x, c->n, c->s->higher_is_better, c->min_effect, c->s->seed, 0};
    double p, effect;
    bool is_there = nightly_again(&s, at, !r->is_improvement, &p, &effect);
    bool is_towards =
        fabs(effect) >= c->min_effect && is_worse(c->s, 1 + effect) != r->is_improvement;
    if (!is_there && !(p <= 0.05 && is_towards)) {
        close_finding(j, r, f, GATE_FIXED, "it did not come back");
        return;
    }
    r->state = is_there ? GATE_CONFIRMED : GATE_SUSPECT;
    r->before = c->x[c->n - 1] / (1 + effect);
    r->effect = effect;
    r->tag = tag_at(j, c, at, !r->is_improvement);
    r->from_ns = r->to_ns = j->history.set->runs[c->s->points[c->at[at]].run].started_ns;
    r->reason =
        arena_printf(j->a, "outside the prediction again (p %s), %s after the first time",
                     fmt_p(p).s, fmt_things(c->n - 1 - at, "night").s);
    gate_set_next(j, r, f, gate_state_name(r->state), f->run_id);
}

/* Goes on with what is known already.  False: it is over (or there is none) and tonight is judged
 * by itself. */
static bool go_on(struct judging *j, struct gate_row *r, struct clean *c, bool improvement)
{
    const struct store_finding *f =
        gate_open_finding(j, c->s->id, improvement ? "improvement" : "regression");
    if (!f || f->run_id > j->run->id)
        return false;
    r->is_improvement = improvement;
    size_t at = place_of(j, c, f);
    if (at >= c->n || (at == 0 && run_id_at(j, c, 0) != f->run_id)) {
        close_finding(j, r, f, GATE_EXPECTED,
                      "a new segment began: what it was compared with has changed");
        return true;
    }
    double sign = improvement ? -1 : 1;
    double last = sign * bad_effect(c, c->x[c->n - 1], f->before);
    double prior = c->n > 1 ? sign * bad_effect(c, c->x[c->n - 2], f->before) : last;
    bool was_suspect = strcmp(f->state, "suspect") == 0;
    const struct change_point *s = standing_step(j, c, improvement, j->a);
    if (!s && was_suspect && f->run_id != j->run->id) {
        look_twice(j, r, c, f, at);
        return true;
    }
    if (was_suspect && !s)
        return false;
    if (last < c->min_effect && prior < c->min_effect) {
        close_finding(j, r, f, GATE_FIXED,
                      improvement ? "the gain is gone" : "back at the level before it");
        return true;
    }
    r->before = f->before;
    r->after = c->x[c->n - 1];
    r->effect = r->after / r->before - 1;
    r->tag = f->tag;
    r->reason = f->reason ? f->reason : "it is still there";
    if (s)
        fill_step(j, r, c, s);
    bool is_excused = gate_is_excused(j, f);
    if (is_excused)
        r->reason = f->reason ? f->reason : "acknowledged";
    else if (strcmp(f->state, "acknowledged") == 0)
        r->reason = arena_printf(j->a, "the acknowledgement ended (%s)",
                                 f->reason ? f->reason : "no reason");
    if (!was_suspect)
        r->tag = f->tag;
    r->state = is_excused ? GATE_ACKNOWLEDGED : GATE_CONFIRMED;
    gate_set_next(j, r, f, gate_state_name(r->state), f->run_id);
    return true;
}

static struct gate_row *add_tonight(struct judging *j, const struct clean *c)
{
    struct gate_row *r = gate_add_row(j, c->s);
    r->after = c->x[c->n - 1];
    r->before = c->night.expected;
    r->effect = c->night.effect;
    r->state = GATE_OK;
    return r;
}

/* Whether a gain that is still on the books has tonight turned into a loss. */
static bool is_falling(const struct judging *j, const struct clean *c)
{
    return standing_step(j, c, false, j->a) ||
           (c->night.state == NIGHTLY_SUSPECT && c->night.is_worse);
}

static void judge_series(struct judging *j, struct clean *c)
{
    struct gate_row *r = add_tonight(j, c);
    if (go_on(j, r, c, false))
        return;
    bool has_gain = go_on(j, r, c, true);
    if (has_gain) {
        if (!is_falling(j, c))
            return;
        r = add_tonight(j, c); /* said beside what became of the gain */
    }
    const struct change_point *bad = standing_step(j, c, false, j->a);
    const struct change_point *good =
        bad || has_gain ? NULL : standing_step(j, c, true, j->a);
    if (bad || good) {
        r->is_improvement = !bad;
        fill_step(j, r, c, bad ? bad : good);
        r->state = GATE_CONFIRMED;
        gate_set_next(j, r, NULL, "confirmed", run_id_at(j, c, (bad ? bad : good)->at));
        return;
    }
    if (c->night.state == NIGHTLY_SUSPECT) {
        suspect(j, r, c, NULL);
    } else if (c->night.state == NIGHTLY_LEARNING) {
        const struct history_point *p = &c->s->points[c->s->first];
        uint32_t w = p->starts;
        r->state = GATE_NO_BASELINE;
        r->tag = w & HISTORY_DATASET  ? "dataset"
                 : w & HISTORY_CONFIG ? "config"
                 : w                  ? "code"
                                      : NULL;
        r->reason = arena_printf(j->a, "%zu of %d nights%s", c->n - 1, NIGHTLY_LEAST,
                                 w & HISTORY_DATASET  ? " since the dataset changed"
                                 : w & HISTORY_CONFIG ? " since the configuration changed"
                                 : w                  ? " since the model changed"
                                                      : " of this series on this machine");
    }
}

/* -- the series of the night ------------------------------------------------------------------- */

static bool is_gated(const struct judging *j, const struct history_series *s)
{
    if (s->n == 0 || s->points[s->n - 1].run != j->at)
        return false;
    if (s->kind == HISTORY_PERPLEXITY)
        return s->is_main && gate_wants(j, "perplexity");
    return (s->kind == HISTORY_SPEED || s->kind == HISTORY_MEMORY) && gate_wants(j, s->metric);
}

/* Whether a night lies within an episode that is over: known to be off, no part of any level. */
static bool is_episode(const struct judging *j, const struct history_series *s, int64_t run_id)
{
    for (size_t i = 0; i < j->n_findings; i++) {
        const struct store_finding *f = &j->findings[i];
        if (f->run_id <= run_id && run_id < f->seen_id && strcmp(f->state, "fixed") == 0 &&
            strcmp(f->series, s->id) == 0)
            return true;
    }
    return false;
}

static void clean_values(const struct judging *j, const struct history_series *s, struct clean *c)
{
    c->s = s;
    c->x = ARENA_ARRAY(j->a, double, s->n);
    c->at = ARENA_ARRAY(j->a, size_t, s->n);
    for (size_t i = s->first; i < s->n; i++) {
        const struct history_point *p = &s->points[i];
        bool is_used = p->value > 0 && (j->in->rules->use_dirty || !p->is_dirty);
        if (!is_used || is_episode(j, s, j->history.set->runs[p->run].id))
            continue;
        c->at[c->n] = i;
        c->x[c->n++] = p->value;
    }
    double least = j->in->rules->min_effect[s->kind];
    c->min_effect = least > 0 ? least : history_min_effect(s->kind);
    if (s->kind == HISTORY_SPEED && 3 * j->out->floor > c->min_effect)
        c->min_effect = 3 * j->out->floor;
}

/* The first value of the newest level that was accepted by a baseline; 0: none. */
static size_t accepted_level(const struct judging *j, const struct clean *c)
{
    for (size_t i = j->n_findings; i-- > 0;) {
        const struct store_finding *f = &j->findings[i];
        if (strcmp(f->series, c->s->id) == 0 && strcmp(f->state, "expected") == 0 &&
            f->run_id <= j->run->id) {
            size_t at = place_of(j, c, f);
            return at < c->n ? at : 0;
        }
    }
    return 0;
}

void gate_judge_series(struct judging *j)
{
    size_t n = 0, cap = j->history.n_series;
    struct clean *c = ARENA_ARRAY(j->a, struct clean, cap + 1);
    struct nightly_series *in = ARENA_ARRAY(j->a, struct nightly_series, cap + 1);
    struct nightly_night *out = ARENA_ARRAY(j->a, struct nightly_night, cap + 1);
    for (size_t i = 0; i < cap; i++) {
        const struct history_series *s = &j->history.series[i];
        if (!is_gated(j, s)) {
            j->out->n_gone +=
                s->n && s->points[s->n - 1].run + 1 == j->at && s->kind != HISTORY_CANARY;
            continue;
        }
        c[n] = (struct clean){.s = s};
        clean_values(j, s, &c[n]);
        if (c[n].n == 0 || c[n].at[c[n].n - 1] != s->n - 1) {
            struct gate_row *r = gate_add_row(j, s);
            r->state = GATE_UNDECIDED;
            r->after = s->points[s->n - 1].value;
            r->reason = "others used the machine while it was measured";
            continue;
        }
        in[n] = (struct nightly_series){c[n].x,          c[n].n,  s->higher_is_better,
                                        c[n].min_effect, s->seed, accepted_level(j, &c[n])};
        n++;
    }
    nightly_judge(in, n, j->in->rules->q, out);
    for (size_t i = 0; i < n; i++) {
        c[i].night = out[i];
        judge_series(j, &c[i]);
    }
}

void gate_judge_canaries(struct judging *j)
{
    const char *text = NULL;
    for (size_t i = 0; i < j->history.n_series; i++) {
        const struct history_series *s = &j->history.series[i];
        struct nightly_night night;
        struct clean c = {.s = s};
        if (s->kind != HISTORY_CANARY || s->points[s->n - 1].run != j->at)
            continue;
        clean_values(j, s, &c);
        struct nightly_series in = {c.x, c.n, true, c.min_effect, s->seed, 0};
        nightly_judge(&in, 1, j->in->rules->q, &night);
        bool is_slow = night.state == NIGHTLY_SUSPECT && night.is_worse;
        for (size_t k = 0; k < night.n_steps && j->n_canary_steps < 32; k++) {
            j->canary_steps[j->n_canary_steps].run = s->points[c.at[night.steps[k].at]].run;
            j->canary_steps[j->n_canary_steps++].is_slow =
                night.steps[k].after < night.steps[k].before;
        }
        j->out->canary_shifted |= is_slow;
        text = arena_printf(j->a, "%s%s%s %s %s%s", text ? text : "", text ? ", " : "", s->task,
                            fmt_sig(s->points[s->n - 1].value, 3).s, s->unit,
                            isnan(night.effect) ? ""
                                                : arena_printf(j->a, " (%s %%%s)",
                                                               fmt_signed(100 * night.effect, 2).s,
                                                               is_slow ? ", shifted" : ""));
    }
    j->out->canary = text;
}
