/* compare.c - walks the store task by task and fills the rows; see the header.
 *
 * Order of work: tasks outside, variants inside, so that every score is read once and one task's
 * scores are in memory at a time; then Holm and the verdicts; then divergence and speed. */
#include "reports/compare.h"

#include <math.h>
#include <stddef.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/stats/adjust.h"
#include "reports/agree.h"
#include "reports/cell.h"
#include "reports/distance.h"
#include "reports/energy.h"
#include "reports/fmt.h"
#include "reports/speed.h"
#include "reports/stopping.h"

static const double DEFAULT_MARGIN = 1, DEFAULT_MARGIN_4BIT = 2; /* accuracy points */

const struct assay_field compare_fields[] = {
    {"base", ASSAY_STR, offsetof(struct compare_options, base), NULL, NULL,
     "variant to compare with; default: the suite's reference"},
    {"metric", ASSAY_STR, offsetof(struct compare_options, metric), NULL, NULL,
     "metric to compare; default: the first of each task"},
    {"margin", ASSAY_NUM, offsetof(struct compare_options, margin), NULL, "0..100",
     "loss of accuracy that is still a pass, in percentage points; default: 1, and 2 at 4 bits or "
     "fewer"},
    {"ppl-margin", ASSAY_NUM, offsetof(struct compare_options, ppl_margin), "1", "0..100",
     "rise of perplexity that is still a pass, in per cent"},
    {"alpha", ASSAY_NUM, offsetof(struct compare_options, alpha), "0.05", "0..0.5",
     "significance level of intervals and verdicts"},
    {0}};

const char *compare_verdict_name(enum compare_verdict v)
{
    static const char *const names[] = {"pass", "fail", "inconclusive", "incomparable", "base"};
    return names[v];
}

struct making { /* what one compare_make works on */
    struct view *view;
    struct arena *a;
    struct compare *c;
    struct compare_task *tasks;
    struct cell_counts *pool;   /* [n_rows] */
    struct cell_counts *groups; /* [n_rows][n_groups] */
    size_t *group_tasks;        /* [n_rows][n_groups]: tasks that went in */
    struct agree_sums *sums;    /* NULL: of an alternative base */
    struct making *alts;        /* [n_alts]: the same with other bases */
    size_t n_alts;
};

/* -- what is compared -------------------------------------------------------------------------- */

