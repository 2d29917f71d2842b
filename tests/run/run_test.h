/* run_test.h - what the tests of runs share: suites over the mock backend, databases to look
 * into. */
#ifndef RUN_TEST_H
#define RUN_TEST_H
#include "tests/testing.h"
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/base/fs.h"
#include "harness/run/run.h"
#include "harness/run/suite.h"
#include "harness/store/store.h"

struct fixture {
    char dir[256], db[300];
    struct arena arena;
    struct suite suite;
    struct assay_err e;
    struct run_summary summary;
};

/* The mock lies beside the tests: BUILD/tests/run/test_x -> BUILD/backends. */
static inline void find_backends(void)
{
    struct arena a = {0};
    const char *self = fs_self_dir(&a);
    setenv("ASSAY_BACKEND_PATH", fs_join(&a, self, "../../backends"), 1);
    arena_release(&a);
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_dir(f->dir);
    snprintf(f->db, sizeof f->db, "%s/t.db", f->dir);
    suite_init(&f->suite, &f->arena);
    find_backends();
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    temp_remove(f->dir);
    arena_release(&f->arena);
    free(f);
    return 0;
}

/* "key", "text", ..., NULL */
static inline void set(struct fixture *f, ...)
{
    va_list ap;
    const char *key;
    va_start(ap, f);
    while ((key = va_arg(ap, const char *)))
        assert_ok(suite_set(&f->suite, key, va_arg(ap, const char *), &f->e), f->e);
    va_end(ap);
}

static inline void new_suite(struct fixture *f)
{
    suite_init(&f->suite, &f->arena);
}

static inline void load(struct fixture *f, const char *yaml)
{
    char path[300];
    snprintf(path, sizeof path, "%s/suite.yaml", f->dir);
    temp_write(path, yaml, strlen(yaml));
    new_suite(f);
    assert_ok(suite_load(&f->suite, path, &f->e), f->e);
}

/* A task of n pairs, one of them asked before; its name is "pair". */
static inline void write_task(struct fixture *f, int n)
{
    char path[300];
    static const char task[] =
        "task: pair\ndataset_path: json\ndataset_kwargs: {data_files: {test: rows.jsonl}}\n"
        "test_split: test\noutput_type: multiple_choice\ndoc_to_text: \"{{start}}\"\n"
        "doc_to_target: 0\ndoc_to_choice: \"{{[good, bad]}}\"\nmetric_list:\n"
        "  - {metric: acc, aggregation: mean, higher_is_better: true}\n"
        "  - {metric: acc_norm, aggregation: mean, higher_is_better: true}\n";
    snprintf(path, sizeof path, "%s/pair.yaml", f->dir);
    temp_write(path, task, sizeof task - 1);
    snprintf(path, sizeof path, "%s/rows.jsonl", f->dir);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    for (int i = 0; i < n; i++)
        fprintf(out, "{\"start\": \"item %d says\", \"good\": \"yes %d\", \"bad\": \"no %d\"}\n",
                i % 97, i * 7 % 89, i * 3 % 83);
    assert_int_equal(fclose(out), 0);
    snprintf(path, sizeof path, "%s/pair.yaml", f->dir);
    set(f, "tasks", path, NULL);
}

static inline void run(struct fixture *f)
{
    struct run_options o = {.db = f->db, .command = "test", .version = "0"};
    if (!f->suite.json)
        assert_ok(suite_finish(&f->suite, &f->e), f->e);
    assert_ok(run_suite(&f->suite, &o, &f->summary, &f->e), f->e);
}

static inline int run_fails(struct fixture *f)
{
    struct run_options o = {.db = f->db, .command = "test", .version = "0"};
    if (!f->suite.json)
        assert_ok(suite_finish(&f->suite, &f->e), f->e);
    return run_suite(&f->suite, &o, &f->summary, &f->e);
}

/* First column of the first row as text, "" for none; the caller does not free. */
static inline const char *ask_db(const char *db, const char *sql)
{
    static char out[1024];
    sqlite3 *h;
    sqlite3_stmt *st;
    out[0] = 0;
    assert_int_equal(sqlite3_open_v2(db, &h, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(h, sql, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(h));
    if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_text(st, 0))
        snprintf(out, sizeof out, "%s", (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    sqlite3_close(h);
    return out;
}

static inline long count(const char *db, const char *sql)
{
    return strtol(ask_db(db, sql), NULL, 10);
}

static inline void script(const char *db, const char *sql)
{
    sqlite3 *h;
    assert_int_equal(sqlite3_open(db, &h), SQLITE_OK);
    if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(h));
    sqlite3_close(h);
}

static inline pid_t start(struct fixture *f)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct run_options o = {.db = f->db, .command = "test", .version = "0"};
        int rc = run_suite(&f->suite, &o, &f->summary, &f->e);
        if (rc < 0)
            fprintf(stderr, "%s\n", f->e.msg);
        _exit(rc < 0 ? 100 - rc : (int)f->summary.status);
    }
    assert_true(pid > 0);
    return pid;
}

