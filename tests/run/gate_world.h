/* gate_world.h - what the gate's tests share: nights put into a store without a clock, and what the gate
 * says of them. */
#ifndef GATE_WORLD_H
#define GATE_WORLD_H
#include "tests/testing.h"
#include <math.h>
#include <sqlite3.h>
#include "harness/base/arena.h"
#include "harness/cli/gate_keep.h"

enum { ITEMS = 1000, MOST = 48 };
static const int64_t day = 86400 * (int64_t)1000000000;

struct night {                 /* what is measured; zero and NULL: as every night */
    double rate;               /* prefill, tokens/s */
    const char *uid, *version, *class, *dataset, *model, *status, *job_status, *options;
    double canary, dot, memory, ppl; /* 0: 12 GB/s; no second canary; 40 MB; none */
    int wrong;                 /* items of the task that went wrong; -1: no task */
    bool has_more;             /* a second task */
    int more_wrong;
    bool is_dirty, is_gone;    /* gone: no prefill */
};
struct world {
    char dir[256], db[300];
    struct store *s;
    struct arena a;
    struct assay_err e;
    int n;
    int64_t run[MOST], acc, ppl, bits, prefill;
    struct gate_rules rules;
    const char *binary;
    int64_t now;               /* 0: that night */
};
struct row {
    char name[64], reason[200], tag[16];
    enum gate_state state;
    bool is_improvement, is_new, can_rerun;
    char good[40], tonight[40];    /* fingerprints of the sides to measure in turns */
    int64_t from_ns, to_ns;
    double effect, before, after;
    int64_t changed_ns;
};
struct seen {
    enum gate_verdict verdict;
    struct row rows[12];
    size_t n, n_gone, n_environment, n_improvements;
    bool canary_shifted;
    char headline[200], canary[200];
};

static inline int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct store_scenario p = {"scenario-p", "prefill:8", "prefill", "{}"};
    temp_dir(w->dir);
    snprintf(w->db, sizeof w->db, "%s/g.db", w->dir);
    assert_ok(store_open(w->db, STORE_CREATE, &w->s, &w->e), w->e);
    assert_ok(store_measure(w->s, "acc", "none", &w->acc, &w->e), w->e);
    assert_ok(store_measure(w->s, "word_perplexity", "none", &w->ppl, &w->e), w->e);
    assert_ok(store_measure(w->s, "bits_per_byte", "none", &w->bits, &w->e), w->e);
    assert_ok(store_put_scenario(w->s, &p, &w->prefill, &w->e), w->e);
    w->binary = "one";
    *state = w;
    return 0;
}

static inline int tear_down(void **state)
{
    struct world *w = *state;
    store_close(w->s);
    arena_release(&w->a);
    temp_remove(w->dir);
    free(w);
    return 0;
}

static inline const char *or(const char *s, const char *usual)
{
    return s ? s : usual;
}

static inline int64_t add_job(struct world *w, int64_t rv, const char *kind, const char *name, int64_t task,
                       const char *status)
{
    struct store_job j;
    store_job_init(&j);
    j.run_variant_id = rv;
    j.kind = kind;
    j.name = name;
    *(kind[0] == 't' ? &j.task_id : &j.scenario_id) = task;
    assert_ok(store_plan_job(w->s, &j, &w->a, &w->e), w->e);
    j.status = or(status, "done");
    j.reason = status ? "scripted" : NULL;
    j.n_items = j.n_done = ITEMS;
    assert_ok(store_set_job(w->s, &j, &w->e), w->e);
    return j.id;
}

static inline void add_result(struct world *w, int64_t rv, int64_t job, int64_t measure, double value,
                       const char *aggregation)
{
    struct store_result r = {.run_variant_id = rv,
                             .job_id = job,
                             .group_id = STORE_NULL,
                             .measure_id = measure,
                             .n = ITEMS,
                             .higher_is_better = measure == w->acc,
                             .value = value,
                             .stderr_ = NAN,
                             .aggregation = aggregation};
    assert_ok(store_put_result(w->s, &r, &w->e), w->e);
}

static inline void add_task(struct world *w, const struct night *x, int64_t rv, const char *name, int wrong)
{
    const char *data = or(x->dataset, "data-one");
    struct store_task t = {arena_printf(&w->a, "%s-%s", name, data), name, NULL, "1",
                           "multiple_choice", "config", data, "pairs.jsonl", "{}", 0};
    int64_t task;
    assert_ok(store_put_task(w->s, &t, &task, &w->e), w->e);
    int64_t job = add_job(w, rv, "task", name, task, NULL);
    for (int i = 0; i < ITEMS; i++) {
        struct store_score s = {job, w->acc, i, i >= 200 + wrong, NAN, NULL};
        assert_ok(store_put_score(w->s, &s, &w->e), w->e);
    }
    add_result(w, rv, job, w->acc, 1 - (200.0 + wrong) / ITEMS, "mean");
}

