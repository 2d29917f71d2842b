/* test_energy.c - energy of whole runs, against counters that another process moves meanwhile. */
#include "tests/run/run_test.h"
#include "harness/machine/energy.h"
#include "tests/run/powercap.h"

static char root[300];
static pid_t mover;

static int begin(void **state)
{
    set_up(state);
    struct fixture *f = *state;
    snprintf(root, sizeof root, "%s/powercap", f->dir);
    setenv(ENERGY_ROOT_VARIABLE, root, 1);
    mover = powercap_start(root, 10, 40);
    nap_ms(20);
    return 0;
}

static int end(void **state)
{
    if (mover)
        powercap_stop(mover);
    mover = 0;
    unsetenv(ENERGY_ROOT_VARIABLE);
    return tear_down(state);
}

static void small_suite(struct fixture *f, const char *precisions)
{
    new_suite(f);
    write_task(f, 6);
    set(f, "model", "m", "backend", "mock", "precision", precisions, "option", "slow-ns=30000000",
        "idle", "1", "bootstrap", "0", NULL);
}

/* Work begins when the idle power is known: the processor draws more from then on. */
static void on_event(void *user, const struct run_event *x)
{
    char *said = user;
    if (x->kind != RUN_IDLE)
        return;
    snprintf(said + strlen(said), 400 - strlen(said), "%s\n", x->text);
    if (strncmp(x->text, "idle ", 5) == 0)
        powercap_put(root, ".", "busy", "");
}

static void run_watched(struct fixture *f, char said[400])
{
    struct run_options o = {
        .db = f->db, .command = "test", .version = "0", .on_event = on_event, .user = said};
    said[0] = 0;
    assert_ok(suite_finish(&f->suite, &f->e), f->e);
    assert_ok(run_suite(&f->suite, &o, &f->summary, &f->e), f->e);
}

#define WATTS "1e3 * sum(uj) / sum(ns)"
#define OF(kind, source) \
    " FROM energy e JOIN job j ON j.id = e.job_id WHERE kind = '" kind "' AND source = '" source "'"

/* Within a factor of 2: the process that moves the counters may have to wait for a processor. */
static void about(const char *db, const char *sql, double wanted)
{
    double got = strtod(ask_db(db, sql), NULL);
    if (testing_measures() && !(got > 0.5 * wanted && got < 2 * wanted))
        fail_msg("%s: %g, not %g", sql, got, wanted);
}

static void test_run(void **state)
{
    struct fixture *f = *state;
    char said[400];
    small_suite(f, "fp32,int4");
    set(f, "scenario", "decode:4+40", "rounds", "2", "repetitions", "12", NULL);
    run_watched(f, said);
    assert_contains(said, "measuring idle power for 1 s");
    assert_contains(said, " W rapl-package, ");
    about(f->db, "SELECT " WATTS " FROM idle WHERE source = 'rapl-package'", 10);
    about(f->db, "SELECT " WATTS " FROM idle WHERE source = 'rapl-dram'", 1);
    assert_int_equal(count(f->db, "SELECT n_windows FROM idle WHERE sd_watts >= 0"), 10);
    about(f->db, "SELECT " WATTS OF("task", "rapl-package"), 50);
    about(f->db, "SELECT " WATTS OF("task", "rapl-dram"), 5);
    about(f->db, "SELECT " WATTS OF("scenario", "rapl-package"), 50);
    /* Two variants, a task each, two rounds of the scenario, one divergence; two sources. */
    assert_int_equal(count(f->db, "SELECT count(*) FROM energy"), 2 * (2 + 4 + 1));
    assert_int_equal(count(f->db, "SELECT count(*) FROM energy WHERE reason IS NOT NULL"), 0);
    assert_int_equal(
        count(f->db, "SELECT count(*)" OF(
                         "scenario",
                         "rapl-package") " AND round = 1 AND e.n_tokens >= 240 AND n_blocks = 1 AND "
                         "e.n_tokens = (SELECT sum(n_generated) FROM sample s WHERE s.job_id = "
                         "e.job_id AND s.round = 1 AND NOT is_warmup)"),
        2);
    /* The counted repetitions, and not those that warm up. */
    about(
        f->db,
        "SELECT 2.0 * (SELECT sum(wall_ns) FROM sample WHERE NOT is_warmup) / sum(ns) FROM energy "
        "JOIN job ON id = job_id WHERE kind = 'scenario'",
        1);
    no_findings(f->db);
}

/* What came from the store cost nothing now and says nothing about the model. */
static void test_again(void **state)
{
    struct fixture *f = *state;
    small_suite(f, "fp32");
    set(f, "scenario", "decode:4+8", "rounds", "1", "repetitions", "2", NULL);
    run(f);
    assert_int_equal(count(f->db, "SELECT count(*) FROM energy WHERE reason IS NOT NULL"), 0);
    small_suite(f, "fp32");
    set(f, "scenario", "decode:4+8", "rounds", "1", "repetitions", "2", NULL);
    run(f);
    assert_int_equal(count(f->db, "SELECT count(*) FROM run"), 2);
    assert_int_equal(
        count(f->db,
              "SELECT count(*)" OF(
                  "task",
                  "rapl-package") " AND uj IS NULL AND e.reason = 'answers came from the store'"),
        1);
    assert_int_equal(count(f->db, "SELECT count(*)" OF("scenario", "rapl-package") " AND uj > 0"),
                     2);
    no_findings(f->db);
}

