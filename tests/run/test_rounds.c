/* test_rounds.c - scenarios in rounds: who is measured when, what a round leaves, what is left of one
 * that is killed, crashes or is interrupted. */
#include "tests/run/run_test.h"
#include "harness/base/buf.h"

struct heard {
    struct buf order;              /* variants in the order their scenario jobs began */
    int n_rounds, n_opened, n_said;
};

static void on_event(void *user, const struct run_event *x)
{
    struct heard *h = user;
    if (x->kind == RUN_JOB && strcmp(x->job_kind, "scenario") == 0)
        buf_printf(&h->order, "%s ", x->variant);
    h->n_rounds += x->kind == RUN_ROUND;
    h->n_opened += x->kind == RUN_OPEN;
    h->n_said += x->kind == RUN_VARIANT_END;
}

static void run_with(struct fixture *f, struct heard *h, run_event_fn *fn)
{
    *h = (struct heard){0};
    buf_init(&h->order, 0);
    struct run_options o = {
        .db = f->db, .command = "test", .version = "0", .on_event = fn, .user = h};
    assert_ok(suite_finish(&f->suite, &f->e), f->e);
    assert_ok(run_suite(&f->suite, &o, &f->summary, &f->e), f->e);
}

static void run_heard(struct fixture *f, struct heard *h)
{
    run_with(f, h, on_event);
}

/* The rounds of b's scenario p are there with these shares of repetitions: one that the machine disturbed
 * is done again, so clean ones are a share, or tries are three times as many. */
static void has_rounds(struct fixture *f, const int *shares, int n_rounds)
{
    char sql[400];
    assert_int_equal(count(f->db, "SELECT count(DISTINCT round) FROM sample"), n_rounds);
    for (int r = 0; r < n_rounds; r++) {
        snprintf(sql, sizeof sql,
                 "SELECT sum(NOT s.is_dirty) = %d AND count(*) <= %d OR count(*) = %d FROM sample s JOIN job j ON "
                 "j.id = s.job_id JOIN run_variant v ON v.id = j.run_variant_id WHERE NOT s.is_warmup AND "
                 "v.name = 'b' AND j.name = 'p' AND s.round = %d",
                 shares[r], 3 * shares[r], 3 * shares[r], r);
        assert_int_equal(count(f->db, sql), 1);
    }
}

static const char suite[] =
    "backend: mock\nrounds: 3\nrepetitions: 8\nscenarios: [{name: p, kind: prefill, prompt: 4}, "
    "{name: once, kind: decode, prompt: 4, generate: 3, repetitions: 1, warmup: 0}]\n"
    "reference: a\nmodels: [{variants: [{name: a, precision: fp32}, "
    "{name: b, precision: int8}, {name: c, precision: int4}]}]\n";

static void test_turns(void **state)
{
    struct fixture *f = *state;
    struct heard h;
    load(f, suite);
    run_heard(f, &h);
    assert_int_equal(f->summary.status, RUN_DONE);
    /* two scenarios in the first round; then there and back */
    assert_string_equal(h.order.v, "a a b b c c c b a a b c ");
    assert_int_equal(h.n_rounds, 2);
    assert_int_equal(h.n_opened, 3);
    assert_int_equal(h.n_said, 3);
    has_rounds(f, (const int[]){2, 3, 3}, 3);
    assert_int_equal(count(f->db, "SELECT count(*) FROM job WHERE status <> 'done'"), 0);
    assert_int_equal(count(f->db, "SELECT count(*) FROM run_variant WHERE status <> 'done'"), 0);
    /* numbers go on: none is missing, rounds follow each other */
    assert_int_equal(count(f->db, "SELECT count(*) FROM (SELECT max(rep) + 1 - count(*) AS gap FROM "
                                  "sample GROUP BY job_id) WHERE gap <> 0"), 0);
    assert_int_equal(count(f->db, "SELECT count(*) FROM sample x JOIN sample y USING (job_id) WHERE "
                                  "x.rep < y.rep AND x.round > y.round"), 0);
    assert_int_equal(count(f->db, "SELECT count(*) FROM job j WHERE n_done <> (SELECT count(*) FROM "
                                  "sample WHERE job_id = j.id)"), 0);
    /* what the first process learned stays: it evaluated the most */
    assert_int_equal(count(f->db, "SELECT count(*) FROM run_variant WHERE load_ns > 0 AND n_evaluated "
                                  ">= 20"), 3);
    no_findings(f->db);
    buf_release(&h.order);
}

static void test_one_round(void **state)
{
    struct fixture *f = *state;
    struct heard h;
    load(f, suite);
    set(f, "rounds", "1", NULL);
    run_heard(f, &h);
    assert_string_equal(h.order.v, "a a b b c c ");
    has_rounds(f, (const int[]){8}, 1);
    assert_int_equal(count(f->db, "SELECT max(round) FROM sample"), 0);
    buf_release(&h.order);
}

