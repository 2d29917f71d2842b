/* test_gate_cases.c - one rule of the gate at a time, on short histories without a clock: tags, states,
 * second looks, measuring in turns, baselines, rules, what is missing, accuracy. */
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
    double canary, memory, ppl;      /* 0: 12 GB/s; 40 MB; none */
    int wrong;                 /* items of the task that went wrong; -1: no task */
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
    const char *good;
    double effect, before, after;
    int64_t changed_ns;
};
struct seen {
    enum gate_verdict verdict;
    struct row rows[12];
    size_t n, n_gone, n_environment, n_improvements;
    bool canary_shifted;
};

static int set_up(void **state)
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

static int tear_down(void **state)
{
    struct world *w = *state;
    store_close(w->s);
    arena_release(&w->a);
    temp_remove(w->dir);
    free(w);
    return 0;
}

static const char *or(const char *s, const char *usual)
{
    return s ? s : usual;
}

static int64_t add_job(struct world *w, int64_t rv, const char *kind, const char *name, int64_t task,
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

static void add_result(struct world *w, int64_t rv, int64_t job, int64_t measure, double value,
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

static void add_task(struct world *w, const struct night *x, int64_t rv)
{
    const char *data = or(x->dataset, "data-one");
    struct store_task t = {arena_printf(&w->a, "task-%s", data), "pairs", NULL, "1",
                           "multiple_choice", "config", data, "pairs.jsonl", "{}", 0};
    int64_t task;
    assert_ok(store_put_task(w->s, &t, &task, &w->e), w->e);
    int64_t job = add_job(w, rv, "task", "pairs", task, NULL);
    for (int i = 0; i < ITEMS; i++) {
        struct store_score s = {job, w->acc, i, i >= 200 + x->wrong, NAN, NULL};
        assert_ok(store_put_score(w->s, &s, &w->e), w->e);
    }
    add_result(w, rv, job, w->acc, 1 - (200.0 + x->wrong) / ITEMS, "mean");
}

static void add_perplexity(struct world *w, const struct night *x, int64_t rv)
{
    struct store_task t = {"task-text", "text", NULL, "1", "loglikelihood_rolling", "config", "data",
                           "text.jsonl", "{}", 0};
    int64_t task;
    assert_ok(store_put_task(w->s, &t, &task, &w->e), w->e);
    int64_t job = add_job(w, rv, "task", "text", task, NULL);
    add_result(w, rv, job, w->ppl, x->ppl, "weighted_perplexity");
    add_result(w, rv, job, w->bits, log2(x->ppl), "bits_per_byte");
}

static void add_variant(struct world *w, const struct night *x, int64_t run, int64_t model)
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
        add_task(w, x, rv.id);
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

static void add(struct world *w, struct night x)
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
    }
    assert_ok(store_commit(w->s, &w->e), w->e);
    w->n++;
}

static int look(void *user, const struct gate_night *g, struct assay_err *e)
{
    struct seen *s = user;
    (void)e;
    *s = (struct seen){.verdict = g->verdict,
                       .n_gone = g->n_gone,
                       .n_environment = g->n_environment,
                       .n_improvements = g->n_improvements,
                       .canary_shifted = g->canary_shifted};
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
    }
    return 0;
}

static int try_gate(struct world *w, const char *run, struct seen *s)
{
    struct gate_input in = {.path = w->db,
                            .rules = &w->rules,
                            .run = run,
                            .binary_uid = w->binary,
                            .now_ns = w->now ? w->now : w->n * day};
    return gate_judge_and_keep(&in, false, look, s, &w->e);
}

static struct seen gate(struct world *w)
{
    struct seen s;
    assert_ok(try_gate(w, NULL, &s), w->e);
    return s;
}

/* The row whose name begins so; NULL: none. */
static const struct row *find(const struct seen *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strncmp(s->rows[i].name, name, strlen(name)) == 0)
            return &s->rows[i];
    return NULL;
}

static const struct row *speed(const struct seen *s)
{
    const struct row *r = find(s, "prefill");
    assert_non_null(r);
    return r;
}