static inline void add_perplexity(struct world *w, const struct night *x, int64_t rv)
{
    struct store_task t = {"task-text", "text", NULL, "1", "loglikelihood_rolling", "config", "data",
                           "text.jsonl", "{}", 0};
    int64_t task;
    assert_ok(store_put_task(w->s, &t, &task, &w->e), w->e);
    int64_t job = add_job(w, rv, "task", "text", task, NULL);
    add_result(w, rv, job, w->ppl, x->ppl, "weighted_perplexity");
    add_result(w, rv, job, w->bits, log2(x->ppl), "bits_per_byte");
}

static inline void add_variant(struct world *w, const struct night *x, int64_t run, int64_t model)
{
    struct store_run_variant rv;
    int64_t variant;
    struct store_variant v = {arena_printf(&w->a, "%s %s", or(x->uid, "print"), or(x->model, "")), "native", "1", "int8",
                              or(x->options, "{\"precision\": \"int8\"}"), "{}", model};
    assert_ok(store_put_variant(w->s, &v, &variant, &w->e), w->e);
    store_run_variant_init(&rv);
    rv.run_id = run;
    rv.position = 0;
    rv.name = "int8";
    rv.is_reference = true;
    assert_ok(store_plan_variant(w->s, &rv, &w->a, &w->e), w->e);
    rv.variant_id = variant;
    rv.status = or(x->status, "done");
    rv.reason = x->status ? "scripted" : NULL;
    rv.peak_rss_bytes = (int64_t)((x->memory > 0 ? x->memory : 40) * (1e6 + w->n % 3 * 500));
    assert_ok(store_set_variant(w->s, &rv, &w->e), w->e);
    if (x->wrong >= 0)
        add_task(w, x, rv.id, "pairs", x->wrong);
    if (x->has_more)
        add_task(w, x, rv.id, "more", x->more_wrong);
    if (x->ppl > 0)
        add_perplexity(w, x, rv.id);
    int64_t job =
        x->is_gone ? 0 : add_job(w, rv.id, "scenario", "prefill:8", w->prefill, x->job_status);
    for (int rep = 0; rep < 5 && job; rep++) {
        double rate = x->rate * (1 + 0.002 * (rep - 2));
        struct store_sample s = {.job_id = job,
                                 .rep = rep,
                                 .n_prompt = 100,
                                 .n_generated = 1,
                                 .cpu_ns = 1000,
                                 .wall_ns = (int64_t)(100e9 / rate),
                                 .ttft_ns = (int64_t)(100e9 / rate),
                                 .is_dirty = x->is_dirty};
        assert_ok(store_put_sample(w->s, &s, &w->e), w->e);
    }
}

static inline void add(struct world *w, struct night x)
{
    int64_t machine, model;
    const char *class = or(x.class, "class-one"), *of = or(x.model, "model-one");
    struct store_machine m = {arena_printf(&w->a, "m-%s", class), "bench", class, "{}", "{}"};
    struct store_model mo = {of, "m", "m.gguf", "llama", 1000, 1000};
    struct store_run r = {.uid = arena_printf(&w->a, "run-of-night-%02d", w->n),
                          .plan_uid = "plan",
                          .suite = "{}",
                          .command = "assay run",
                          .version = or(x.version, "1.0.0"),
                          .status = "done",
                          .started_ns = w->n * day,
                          .ended_ns = w->n * day + 1};
    assert_true(w->n < MOST);
    assert_ok(store_begin(w->s, &w->e), w->e);
    assert_ok(store_put_machine(w->s, &m, &machine, &w->e), w->e);
    assert_ok(store_put_model(w->s, &mo, &model, &w->e), w->e);
    r.machine_id = machine;
    assert_ok(store_add_run(w->s, &r, &w->e), w->e);
    w->run[w->n] = r.id;
    add_variant(w, &x, r.id, model);
    for (int rep = 0; rep < 3; rep++) {
        double base = x.canary > 0 ? x.canary : 12 + 0.04 * (w->n % 3 - 1);
        struct store_canary c = {r.id, rep, "stream", "GB/s", base};
        assert_ok(store_put_canary(w->s, &c, &w->e), w->e);
        struct store_canary d = {r.id, rep, "int8-dot", "GOPS", x.dot + 0.04 * (w->n % 3 - 1)};
        if (x.dot > 0)
            assert_ok(store_put_canary(w->s, &d, &w->e), w->e);
    }
    assert_ok(store_commit(w->s, &w->e), w->e);
    w->n++;
}