static int choose_base(struct making *m, struct assay_err *e)
{
    const struct view_set *set = m->c->set;
    const char *name = m->c->options.base;
    const char **names = ARENA_ARRAY(m->a, const char *, set->n_variants + 1);
    size_t at = set->n_variants;
    for (size_t i = 0; i < set->n_variants; i++) {
        const struct view_variant *v = &set->variants[i];
        names[i] = v->name;
        bool is_it =
            name ? strcmp(v->name, name) == 0 || strcmp(v->label, name) == 0 : v->is_reference;
        if (is_it && at == set->n_variants)
            at = i;
    }
    if (name && at == set->n_variants) {
        const char *near = field_nearest(name, names, set->n_variants);
        return err_set(e, ASSAY_EUSAGE, "base '%s' is not a variant of the run%s%s%s", name,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
    }
    if (set->n_variants == 0)
        return err_set(e, ASSAY_EUSAGE, "run '%s' has no variants", set->runs[0].uid);
    m->c->base_row = at < set->n_variants ? at : 0;
    m->c->base = &set->variants[m->c->base_row];
    return 0;
}

enum { NO_BASE = -1 };

/* The row of the first run with this row's name; itself in the first run; NO_BASE: none. */
static int namesake(const struct compare *c, size_t row)
{
    const struct view_variant *v = c->rows[row].variant;
    size_t first = c->rows[0].variant->run;
    if (v->run == first)
        return (int)row;
    for (size_t i = 0; i < c->n_rows; i++)
        if (c->rows[i].variant->run == first && strcmp(c->rows[i].variant->name, v->name) == 0)
            return (int)i;
    return NO_BASE;
}

/* Runs are compared namesake by namesake, unless a base was named or no name repeats. */
static void choose_bases(struct making *m)
{
    struct compare *c = m->c;
    for (size_t i = 0; i < c->n_rows && !c->options.base; i++)
        c->is_by_name |= namesake(c, i) != NO_BASE && namesake(c, i) != (int)i;
    for (size_t i = 0; i < c->n_rows; i++) {
        int by_name = namesake(c, i);
        c->rows[i].base = !c->is_by_name       ? c->base_row
                          : by_name == NO_BASE ? c->n_rows
                                               : (size_t)by_name;
    }
    if (c->is_by_name && c->base->run != c->rows[0].variant->run) {
        c->base_row = 0;
        c->base = c->rows[0].variant;
    }
}

bool compare_is_base(const struct compare *c, size_t row)
{
    return c->rows[row].base == row;
}

static bool is_base(const struct compare *c, const struct compare_row *r)
{
    return compare_is_base(c, (size_t)(r - c->rows));
}

static const struct view_job *find_job(const struct view_variant *v, const char *kind,
                                       const char *name)
{
    for (size_t i = 0; i < v->n_jobs; i++)
        if (strcmp(v->jobs[i].kind, kind) == 0 && strcmp(v->jobs[i].name, name) == 0)
            return &v->jobs[i];
    return NULL;
}

/* The task's measure: the wanted metric, else the first stored; NULL: not graded, or not there. */
static const struct view_result *find_result(const struct view_variant *v,
                                             const struct view_job *job, const char *metric)
{
    for (size_t i = 0; i < v->n_results; i++)
        if (v->results[i].job == job &&
            (!metric || strcmp(v->results[i].measure->metric, metric) == 0))
            return &v->results[i];
    return NULL;
}

static bool has_task(const struct compare *c, const char *name)
{
    for (size_t i = 0; i < c->n_tasks; i++)
        if (strcmp(c->tasks[i].name, name) == 0)
            return true;
    return false;
}

/* Tasks of the base first, in its order, then those only others have. */
static void list_tasks(struct making *m)
{
    const struct view_set *set = m->c->set;
    size_t cap = 0;
    for (size_t i = 0; i < set->n_variants; i++)
        cap += set->variants[i].n_jobs;
    m->c->tasks = m->tasks = ARENA_ARRAY(m->a, struct compare_task, cap + 1);
    for (size_t k = 0; k <= set->n_variants; k++) {
        const struct view_variant *v = k ? &set->variants[k - 1] : m->c->base;
        for (size_t i = 0; i < v->n_jobs; i++) {
            const struct view_job *job = &v->jobs[i];
            if (strcmp(job->kind, "task") != 0 || !job->task || (k && has_task(m->c, job->name)))
                continue;
            const struct view_result *r = find_result(v, job, m->c->options.metric);
            m->tasks[m->c->n_tasks++] =
                (struct compare_task){.name = job->name,
                                      .task = job->task,
                                      .measure = r ? r->measure : NULL,
                                      .aggregation = r ? r->aggregation : "",
                                      .higher_is_better = r ? r->higher_is_better != 0 : true};
        }
    }
}

static void count_left_out(struct making *m)
{
    for (size_t i = 0; i < m->c->base->n_jobs; i++)
        m->c->n_left_out +=
            strcmp(m->c->base->jobs[i].kind, "task") == 0 && !m->c->base->jobs[i].task;
}

static int check_metric(struct making *m, struct assay_err *e)
{
    const struct view_set *set = m->c->set;
    const char *metric = m->c->options.metric;
    const char **names = ARENA_ARRAY(m->a, const char *, set->n_measures + 1);
    for (size_t i = 0; i < set->n_measures; i++) {
        names[i] = set->measures[i].metric;
        if (metric && strcmp(names[i], metric) == 0)
            return 0;
    }
    if (!metric)
        return 0;
    const char *near = field_nearest(metric, names, set->n_measures);
    return err_set(e, ASSAY_EUSAGE, "no task of the run has the metric '%s'%s%s%s", metric,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
}

static void list_groups(struct making *m)
{
    const struct view_set *set = m->c->set;
    const struct view_group **g = ARENA_ARRAY(m->a, const struct view_group *, set->n_groups + 1);
    for (size_t i = 0; i < set->n_groups; i++)
        if (set->groups[i].run == m->c->base->run)
            g[m->c->n_groups++] = &set->groups[i];
    m->c->groups = g;
}

static void list_scenarios(struct making *m)
{
    const struct view_set *set = m->c->set;
    size_t cap = 0, n = 0;
    for (size_t i = 0; i < set->n_variants; i++)
        cap += set->variants[i].n_jobs;
    const struct view_scenario **s = ARENA_ARRAY(m->a, const struct view_scenario *, cap + 1);
    for (size_t i = 0; i < set->n_variants; i++)
        for (size_t j = 0; j < set->variants[i].n_jobs; j++) {
            const struct view_scenario *x = set->variants[i].jobs[j].scenario;
            size_t k = 0;
            while (x && k < n && s[k] != x)
                k++;
            if (x && k == n)
                s[n++] = x;
        }
    m->c->scenarios = s;
    m->c->n_scenarios = n;
}

/* -- margins ----------------------------------------------------------------------------------- */

/* A documented convention, not a measurement: 4 bits and fewer are granted 2 points. */
static bool is_4bit(const struct view_variant *v)
{
    static const char *const marks[] = {"int4", "int3", "int2", "q4_", "q3_", "q2_",
                                        "iq4",  "iq3",  "iq2",  "iq1", "w4a", "nf4", "fp4"};
    const char *text = v->precision[0] ? v->precision : v->name;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strstr(text, marks[i]))
            return true;
    return false;
}

static struct cell_rules rules_of(const struct compare *c, const struct compare_row *r)
{
    const struct view_variant *v = r->variant;
    double margin = c->options.margin > 0 ? c->options.margin
                    : is_4bit(v)          ? DEFAULT_MARGIN_4BIT
                                          : DEFAULT_MARGIN;
    struct cell_rules rules = {.alpha = c->options.alpha,
                               .margin = margin / 100,
                               .ln_ppl_margin = log1p(c->options.ppl_margin / 100)};
    stopping_rules(c, r, &rules);
    return rules;
}

/* -- tasks ------------------------------------------------------------------------------------- */

/* Which hash differs, with the beginnings of both. */
static const char *differing(const struct making *m, const char *what, const char *base,
                             const char *variant)
{
    return arena_printf(m->a, "%s: %.12s here, %.12s in the base", what, variant, base);
}

/* Why a variant's task cannot be set against the base's; NULL: it can. */
static const char *refusal(const struct making *m, const struct compare_task *t,
                           const struct compare_row *r)
{
    const struct view_variant *v = r->variant;
    if (r->base >= m->c->n_rows)
        return arena_printf(m->a, "the first run has no variant '%s'", v->name);
    const struct view_variant *b = m->c->rows[r->base].variant;
    const struct view_job *base = find_job(b, "task", t->name), *job = find_job(v, "task", t->name);
    if (!base || !base->task)
        return arena_printf(m->a, "the base '%s' did not run it", b->label);
    if (!t->measure)
        return m->c->options.metric
                   ? arena_printf(m->a, "it has no metric '%s'", m->c->options.metric)
                   : arena_printf(m->a, "the base '%s' has no result for it", b->label);
    if (!job || !job->task)
        return arena_printf(m->a, "'%s' did not run it", v->label);
    const struct view_task *x = base->task, *y = job->task;
    if (strcmp(x->uid, y->uid) == 0)
        return stopping_refusal(m->c, r, m->a);
    if (strcmp(x->dataset_uid, y->dataset_uid) != 0)
        return differing(m, "the data set differs", x->dataset_uid, y->dataset_uid);
    const char *base_chat = x->chat_template ? x->chat_template : "none";
    const char *own_chat = y->chat_template ? y->chat_template : "none";
    if (strcmp(base_chat, own_chat) != 0)
        return differing(m, "the chat template differs", base_chat, own_chat);
    if (strcmp(x->config_uid, y->config_uid) != 0)
        return differing(m, "the task's configuration differs", x->config_uid, y->config_uid);
    return differing(m, "the prompts differ (few-shot examples)", x->uid, y->uid);
}

struct task_scores { /* of one task */
    struct view_scores *rows; /* [n_rows]; n 0: none */
    struct view_clusters clusters;
};

static void add_to_pools(struct making *m, size_t row, size_t task, const struct cell_counts *k)
{
    cell_add(&m->pool[row], k);
    for (size_t g = 0; g < m->c->n_groups; g++)
        for (size_t i = 0; i < m->c->groups[g]->n_leaves; i++)
            if (strcmp(m->c->groups[g]->leaves[i], m->tasks[task].name) == 0) {
                cell_add(&m->groups[row * m->c->n_groups + g], k);
                m->group_tasks[row * m->c->n_groups + g]++;
                break;
            }
}

/* The aggregate as stored when it is of n items; NAN: it is of others. */
static double stored_value(const struct view_variant *v, const struct compare_task *t, size_t n)
{
    const struct view_job *job = find_job(v, "task", t->name);
    for (size_t i = 0; i < v->n_results && job; i++)
        if (v->results[i].job == job && v->results[i].measure == t->measure)
            return v->results[i].n == (int64_t)n ? v->results[i].value : NAN;
    return NAN;
}

static void compare_pair(struct making *m, size_t task, size_t row, const struct task_scores *x,
                         struct arena *scratch)
{
    struct compare_task *t = &m->tasks[task];
    struct compare_row *r = &m->c->rows[row];
    struct cell_rules rules = rules_of(m->c, r);
    const struct view_scores *scores = &x->rows[row];
    struct cell_pairs p;
    cell_pair(&x->rows[r->base], scores, &x->clusters, scratch, &p);
    /* Ranks are by all items: what was asked of a stopped variant is not what the others were asked. */
    if (m->sums && !stopping_is_early(find_job(r->variant, "task", t->name)))
        agree_add(m->sums, task, row, scores, t);
    r->tasks[task].higher_is_better = t->higher_is_better;
    cell_scores(&r->tasks[task], &p, t->aggregation, &rules, m->a);
    if (r->tasks[task].kind == COMPARE_VALUE) {
        r->tasks[task].base.v = stored_value(m->c->rows[r->base].variant, t, p.n);
        r->tasks[task].variant.v = stored_value(r->variant, t, p.n);
    }
    if (r->tasks[task].kind == COMPARE_BINARY) {
        struct cell_counts k;
        cell_count(&p, &k);
        add_to_pools(m, row, task, &k);
    }
    if (m->sums && (row == m->c->base_row || r->tasks[task].kind == COMPARE_BINARY))
        t->is_binary = r->tasks[task].kind == COMPARE_BINARY;
}

static void compare_rows(struct making *m, size_t task, const struct task_scores *x,
                         struct arena *scratch)
{
    struct compare *c = m->c;
    const struct compare_task *t = &m->tasks[task];
    for (size_t row = 0; row < c->n_rows; row++) {
        struct compare_row *r = &c->rows[row];
        const char *why = refusal(m, t, r);
        const struct view_scores *base = why ? NULL : &x->rows[r->base];
        if (!why && (base->n == 0 || x->rows[row].n == 0)) {
            const struct view_variant *v = base->n ? r->variant : c->rows[r->base].variant;
            const struct view_job *job = find_job(v, "task", t->name);
            if (stopping_is_early(job)) {
                cell_stopped(&r->tasks[task]);
                continue;
            }
            why = arena_printf(m->a, "'%s' has no scores%s%s", v->label, job->reason ? ": " : "",
                               job->reason ? job->reason : "");
        }
        if (why)
            cell_refuse(&r->tasks[task], why);
        else
            compare_pair(m, task, row, x, scratch);
    }
}

static int compare_task(struct making *m, size_t task, struct arena *scratch, struct assay_err *e)
{
    struct compare *c = m->c;
    const struct compare_task *t = &m->tasks[task];
    struct task_scores x = {.rows = ARENA_ARRAY(scratch, struct view_scores, c->n_rows)};
    for (size_t row = 0; row < c->n_rows && t->measure; row++) {
        const struct view_job *job = find_job(c->rows[row].variant, "task", t->name);
        if (job)
            TRY(view_scores_of(m->view, job, t->measure, scratch, &x.rows[row], e));
        c->n_scores += x.rows[row].n;
    }
    if (t->task)
        TRY(view_clusters(m->view, t->task, scratch, &x.clusters, e));
    compare_rows(m, task, &x, scratch);
    for (size_t k = 0; k < m->n_alts; k++)
        compare_rows(&m->alts[k], task, &x, scratch);
    return 0;
}

static int compare_tasks(struct making *m, struct assay_err *e)
{
    struct arena scratch = {0};
    int rc = 0;
    for (size_t t = 0; t < m->c->n_tasks && rc >= 0; t++) {
        rc = compare_task(m, t, &scratch, e);
        arena_reset(&scratch);
    }
    arena_release(&scratch);
    return rc;
}

/* -- verdicts ---------------------------------------------------------------------------------- */

int compare_vote(const struct compare *c, const struct compare_cell *x)
{
    if (!(x->p_adjusted < c->options.alpha) || x->delta.v == 0)
        return 0;
    return (x->delta.v > 0) == x->higher_is_better ? 1 : -1;
}

static void count_vote(const struct compare *c, struct compare_row *r, const struct compare_cell *x)
{
    int vote = compare_vote(c, x);
    if (x->kind == COMPARE_NONE || x->kind == COMPARE_VALUE || is_base(c, r))
        return;
    r->n_better += vote > 0;
    r->n_worse += vote < 0;
    r->n_unclear += vote == 0;
}

static void judge_tasks(struct making *m, struct compare_row *r)
{
    size_t n = m->c->n_tasks;
    double *p = ARENA_ARRAY(m->a, double, n + 1);
    for (size_t t = 0; t < n; t++)
        p[t] = r->tasks[t].p_mid;
    adjust_holm(p, n, p);
    for (size_t t = 0; t < n; t++) {
        r->tasks[t].p_adjusted = p[t];
        cell_judge(&r->tasks[t], m->c->options.alpha, m->a);
        size_t *const counts[] = {&r->n_pass, &r->n_fail, &r->n_inconclusive, &r->n_incomparable};
        ++*counts[r->tasks[t].verdict];
        count_vote(m->c, r, &r->tasks[t]);
        if (is_base(m->c, r))
            r->tasks[t].verdict = COMPARE_BASE;
    }
}

static void judge_pools(struct making *m, size_t row)
{
    struct compare_row *r = &m->c->rows[row];
    struct cell_rules rules = rules_of(m->c, r);
    rules.is_pool = true;
    cell_binary(&r->pool, &m->pool[row], &rules);
    cell_judge(&r->pool, rules.alpha, m->a);
    for (size_t g = 0; g < m->c->n_groups; g++) {
        const struct view_group *group = m->c->groups[g];
        size_t at = row * m->c->n_groups + g, in = m->group_tasks[at];
        cell_binary(&r->groups[g], &m->groups[at], &rules);
        cell_judge(&r->groups[g], rules.alpha, m->a);
        if (in < group->n_leaves && r->groups[g].kind == COMPARE_BINARY)
            r->groups[g].reason =
                arena_printf(m->a, "%zu of its %s; %s", in, fmt_things(group->n_leaves, "task").s,
                             r->groups[g].reason);
        if (is_base(m->c, r))
            r->groups[g].verdict = COMPARE_BASE;
    }
}

/* Names of up to three tasks with this verdict. */
static const char *some_tasks(struct making *m, const struct compare_row *r, enum compare_verdict v)
{
    const char *text = "";
    size_t n = 0;
    for (size_t t = 0; t < m->c->n_tasks; t++)
        if (r->tasks[t].verdict == v) {
            if (n < 3)
                text = arena_printf(m->a, "%s%s'%s'", text, n ? ", " : "", m->tasks[t].name);
            n++;
        }
    return n > 3 ? arena_printf(m->a, "%s and %zu more", text, n - 3) : text;
}

static const char *first_reason(const struct compare_row *r, size_t n_tasks, enum compare_verdict v)
{
    for (size_t t = 0; t < n_tasks; t++)
        if (r->tasks[t].verdict == v && r->tasks[t].reason)
            return r->tasks[t].reason;
    return "";
}

/* Tasks outside the pool (perplexities, other means) that do not pass. */
static size_t open_outside_pool(const struct compare_row *r, size_t n_tasks)
{
    size_t n = 0;
    for (size_t t = 0; t < n_tasks; t++)
        n += (r->tasks[t].kind == COMPARE_MEAN || r->tasks[t].kind == COMPARE_LIKELIHOOD) &&
             r->tasks[t].verdict == COMPARE_INCONCLUSIVE;
    return n;
}

static void judge_row(struct making *m, struct compare_row *r)
{
    size_t n = m->c->n_tasks, open = open_outside_pool(r, n);
    bool has_pool = r->pool.kind == COMPARE_BINARY;
    if (is_base(m->c, r)) {
        r->verdict = r->pool.verdict = COMPARE_BASE;
        r->reason = "what the others are compared with";
    } else if (!r->variant->is_done) {
        r->verdict = COMPARE_INCOMPARABLE;
        r->reason = r->variant->reason ? r->variant->reason
                                       : arena_printf(m->a, "it is %s", r->variant->status);
    } else if (r->n_fail > 0) {
        r->verdict = COMPARE_FAIL;
        r->reason =
            arena_printf(m->a, "%zu of %s %s worse: %s%s%s", r->n_fail, fmt_things(n, "task").s,
                         r->n_fail == 1 ? "is" : "are", some_tasks(m, r, COMPARE_FAIL),
                         has_pool ? "; all items: " : "", has_pool ? r->pool.reason : "");
    } else if (has_pool && r->pool.verdict == COMPARE_FAIL) {
        r->verdict = COMPARE_FAIL;
        r->reason = arena_printf(m->a, "all items together: %s", r->pool.reason);
    } else if (r->n_incomparable > 0 || n == 0) {
        r->verdict = COMPARE_INCOMPARABLE;
        r->reason = n == 0 ? "the run has no tasks"
                           : arena_printf(m->a, "%s: %s", some_tasks(m, r, COMPARE_INCOMPARABLE),
                                          first_reason(r, n, COMPARE_INCOMPARABLE));
    } else if (open > 0 || (has_pool ? r->pool.verdict != COMPARE_PASS : r->n_pass < n)) {
        r->verdict = COMPARE_INCONCLUSIVE;
        r->reason = has_pool && r->pool.verdict != COMPARE_PASS
                        ? r->pool.reason
                        : arena_printf(m->a, "%s: %s", some_tasks(m, r, COMPARE_INCONCLUSIVE),
                                       first_reason(r, n, COMPARE_INCONCLUSIVE));
    } else {
        r->verdict = COMPARE_PASS;
        r->reason = has_pool ? r->pool.reason : first_reason(r, n, COMPARE_PASS);
    }
}

/* What the rows that are no bases are compared with, in words. */
static const char *against(const struct making *m)
{
    const struct compare *c = m->c;
    const struct view_run *first = &c->set->runs[c->rows[0].variant->run];
    size_t len = strlen(first->uid);
    return c->is_by_name ? arena_printf(m->a, "run %s", first->uid + (len > 6 ? len - 6 : 0))
                         : c->base->label;
}

/* "worse and not within the margin: int4; not comparable: q4_k; ", worst first. */
static const char *what_is_wrong(struct making *m)
{
    static const struct {
        enum compare_verdict verdict;
        const char *said;
    } order[] = {{COMPARE_FAIL, "worse and not within the margin"},
                 {COMPARE_INCOMPARABLE, "not comparable"},
                 {COMPARE_INCONCLUSIVE, "not shown to be within the margin"}};
    struct compare *c = m->c;
    const char *text = "";
    for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
        const char *names = "";
        for (size_t i = 0; i < c->n_rows; i++)
            if (c->rows[i].verdict == order[k].verdict)
                names = arena_printf(m->a, "%s%s%s", names, *names ? ", " : "",
                                     c->rows[i].variant->label);
        if (!*names)
            continue;
        if (c->verdict == COMPARE_BASE)
            c->verdict = order[k].verdict;
        text = arena_printf(m->a, "%s%s: %s; ", text, order[k].said, names);
    }
    return text;
}