/* Rates of a quiet machine: within half a per cent of 100. */
static double quiet(int night)
{
    static const double v[] = {100.1, 99.8, 100.3, 99.9, 99.6, 100.2, 100.0, 99.7, 100.4, 99.9};
    return v[night % 10];
}

static struct seen nights(struct world *w, int n, struct night x)
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

static void is(const struct row *r, enum gate_state state, bool improvement, const char *tag)
{
    if (r->state != state || r->is_improvement != improvement || (tag && strcmp(r->tag, tag) != 0))
        fail_msg("%s is %s%s %s (%s), not %s%s %s", r->name, gate_state_name(r->state),
                 r->is_improvement ? " (better)" : "", r->tag, r->reason, gate_state_name(state),
                 improvement ? " (better)" : "", tag ? tag : "");
}

/* -- tags ---------------------------------------------------------------------------------------- */

static void first_slow_night(struct world *w, struct night x, const char *binary, const char *tag)
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

static void tag_same(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 0}, "one", "environment");
    struct seen s = gate(w); /* judged again: the same */
    is(speed(&s), GATE_CONFIRMED, false, "environment");
    assert_int_equal(s.verdict, GATE_INCONCLUSIVE);
    assert_int_equal(s.n_environment, 1);
}
static void tag_binary(void **state)
{
    first_slow_night(*state, (struct night){.rate = 0}, "two", "code");
    struct seen s = gate(*state);
    assert_int_equal(s.verdict, GATE_REGRESSION);
}
static void tag_unknown_binary(void **state)
{
    struct world *w = *state;
    w->binary = NULL;
    first_slow_night(w, (struct night){.rate = 0}, NULL, "code");
}
static void tag_fingerprint(void **state)
{
    first_slow_night(*state, (struct night){.uid = "another"}, "one", "code");
}
/* Memory of a night with another dataset: suspected and confirmed with it. */
static void tag_dataset(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = 0});
    struct seen s = nights(w, 1, (struct night){.wrong = 0, .memory = 44, .dataset = "data-two"});
    is(find(&s, "memory"), GATE_SUSPECT, false, "dataset");
    s = nights(w, 1, (struct night){.wrong = 0, .memory = 44, .dataset = "data-two"});
    is(find(&s, "memory"), GATE_CONFIRMED, false, "dataset");
    assert_int_equal(s.verdict, GATE_REGRESSION); /* explained, not excused */
}
/* A dataset that changed before the shift is none of its reasons. */
static void tag_dataset_before(void **state)
{
    struct world *w = *state;
    nights(w, 4, (struct night){.wrong = 0});
    nights(w, 11, (struct night){.wrong = 0, .dataset = "data-two"});
    struct seen s = nights(w, 1, (struct night){.wrong = 0, .memory = 44, .dataset = "data-two"});
    is(find(&s, "memory"), GATE_SUSPECT, false, "environment");
}
/* Series that go on across a change of options, by rule. */
static void tag_config(void **state)
{
    struct world *w = *state;
    struct night x = {.wrong = 100, .rate = 0.9, .uid = "b", .options = "{\"threads\": 1}"};
    w->rules.segments = HISTORY_MODEL | HISTORY_DATASET;
    nights(w, 11, (struct night){.wrong = 0});
    struct seen s = nights(w, 1, x);
    is(speed(&s), GATE_SUSPECT, false, "config");
    is(find(&s, "accuracy"), GATE_CONFIRMED, false, "config");
    x.rate = 0.9;
    s = nights(w, 1, x);
    is(speed(&s), GATE_CONFIRMED, false, "config");
    is(find(&s, "accuracy"), GATE_CONFIRMED, false, "config");
}
static void tag_version(void **state)
{
    first_slow_night(*state, (struct night){.version = "1.0.1"}, "one", "code");
}
static void tag_canary(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.canary = 10.8}, "two", "environment");
}
static void tag_fast_canary(void **state)
{
    first_slow_night(*state, (struct night){.canary = 13.2}, "two", "code");
}
static void tag_better_canary(void **state)
{
    /* a slower machine does not make anything faster */
    first_slow_night(*state, (struct night){.rate = 1.1, .canary = 10.8}, "two", "code");
}
static void tag_canary_before(void **state)
{
    struct world *w = *state;
    nights(w, 20, (struct night){.wrong = -1});
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .canary = 10.8});
    assert_true(s.canary_shifted);
    assert_int_equal(s.verdict, GATE_PASS);
    w->binary = "two";
    s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9, .canary = 10.8});
    is(speed(&s), GATE_SUSPECT, false, "environment");
    s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9, .canary = 10.8});
    is(speed(&s), GATE_CONFIRMED, false, "environment");
}
static void tag_faster_canary_before(void **state)
{
    struct world *w = *state;
    nights(w, 20, (struct night){.wrong = -1});
    nights(w, 2, (struct night){.wrong = -1, .canary = 13.2});
    w->binary = "two";
    nights(w, 1, (struct night){.wrong = -1, .rate = 0.9, .canary = 13.2});
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9, .canary = 13.2});
    is(speed(&s), GATE_CONFIRMED, false, "code");
}
/* A canary that moved long ago, and the other way, explains nothing tonight. */
static void tag_canary_long_ago(void **state)
{
    struct world *w = *state;
    nights(w, 9, (struct night){.wrong = -1, .canary = 14});
    nights(w, 9, (struct night){.wrong = -1});
    w->binary = "two";
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9});
    is(speed(&s), GATE_SUSPECT, false, "code");
}

