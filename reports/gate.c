/* gate.c - the verdict on a night: findings, what was not measured, the conclusion; see the header. */
#include "reports/gate.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/stats/quantile.h"
#include "reports/gate_impl.h"

enum { MAX_NIGHTS = 130 };

const char *gate_verdict_name(enum gate_verdict v)
{
    switch (v) {
    case GATE_PASS:
        return "pass";
    case GATE_FAILED:
        return "failed";
    case GATE_REGRESSION:
        return "regression";
    case GATE_INCONCLUSIVE:
        return "inconclusive";
    case GATE_INCOMPARABLE:
        return "incomparable";
    default:
        return "improvement";
    }
}

const char *gate_state_name(enum gate_state s)
{
    static const char *const names[] = {"ok",           "suspect",     "confirmed",
                                        "acknowledged", "fixed",       "expected",
                                        "undecided",    "no baseline", "missing"};
    return names[s];
}

/* -- rows and findings ------------------------------------------------------------------------- */

struct gate_row *gate_add_row(struct judging *j, const struct history_series *s)
{
    if (j->out->n_rows == j->cap_rows) {
        size_t cap = j->cap_rows ? j->cap_rows * 2 : 64;
        struct gate_row *more = ARENA_ARRAY(j->a, struct gate_row, cap);
        if (j->out->n_rows)
            memcpy(more, j->out->rows, j->out->n_rows * sizeof *more);
        j->out->rows = more;
        j->cap_rows = cap;
    }
    struct gate_row *r = &j->out->rows[j->out->n_rows++];
    *r = (struct gate_row){.key = *s,
                           .name = history_name(s, j->a),
                           .reason = "",
                           .before = NAN,
                           .after = NAN,
                           .effect = NAN,
                           .lo = NAN,
                           .hi = NAN};
    return r;
}

const struct store_finding *gate_open_finding(const struct judging *j, const char *series,
                                              const char *direction)
{
    for (size_t i = j->n_findings; i-- > 0;) {
        const struct store_finding *f = &j->findings[i];
        if (strcmp(f->series, series) == 0 && strcmp(f->direction, direction) == 0 &&
            strcmp(f->state, "fixed") != 0 && strcmp(f->state, "expected") != 0)
            return f;
    }
    return NULL;
}

bool gate_is_excused(const struct judging *j, const struct store_finding *f)
{
    return strcmp(f->state, "acknowledged") == 0 &&
           (f->until_ns == STORE_NULL || f->until_ns > j->in->now_ns);
}

static const char *finding_uid(struct judging *j, const struct gate_row *r, const char *first_run)
{
    struct hash h = {NULL};
    uint8_t digest[HASH_BYTES];
    char hex[HASH_HEX];
    const char *text = arena_printf(j->a, "%s %d %s", r->key.id, r->is_improvement, first_run);
    hash_init(&h);
    hash_add(&h, text, strlen(text));
    hash_end(&h, digest);
    hash_release(&h);
    return arena_strdup(j->a, hash_hex(digest, hex));
}

static const struct view_run *run_of(const struct judging *j, int64_t id)
{
    for (size_t i = 0; i < j->history.set->n_runs; i++)
        if (j->history.set->runs[i].id == id)
            return &j->history.set->runs[i];
    return NULL;
}

void gate_set_next(struct judging *j, struct gate_row *r, const struct store_finding *old,
                   const char *state, int64_t first_run)
{
    const struct view_run *since = run_of(j, first_run);
    r->is_new = !old || strcmp(old->state, state) != 0;
    r->since = since ? since->uid : NULL;
    r->next = (struct store_finding){
        .uid = old ? old->uid : finding_uid(j, r, since ? since->uid : ""),
        .series = arena_strdup(j->a, r->key.id), /* rows are sorted later */
        .name = r->name,
        .class_uid = r->key.machine_class,
        .direction = r->is_improvement ? "improvement" : "regression",
        .state = state,
        .tag = r->tag ? r->tag : "code",
        .run_id = first_run,
        .seen_id = j->run->id,
        .before = r->before,
        .after = r->after,
        .reason = old ? old->reason : NULL,
        .until_ns = old ? old->until_ns : STORE_NULL,
        .changed_ns = r->is_new ? j->in->now_ns : old->changed_ns,
    };
}

bool gate_wants(const struct judging *j, const char *metric)
{
    for (size_t i = 0; i < j->in->rules->n_metrics; i++)
        if (strcmp(j->in->rules->metrics[i], metric) == 0)
            return true;
    return j->in->rules->n_metrics == 0;
}

