/* test_run.c - whole runs over the mock backend: what is stored, resumption, grading, what is left
 * behind by bad input. */
#include "tests/run/run_test.h"
#include <sys/resource.h>
#include "harness/run/grade.h"

static void smoke(struct fixture *f, const char *precisions)
{
    set(f, "backend", "mock", "model", "any", "precision", precisions, "task-dir", "tasks/library",
        "tasks", "smoke", "scenario", "prefill:8,decode:4+8", "repetitions", "3", "bootstrap", "50",
        NULL);
}

static void test_everything(void **state)
{
    struct fixture *f = *state;
    smoke(f, "fp32,int8");
    run(f);
    assert_int_equal(f->summary.status, RUN_DONE);
    assert_false(f->summary.is_resumed);
    assert_string_equal(ask_db(f->db, "SELECT status FROM run"), "done");
    assert_int_equal(
        count(f->db,
              "SELECT count(*) FROM run_variant WHERE status = 'done' AND variant_id NOTNULL "
              "AND load_ns > 0 AND peak_rss_bytes > 0 AND anon_bytes > 0 AND n_evaluated > 0"),
        2);
    assert_int_equal(count(f->db, "SELECT count(*) FROM job WHERE status <> 'done'"), 0);
    assert_true(count(f->db, "SELECT count(*) FROM result WHERE group_id NOTNULL") > 0);
    assert_true(count(f->db, "SELECT count(*) FROM result WHERE job_id NOTNULL AND value NOTNULL") >
                10);
    no_findings(f->db);
    uint64_t asked = f->summary.n_asked;
    assert_true(asked > 0);
    run(f); /* finished: a new run, which asks nothing again */
    assert_false(f->summary.is_resumed);
    assert_int_equal(f->summary.n_asked, 0);
    assert_true(f->summary.n_reused >= asked);
    assert_int_equal(count(f->db, "SELECT count(*) FROM run WHERE status = 'done'"), 2);
    assert_int_equal(
        count(f->db,
              "SELECT count(*) FROM (SELECT DISTINCT j.name, s.measure_id, s.idx, s.value, v.name "
              "FROM score s JOIN job j ON j.id = s.job_id JOIN run_variant v ON v.id = "
              "j.run_variant_id)") *
            2,
        count(f->db, "SELECT count(*) FROM score"));
    no_findings(f->db);
}

static void test_divergence(void **state)
{
    struct fixture *f = *state;
    char path[400];
    write_task(f, 50);
    set(f, "backend", "mock", "precision", "int8,fp32,int4", "kl-docs", "5", "scenario", "none",
        NULL);
    run(f);
    assert_int_equal(f->summary.status, RUN_DONE);
    assert_string_equal(
        ask_db(f->db, "SELECT group_concat(name) FROM run_variant WHERE is_reference"), "fp32");
    assert_int_equal(count(f->db, "SELECT count(*) FROM divergence"), 20);
    assert_int_equal(f->summary.n_items, 150);     /* keeping logits is no item */
    assert_int_equal(count(f->db, "SELECT count(DISTINCT idx) FROM divergence"), 5);
    assert_int_equal(
        count(f->db, "SELECT count(*) FROM job j JOIN run_variant v ON v.id = j.run_variant_id "
                     "WHERE j.kind = 'divergence' AND v.name = 'fp32'"),
        0);
    snprintf(path, sizeof path, "%s-logits", f->db);
    assert_false(fs_exists(path)); /* an intermediate, removed at the end */
    no_findings(f->db);
    /* nll is what was scored, measured another way */
    sqlite3 *h;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(f->db, &h), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(h,
                                        "SELECT v.name, d.n, d.nll, d.kl, r.logprob FROM "
                                        "divergence d JOIN job j ON j.id = d.job_id "
                                        "JOIN run_variant v ON v.id = j.run_variant_id JOIN item i "
                                        "ON i.task_id = j.task_id AND i.idx = d.idx "
                                        "JOIN response r ON r.variant_id = v.variant_id AND "
                                        "r.request = substr(i.requests, d.request * 16 + 1, 16)",
                                        -1, &st, NULL),
                     SQLITE_OK);
    double kl[2] = {0, 0};
    int n_rows = 0;
    while (sqlite3_step(st) == SQLITE_ROW) {
        int n = sqlite3_column_int(st, 1);
        const double *nll = sqlite3_column_blob(st, 2), *k = sqlite3_column_blob(st, 3);
        bool is_int4 = strcmp((const char *)sqlite3_column_text(st, 0), "int4") == 0;
        double sum = 0;
        for (int i = 0; i < n; i++) {
            sum -= nll[i];
            kl[is_int4] += k[i];
            assert_true(k[i] > 0);
        }
        double got = sqlite3_column_double(st, 4);
        assert_true(sum - got < 1e-4 && got - sum < 1e-4);
        n_rows++;
    }
    sqlite3_finalize(st);
    sqlite3_close(h);
    assert_int_equal(n_rows, 20);
    assert_true(kl[1] > 4 * kl[0]); /* fewer bits, farther away */
}