/* -- states -------------------------------------------------------------------------------------- */

static void set_finding(struct world *w, const char *to, int64_t until_ns)
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

static void acknowledged(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 0}, "two", "code");
    set_finding(w, "acknowledged", STORE_NULL); /* for ever */
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9});
    is(speed(&s), GATE_ACKNOWLEDGED, false, "code");
    assert_int_equal(s.verdict, GATE_PASS);
    assert_string_equal(speed(&s)->reason, "known");
    set_finding(w, "acknowledged", w->n * day + day / 2);
    s = gate(w);
    is(speed(&s), GATE_ACKNOWLEDGED, false, "code");
    assert_false(speed(&s)->is_new);
    int64_t since = speed(&s)->changed_ns;
    w->now = w->n * day + day;
    s = gate(w); /* it ended */
    is(speed(&s), GATE_CONFIRMED, false, "code");
    assert_contains(speed(&s)->reason, "ended");
    assert_true(speed(&s)->is_new);
    assert_true(speed(&s)->changed_ns == w->now && since < w->now);
    assert_int_equal(s.verdict, GATE_REGRESSION);
    w->now += 5;
    s = gate(w);
    assert_false(speed(&s)->is_new);
    assert_true(speed(&s)->changed_ns == w->now - 5); /* since when, not when last looked at */
}

static void fixed(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 0}, "two", "code");
    struct seen s = nights(w, 1, (struct night){.wrong = -1});
    is(speed(&s), GATE_CONFIRMED, false, "code"); /* one night back is not enough */
    s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9});
    is(speed(&s), GATE_CONFIRMED, false, "code"); /* nor with a slow one before it */
    nights(w, 1, (struct night){.wrong = -1});
    s = nights(w, 1, (struct night){.wrong = -1});
    is(speed(&s), GATE_FIXED, false, "code");
    assert_int_equal(s.verdict, GATE_PASS);
    s = nights(w, 6, (struct night){.wrong = -1});
    is(speed(&s), GATE_OK, false, NULL); /* the way back up is no gain */
    assert_int_equal(s.n_improvements, 0);
    w->binary = "three";
    s = nights(w, 2, (struct night){.wrong = -1, .rate = 0.88}); /* the next one is its own */
    is(speed(&s), GATE_CONFIRMED, false, "code");
    assert_int_equal(s.verdict, GATE_REGRESSION);
    assert_true(fabs(speed(&s)->before - 100) < 1);
}

static void not_again(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = -1});
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9});
    is(speed(&s), GATE_SUSPECT, false, NULL);
    s = nights(w, 1, (struct night){.wrong = -1});
    is(speed(&s), GATE_FIXED, false, NULL);
    assert_contains(speed(&s)->reason, "did not come back");
    assert_int_equal(s.verdict, GATE_PASS);
    s = nights(w, 1, (struct night){.wrong = -1});
    is(speed(&s), GATE_OK, false, NULL);
}

