/* test_gate_rules.c - more rules of the gate, each of which a slip in its code would break unseen: what is
 * written beside a verdict, order, several tasks, canaries and baselines at once, nights judged again. */
#include "tests/run/gate_world.h"

static struct seen with(struct world *w, struct night x)
{
    x.rate = x.rate > 0 ? x.rate : 1;
    x.rate *= quiet(w->n);
    add(w, x);
    return gate(w);
}

static bool near(double got, double want, double most)
{
    return fabs(got - want) <= most;
}

/* -- what is written beside a verdict ------------------------------------------------------------- */

static void suspect_in_full(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = -1});
    w->binary = "two";
    struct seen s = with(w, (struct night){.wrong = -1, .rate = 0.9, .uid = "two"});
    const struct row *r = speed(&s);
    is(r, GATE_SUSPECT, false, "code");
    assert_true(near(r->before, 100, 0.5) && near(r->after, 90, 0.5) && near(r->effect, -0.1, 0.01));
    assert_contains(r->reason, "11 nights");
    assert_string_equal(r->good, "print ");
    assert_string_equal(r->tonight, "two ");
    assert_contains(s.headline, "1 suspect, 1 as before");
    assert_contains(s.canary, "stream 12.0 GB/s");
    assert_true(r->is_new);
    s = gate(w);
    assert_false(speed(&s)->is_new); /* judged again: said before */
    s = with(w, (struct night){.wrong = -1, .rate = 0.9, .uid = "two"});
    r = speed(&s);
    is(r, GATE_CONFIRMED, false, "code");
    assert_contains(r->reason, "1 night ago");
    assert_true(near(r->before, 100, 0.5) && near(r->effect, -0.1, 0.01));
    assert_true(r->from_ns == 10 * day && r->to_ns == 11 * day);
    assert_contains(s.headline, "1 worse, 1 as before");
}

/* Outside of a wide prediction twice, and no step is sure yet. */
static void again_in_full(void **state)
{
    struct world *w = *state;
    static const double wide[] = {100,   97.8,  101.9, 98.9,  102.1, 99.2, 100.9,
                                  97.6,  101.4, 100.2, 99.1,  93,    96.5};
    struct seen s;
    w->binary = NULL;
    for (size_t i = 0; i < N_OF(wide); i++) {
        add(w, (struct night){.rate = wide[i], .wrong = -1});
        s = gate(w);
    }
    const struct row *r = speed(&s);
    is(r, GATE_SUSPECT, false, NULL);
    assert_contains(r->reason, "after the first time");
    assert_true(r->from_ns == 11 * day && r->to_ns == 11 * day);
    assert_true(near(r->before * (1 + r->effect), r->after, 1e-6) && near(r->after, 96.5, 0.3));
    assert_true(near(r->before, 100, 1.5));
}

static void fixed_in_full(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 0}, "two", "code");
    struct seen s = nights(w, 2, (struct night){.wrong = -1});
    is(speed(&s), GATE_FIXED, false, "code");
    assert_true(near(speed(&s)->before, 100, 0.5) && near(speed(&s)->effect, 0, 0.01));
    assert_contains(s.headline, "1 fixed");
}

/* Where the step lies: at its own night, or in the gap before it. */
static void step_in_full(void **state)
{
    struct world *w = *state;
    w->binary = NULL;
    unjudged(w, 14, 1);
    unjudged(w, 6, 0.9);
    struct seen s = gate(w);
    is(speed(&s), GATE_CONFIRMED, false, "code");
    assert_true(speed(&s)->from_ns == 13 * day && speed(&s)->to_ns == 14 * day);
    assert_contains(speed(&s)->reason, "5 nights ago");
}

static void measured_in_full(void **state)
{
    struct world *w = *state;
    static const double blocks[][2] = {{100, 90}, {99, 89.5}, {101, 90.5}, {100, 89}};
    nights(w, 11, (struct night){.wrong = -1});
    w->binary = "two";
    with(w, (struct night){.wrong = -1, .rate = 0.9, .uid = "two"});
    rerun(w, "a/b", "int8", "prefill:8", blocks, 4);
    struct seen s = gate(w);
    is(speed(&s), GATE_CONFIRMED, false, "code");
    assert_contains(speed(&s)->reason, "4 blocks: -10 % (-11 .. -9.3)");
    s = gate(w); /* known by now, and no step is seen yet */
    is(speed(&s), GATE_CONFIRMED, false, "code");
    assert_string_equal(speed(&s)->reason, "it is still there");
    assert_true(near(speed(&s)->after, 90, 0.5) && near(speed(&s)->effect, -0.1, 0.01));
    assert_false(speed(&s)->is_new);
}