static void conclude(struct making *m)
{
    struct compare *c = m->c;
    const struct compare_row *only = NULL;
    size_t n_pass = 0, n = 0;
    for (size_t i = 0; i < c->n_rows; i++) {
        n_pass += c->rows[i].verdict == COMPARE_PASS;
        if (!compare_is_base(c, i)) {
            only = &c->rows[i];
            n++;
        }
    }
    c->verdict = COMPARE_BASE;
    c->against = against(m);
    const char *text = what_is_wrong(m);
    int len = (int)strlen(text);
    if (c->verdict == COMPARE_BASE)
        c->verdict = n_pass ? COMPARE_PASS : COMPARE_INCOMPARABLE;
    if (n == 0)
        c->headline = "there is only one variant: nothing to compare it with";
    else if (n > 1)
        c->headline = arena_printf(m->a, "%s%zu of %zu variants %s against %s", text, n_pass, n,
                                   n_pass == 1 ? "passes" : "pass", c->against);
    else if (n_pass)
        c->headline = arena_printf(m->a, "%s passes against %s", only->variant->label, c->against);
    else
        c->headline =
            arena_printf(m->a, "%.*s, against %s", len > 2 ? len - 2 : 0, text, c->against);
    c->headline = arena_printf(m->a, "%s%s", c->headline, stopping_total(c, m->a));
}