/* A variant that can't be measured so is not opened again; the others take their turns. */
static void test_skipped(void **state)
{
    struct fixture *f = *state;
    struct heard h;
    load(f, "backend: mock\nrounds: 2\nrepetitions: 2\nscenarios: [{kind: prefill, prompt: 64}]\n"
            "models: [{variants: [{name: a}, {name: b, n-ctx: 32}]}]\n");
    run_heard(f, &h);
    assert_string_equal(h.order.v, "a b a ");
    assert_string_equal(ask_db(f->db, "SELECT j.status FROM job j JOIN run_variant v ON v.id = "
                                      "j.run_variant_id WHERE v.name = 'b'"), "skipped");
    buf_release(&h.order);
}

/* Ends the process of b in the second round, while its backend is at work. */
static void crash_b(void *user, const struct run_event *x)
{
    struct heard *h = user;
    on_event(user, x);
    if (x->kind != RUN_JOB || h->n_rounds != 1 || strcmp(x->variant, "b") != 0)
        return;
    int pid = 0;
    FILE *in = fopen("/proc/thread-self/children", "r");
    assert_non_null(in);
    assert_int_equal(fscanf(in, "%d", &pid), 1);
    fclose(in);
    kill(pid, SIGKILL); /* cmocka has a handler for the others */
}

static void test_crash_later(void **state)
{
    struct fixture *f = *state;
    struct heard h;
    load(f, "backend: mock\nrounds: 3\nrepetitions: 8\n"
            "scenarios: [{name: p, kind: prefill, prompt: 4, warmup: 0}]\n"
            "models: [{options: {slow-ns: 50000000}, variants: [{name: a}, {name: b, precision: int8}]}]\n");
    run_with(f, &h, crash_b);
    assert_int_equal(f->summary.status, RUN_PARTIAL);
    assert_string_equal(h.order.v, "a b b a a ");
    assert_int_equal(h.n_said, 3); /* b ended well, and then it did not */
    assert_string_equal(ask_db(f->db, "SELECT status FROM run_variant WHERE name = 'b'"), "crashed");
    assert_non_null(strstr(ask_db(f->db, "SELECT reason FROM run_variant WHERE name = 'b'"),
                           "in scenario 'p', round 2"));
    assert_string_equal(ask_db(f->db, "SELECT j.status FROM job j JOIN run_variant v ON v.id = "
                                      "j.run_variant_id WHERE v.name = 'b'"), "failed");
    assert_string_equal(ask_db(f->db, "SELECT status FROM run_variant WHERE name = 'a'"), "done");
    no_findings(f->db);
    buf_release(&h.order);
}

static void slow_rounds(struct fixture *f)
{
    load(f, "backend: mock\nrounds: 4\nrepetitions: 8\n"
            "scenarios: [{name: p, kind: prefill, prompt: 4, warmup: 1}]\n"
            "models: [{options: {slow-ns: 5000000}, variants: [{name: a}, {name: b, precision: int8}]}]\n");
    assert_ok(suite_finish(&f->suite, &f->e), f->e);
}

static void is_whole(struct fixture *f)
{
    assert_int_equal(f->summary.status, RUN_DONE);
    assert_int_equal(count(f->db, "SELECT count(*) FROM run"), 1);
    assert_int_equal(count(f->db, "SELECT count(*) FROM run_variant WHERE status = 'done'"), 2);
    has_rounds(f, (const int[]){2, 2, 2, 2}, 4);
    assert_int_equal(count(f->db, "SELECT count(*) FROM sample WHERE is_warmup"), 8);
    no_findings(f->db);
}

/* Rounds are whole or not there: what a killed one measured is measured again. */
static void test_kill(void **state)
{
    struct fixture *f = *state;
    unsigned seed = (unsigned)getpid();
    int n_killed = 0, rc = -SIGKILL;
    slow_rounds(f);
    print_message("seed %u\n", seed);
    for (int i = 0; i < 200 && n_killed < 10 && (rc == -SIGKILL || rc == RUN_DONE); i++) {
        pid_t pid = start(f);
        nap_ms(1 + rand_r(&seed) % 150);
        kill(pid, SIGKILL);
        rc = wait_for(pid);
        n_killed += rc == -SIGKILL;
        if (rc == RUN_DONE)
            unlink(f->db);
    }
    assert_int_equal(n_killed, 10);
    run(f);
    is_whole(f);
}

static void interrupt_round_3(void *user, const struct run_event *x)
{
    (void)user;
    if (x->kind == RUN_ROUND && x->n_done == 3)
        raise(SIGINT);
}

/* Between rounds nothing is done yet, although every variant had its turn. */
static void test_interrupt(void **state)
{
    struct fixture *f = *state;
    slow_rounds(f);
    struct run_options o = {
        .db = f->db, .command = "test", .version = "0", .on_event = interrupt_round_3};
    assert_ok(run_suite(&f->suite, &o, &f->summary, &f->e), f->e);
    assert_int_equal(f->summary.status, RUN_INTERRUPTED);
    assert_int_equal(count(f->db, "SELECT max(round) FROM sample"), 1);
    assert_string_equal(ask_db(f->db, "SELECT status FROM run"), "interrupted");
    assert_int_equal(count(f->db, "SELECT count(*) FROM run_variant WHERE status = 'done'"), 0);
    run(f);
    assert_true(f->summary.is_resumed);
    is_whole(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_round, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_skipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crash_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kill, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupt, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