static void test_logits_budget(void **state)
{
    struct fixture *f = *state;
    write_task(f, 50);
    set(f, "backend", "mock", "precision", "fp32,int4", "kl-docs", "8", "scenario", "none",
        "logits-budget", "32K", NULL);
    run(f);
    assert_true(count(f->db, "SELECT count(DISTINCT idx) FROM divergence") < 8);
    assert_true(count(f->db, "SELECT count(DISTINCT idx) FROM divergence") > 0);
    assert_contains(ask_db(f->db, "SELECT warning FROM job WHERE kind = 'divergence'"),
                    "budget was used up");
    new_suite(f);
    write_task(f, 50);
    set(f, "backend", "mock", "precision", "fp32,int4", "kl-docs", "8", "scenario", "none",
        "logits-budget", "100", NULL);
    run(f);
    assert_int_equal(f->summary.status, RUN_DONE);
    assert_contains(ask_db(f->db, "SELECT reason FROM job WHERE status = 'skipped'"),
                    "kept no logits");
}

static void test_limit_and_samples(void **state)
{
    struct fixture *f = *state;
    write_task(f, 40);
    set(f, "backend", "mock", "scenario", "none", "limit", "0.11", NULL);
    run(f);
    assert_int_equal(count(f->db, "SELECT count(*) FROM score WHERE measure_id = 1"), 5);
    new_suite(f);
    write_task(f, 40);
    set(f, "backend", "mock", "scenario", "none", "samples", "{\"pair\": [3, 17, 39]}", NULL);
    run(f);
    assert_string_equal(
        ask_db(f->db, "SELECT group_concat(idx) FROM score WHERE measure_id = 1 AND job_id = 2"),
        "3,17,39");
    assert_true(f->summary.n_reused > 0); /* item 3 was asked before */
    assert_true(f->summary.n_asked > 0);
    no_findings(f->db);
    new_suite(f);
    write_task(f, 40);
    set(f, "backend", "mock", "scenario", "none", "samples", "{\"pair\": [40]}", NULL);
    assert_int_equal(run_fails(f), ASSAY_EUSAGE);
    assert_contains(f->e.msg, "sample 40 does not exist");
    new_suite(f);
    write_task(f, 40);
    set(f, "backend", "mock", "scenario", "none", "samples", "{\"pear\": [1]}", NULL);
    assert_int_equal(run_fails(f), ASSAY_EUSAGE);
}

static void test_capabilities(void **state)
{
    struct fixture *f = *state;
    smoke(f, "fp32");
    set(f, "option", "without=score,probe", NULL);
    run(f);
    assert_int_equal(f->summary.status, RUN_PARTIAL);
    assert_contains(ask_db(f->db, "SELECT reason FROM job WHERE name = 'smoke_choice'"),
                    "cannot score texts");
    assert_string_equal(ask_db(f->db, "SELECT status FROM job WHERE name = 'smoke_arithmetic'"),
                        "done");
    assert_int_equal(count(f->db, "SELECT count(*) FROM result r JOIN job j ON j.id = r.job_id "
                                  "WHERE j.status = 'skipped'"),
                     0);
    no_findings(f->db);
}