/* -- speed ------------------------------------------------------------------------------------- */

static void compare_scenario(struct compare *c, size_t s)
{
    for (size_t i = 0; i < c->n_rows; i++) {
        struct compare_row *r = &c->rows[i];
        if (r->base >= c->n_rows)
            continue;
        const struct compare_row *base = &c->rows[r->base];
        speed_ratio(&base->speeds[s], &r->speeds[s], base->variant->run == r->variant->run,
                    c->options.alpha, &r->speeds[s].ratio);
    }
}

static int measure_scenario(struct making *m, size_t s, struct assay_err *e)
{
    struct compare *c = m->c;
    for (size_t i = 0; i < c->n_rows; i++) {
        struct compare_row *r = &c->rows[i];
        const struct view_job *job = NULL;
        for (size_t j = 0; j < r->variant->n_jobs; j++)
            if (r->variant->jobs[j].scenario == c->scenarios[s])
                job = &r->variant->jobs[j];
        r->speeds[s] = speed_unknown;
        if (!job)
            continue;
        TRY(speed_measure(m->view, job, c->options.alpha, m->a, &r->speeds[s], e));
        if (r->speeds[s].n == 0)
            r->speeds[s].job = NULL;
    }
    compare_scenario(c, s);
    for (size_t k = 0; k < m->n_alts; k++) {
        struct compare *alt = m->alts[k].c;
        for (size_t i = 0; i < c->n_rows; i++)
            alt->rows[i].speeds[s] = c->rows[i].speeds[s];
        compare_scenario(alt, s);
    }
    return 0;
}