/* Outside at 5 % but not at 1 %: still a suspect, neither confirmed nor dropped. */
static void not_sure(void **state)
{
    struct world *w = *state;
    static const double wide[] = {100, 97.8, 101.9, 98.9, 102.1, 99.2, 100.9, 97.6, 101.4, 100.2, 99.1};
    struct seen s;
    w->binary = NULL;
    for (size_t i = 0; i < N_OF(wide); i++) {
        add(w, (struct night){.rate = wide[i], .wrong = -1});
        s = gate(w);
    }
    is(speed(&s), GATE_OK, false, NULL);
    add(w, (struct night){.rate = 93, .wrong = -1});
    s = gate(w);
    is(speed(&s), GATE_SUSPECT, false, NULL);
    add(w, (struct night){.rate = 96.5, .wrong = -1});
    s = gate(w);
    is(speed(&s), GATE_SUSPECT, false, NULL);
    assert_contains(speed(&s)->reason, "again");
    assert_int_equal(s.verdict, GATE_INCONCLUSIVE);
    add(w, (struct night){.rate = 93, .wrong = -1});
    s = gate(w);
    is(speed(&s), GATE_CONFIRMED, false, NULL);
    assert_int_equal(s.verdict, GATE_REGRESSION);
}

static void improvement(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 1.1}, "two", "code");
    struct seen s = gate(w);
    assert_int_equal(s.verdict, GATE_PASS);
    assert_int_equal(s.n_improvements, 1);
    w->rules.two_sided = true;
    s = gate(w);
    assert_int_equal(s.verdict, GATE_IMPROVEMENT);
    s = nights(w, 1, (struct night){.wrong = -1, .rate = 1.1});
    is(speed(&s), GATE_CONFIRMED, true, "code");
    nights(w, 1, (struct night){.wrong = -1});
    s = nights(w, 1, (struct night){.wrong = -1});
    is(speed(&s), GATE_FIXED, true, "code");
    assert_contains(speed(&s)->reason, "the gain is gone");
}

/* A gain that stands hides no loss that comes after it, nor the reverse. */
static void both_directions(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 1.1}, "two", "code");
    nights(w, 12, (struct night){.wrong = -1, .rate = 1.1});
    w->binary = "three";
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9});
    is(speed(&s), GATE_SUSPECT, false, "code");
    assert_int_equal(s.verdict, GATE_INCONCLUSIVE);
    s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9});
    is(speed(&s), GATE_CONFIRMED, false, "code");
    assert_int_equal(s.verdict, GATE_REGRESSION);
}

static void unjudged(struct world *w, int n, double factor)
{
    for (int i = 0; i < n; i++)
        add(w, (struct night){.rate = factor * quiet(w->n), .wrong = -1});
}

/* Nights that nobody judged: what stands is found, what came and went is not, a way back is no gain. */
static void never_judged(void **state)
{
    struct world *w = *state;
    w->binary = NULL;
    unjudged(w, 12, 1);
    unjudged(w, 12, 0.9);
    unjudged(w, 12, 1);
    struct seen s = gate(w);
    is(speed(&s), GATE_OK, false, NULL);
    assert_int_equal(s.verdict, GATE_PASS);
    unjudged(w, 8, 1.1);
    s = gate(w);
    is(speed(&s), GATE_CONFIRMED, true, NULL); /* better than ever */
}

/* An accepted step closes itself only. */
static void later_step(void **state)
{
    struct world *w = *state;
    struct store_run r;
    w->binary = NULL;
    first_slow_night(w, (struct night){.rate = 0}, NULL, "code");
    assert_ok(store_get_run(w->s, "run-of-night-12", &w->a, &r, &w->e), w->e);
    assert_ok(gate_set_baseline(w->s, &r, "meant", w->n * day, &w->e), w->e);
    struct seen s = nights(w, 8, (struct night){.wrong = -1, .rate = 0.9});
    is(speed(&s), GATE_OK, false, NULL);
    unjudged(w, 10, 0.8);
    s = gate(w);
    is(speed(&s), GATE_CONFIRMED, false, "code");
    assert_int_equal(s.verdict, GATE_REGRESSION);
    assert_contains(speed(&s)->reason, "9 nights ago");
}