/* -- grading again ----------------------------------------------------------------------------- */

static void copy(const char *from, const char *to)
{
    char sql[700];
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", to);
    script(from, sql);
}

static void test_grade(void **state)
{
    struct fixture *f = *state;
    char before[300];
    struct grade_options o = {.db = f->db, .bootstrap = -1};
    struct grade_summary g;
    snprintf(before, sizeof before, "%s/before.db", f->dir);
    smoke(f, "fp32,int8");
    run(f);
    copy(f->db, before);
    script(f->db, "UPDATE score SET value = 0.25; UPDATE result SET value = -1; DELETE FROM result "
                  "WHERE id % 3 = 0");
    assert_ok(grade_run(&o, &g, &f->e), f->e);
    assert_int_equal(g.n_failed, 0);
    assert_int_equal(g.n_jobs, 14);
    same_content(f->db, before);
    no_findings(f->db);
    script(f->db, "DELETE FROM response WHERE request = (SELECT substr(requests, 1, 16) FROM item "
                  "i JOIN task t "
                  "ON t.id = i.task_id WHERE t.name = 'smoke_choice' AND idx = 1)");
    script(f->db, "UPDATE score SET value = 7 WHERE job_id = 1");
    assert_ok(grade_run(&o, &g, &f->e), f->e);
    assert_int_equal(g.n_failed, 2); /* in both variants; their scores stay as they were */
    assert_true(count(f->db, "SELECT count(*) FROM score WHERE job_id = 1 AND value = 7") > 0);
    o.run = "nonesuch";
    assert_int_equal(grade_run(&o, &g, &f->e), ASSAY_EUSAGE);
}

/* -- interruption ------------------------------------------------------------------------------ */

static void slow_suite(struct fixture *f, const char *slow)
{
    write_task(f, 300);
    set(f, "backend", "mock", "precision", "fp32,int8", "scenario", "none", "kl-docs", "3",
        "option", slow, NULL);
    assert_ok(suite_finish(&f->suite, &f->e), f->e);
}

static void test_kill_and_resume(void **state)
{
    struct fixture *f = *state;
    char whole[300];
    int n_killed = 0, rc = -SIGKILL;
    unsigned seed = (unsigned)getpid();
    slow_suite(f, "slow-ns=300000");
    print_message("seed %u\n", seed);
    snprintf(whole, sizeof whole, "%s/whole.db", f->dir);
    for (int i = 0; i < 200 && n_killed < 20 && (rc == -SIGKILL || rc == RUN_DONE); i++) {
        pid_t pid = start(f);
        nap_ms(1 + rand_r(&seed) % 250);
        kill(pid, SIGKILL);
        rc = wait_for(pid);
        n_killed += rc == -SIGKILL;
        if (rc == RUN_DONE) /* it was faster: another run on a fresh database */
            unlink(f->db);
    }
    assert_int_equal(n_killed, 20);
    run(f);
    assert_int_equal(f->summary.status, RUN_DONE);
    no_findings(f->db);
    assert_int_equal(count(f->db, "SELECT count(*) FROM run"), 1);
    char interrupted[300];
    snprintf(interrupted, sizeof interrupted, "%s", f->db);
    snprintf(f->db, sizeof f->db, "%s", whole);
    run(f);
    same_content(interrupted, whole);
}

static void test_interrupt(void **state)
{
    struct fixture *f = *state;
    slow_suite(f, "slow-ns=2000000");
    pid_t pid = start(f);
    nap_ms(700);
    kill(pid, SIGINT);
    assert_int_equal(wait_for(pid), RUN_INTERRUPTED);
    assert_string_equal(ask_db(f->db, "SELECT status FROM run"), "interrupted");
    assert_string_equal(ask_db(f->db, "SELECT status FROM run_variant WHERE name = 'fp32'"),
                        "interrupted");
    long n = count(f->db, "SELECT count(*) FROM response");
    assert_true(n > 0);
    run(f);
    assert_true(f->summary.is_resumed);
    assert_int_equal(f->summary.status, RUN_DONE);
    assert_true((long)f->summary.n_asked <= count(f->db, "SELECT count(*) FROM response") - n);
    no_findings(f->db);
}