static void choose_headlines(struct compare *c)
{
    for (size_t i = 0; i < c->n_rows; i++)
        for (size_t s = 0; s < c->n_scenarios; s++) {
            bool is_prefill = strcmp(c->scenarios[s]->kind, "prefill") == 0;
            const struct compare_speed **head =
                is_prefill ? &c->rows[i].prefill : &c->rows[i].decode;
            if (c->rows[i].speeds[s].job && !*head)
                *head = &c->rows[i].speeds[s];
        }
}

static int measure_speeds(struct making *m, struct assay_err *e)
{
    for (size_t s = 0; s < m->c->n_scenarios; s++)
        TRY(measure_scenario(m, s, e));
    choose_headlines(m->c);
    for (size_t k = 0; k < m->n_alts; k++)
        choose_headlines(m->alts[k].c);
    return 0;
}

/* -- all of it --------------------------------------------------------------------------------- */

static void make_rows(struct making *m)
{
    struct compare *c = m->c;
    c->n_rows = c->set->n_variants;
    c->rows = ARENA_ARRAY(m->a, struct compare_row, c->n_rows);
    for (size_t i = 0; i < c->n_rows; i++) {
        c->rows[i].variant = &c->set->variants[i];
        c->rows[i].tasks = ARENA_ARRAY(m->a, struct compare_cell, c->n_tasks + 1);
        c->rows[i].groups = ARENA_ARRAY(m->a, struct compare_cell, c->n_groups + 1);
        c->rows[i].task_kl = ARENA_ARRAY(m->a, struct compare_kl, c->n_tasks + 1);
        c->rows[i].speeds = ARENA_ARRAY(m->a, struct compare_speed, c->n_scenarios + 1);
    }
    m->pool = ARENA_ARRAY(m->a, struct cell_counts, c->n_rows);
    m->groups = ARENA_ARRAY(m->a, struct cell_counts, c->n_rows * c->n_groups + 1);
    m->group_tasks = ARENA_ARRAY(m->a, size_t, c->n_rows * c->n_groups + 1);
}