static void new_segment(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 0}, "two", "code");
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9, .model = "model-two"});
    is(speed(&s), GATE_EXPECTED, false, NULL);
    assert_contains(speed(&s)->reason, "a new segment began");
    s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9, .model = "model-two"});
    is(speed(&s), GATE_NO_BASELINE, false, "code");
    assert_contains(speed(&s)->reason, "since the model changed");
    assert_int_equal(s.verdict, GATE_INCOMPARABLE);
    w->rules.segments = HISTORY_DATASET | HISTORY_CONFIG; /* models may differ */
    s = gate(w);
    is(speed(&s), GATE_OK, false, NULL); /* one history again, its step accepted above */
    assert_int_equal(s.verdict, GATE_PASS);
}

/* -- rules --------------------------------------------------------------------------------------- */

static void dirty(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = -1});
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9, .is_dirty = true});
    is(speed(&s), GATE_UNDECIDED, false, NULL);
    assert_int_equal(s.verdict, GATE_INCONCLUSIVE);
    w->rules.use_dirty = true;
    s = gate(w);
    is(speed(&s), GATE_SUSPECT, false, NULL);
}

static void least_effect(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = -1});
    w->rules.min_effect[HISTORY_SPEED] = 0.2;
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9});
    is(speed(&s), GATE_OK, false, NULL);
    assert_int_equal(s.verdict, GATE_PASS);
}

static void metrics(void **state)
{
    struct world *w = *state;
    static const char *const only[] = {"memory"};
    nights(w, 11, (struct night){.wrong = 0, .ppl = 20});
    w->rules.metrics = only;
    w->rules.n_metrics = 1;
    struct seen s =
        nights(w, 1, (struct night){.wrong = 300, .rate = 0.8, .ppl = 30, .memory = 44});
    assert_int_equal(s.n, 1);
    is(find(&s, "memory"), GATE_SUSPECT, false, NULL);
    w->rules.n_metrics = 0;
    s = gate(w);
    assert_null(find(&s, "bits_per_byte")); /* the same as the perplexity */
    is(find(&s, "word_perplexity"), GATE_SUSPECT, false, NULL);
    is(find(&s, "accuracy"), GATE_CONFIRMED, false, NULL);
}

static void gone(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = -1});
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .is_gone = true});
    assert_null(find(&s, "prefill"));
    assert_int_equal(s.n_gone, 1);
    s = nights(w, 1, (struct night){.wrong = -1, .is_gone = true});
    assert_int_equal(s.n_gone, 0); /* said once */
}

static void missing(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = -1});
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .job_status = "failed"});
    is(find(&s, "measurement/prefill:8"), GATE_MISSING, false, NULL);
    assert_int_equal(s.verdict, GATE_FAILED);
    s = nights(w, 1, (struct night){.wrong = -1, .status = "crashed"});
    is(find(&s, "measurement/int8"), GATE_MISSING, false, NULL);
    assert_int_equal(s.verdict, GATE_FAILED);
    s = nights(w, 1, (struct night){.wrong = -1});
    assert_null(find(&s, "measurement"));
    assert_int_equal(s.verdict, GATE_PASS);
}

/* A night that is named is judged as it was then: what came later is not known. */
static void named_night(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 0}, "two", "code");
    struct seen s;
    assert_ok(try_gate(w, "run-of-night-10", &s), w->e);
    is(speed(&s), GATE_OK, false, NULL);
    assert_int_equal(s.verdict, GATE_PASS);
    assert_int_equal(try_gate(w, "run-of-night-77", &s), ASSAY_EUSAGE);
    assert_contains(w->e.msg, "run-of-night-77");
}

/* -- measured again -------------------------------------------------------------------------------- */

static void rerun(struct world *w, const char *kind, const char *variant, const char *scenario,
                  const double (*ab)[2], int n)
{
    for (int i = 0; i < n; i++) {
        struct store_rerun r = {w->run[w->n - 1], i, kind, variant, scenario, ab[i][0], ab[i][1]};
        assert_ok(store_put_rerun(w->s, &r, &w->e), w->e);
    }
}