/* Measured in turns and the same: the suspicion is over, in the store too. */
static void measured_and_over(void **state)
{
    struct world *w = *state;
    static const double blocks[][2] = {{90, 90.2}, {91, 90.8}, {90.5, 90.4}, {90, 90}};
    struct store_finding *f;
    size_t n;
    nights(w, 11, (struct night){.wrong = -1});
    with(w, (struct night){.wrong = -1, .rate = 0.9});
    rerun(w, "a/b", "int8", "prefill:8", blocks, 4);
    struct seen s = gate(w);
    is(speed(&s), GATE_OK, false, NULL);
    assert_ok(store_get_findings(w->s, NULL, &w->a, &f, &n, &w->e), w->e);
    assert_int_equal(n, 1);
    assert_string_equal(f[0].state, "fixed");
    assert_int_equal(f[0].run_id, w->run[11]);
}

/* A night measured again and accepted as it is, itself included. */
static void accepted_tonight(void **state)
{
    struct world *w = *state;
    static const double blocks[][2] = {{100, 90}, {99, 89.5}, {101, 90.5}, {100, 89}};
    nights(w, 11, (struct night){.wrong = -1});
    with(w, (struct night){.wrong = -1, .rate = 0.9, .uid = "two"});
    rerun(w, "a/b", "int8", "prefill:8", blocks, 4);
    gate(w);
    set_baseline(w, w->n - 1);
    struct seen s = gate(w);
    assert_true(speed(&s)->state != GATE_CONFIRMED && speed(&s)->state != GATE_SUSPECT);
    assert_int_not_equal(s.verdict, GATE_REGRESSION);
}

/* A gain that is gone is no gain: what is counted decides the exit status. */
static void gone_gain(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 1.1}, "two", "code");
    w->rules.two_sided = true;
    nights(w, 1, (struct night){.wrong = -1});
    struct seen s = nights(w, 1, (struct night){.wrong = -1});
    is(speed(&s), GATE_FIXED, true, NULL);
    assert_int_equal(s.n_improvements, 0);
    assert_int_equal(s.verdict, GATE_PASS);
}

/* The tag of what is known stays: a canary that moves later explains nothing. */
static void tag_stays(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 0, .uid = "two"}, "two", "code");
    nights(w, 4, (struct night){.wrong = -1, .rate = 0.9, .uid = "two"});
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9, .uid = "two", .canary = 9});
    assert_true(s.canary_shifted);
    is(speed(&s), GATE_CONFIRMED, false, "code");
    assert_int_equal(s.verdict, GATE_REGRESSION);
}

/* -- order ----------------------------------------------------------------------------------------- */

/* The worst comes first, and the headline counts every kind. */
static void order(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = 0, .has_more = true});
    w->binary = "two";
    w->rules.margin = 0.05;
    struct seen s = nights(w, 2, (struct night){.wrong = 0, .has_more = true, .more_wrong = 0, .rate = 0.9,
                                                .memory = 36, .uid = "two", .ppl = 9});
    static const enum gate_state want[] = {GATE_CONFIRMED, GATE_UNDECIDED, GATE_NO_BASELINE, GATE_CONFIRMED};
    size_t k = 0;
    for (size_t i = 0; i < s.n && k < N_OF(want); i++)
        k += s.rows[i].state == want[k];
    if (k != N_OF(want))
        for (size_t i = 0; i < s.n; i++)
            print_message("%s %s%s\n", s.rows[i].name, gate_state_name(s.rows[i].state),
                          s.rows[i].is_improvement ? " better" : "");
    assert_int_equal(k, N_OF(want));
    assert_true(!s.rows[0].is_improvement && s.rows[s.n - 1].is_improvement);
    assert_contains(s.headline, "1 worse, ");
    assert_contains(s.headline, " undecided, ");
    assert_contains(s.headline, " without a baseline, ");
    assert_contains(s.headline, "1 better");
}

