/* test_failures.c - variants that crash, hang, fail, run out of memory or answer nonsense: each is
 * a row with a reason, and the others finish. */
#include "tests/run/run_test.h"
#include "harness/base/clock.h"

struct expectation {
    const char *variant, *status, *part; /* part of the variant's or the job's reason */
};

/* Runs the variants of a suite around two good ones and looks at each row. */
static void expect(struct fixture *f, const char *variants, const char *settings,
                   const struct expectation *x, size_t n)
{
    char yaml[4096], sql[300];
    snprintf(yaml, sizeof yaml,
             "models:\n  - model: any\n    backend: mock\n    variants:\n      - {name: first, "
             "precision: fp32}\n"
             "%s      - {name: last, precision: int4}\nscenario: none\n%s",
             variants, settings);
    load(f, yaml);
    write_task(f, 40);
    run(f);
    assert_int_equal(f->summary.status, RUN_PARTIAL);
    assert_string_equal(ask_db(f->db, "SELECT status FROM run"), "partial");
    for (size_t i = 0; i < n; i++) {
        snprintf(sql, sizeof sql, "SELECT status FROM run_variant WHERE name = '%s'", x[i].variant);
        const char *status = ask_db(f->db, sql);
        if (strcmp(status, x[i].status) != 0)
            fail_msg("%s is %s, not %s", x[i].variant, status, x[i].status);
        snprintf(sql, sizeof sql, "SELECT reason FROM run_variant WHERE name = '%s'", x[i].variant);
        assert_contains(ask_db(f->db, sql), x[i].part);
    }
    assert_string_equal(
        ask_db(f->db,
               "SELECT group_concat(status) FROM run_variant WHERE name IN ('first', 'last')"),
        "done,done");
    assert_int_equal(
        count(f->db, "SELECT count(*) FROM result r JOIN run_variant v ON v.id = r.run_variant_id "
                     "WHERE v.name IN ('first', 'last')"),
        4);
    assert_int_equal(
        count(f->db,
              "SELECT count(*) FROM job WHERE status IN ('failed', 'skipped') AND reason IS NULL"),
        0);
    assert_int_equal(
        count(f->db, "SELECT count(*) FROM job WHERE status IN ('planned', 'running')"), 0);
    no_findings(f->db);
}

static void test_failures(void **state)
{
    struct fixture *f = *state;
    static const struct expectation x[] = {
        {"error", "failed", "task 'pair': scripted error at request 50"},
        {"crash", "crashed", "killed by signal 11 (SIGSEGV) in task 'pair'"},
        {"oom", "failed", "out of memory"},
    };
    expect(f,
           "      - {name: error, error-at: 50}\n"
           "      - {name: crash, crash-at: 61}\n"
           "      - {name: oom, oom-at: 10}\n",
           "", x, N_OF(x));
    assert_int_equal(count(f->db, "SELECT signal FROM run_variant WHERE name = 'crash'"), 11);
    assert_int_equal(count(f->db,
                           "SELECT count(*) FROM score s JOIN job j ON j.id = s.job_id "
                           "JOIN run_variant v ON v.id = j.run_variant_id WHERE v.name = 'error'"),
                     0);
    /* what was answered before the error is kept */
    assert_true(
        count(f->db,
              "SELECT count(*) FROM response r JOIN run_variant v ON v.variant_id = r.variant_id "
              "WHERE v.name = 'error'") > 40);
}

static void test_hang(void **state)
{
    struct fixture *f = *state;
    static const struct expectation x[] = {
        {"hang", "timeout", "no progress for 1 seconds in task 'pair'"},
        {"slow-load", "timeout", "no progress for 1 seconds while opening the model"},
    };
    int64_t start = clock_ns();
    expect(f,
           "      - {name: hang, hang-at: 30}\n"
           "      - {name: slow-load, load-ns: 60000000000}\n",
           "timeout: 1\n", x, N_OF(x));
    assert_true(clock_ns() - start < (int64_t)30e9);
}

/* The kernel's own limit: what cannot be had is an error, not the end of the run. */
static void test_memory_limit(void **state)
{
    struct fixture *f = *state;
    static const struct expectation x[] = {{"oom", "failed", "out of memory"}};
    if (!testing_measures())
        skip();
    expect(f, "      - {name: oom, oom-at: 3}\n", "memory-limit: 2G\n", x, N_OF(x));
}

static void test_lies(void **state)
{
    struct fixture *f = *state;
    static const struct expectation x[] = {
        {"tokens", "failed", "tokens for a text of"},
        {"ids", "failed", "is no token"},
        {"short", "failed", "returned without answering 1 of"},
        {"index", "failed", "reports request"},
        {"twice", "failed", "as done twice"},
        {"overrun", "failed", "wrote more than the"},
        {"nan", "failed", "gave no number for token"},
        {"positive", "failed", "no log-probability"},
        {"info", "failed", "tensors it does not list"},
    };
    expect(f,
           "      - {name: tokens, lie: tokens}\n      - {name: ids, lie: ids}\n"
           "      - {name: short, lie: short}\n      - {name: index, lie: index}\n"
           "      - {name: twice, lie: twice}\n      - {name: overrun, lie: overrun}\n"
           "      - {name: nan, lie: nan}\n      - {name: positive, lie: positive}\n"
           "      - {name: info, lie: info}\n",
           "", x, N_OF(x));
    assert_int_equal(
        count(f->db, "SELECT count(*) FROM response WHERE logprob > 0 OR logprob IS NULL"), 0);
}

/* A reference that fails costs the comparison, not the others. */
static void test_reference_fails(void **state)
{
    struct fixture *f = *state;
    load(f, "models:\n  - model: any\n    backend: mock\n    variants:\n"
            "      - {name: bad, crash-at: 5}\n      - {name: good, precision: int8}\n"
            "reference: bad\nscenario: none\n");
    write_task(f, 20);
    run(f);
    assert_int_equal(f->summary.status, RUN_PARTIAL);
    assert_string_equal(ask_db(f->db, "SELECT status FROM run_variant WHERE name = 'good'"),
                        "done");
    assert_contains(ask_db(f->db, "SELECT reason FROM job WHERE kind = 'divergence'"),
                    "kept no logits");
    no_findings(f->db);
}

/* A crash while opening is a result even when nothing else opened. */
static void test_all_crash(void **state)
{
    struct fixture *f = *state;
    write_task(f, 10);
    set(f, "backend", "mock", "scenario", "none", "option", "crash-at=1", NULL);
    run(f);
    assert_int_equal(f->summary.status, RUN_PARTIAL);
    assert_int_equal(f->summary.n_variants_done, 0);
    assert_string_equal(ask_db(f->db, "SELECT status FROM run"), "failed");
    assert_string_equal(ask_db(f->db, "SELECT status FROM run_variant"), "crashed");
    no_findings(f->db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hang, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reference_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_crash, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
