/* test_decide.c - early stopping over the mock backend: who is decided how and where, that the order
 * and the place are what the seed says, resumption, grading, failures, what is refused. */
#include "tests/run/run_test.h"
#include "harness/run/decide.h"
#include "harness/run/grade.h"

enum { ROWS = 3000, SEED = 42 };

/* Beside the task "pair" its opposite, "zwei", of which the reference gets 85 % right. */
static void write_tasks(struct fixture *f, int n)
{
    char path[300], other[300], line[200], text[2000];
    write_task(f, n);
    snprintf(path, sizeof path, "%s/pair.yaml", f->dir);
    snprintf(other, sizeof other, "%s/zwei.yaml", f->dir);
    FILE *in = fopen(path, "r"), *out = fopen(other, "w");
    assert_true(in && out);
    while (fgets(line, sizeof line, in)) {
        snprintf(text, sizeof text, "%s", line);
        if (strncmp(line, "task:", 5) == 0)
            snprintf(text, sizeof text, "task: zwei\n");
        if (strncmp(line, "doc_to_target", 13) == 0)
            snprintf(text, sizeof text, "doc_to_target: 1\n");
        fputs(text, out);
    }
    fclose(in);
    assert_int_equal(fclose(out), 0);
    new_suite(f);
}

static void suite(struct fixture *f, const char *extra_key, const char *extra)
{
    char text[700];
    write_tasks(f, ROWS);
    snprintf(text, sizeof text, "%s/pair.yaml,%s/zwei.yaml", f->dir, f->dir);
    set(f, "tasks", text, "backend", "mock", "scenario", "none", "kl-docs", "0", "bootstrap", "0",
        "stop-when", "decided", "margin", "3pp", extra_key, extra, NULL);
}

/* "fine" loses half a point, "noisy" 17. */
static const char variants[] =
    "models:\n  - model: any\n    backend: mock\n    variants:\n"
    "      - {name: ref, precision: fp32}\n"
    "      - {name: fine, precision: fp32, noise: 1}\n"
    "      - {name: noisy, precision: fp32, noise: 50}\n"
    "scenario: none\nkl-docs: 0\nbootstrap: 0\nstop-when: decided\n";

static void file_suite(struct fixture *f, int n, const char *more)
{
    char yaml[2000];
    write_tasks(f, n);
    snprintf(yaml, sizeof yaml, "%stasks: %s/zwei.yaml\n%s", variants, f->dir, more);
    load(f, yaml);
}

struct asked { /* an item and what two variants made of it */
    uint64_t key;
    int reference, subject; /* -1: not asked */
};

static int by_key(const void *x, const void *y)
{
    const struct asked *p = x, *q = y;
    return (p->key > q->key) - (p->key < q->key);
}

/* All items of the tasks in the order of the seed, with the scores of the reference and `name`. */
static size_t read_asked(struct fixture *f, const char *name, struct asked *out)
{
    sqlite3 *h;
    sqlite3_stmt *st;
    size_t n = 0;
    assert_int_equal(sqlite3_open(f->db, &h), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(
            h,
            "SELECT j.name, s.idx, s.value, t.value FROM job j JOIN run_variant v ON v.id = "
            "j.run_variant_id AND v.is_reference JOIN score s ON s.job_id = j.id JOIN measure m ON "
            "m.id = s.measure_id AND m.metric = 'acc' LEFT JOIN (SELECT k.name, x.idx, x.measure_id,"
            " x.value FROM job k JOIN run_variant w ON w.id = k.run_variant_id AND w.name = ?1 JOIN "
            "score x ON x.job_id = k.id) t ON t.name = j.name AND t.idx = s.idx AND t.measure_id = "
            "s.measure_id",
            -1, &st, NULL),
        SQLITE_OK);
    sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
    while (sqlite3_step(st) == SQLITE_ROW) {
        const char *task = (const char *)sqlite3_column_text(st, 0);
        bool is_there = sqlite3_column_type(st, 3) != SQLITE_NULL;
        out[n++] = (struct asked){decide_key(SEED, task, (size_t)sqlite3_column_int64(st, 1)),
                                  sqlite3_column_int(st, 2),
                                  is_there ? sqlite3_column_int(st, 3) : -1};
    }
    sqlite3_finalize(st);
    sqlite3_close(h);
    qsort(out, n, sizeof *out, by_key);
    return n;
}