/* One more comparison of the same scores per row that could be the base. */
static void make_alternatives(struct making *m)
{
    struct compare *c = m->c;
    if (!c->options.all_bases || c->is_by_name || c->n_rows < 2)
        return;
    const struct compare **by_base = ARENA_ARRAY(m->a, const struct compare *, c->n_rows);
    struct making *alts = ARENA_ARRAY(m->a, struct making, c->n_rows);
    for (size_t k = 0; k < c->n_rows; k++) {
        if (k == c->base_row || !c->rows[k].variant->is_done) {
            by_base[k] = k == c->base_row ? c : NULL;
            continue;
        }
        struct compare *alt = ARENA_NEW(m->a, struct compare);
        struct making *x = &alts[m->n_alts++];
        *alt = *c;
        *x = (struct making){.view = m->view, .a = m->a, .c = alt, .tasks = m->tasks};
        make_rows(x);
        alt->base_row = k;
        alt->base = c->rows[k].variant;
        for (size_t i = 0; i < c->n_rows; i++)
            alt->rows[i].base = k;
        by_base[k] = alt;
    }
    m->alts = alts;
    c->by_base = by_base;
}

static void judge(struct making *m)
{
    for (size_t i = 0; i < m->c->n_rows; i++) {
        judge_tasks(m, &m->c->rows[i]);
        judge_pools(m, i);
        judge_row(m, &m->c->rows[i]);
        stopping_explain(m->c, &m->c->rows[i], m->a);
    }
    conclude(m);
}