/* Environment after what was not measured, before suspects. */
static void order_environment(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 0}, "one", "environment");
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9, .memory = 44});
    assert_int_equal(s.rows[0].state, GATE_CONFIRMED);
    assert_string_equal(s.rows[0].tag, "environment");
    assert_int_equal(s.rows[1].state, GATE_SUSPECT);
    assert_contains(s.headline, "1 worse by the environment, 1 suspect");
    set_finding(w, "acknowledged", STORE_NULL); /* the memory's */
    s = gate(w);
    assert_contains(s.headline, "1 acknowledged");
    assert_int_equal(s.rows[0].state, GATE_CONFIRMED);
}

/* The code's doing before the environment's, though its series comes later. */
static void order_code(void **state)
{
    struct world *w = *state;
    first_slow_night(w, (struct night){.rate = 0}, "one", "environment");
    w->binary = "two";
    struct seen s = nights(w, 3, (struct night){.wrong = -1, .rate = 0.9, .memory = 44, .uid = "two"});
    assert_contains(s.rows[0].name, "memory");
    assert_string_equal(s.rows[0].tag, "code");
    assert_contains(s.rows[1].name, "prefill");
    assert_string_equal(s.rows[1].tag, "environment");
    assert_int_equal(s.rows[1].state, GATE_CONFIRMED);
    assert_int_equal(s.verdict, GATE_REGRESSION);
}

/* -- what tonight is compared with ------------------------------------------------------------------ */

/* To measure against: the newest variant that passed, not the newest one. */
static void good_variant(void **state)
{
    struct world *w = *state;
    nights(w, 9, (struct night){.wrong = 0, .uid = "old"});
    nights(w, 2, (struct night){.wrong = 60, .uid = "bad"}); /* accuracy fails: these are not good */
    struct seen s = nights(w, 1, (struct night){.wrong = 60, .uid = "bad", .rate = 0.9});
    assert_true(speed(&s)->can_rerun);
    assert_string_equal(speed(&s)->good, "old ");
}

/* None passed: then the night before. */
static void no_good_variant(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 12; i++)
        add(w, (struct night){.rate = quiet(w->n), .wrong = -1, .uid = i < 6 ? "old" : "newer"});
    add(w, (struct night){.rate = 90, .wrong = -1, .uid = "tonight"});
    struct seen s = gate(w);
    is(speed(&s), GATE_SUSPECT, false, NULL);
    assert_string_equal(speed(&s)->good, "newer ");
    assert_string_equal(speed(&s)->tonight, "tonight ");
}

/* The one night that passed is what answers are held to, not the first of all. */
static void one_good_night(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 4; i++)
        add(w, (struct night){.rate = quiet(w->n), .wrong = 0, .uid = "first"});
    struct store_gate g = {.verdict = "pass", .headline = "", .binary_uid = "one"};
    add(w, (struct night){.rate = quiet(w->n), .wrong = 60, .uid = "second"});
    g.run_id = w->run[w->n - 1];
    assert_ok(store_put_gate(w->s, &g, &w->e), w->e);
    struct seen s = nights(w, 1, (struct night){.wrong = 60, .uid = "third"});
    is(find(&s, "accuracy"), GATE_OK, false, "code");
}

/* The baseline of this class holds, whatever others set after it. */
static void two_baselines(void **state)
{
    struct world *w = *state;
    nights(w, 1, (struct night){.wrong = 0, .class = "class-two"});
    nights(w, 2, (struct night){.wrong = 0});
    nights(w, 2, (struct night){.wrong = 60, .uid = "two"});
    set_baseline(w, w->n - 1);
    struct store_run r;
    assert_ok(store_get_run(w->s, "run-of-night-00", &w->a, &r, &w->e), w->e);
    assert_ok(gate_set_baseline(w->s, &r, "theirs", w->n * day + 5, &w->e), w->e);
    struct seen s = nights(w, 1, (struct night){.wrong = 60, .uid = "three"});
    is(find(&s, "accuracy"), GATE_OK, false, "code");
}

/* A baseline on the very night of the step accepts it. */
static void baseline_on_the_step(void **state)
{
    struct world *w = *state;
    w->binary = NULL;
    unjudged(w, 12, 1);
    unjudged(w, 1, 0.9);
    set_baseline(w, w->n - 1);
    unjudged(w, 6, 0.9);
    struct seen s = gate(w);
    is(speed(&s), GATE_OK, false, NULL);
    assert_int_equal(s.verdict, GATE_PASS);
}