static const double slower[][2] = {{100, 90}, {99, 89.5}, {101, 90.5}, {100, 89}};
static const double same[][2] = {{90, 90.2}, {91, 90.8}, {90.5, 90.4}, {90, 90}};
static const double open[][2] = {{100, 90}, {95, 97}, {100, 88}, {94, 99}};
static const double against_stored[][2] = {{NAN, 90}, {NAN, 89.5}, {NAN, 90.5}, {NAN, 89.6}};

static void measured_again(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = -1});
    w->binary = "two";
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9, .uid = "another"});
    is(speed(&s), GATE_SUSPECT, false, "code");
    assert_true(speed(&s)->can_rerun);
    assert_false(find(&s, "memory")->can_rerun);
    rerun(w, "a/b", "fp32", "prefill:8", slower, 4);  /* of others */
    rerun(w, "a/b", "int8", "prefill:512", slower, 4);
    rerun(w, "a/a", "int8", "prefill:8", same, 4);
    rerun(w, "a/b", "int8", "prefill:8", slower, 3);
    s = gate(w);
    is(speed(&s), GATE_SUSPECT, false, "code"); /* three blocks are too few */
    rerun(w, "a/b", "int8", "prefill:8", slower, 4);
    s = gate(w);
    is(speed(&s), GATE_CONFIRMED, false, "code");
    assert_false(speed(&s)->can_rerun);
    assert_int_equal(s.verdict, GATE_REGRESSION);
    assert_true(fabs(speed(&s)->effect + 0.1025) < 0.003);
}

static void measured_same(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = -1});
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9});
    rerun(w, "a/b", "int8", "prefill:8", open, 4);
    s = gate(w);
    is(speed(&s), GATE_SUSPECT, false, NULL);
    assert_contains(speed(&s)->reason, "in turns");
    assert_false(speed(&s)->can_rerun);
    rerun(w, "a/b", "int8", "prefill:8", same, 4);
    s = gate(w);
    is(speed(&s), GATE_OK, false, NULL);
    assert_int_equal(s.verdict, GATE_PASS);
}

static void measured_stored(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = -1});
    w->binary = "two";
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9});
    rerun(w, "again", "int8", "prefill:8", against_stored, 4);
    s = gate(w);
    is(speed(&s), GATE_CONFIRMED, false, "code");
    assert_contains(speed(&s)->reason, "against stored nights");
}

/* Measuring in turns finds gains as eagerly. */
static void measured_better(void **state)
{
    struct world *w = *state;
    static const double faster[][2] = {{90, 100}, {89.5, 99}, {90.5, 101}, {89, 100}};
    nights(w, 11, (struct night){.wrong = -1});
    w->binary = "two";
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 1.1});
    rerun(w, "a/b", "int8", "prefill:8", slower, 4);
    s = gate(w);
    is(speed(&s), GATE_OK, true, NULL);
    rerun(w, "a/b", "int8", "prefill:8", faster, 4);
    s = gate(w);
    is(speed(&s), GATE_CONFIRMED, true, "code");
}

/* The noise of one program against itself tonight is the least effect that matters. */
static void noise_floor(void **state)
{
    struct world *w = *state;
    static const double noisy[][2] = {{100, 104}, {100, 96}, {103, 99}, {96, 100}};
    nights(w, 11, (struct night){.wrong = -1});
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9, .memory = 43});
    is(speed(&s), GATE_SUSPECT, false, NULL);
    rerun(w, "a/a", "int8", "prefill:8", noisy, 4); /* 4 %: three times that is more than 10 % */
    s = gate(w);
    is(speed(&s), GATE_OK, false, NULL);
    is(find(&s, "memory"), GATE_SUSPECT, false, NULL); /* memory has no such noise */
}

/* -- baselines ------------------------------------------------------------------------------------- */

static void set_baseline(struct world *w, int night)
{
    struct store_run r;
    const char *uid = arena_printf(&w->a, "run-of-night-%02d", night);
    assert_ok(store_get_run(w->s, uid, &w->a, &r, &w->e), w->e);
    assert_ok(gate_set_baseline(w->s, &r, "meant", w->n * day, &w->e), w->e);
}