static int measure_distances(struct making *m, struct assay_err *e)
{
    for (size_t i = 0; i < m->c->n_rows; i++) {
        TRY(distance_measure(m->view, m->c, &m->c->rows[i], e));
        for (size_t k = 0; k < m->n_alts; k++) {
            m->alts[k].c->rows[i].kl = m->c->rows[i].kl;
            m->alts[k].c->rows[i].task_kl = m->c->rows[i].task_kl;
        }
    }
    return 0;
}

int compare_make(struct view *view, const struct view_set *set,
                 const struct compare_options *options, struct arena *a, const struct compare **out,
                 struct assay_err *e)
{
    struct compare *c = ARENA_NEW(a, struct compare);
    struct making m = {.view = view, .a = a, .c = c};
    c->set = set;
    c->options = *options;
    if (!(c->options.alpha > 0))
        c->options.alpha = 0.05;
    if (!(c->options.ppl_margin > 0))
        c->options.ppl_margin = 1;
    TRY(choose_base(&m, e));
    TRY(check_metric(&m, e));
    list_tasks(&m);
    count_left_out(&m);
    list_groups(&m);
    list_scenarios(&m);
    make_rows(&m);
    choose_bases(&m);
    m.sums = agree_new(c->n_tasks, c->n_rows, a);
    make_alternatives(&m);
    TRY(compare_tasks(&m, e));
    judge(&m);
    for (size_t k = 0; k < m.n_alts; k++)
        judge(&m.alts[k]);
    TRY(measure_distances(&m, e));
    TRY(measure_speeds(&m, e));
    energy_fill(c);
    for (size_t k = 0; k < m.n_alts; k++)
        energy_fill(m.alts[k].c);
    c->agree = agree_make(m.sums, c, a);
    *out = c;
    return 0;
}