const struct store_gate *gate_verdict_on(const struct judging *j, int64_t run_id)
{
    for (size_t i = 0; i < j->n_gates; i++)
        if (j->gates[i].run_id == run_id)
            return &j->gates[i];
    return NULL;
}

bool gate_was_good(const struct judging *j, const struct view_run *r)
{
    const struct store_gate *g = gate_verdict_on(j, r->id);
    return g && (g->exit_code == GATE_PASS || g->exit_code == GATE_IMPROVEMENT);
}

/* -- what was not measured --------------------------------------------------------------------- */

static void judge_missing(struct judging *j)
{
    const struct view_set *set = j->history.set;
    for (size_t i = 0; i < set->n_variants; i++) {
        const struct view_variant *v = &set->variants[i];
        if (v->run != j->at)
            continue;
        for (size_t k = 0; k <= v->n_jobs; k++) {
            const struct view_job *job = k ? &v->jobs[k - 1] : NULL;
            if (job ? !v->is_done || strcmp(job->status, "failed") != 0 : v->is_done)
                continue;
            struct history_series s = {.metric = "measurement",
                                       .task = job ? job->name : "",
                                       .variant = v->name,
                                       .machine_class = j->run->machine_class,
                                       .machine = j->run->machine,
                                       .unit = ""};
            history_identify(&s);
            struct gate_row *r = gate_add_row(j, &s);
            r->state = GATE_MISSING;
            r->reason = job ? (job->reason ? job->reason : "it failed")
                            : (v->reason ? v->reason : arena_printf(j->a, "it is %s", v->status));
        }
    }
}

/* -- the verdict ------------------------------------------------------------------------------- */

static int badness(const struct gate_row *r)
{
    if (r->state == GATE_CONFIRMED)
        return r->is_improvement ? 6 : r->tag && strcmp(r->tag, "environment") == 0 ? 2 : 0;
    static const int order[] = {
        [GATE_OK] = 10,      [GATE_SUSPECT] = 3,   [GATE_ACKNOWLEDGED] = 7, [GATE_FIXED] = 8,
        [GATE_EXPECTED] = 9, [GATE_UNDECIDED] = 4, [GATE_NO_BASELINE] = 5,  [GATE_MISSING] = 1};
    return r->state == GATE_SUSPECT && r->is_improvement ? 6 : order[r->state];
}

static void sort_rows(struct gate_night *g)
{
    for (size_t i = 1; i < g->n_rows; i++) { /* few, and nearly sorted: stable insertion */
        struct gate_row r = g->rows[i];
        size_t k = i;
        for (; k > 0 && badness(&g->rows[k - 1]) > badness(&r); k--)
            g->rows[k] = g->rows[k - 1];
        g->rows[k] = r;
    }
}

static const char *some(struct judging *j, size_t n, const char *one, const char *text)
{
    return n ? arena_printf(j->a, "%s%s%zu %s", text, *text ? ", " : "", n, one) : text;
}

static void conclude(struct judging *j)
{
    struct gate_night *g = j->out;
    size_t n_suspects = 0;
    for (size_t i = 0; i < g->n_rows; i++) {
        const struct gate_row *r = &g->rows[i];
        g->n[r->state]++;
        bool is_shift = r->state == GATE_CONFIRMED;
        bool is_environment = r->tag && strcmp(r->tag, "environment") == 0;
        g->n_improvements += r->is_improvement && (is_shift || r->state == GATE_SUSPECT);
        g->n_environment += is_shift && !r->is_improvement && is_environment;
        g->n_regressions += is_shift && !r->is_improvement && !is_environment;
        n_suspects += r->state == GATE_SUSPECT && !r->is_improvement;
    }
    g->verdict = g->n_regressions                                         ? GATE_REGRESSION
                 : g->n[GATE_MISSING]                                     ? GATE_FAILED
                 : g->n[GATE_NO_BASELINE] || g->n_rows == 0               ? GATE_INCOMPARABLE
                 : g->n_environment || n_suspects || g->n[GATE_UNDECIDED] ? GATE_INCONCLUSIVE
                 : g->n_improvements && j->in->rules->two_sided           ? GATE_IMPROVEMENT
                                                                          : GATE_PASS;
    const char *text = some(j, g->n_regressions, "worse", "");
    text = some(j, g->n[GATE_MISSING], "not measured", text);
    text = some(j, g->n_environment, "worse by the environment", text);
    text = some(j, n_suspects, "suspect", text);
    text = some(j, g->n[GATE_UNDECIDED], "undecided", text);
    text = some(j, g->n[GATE_NO_BASELINE], "without a baseline", text);
    text = some(j, g->n_improvements, "better", text);
    text = some(j, g->n[GATE_ACKNOWLEDGED], "acknowledged", text);
    text = some(j, g->n[GATE_FIXED], "fixed", text);
    text = some(j, g->n[GATE_OK], "as before", text);
    g->headline = g->n_rows ? text : "nothing was measured that could be judged";
    sort_rows(g);
}