static long decided(struct fixture *f, const char *name, const char *column)
{
    char sql[300];
    snprintf(sql, sizeof sql,
             "SELECT d.%s FROM decision d JOIN run_variant v ON v.id = d.run_variant_id WHERE "
             "v.name = '%s'",
             column, name);
    return count(f->db, sql);
}

/* The first looks find nothing, the last one decides as the store says; nothing later was asked. */
static void check_course(struct fixture *f, const char *name, enum betting_verdict expected,
                         double margin, double level)
{
    static struct asked items[2 * ROWS];
    size_t n = read_asked(f, name, items), at = 0;
    int64_t losses = 0, gains = 0, seen = decided(f, name, "n_seen");
    enum betting_verdict v = BETTING_OPEN;
    assert_int_equal(n, decided(f, name, "n_items"));
    while (v == BETTING_OPEN && at < n) {
        int64_t to = betting_next_look((int64_t)at);
        for (; at < n && (int64_t)at < to; at++) {
            assert_true(items[at].subject >= 0);
            losses += items[at].reference > items[at].subject;
            gains += items[at].reference < items[at].subject;
        }
        v = betting_decide(losses, gains, (int64_t)at, margin, level);
    }
    assert_int_equal(v, expected);
    assert_int_equal(at, seen);
    assert_int_equal(losses, decided(f, name, "losses"));
    assert_int_equal(gains, decided(f, name, "gains"));
    for (; at < n; at++)
        assert_int_equal(items[at].subject, -1);
}

static void test_decides(void **state)
{
    struct fixture *f = *state;
    suite(f, "precision", "fp32,int8,int4,fp16");
    run(f);
    assert_int_equal(f->summary.status, RUN_DONE);
    no_findings(f->db);
    print_message("%s\n", ask_db(f->db, "SELECT group_concat(v.name || ' ' || d.verdict || ' ' || "
                                        "d.n_seen || ' -' || d.losses || ' +' || d.gains, '; ') FROM "
                                        "decision d JOIN run_variant v ON v.id = d.run_variant_id"));
    assert_int_equal(count(f->db, "SELECT count(*) FROM decision WHERE n_items = 6000 AND "
                                  "margin = 0.03 AND alpha = 0.05 AND n_subjects = 3"),
                     3);
    check_course(f, "int8", BETTING_PASS, 0.03, 0.05 / 3);
    assert_true(decided(f, "int8", "n_seen") < 1500);
    check_course(f, "int4", BETTING_PASS, 0.03, 0.05 / 3);
    long saved = count(f->db, "SELECT sum(n_items - n_seen) FROM decision");
    assert_int_equal(f->summary.n_saved, saved);
    assert_int_equal(f->summary.n_items, 4 * 6000 - saved);
    assert_int_equal(
        count(f->db, "SELECT count(*) FROM job j JOIN decision d ON d.run_variant_id = "
                     "j.run_variant_id WHERE d.n_seen < d.n_items AND (j.status <> 'done' OR "
                     "j.reason <> 'decided' OR j.n_items <> 3000 OR j.n_done >= 3000)"),
        0);
    assert_int_equal(count(f->db, "SELECT sum(n_done) FROM job j JOIN decision d ON "
                                  "d.run_variant_id = j.run_variant_id"),
                     count(f->db, "SELECT sum(n_seen) FROM decision"));
    /* the reference was asked everything; nobody's accuracy counts what was not asked */
    assert_int_equal(count(f->db, "SELECT sum(j.n_done) FROM job j JOIN run_variant v ON v.id = "
                                  "j.run_variant_id WHERE v.is_reference"),
                     6000);
    assert_int_equal(count(f->db, "SELECT count(*) FROM result r JOIN job j ON j.id = r.job_id "
                                  "WHERE r.n <> j.n_done"),
                     0);
}