static void test_two_runs_at_once(void **state)
{
    struct fixture *f = *state;
    slow_suite(f, "slow-ns=5000000");
    pid_t pid = start(f);
    for (int i = 0; i < 200 && access(f->db, F_OK) < 0; i++)
        nap_ms(10);
    assert_int_equal(run_fails(f), ASSAY_ESTATE);
    assert_contains(f->e.msg, "in use by another assay");
    kill(pid, SIGKILL);
    wait_for(pid);
    struct store_lock lock; /* its child goes with it */
    assert_ok(store_lock(f->db, false, &lock, &f->e), f->e);
    store_unlock(&lock);
}

/* -- what bad input leaves behind -------------------------------------------------------------- */

static void nothing_written(struct fixture *f, int code, const char *part)
{
    assert_int_equal(run_fails(f), code);
    assert_contains(f->e.msg, part);
    assert_false(fs_exists(f->db));
}

static void test_nothing_written(void **state)
{
    struct fixture *f = *state;
    char path[300];
    smoke(f, "fp32");
    set(f, "tasks", "no_such_task", NULL);
    nothing_written(f, ASSAY_EUSAGE, "no_such_task");
    new_suite(f);
    set(f, "model", "/nonexistent/model.gguf", "scenario", "prefill:4", NULL);
    nothing_written(f, ASSAY_EIO, "/nonexistent/model.gguf");
    new_suite(f);
    set(f, "backend", "mock", "option", "nois=1", "scenario", "prefill:4", NULL);
    nothing_written(f, ASSAY_EUSAGE, "did you mean 'noise'");
    new_suite(f);
    set(f, "backend", "mocc", "scenario", "prefill:4", NULL);
    nothing_written(f, ASSAY_EUSAGE, "did you mean 'mock'");
    new_suite(f);
    write_task(f, 5);
    set(f, "backend", "mock", "scenario", "none", NULL);
    snprintf(path, sizeof path, "%s/rows.jsonl", f->dir);
    static const char rows[] =
        "{\"start\": \"a\", \"good\": \"b\", \"bad\": \"c\"}\n{\"start\": \"a\", \"good\n";
    temp_write(path, rows, sizeof rows - 1);
    nothing_written(f, ASSAY_EFORMAT, "rows.jsonl:2:");
}

static void test_bad_databases(void **state)
{
    struct fixture *f = *state;
    write_task(f, 5);
    set(f, "backend", "mock", "scenario", "none", NULL);
    run(f);
    script(f->db, "PRAGMA user_version = 7");
    assert_int_equal(run_fails(f), ASSAY_EUNSUPPORTED);
    assert_contains(f->e.msg, "newer version");
    unlink(f->db);
    script(f->db, "CREATE TABLE mine (a); INSERT INTO mine VALUES (1)");
    assert_int_equal(run_fails(f), ASSAY_EFORMAT);
    assert_int_equal(count(f->db, "SELECT count(*) FROM mine"), 1);
}

static void test_disk_full(void **state)
{
    struct fixture *f = *state;
    write_task(f, 3000);
    set(f, "backend", "mock", "scenario", "none", NULL);
    assert_ok(suite_finish(&f->suite, &f->e), f->e);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit limit = {300000, 300000};
        setrlimit(RLIMIT_FSIZE, &limit);
        int rc = run_fails(f);
        _exit(rc >= 0 ? f->summary.status == RUN_DONE : strstr(f->e.msg, "disk full") ? 0 : 2);
    }
    assert_int_equal(wait_for(pid), 0);
    if (fs_exists(f->db))
        no_findings(f->db);
    run(f); /* with room again it is completed */
    assert_int_equal(f->summary.status, RUN_DONE);
    assert_int_equal(count(f->db, "SELECT count(*) FROM item"), 3000);
    no_findings(f->db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_divergence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_logits_budget, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limit_and_samples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_capabilities, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_grade, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kill_and_resume, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_runs_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_databases, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disk_full, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