static void baseline(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 0}, "two", "code");
    set_baseline(w, w->n - 1);
    struct seen s = nights(w, 6, (struct night){.wrong = -1, .rate = 0.9});
    is(speed(&s), GATE_OK, false, NULL); /* the new level is what tonight is held to */
    assert_true(fabs(speed(&s)->before - 90) < 1);
    assert_int_equal(s.verdict, GATE_PASS);
    w->binary = "three";
    s = nights(w, 2, (struct night){.wrong = -1, .rate = 0.8});
    is(speed(&s), GATE_CONFIRMED, false, "code"); /* a later step is no part of it */
    assert_int_equal(s.verdict, GATE_REGRESSION);
    w->rules.baseline = "run-of-night-99";
    assert_int_equal(try_gate(w, NULL, &s), ASSAY_EUSAGE);
    assert_contains(w->e.msg, "is not a run of this machine");
}

/* A step that stood when the baseline was set is accepted with it, found before or not. */
static void baseline_unjudged(void **state)
{
    struct world *w = *state;
    w->binary = NULL;
    unjudged(w, 12, 1);
    unjudged(w, 12, 0.9);
    set_baseline(w, w->n - 1);
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9});
    is(speed(&s), GATE_OK, false, NULL);
    assert_int_equal(s.verdict, GATE_PASS);
}

static void other_baselines(void **state)
{
    struct world *w = *state;
    nights(w, 2, (struct night){.wrong = 0, .class = "class-two"});
    nights(w, 9, (struct night){.wrong = 0});
    set_baseline(w, 1); /* of another class of machine */
    w->binary = "two";
    struct seen s = nights(w, 1, (struct night){.wrong = 60, .uid = "another"});
    is(find(&s, "accuracy"), GATE_CONFIRMED, false, "code");
    set_baseline(w, w->n - 1);
    assert_ok(try_gate(w, "run-of-night-10", &s), w->e); /* before there was one */
    assert_int_equal(s.verdict, GATE_PASS);
}

/* -- accuracy -------------------------------------------------------------------------------------- */

static void accuracy(void **state)
{
    struct world *w = *state;
    struct seen s = nights(w, 10, (struct night){.wrong = 0});
    is(find(&s, "accuracy"), GATE_OK, false, NULL);
    assert_contains(find(&s, "accuracy")->reason, "the same fingerprint");
    w->binary = "two";
    s = nights(w, 1, (struct night){.wrong = 40, .uid = "two"});
    is(find(&s, "accuracy"), GATE_CONFIRMED, false, "code");
    assert_int_equal(s.verdict, GATE_REGRESSION);
    s = nights(w, 1, (struct night){.wrong = 40, .uid = "two"}); /* against the last good one */
    is(find(&s, "accuracy"), GATE_CONFIRMED, false, "code");
    assert_false(find(&s, "accuracy")->is_new);
    set_finding(w, "acknowledged", STORE_NULL);
    s = gate(w);
    is(find(&s, "accuracy"), GATE_ACKNOWLEDGED, false, "code");
    assert_string_equal(find(&s, "accuracy")->reason, "known");
    assert_int_equal(s.verdict, GATE_PASS);
    s = nights(w, 1, (struct night){.wrong = 40, .uid = "two"});
    is(find(&s, "accuracy"), GATE_ACKNOWLEDGED, false, "code"); /* no base for the next night */
    s = nights(w, 1, (struct night){.wrong = 80, .uid = "two"});
    is(find(&s, "accuracy"), GATE_ACKNOWLEDGED, false, "code");
    s = nights(w, 1, (struct night){.wrong = 0}); /* taken back: the very same answers */
    is(find(&s, "accuracy"), GATE_FIXED, false, "code");
    assert_contains(find(&s, "accuracy")->reason, "the same fingerprint");
    s = nights(w, 1, (struct night){.wrong = 0});
    is(find(&s, "accuracy"), GATE_OK, false, "code");
}