static void test_both_ways(void **state)
{
    struct fixture *f = *state;
    file_suite(f, ROWS, "margin: 3pp\n");
    run(f);
    assert_int_equal(f->summary.status, RUN_DONE);
    check_course(f, "fine", BETTING_PASS, 0.03, 0.05 / 2);
    check_course(f, "noisy", BETTING_FAIL, 0.03, 0.05 / 2);
    no_findings(f->db);
    /* the same order for all variants, another with another seed */
    long seen = decided(f, "noisy", "n_seen");
    unlink(f->db);
    file_suite(f, ROWS, "margin: 3pp\nseed: 7\n");
    run(f);
    assert_true(decided(f, "noisy", "losses") > 20 && seen < ROWS);
    assert_true(decide_key(SEED, "pair", 5) != decide_key(7, "pair", 5));
    assert_true(decide_key(SEED, "pair", 5) != decide_key(SEED, "zwei", 5));
}

/* At the margin's edge nothing is decided, and that is what the store says. */
static void test_undecided(void **state)
{
    struct fixture *f = *state;
    file_suite(f, 100, "margin: 1pp\n");
    run(f);
    assert_string_equal(ask_db(f->db, "SELECT group_concat(DISTINCT verdict) FROM decision WHERE "
                                      "run_variant_id = 2"),
                        "inconclusive");
    assert_int_equal(decided(f, "fine", "n_seen"), 100);
    assert_int_equal(count(f->db, "SELECT count(*) FROM job WHERE reason NOTNULL AND "
                                  "run_variant_id = 2"),
                     0);
    assert_int_equal(f->summary.n_saved, 0);
    no_findings(f->db);
}

static void test_kill_and_resume(void **state)
{
    struct fixture *f = *state;
    char whole[300], interrupted[300];
    unsigned seed = (unsigned)getpid();
    int n_killed = 0;
    suite(f, "precision", "fp32,int8,int2");
    set(f, "limit", "700", "option", "slow-ns=100000", NULL);
    assert_ok(suite_finish(&f->suite, &f->e), f->e);
    print_message("seed %u\n", seed);
    for (int i = 0; i < 60 && n_killed < 6; i++) {
        pid_t pid = start(f);
        nap_ms(1 + rand_r(&seed) % 250);
        kill(pid, SIGKILL);
        int rc = wait_for(pid);
        n_killed += rc == -SIGKILL;
        if (rc == RUN_DONE)
            unlink(f->db);
    }
    assert_true(n_killed > 3);
    run(f);
    assert_int_equal(f->summary.status, RUN_DONE);
    no_findings(f->db);
    snprintf(interrupted, sizeof interrupted, "%s", f->db);
    snprintf(whole, sizeof whole, "%s/whole.db", f->dir);
    snprintf(f->db, sizeof f->db, "%s", whole);
    run(f);
    assert_true(count(whole, "SELECT count(*) FROM decision WHERE n_seen < n_items") > 0);
    same_content(interrupted, whole);
}