static inline int look(void *user, const struct gate_night *g, struct assay_err *e)
{
    struct seen *s = user;
    (void)e;
    *s = (struct seen){.verdict = g->verdict,
                       .n_gone = g->n_gone,
                       .n_environment = g->n_environment,
                       .n_improvements = g->n_improvements,
                       .canary_shifted = g->canary_shifted};
    snprintf(s->headline, sizeof s->headline, "%s", g->headline);
    snprintf(s->canary, sizeof s->canary, "%s", g->canary ? g->canary : "");
    for (size_t i = 0; i < g->n_rows && s->n < N_OF(s->rows); i++) {
        const struct gate_row *r = &g->rows[i];
        struct row *x = &s->rows[s->n++];
        *x = (struct row){.state = r->state,
                          .is_improvement = r->is_improvement,
                          .is_new = r->is_new,
                          .can_rerun = r->can_rerun,
                          .effect = r->effect,
                          .before = r->before,
                          .after = r->after,
                          .changed_ns = r->next.uid ? r->next.changed_ns : -1};
        snprintf(x->name, sizeof x->name, "%s", r->name);
        snprintf(x->reason, sizeof x->reason, "%s", r->reason);
        snprintf(x->tag, sizeof x->tag, "%s", r->tag ? r->tag : "");
        snprintf(x->good, sizeof x->good, "%s", r->good ? r->good->uid : "");
        snprintf(x->tonight, sizeof x->tonight, "%s", r->tonight ? r->tonight->uid : "");
        x->from_ns = r->from_ns;
        x->to_ns = r->to_ns;
    }
    return 0;
}

static inline int try_gate(struct world *w, const char *run, struct seen *s)
{
    struct gate_input in = {.path = w->db,
                            .rules = &w->rules,
                            .run = run,
                            .binary_uid = w->binary,
                            .now_ns = w->now ? w->now : w->n * day};
    return gate_judge_and_keep(&in, false, look, s, &w->e);
}

static inline struct seen gate(struct world *w)
{
    struct seen s;
    assert_ok(try_gate(w, NULL, &s), w->e);
    return s;
}

/* The row whose name begins so; NULL: none. */
static inline const struct row *find(const struct seen *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strncmp(s->rows[i].name, name, strlen(name)) == 0)
            return &s->rows[i];
    return NULL;
}

static inline const struct row *speed(const struct seen *s)
{
    const struct row *r = find(s, "prefill");
    assert_non_null(r);
    return r;
}

/* Rates of a quiet machine: within half a per cent of 100. */
static inline double quiet(int night)
{
    static const double v[] = {100.1, 99.8, 100.3, 99.9, 99.6, 100.2, 100.0, 99.7, 100.4, 99.9};
    return v[night % 10];
}

static inline struct seen nights(struct world *w, int n, struct night x)
{
    struct seen s = {.n = 0};
    double factor = x.rate > 0 ? x.rate : 1;
    for (int i = 0; i < n; i++) {
        x.rate = factor * quiet(w->n);
        add(w, x);
        s = gate(w);
    }
    return s;
}

static inline void is(const struct row *r, enum gate_state state, bool improvement, const char *tag)
{
    if (r->state != state || r->is_improvement != improvement || (tag && strcmp(r->tag, tag) != 0))
        fail_msg("%s is %s%s %s (%s), not %s%s %s", r->name, gate_state_name(r->state),
                 r->is_improvement ? " (better)" : "", r->tag, r->reason, gate_state_name(state),
                 improvement ? " (better)" : "", tag ? tag : "");
}

static inline void first_slow_night(struct world *w, struct night x, const char *binary, const char *tag)
{
    struct seen s = nights(w, 11, (struct night){.wrong = -1});
    assert_int_equal(s.verdict, GATE_PASS);
    w->binary = binary;
    x.wrong = -1;
    x.rate = x.rate > 0 ? x.rate : 0.9;
    s = nights(w, 1, x);
    is(speed(&s), GATE_SUSPECT, x.rate > 1, tag);
    assert_int_equal(s.verdict, x.rate > 1 ? GATE_PASS : GATE_INCONCLUSIVE);
    s = nights(w, 1, x);
    is(speed(&s), GATE_CONFIRMED, x.rate > 1, NULL);
}

static inline void set_finding(struct world *w, const char *to, int64_t until_ns)
{
    struct store_finding *f;
    size_t n;
    assert_ok(store_get_findings(w->s, NULL, &w->a, &f, &n, &w->e), w->e);
    assert_true(n > 0);
    f[n - 1].state = to;
    f[n - 1].reason = "known";
    f[n - 1].until_ns = until_ns;
    assert_ok(store_put_finding(w->s, &f[n - 1], &w->e), w->e);
}

static inline void unjudged(struct world *w, int n, double factor)
{
    for (int i = 0; i < n; i++)
        add(w, (struct night){.rate = factor * quiet(w->n), .wrong = -1});
}

static inline void rerun(struct world *w, const char *kind, const char *variant, const char *scenario,
                  const double (*ab)[2], int n)
{
    for (int i = 0; i < n; i++) {
        struct store_rerun r = {w->run[w->n - 1], i, kind, variant, scenario, ab[i][0], ab[i][1]};
        assert_ok(store_put_rerun(w->s, &r, &w->e), w->e);
    }
}

static inline void set_baseline(struct world *w, int night)
{
    struct store_run r;
    const char *uid = arena_printf(&w->a, "run-of-night-%02d", night);
    assert_ok(store_get_run(w->s, uid, &w->a, &r, &w->e), w->e);
    assert_ok(gate_set_baseline(w->s, &r, "meant", w->n * day, &w->e), w->e);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#endif