static void accuracy_fixed(void **state)
{
    struct world *w = *state;
    nights(w, 9, (struct night){.wrong = 0});
    nights(w, 1, (struct night){.wrong = 40, .uid = "two"});
    struct seen s = nights(w, 1, (struct night){.wrong = 0, .uid = "three"});
    is(find(&s, "accuracy"), GATE_FIXED, false, "code");
    assert_int_equal(s.verdict, GATE_PASS);
    /* the same fingerprint with other answers is compared, not believed */
    s = nights(w, 1, (struct night){.wrong = 40, .uid = "three"});
    is(find(&s, "accuracy"), GATE_CONFIRMED, false, "code");
}

static void accuracy_unclear(void **state)
{
    struct world *w = *state;
    nights(w, 9, (struct night){.wrong = 0});
    w->rules.margin = 0.1;
    struct seen s = nights(w, 1, (struct night){.wrong = 1, .uid = "two"});
    is(find(&s, "accuracy"), GATE_UNDECIDED, false, "code");
    assert_int_equal(s.verdict, GATE_INCONCLUSIVE);
    s = nights(w, 1, (struct night){.wrong = 0, .dataset = "data-two"});
    is(find(&s, "accuracy"), GATE_NO_BASELINE, false, "dataset");
    assert_int_equal(s.verdict, GATE_INCOMPARABLE);
    set_baseline(w, w->n - 1);
    s = gate(w); /* tonight is the baseline: nothing to compare it with, and nothing missing */
    assert_null(find(&s, "accuracy"));
    assert_int_equal(s.verdict, GATE_PASS);
}

static void accuracy_pinned(void **state)
{
    struct world *w = *state;
    nights(w, 3, (struct night){.wrong = 0});
    nights(w, 6, (struct night){.wrong = 40, .uid = "two"});
    set_baseline(w, w->n - 1);
    struct seen s = nights(w, 1, (struct night){.wrong = 40, .uid = "three"});
    is(find(&s, "accuracy"), GATE_OK, false, "code"); /* against the pinned one */
    w->rules.baseline = "run-of-night-00";
    s = gate(w);
    is(find(&s, "accuracy"), GATE_CONFIRMED, false, "code");
}

/* A copy made by VACUUM INTO is not in WAL mode. */
static void compacted(void **state)
{
    struct world *w = *state;
    char sql[400];
    sqlite3 *h;
    nights(w, 11, (struct night){.wrong = -1});
    snprintf(sql, sizeof sql, "VACUUM INTO '%s/copy.db'", w->dir);
    assert_int_equal(sqlite3_open(w->db, &h), SQLITE_OK);
    assert_int_equal(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(h);
    snprintf(w->db, sizeof w->db, "%s/copy.db", w->dir);
    struct seen s = gate(w);
    assert_int_equal(s.verdict, GATE_PASS);
}

/* A run that is still going is no night yet. */
static void running(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = -1});
    add(w, (struct night){.rate = 50, .wrong = -1});
    assert_ok(store_set_run_status(w->s, w->run[w->n - 1], "running", STORE_NULL, &w->e), w->e);
    struct seen s = gate(w);
    is(speed(&s), GATE_OK, false, NULL);
    assert_true(speed(&s)->after > 99);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tag_same),          TEST(tag_binary),        TEST(tag_unknown_binary),
        TEST(tag_fingerprint),   TEST(tag_dataset),       TEST(tag_dataset_before),
        TEST(tag_config),        TEST(tag_version),       TEST(tag_canary),
        TEST(tag_fast_canary),   TEST(tag_better_canary), TEST(tag_canary_before),
        TEST(tag_canary_long_ago), TEST(acknowledged),    TEST(fixed),
        TEST(not_again),         TEST(not_sure),          TEST(improvement),
        TEST(both_directions),   TEST(new_segment),       TEST(dirty),
        TEST(least_effect),      TEST(metrics),           TEST(gone),
        TEST(missing),           TEST(named_night),       TEST(measured_again),
        TEST(measured_same),     TEST(measured_stored),   TEST(measured_better),
        TEST(noise_floor),       TEST(baseline),          TEST(other_baselines),
        TEST(accuracy),          TEST(accuracy_fixed),    TEST(accuracy_unclear),
        TEST(accuracy_pinned),   TEST(running),           TEST(compacted),
        TEST(never_judged),      TEST(later_step),        TEST(baseline_unjudged),
        TEST(tag_faster_canary_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
