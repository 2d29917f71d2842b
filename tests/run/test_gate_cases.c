/* test_gate_cases.c - one rule of the gate at a time, on short histories without a clock: tags, states,
 * second looks, measuring in turns, baselines, rules, what is missing, accuracy. */
#include "tests/run/gate_world.h"

/* -- tags ---------------------------------------------------------------------------------------- */

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