static void test_grade(void **state)
{
    struct fixture *f = *state;
    char before[300], sql[700];
    struct grade_options o = {.db = f->db, .bootstrap = -1};
    struct grade_summary g;
    file_suite(f, ROWS, "margin: 3pp\n");
    run(f);
    snprintf(before, sizeof before, "%s/before.db", f->dir);
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", before);
    script(f->db, sql);
    script(f->db, "UPDATE score SET value = 0.25; UPDATE result SET value = -1");
    assert_ok(grade_run(&o, &g, &f->e), f->e);
    assert_int_equal(g.n_failed, 0);
    assert_int_equal(g.n_jobs, 3);
    assert_int_equal(count(f->db, "SELECT count(*) FROM job WHERE reason = 'decided'"), 2);
    no_findings(f->db);
    script(f->db, "DELETE FROM decision");      /* what the checks are for */
    struct store *s;
    size_t n;
    assert_ok(store_open(f->db, STORE_READ, &s, &f->e), f->e);
    assert_ok(store_check(s, NULL, NULL, &n, &f->e), f->e);
    store_close(s);
    assert_int_equal(n, 2);
}

/* A task that fails takes the decision with it; the others are asked wholly. */
static void test_failure(void **state)
{
    struct fixture *f = *state;
    char yaml[2000];
    write_tasks(f, ROWS);
    snprintf(yaml, sizeof yaml,
             "models:\n  - model: any\n    backend: mock\n    variants:\n"
             "      - {name: ref, precision: fp32}\n"
             "      - {name: bad, precision: int8, error-at: 200}\n"
             "tasks: [%s/pair.yaml, %s/zwei.yaml]\nlimit: 600\nscenario: none\nkl-docs: 0\n"
             "stop-when: decided\nmargin: 1pp\n",
             f->dir, f->dir);
    load(f, yaml);
    run(f);
    assert_int_equal(f->summary.status, RUN_PARTIAL);
    assert_int_equal(count(f->db, "SELECT count(*) FROM decision"), 0);
    assert_int_equal(count(f->db, "SELECT count(*) FROM job WHERE status = 'failed' AND reason LIKE "
                                  "'scripted error%'"),
                     1);
    assert_int_equal(count(f->db, "SELECT count(*) FROM job WHERE run_variant_id = 2 AND status = "
                                  "'done' AND n_done = 600 AND reason IS NULL"),
                     1);
    no_findings(f->db);
}

static void refuses(struct fixture *f, const char *key, const char *text, const char *part)
{
    new_suite(f);
    write_task(f, 20);
    set(f, "backend", "mock", "precision", "fp32,int8", "scenario", "none", "stop-when", "decided",
        key, text, NULL);
    assert_int_equal(suite_finish(&f->suite, &f->e), ASSAY_EUSAGE);
    assert_contains(f->e.msg, part);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    refuses(f, "stop-when", "soon", "expected 'decided', found 'soon'");
    refuses(f, "margin", "1%", "expected percentage points");
    refuses(f, "margin", "0", "from 0.01 to 50");
    refuses(f, "margin", "nan", "found 'nan'");
    new_suite(f);
    write_task(f, 20);
    set(f, "backend", "mock", "precision", "fp32", "stop-when", "decided", NULL);
    assert_int_equal(suite_finish(&f->suite, &f->e), ASSAY_EUSAGE);
    assert_contains(f->e.msg, "give a second one");
    new_suite(f);
    set(f, "backend", "mock", "precision", "fp32,int8", "scenario", "none,prefill:4", "stop-when",
        "decided", NULL);
    assert_int_equal(suite_finish(&f->suite, &f->e), ASSAY_EUSAGE);
    assert_contains(f->e.msg, "no tasks to decide by");
    new_suite(f);
    write_task(f, 20);
    set(f, "backend", "mock", "precision", "fp32,int8", "margin", "2pp", NULL);
    assert_int_equal(suite_finish(&f->suite, &f->e), ASSAY_EUSAGE);
    assert_contains(f->e.msg, "go with 'stop-when: decided'");
    /* the identity of a run that does not stop is what it was before there was stopping */
    new_suite(f);
    write_task(f, 20);
    set(f, "backend", "mock", "precision", "fp32,int8", NULL);
    assert_ok(suite_finish(&f->suite, &f->e), f->e);
    assert_null(strstr(f->suite.json, "margin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_undecided, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kill_and_resume, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_grade, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