/* Tasks that stop early are asked in turns: each is the sum of its own pieces. */
static void test_decided(void **state)
{
    struct fixture *f = *state;
    small_suite(f, "fp32,int4");
    write_task(f, 12);
    set(f, "scenario", "none", "kl-docs", "0", "stop-when", "decided", NULL);
    run(f);
    assert_int_equal(count(f->db, "SELECT count(*)" OF("task", "rapl-package")), 2);
    assert_int_equal(count(f->db, "SELECT count(*) FROM decision"), 1);
    about(f->db, "SELECT " WATTS OF("task", "rapl-package"), 10);
    about(f->db, "SELECT sum(e.ns) * 1.0 / sum(wall_ns)" OF("task", "rapl-package"), 1);
    no_findings(f->db);
}

static void die(void *user, const struct run_event *x)
{
    (void)user;
    if (x->kind == RUN_VARIANT_END)
        kill(getpid(), SIGKILL);
}

/* Killed after the first variant: the machine was idle before, and is not asked again. */
static void test_resumed(void **state)
{
    struct fixture *f = *state;
    char before[64], idle[] = "SELECT group_concat(uj) FROM idle";
    small_suite(f, "fp32,int4");
    set(f, "scenario", "none", NULL);
    assert_ok(suite_finish(&f->suite, &f->e), f->e);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct run_options o = {.db = f->db, .command = "test", .version = "0", .on_event = die};
        run_suite(&f->suite, &o, &f->summary, &f->e);
        _exit(0);
    }
    assert_int_equal(wait_for(pid), -SIGKILL);
    snprintf(before, sizeof before, "%s", ask_db(f->db, idle));
    assert_true(before[0]);
    run(f);
    assert_true(f->summary.is_resumed);
    assert_string_equal(ask_db(f->db, idle), before);
    assert_int_equal(count(f->db, "SELECT count(*) FROM run"), 1);
    no_findings(f->db);
}

static void test_without_idle(void **state)
{
    struct fixture *f = *state;
    char said[400];
    small_suite(f, "fp32");
    set(f, "scenario", "none", "idle", "0", NULL);
    run_watched(f, said);
    assert_string_equal(said, "");
    assert_string_equal(
        ask_db(f->db, "SELECT group_concat(source || ': ' || reason, '; ') FROM idle "
                      "WHERE uj IS NULL"),
        "rapl-dram: not asked for (--idle 0); rapl-package: not asked for (--idle 0)");
    about(f->db, "SELECT " WATTS OF("task", "rapl-package"), 10);
    no_findings(f->db);
}

static void expect_none(struct fixture *f, const char *reason)
{
    char said[400];
    small_suite(f, "fp32");
    set(f, "scenario", "none", "idle", "3600", NULL);
    run_watched(f, said);
    assert_string_equal(said, "");
    assert_contains(ask_db(f->db,
                           "SELECT reason FROM idle WHERE source = 'rapl-package' AND uj IS NULL "
                           "ORDER BY run_id DESC LIMIT 1"),
                    reason);
    assert_int_equal(count(f->db, "SELECT count(*) FROM energy"), 0);
    no_findings(f->db);
}

/* No meter, and one that lies: nothing is waited for, nothing is said, the reason is kept. */
static void test_unmeasurable(void **state)
{
    powercap_stop(mover);
    mover = 0;
    powercap_put(root, "intel-rapl:0", "energy_uj", "much\n");
    powercap_put(root, "intel-rapl:0:0", "energy_uj", "much\n");
    expect_none(*state, "energy_uj of intel-rapl:0 holds no number");
    setenv(ENERGY_ROOT_VARIABLE, "/nowhere", 1);
    expect_none(*state, "shows no RAPL counters");
}

/* A counter that stands still is not a processor that takes nothing. */
static void test_still(void **state)
{
    struct fixture *f = *state;
    powercap_stop(mover);
    mover = 0;
    small_suite(f, "fp32");
    set(f, "scenario", "none", NULL);
    run(f);
    assert_int_equal(count(f->db, "SELECT count(*) FROM energy WHERE uj IS NULL AND reason LIKE "
                                  "'the counter did not move in%'"),
                     2);
    assert_int_equal(count(f->db, "SELECT count(*) FROM idle WHERE uj IS NULL AND reason LIKE "
                                  "'the counter did not move in%'"),
                     2);
    no_findings(f->db);
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_run),          WITH(test_again),        WITH(test_decided), WITH(test_resumed),
        WITH(test_without_idle), WITH(test_unmeasurable), WITH(test_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