/* -- reading what is kept ---------------------------------------------------------------------- */

static const struct view_run *newest_ended(const struct view_run *runs, size_t n, const char *uid)
{
    for (size_t i = 0; i < n; i++)
        if (uid ? strcmp(runs[i].uid, uid) == 0 : strcmp(runs[i].status, "running") != 0)
            return &runs[i];
    return NULL;
}

static int read_kept(struct judging *j, struct store *s, struct assay_err *e)
{
    TRY(store_get_findings(s, j->run->machine_class, j->a, &j->findings, &j->n_findings, e));
    TRY(store_get_gates(s, j->a, &j->gates, &j->n_gates, e));
    TRY(store_get_reruns(s, j->run->id, j->a, &j->reruns, &j->n_reruns, e));
    return store_get_baselines(s, j->a, &j->baselines, &j->n_baselines, e);
}

static void measure_floor(struct judging *j)
{
    double *v = ARENA_ARRAY(j->a, double, j->n_reruns + 1);
    size_t n = 0;
    for (size_t i = 0; i < j->n_reruns; i++)
        if (strcmp(j->reruns[i].kind, "a/a") == 0 && j->reruns[i].a > 0)
            v[n++] = fabs(j->reruns[i].b / j->reruns[i].a - 1);
    j->out->floor = n ? quantile_select(v, n, 0.5) : NAN;
    j->out->n_floor = n;
}

static int find_pinned(struct judging *j, struct assay_err *e)
{
    const struct view_set *set = j->history.set;
    const char *want = j->in->rules->baseline;
    for (size_t i = 0; i < set->n_runs && want; i++)
        if (strncmp(set->runs[i].uid, want, strlen(want)) == 0)
            j->pinned = &set->runs[i];
    if (want && !j->pinned)
        return err_set(e, ASSAY_EUSAGE,
                       "baseline '%s' is not a run of this machine's newest %d; see `assay "
                       "list runs`",
                       want, MAX_NIGHTS);
    for (size_t i = 0; i < j->n_baselines && !want; i++)
        if (strcmp(j->baselines[i].class_uid, j->run->machine_class) == 0)
            j->pinned = run_of(j, j->baselines[i].run_id);
    if (j->pinned && j->pinned->id > j->run->id)
        j->pinned = NULL;
    return 0;
}

static int judge(struct judging *j, struct assay_err *e)
{
    const struct gate_rules *rules = j->in->rules;
    struct history_options h = {.machine = j->run->machine_class,
                                .max_runs = MAX_NIGHTS,
                                .last_run = j->run->uid,
                                .segments = rules->segments};
    TRY(history_make(j->in->view, &h, j->a, &j->history, e));
    j->at = j->history.set->n_runs - 1;
    j->out->run = &j->history.set->runs[j->at];
    j->run = j->out->run;
    TRY(find_pinned(j, e));
    measure_floor(j);
    gate_judge_canaries(j);
    judge_missing(j);
    gate_judge_series(j);
    if (gate_wants(j, "accuracy"))
        TRY(gate_judge_accuracy(j, e));
    conclude(j);
    return 0;
}

int gate_judge(const struct gate_input *in, struct arena *a, struct gate_night *out,
               struct assay_err *e)
{
    struct judging j = {.in = in, .a = a, .out = out};
    struct store *s = NULL;
    const struct view_run *runs;
    size_t n;
    *out = (struct gate_night){.floor = NAN, .path = in->path};
    TRY(view_runs(in->view, &runs, &n, e));
    j.run = newest_ended(runs, n, in->run);
    if (!j.run)
        return err_set(e, ASSAY_EUSAGE, "database '%s' has no run that ended%s%s", in->path,
                       in->run ? ": " : "", in->run ? in->run : "");
    TRY(store_open(in->path, STORE_READ, &s, e));
    int rc = read_kept(&j, s, e);
    store_close(s);
    return rc < 0 ? rc : judge(&j, e);
}