static inline int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void nap_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static inline void no_findings(const char *db)
{
    struct store *s;
    struct assay_err e = {0};
    size_t n;
    assert_ok(store_open(db, STORE_READ, &s, &e), e);
    assert_ok(store_check(s, NULL, NULL, &n, &e), e);
    store_close(s);
    assert_int_equal(n, 0);
}

/* Everything two databases must agree on, bit for bit: answers, items, scores, results. */
static inline void same_content(const char *db, const char *other)
{
    static const char *const queries[] = {
        "SELECT v.uid, r.request, r.logprob, r.n_tokens, r.is_greedy, r.text, r.finish, r.n_prompt "
        "FROM x.response r JOIN x.variant v ON v.id = r.variant_id",
        "SELECT v.name, j.name, n.kind, n.detail, n.n, n.n_of FROM x.notice n JOIN x.job j ON "
        "j.id = n.job_id JOIN x.run_variant v ON v.id = j.run_variant_id",
        "SELECT t.uid, i.idx, i.doc_uid, i.prompt, i.choices, i.target, i.requests "
        "FROM x.item i JOIN x.task t ON t.id = i.task_id",
        "SELECT v.name, j.name, m.metric, m.filter, s.idx, s.value, s.weight, s.detail "
        "FROM x.score s "
        "JOIN x.job j ON j.id = s.job_id JOIN x.run_variant v ON v.id = j.run_variant_id "
        "JOIN x.measure m ON m.id = s.measure_id",
        "SELECT v.name, j.name, g.name, m.metric, m.filter, r.value, r.stderr, r.n FROM x.result r "
        "JOIN x.run_variant v ON v.id = r.run_variant_id LEFT JOIN x.job j ON j.id = r.job_id "
        "LEFT JOIN x.task_group g ON g.id = r.group_id JOIN x.measure m ON m.id = r.measure_id",
        "SELECT v.name, j.name, d.idx, d.request, d.n, d.kl, d.same_top, d.delta_p, d.nll, "
        "d.nll_ref FROM x.divergence d JOIN x.job j ON j.id = d.job_id "
        "JOIN x.run_variant v ON v.id = j.run_variant_id",
        "SELECT v.name, d.verdict, d.n_items, d.n_seen, d.losses, d.gains, d.e_pass, d.e_fail "
        "FROM x.decision d JOIN x.run_variant v ON v.id = d.run_variant_id",
    };
    sqlite3 *h;
    char sql[4096];
    assert_int_equal(sqlite3_open(":memory:", &h), SQLITE_OK);
    snprintf(sql, sizeof sql, "ATTACH '%s' AS a; ATTACH '%s' AS b", db, other);
    assert_int_equal(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < N_OF(queries) * 2; i++) {
        char one[900], two[900];
        size_t n = 0;
        for (int side = 0; side < 2; side++) {
            char *out = side ? two : one;
            snprintf(out, 900, "%s", queries[i / 2]);
            for (char *p = out; (p = strstr(p, "x.")); p += 2)
                if (p[-1] == ' ')
                    p[0] = (side ^ (int)(i & 1)) ? 'b' : 'a';
        }
        sqlite3_stmt *st;
        snprintf(sql, sizeof sql, "SELECT (SELECT count(*) FROM (%s)), count(*) FROM (%s EXCEPT %s)",
                 one, one, two);
        if (sqlite3_prepare_v2(h, sql, -1, &st, NULL) != SQLITE_OK)
            fail_msg("%s", sqlite3_errmsg(h));
        assert_int_equal(sqlite3_step(st), SQLITE_ROW);
        n = (size_t)sqlite3_column_int64(st, 1);
        if (i < 10)
            assert_true(sqlite3_column_int64(st, 0) > 0);
        sqlite3_finalize(st);
        if (n)
            fail_msg("%zu rows differ: %s", n, queries[i / 2]);
    }
    sqlite3_close(h);
}
#endif