/* Half of the blocks are noisier than the floor. */
static void floor_is_the_median(void **state)
{
    struct world *w = *state;
    static const double blocks[][2] = {{100, 101}, {100, 99}, {100, 100.5}, {100, 150}, {100, 99.2}};
    nights(w, 11, (struct night){.wrong = -1});
    with(w, (struct night){.wrong = -1, .rate = 0.9});
    rerun(w, "a/a", "int8", "prefill:8", blocks, 5);
    struct seen s = gate(w);
    is(speed(&s), GATE_SUSPECT, false, NULL);
}

/* -- canaries --------------------------------------------------------------------------------------- */

/* One of two canaries is enough, whichever comes last. */
static void first_of_two_canaries(void **state)
{
    struct world *w = *state;
    nights(w, 11, (struct night){.wrong = -1, .dot = 30});
    w->binary = "two";
    struct seen s = nights(w, 1, (struct night){.wrong = -1, .rate = 0.9, .dot = 27});
    assert_true(s.canary_shifted);
    is(speed(&s), GATE_SUSPECT, false, "environment");
    assert_contains(s.canary, "int8-dot 27.0 GOPS");
    assert_contains(s.canary, "shifted), stream 12.0 GB/s");
}

/* -- answers of several tasks ------------------------------------------------------------------------ */

/* One row for all of them, and one for the task that is worse. */
static void tasks_together(void **state)
{
    struct world *w = *state;
    struct seen s = nights(w, 9, (struct night){.wrong = 0, .has_more = true});
    is(find(&s, "accuracy/int8"), GATE_OK, false, "code");
    w->binary = "two";
    s = nights(w, 1, (struct night){.wrong = 0, .has_more = true, .more_wrong = 80, .uid = "two"});
    is(find(&s, "accuracy/int8"), GATE_CONFIRMED, false, "code");
    is(find(&s, "accuracy/more/int8"), GATE_CONFIRMED, false, "code");
    assert_true(near(find(&s, "accuracy/more/int8")->effect, -0.08, 0.001));
    assert_true(near(find(&s, "accuracy/int8")->effect, -0.04, 0.001));
    assert_null(find(&s, "accuracy/pairs"));
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += strncmp(s.rows[i].name, "accuracy", 8) == 0;
    assert_int_equal(n, 2);
    s = nights(w, 1, (struct night){.wrong = 0, .has_more = true, .more_wrong = 0, .uid = "three"});
    is(find(&s, "accuracy/int8"), GATE_FIXED, false, "code");
    is(find(&s, "accuracy/more/int8"), GATE_FIXED, false, "code");
    assert_null(find(&s, "accuracy/pairs"));
}

/* One task alone: its own row, in full. */
static void one_task(void **state)
{
    struct world *w = *state;
    nights(w, 9, (struct night){.wrong = 0});
    struct seen s = nights(w, 1, (struct night){.wrong = 60, .uid = "two"});
    const struct row *r = find(&s, "accuracy/pairs/int8");
    assert_non_null(r);
    is(r, GATE_CONFIRMED, false, "code");
    assert_true(near(r->before, 0.8, 1e-9) && near(r->after, 0.74, 1e-9) && near(r->effect, -0.06, 1e-9));
}

/* A finding of a later night excuses no earlier one. */
static void not_excused_before(void **state)
{
    struct world *w = *state;
    struct seen s = nights(w, 9, (struct night){.wrong = 0});
    add(w, (struct night){.rate = quiet(w->n), .wrong = 60, .uid = "two"});
    s = nights(w, 1, (struct night){.wrong = 60, .uid = "three"});
    is(find(&s, "accuracy"), GATE_CONFIRMED, false, NULL);
    set_finding(w, "acknowledged", STORE_NULL);
    assert_ok(try_gate(w, "run-of-night-09", &s), w->e);
    is(find(&s, "accuracy"), GATE_CONFIRMED, false, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(suspect_in_full),  TEST(again_in_full),       TEST(fixed_in_full),       TEST(step_in_full),
        TEST(measured_in_full), TEST(accepted_tonight),    TEST(gone_gain),
        TEST(tag_stays),        TEST(order),               TEST(order_environment),
        TEST(good_variant),     TEST(no_good_variant),     TEST(one_good_night),
        TEST(two_baselines),    TEST(baseline_on_the_step), TEST(floor_is_the_median),
        TEST(first_of_two_canaries), TEST(tasks_together), TEST(not_excused_before),
        TEST(measured_and_over), TEST(order_code), TEST(one_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
