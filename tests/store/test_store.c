/* test_store.c - the database: creation, refusals, locking, rows and their care. */
#include "tests/testing.h"
#include <fcntl.h>
#include <grp.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/store/store.h"

struct fixture {
    char dir[256], db[300];
    struct assay_err e;
    struct arena arena;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_dir(f->dir);
    snprintf(f->db, sizeof f->db, "%s/t.db", f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    temp_remove(f->dir);
    arena_release(&f->arena);
    free(f);
    return 0;
}

static void script(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* A run with one variant, one task of two items, their responses and scores. */
struct rows {
    int64_t machine, model, variant, task, run, run_variant, job, measure;
};

static void put_response(struct store *s, int64_t variant, uint8_t key, double logprob)
{
    struct assay_err e = {0};
    struct store_response r = {
        .request = {key}, .logprob = logprob, .n_tokens = 3, .is_greedy = 1, .n_prompt = 5};
    bool kept;
    assert_ok(store_put_response(s, variant, &r, &kept, &e), e);
}

static void put_ids(struct store *s, struct rows *r, struct arena *a)
{
    struct assay_err e = {0};
    struct store_machine machine = {"m-uid", "host", "class", "{}", "{}"};
    struct store_model model = {
        .uid = "mo-uid", .name = "m", .path = "m.gguf", .bytes = STORE_NULL, .n_params = 7};
    struct store_run run = {.uid = "0190-run",
                            .plan_uid = "plan",
                            .suite = "{}",
                            .command = "assay run",
                            .version = "0",
                            .status = "running",
                            .started_ns = 1,
                            .ended_ns = STORE_NULL};
    struct store_task task = {.uid = "t-uid",
                              .name = "t",
                              .output_type = "multiple_choice",
                              .config_uid = "c",
                              .dataset_uid = "d",
                              .dataset = "d.jsonl",
                              .config = "{}"};
    assert_ok(store_put_machine(s, &machine, &r->machine, &e), e);
    assert_ok(store_put_model(s, &model, &r->model, &e), e);
    struct store_variant variant = {"v-uid", "mock", "1", "fp32", "{}", "{}", r->model};
    assert_ok(store_put_variant(s, &variant, &r->variant, &e), e);
    run.machine_id = r->machine;
    assert_ok(store_add_run(s, &run, &e), e);
    r->run = run.id;
    assert_ok(store_put_task(s, &task, &r->task, &e), e);
    struct store_run_variant v;
    store_run_variant_init(&v);
    v.run_id = r->run;
    v.position = 0;
    v.name = "fp32";
    v.is_reference = true;
    assert_ok(store_plan_variant(s, &v, a, &e), e);
    r->run_variant = v.id;
    v.variant_id = r->variant;
    v.status = "done";
    v.load_ns = 12;
    assert_ok(store_set_variant(s, &v, &e), e);
    struct store_job j;
    store_job_init(&j);
    j.run_variant_id = v.id;
    j.kind = "task";
    j.name = "t";
    j.task_id = r->task;
    j.n_items = 2;
    assert_ok(store_plan_job(s, &j, a, &e), e);
    r->job = j.id;
    j.status = "done";
    j.n_done = 2;
    assert_ok(store_set_job(s, &j, &e), e);
    assert_ok(store_measure(s, "acc", "none", &r->measure, &e), e);
}

static void put_rows(struct store *s, struct rows *r, struct arena *a)
{
    struct assay_err e = {0};
    assert_ok(store_begin(s, &e), e);
    put_ids(s, r, a);
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t key[STORE_KEY] = {i};
        struct store_item item = {.task_id = r->task,
                                  .idx = i,
                                  .prompt = "p",
                                  .prompt_n = 1,
                                  .target = "0",
                                  .target_n = 1,
                                  .requests = key,
                                  .n_requests = 1};
        struct store_score score = {r->job, r->measure, i, i, NAN, NULL};
        assert_ok(store_put_item(s, &item, &e), e);
        put_response(s, r->variant, i, -1.5 - i);
        assert_ok(store_put_score(s, &score, &e), e);
    }
    struct store_result result = {.run_variant_id = r->run_variant,
                                  .job_id = r->job,
                                  .group_id = STORE_NULL,
                                  .measure_id = r->measure,
                                  .n = 2,
                                  .higher_is_better = 1,
                                  .value = 0.5,
                                  .stderr_ = 0.5,
                                  .aggregation = "mean"};
    assert_ok(store_put_result(s, &result, &e), e);
    assert_ok(store_put_result(s, &result, &e), e); /* again: still one */
    assert_ok(store_commit(s, &e), e);
}

static int64_t count(struct store *s, const char *sql)
{
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(store_sqlite(s), sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

static void refuses(struct fixture *f, enum store_mode mode, int code, const char *part)
{
    struct store *s = NULL;
    f->e.msg[0] = 0;
    assert_int_equal(store_open(f->db, mode, &s, &f->e), code);
    assert_null(s);
    assert_contains(f->e.msg, part);
    assert_contains(f->e.msg, "t.db");
}

/* -- opening ----------------------------------------------------------------------------------- */

static void test_create(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    assert_ok(store_open(f->db, STORE_CREATE, &s, &f->e), f->e);
    assert_int_equal(count(s, "PRAGMA application_id"), 0x61737379);
    assert_int_equal(count(s, "PRAGMA user_version"), STORE_SCHEMA);
    assert_int_equal(count(s, "PRAGMA foreign_keys"), 1);
    assert_int_equal(
        count(
            s,
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%STRICT%'"),
        0);
    store_close(s);
    assert_ok(store_open(f->db, STORE_WRITE, &s, &f->e), f->e);
    store_close(s);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    refuses(f, STORE_READ, ASSAY_EIO, "does not exist");
    refuses(f, STORE_WRITE, ASSAY_EIO, "does not exist");
    temp_write(f->db, "", 0);
    refuses(f, STORE_READ, ASSAY_EFORMAT, "empty file");
    temp_write(f->db,
               "this is no database, only a text that is long enough to be looked "
               "at..........................................",
               100);
    refuses(f, STORE_CREATE, ASSAY_EFORMAT, "not a database");
    unlink(f->db);
    script(f->db, "CREATE TABLE x (a)");
    refuses(f, STORE_CREATE, ASSAY_EFORMAT, "another program");
    unlink(f->db);
    assert_int_equal(mkdir(f->db, 0700), 0);
    refuses(f, STORE_READ, ASSAY_EFORMAT, "no regular file");
    rmdir(f->db);
}

static void test_versions(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    int from, to;
    assert_ok(store_open(f->db, STORE_CREATE, &s, &f->e), f->e);
    store_close(s);
    script(f->db, "PRAGMA user_version = 9");
    refuses(f, STORE_WRITE, ASSAY_EUNSUPPORTED, "newer version (schema 9");
    refuses(f, STORE_READ, ASSAY_EUNSUPPORTED, "newer version");
    assert_int_equal(store_migrate(f->db, &from, &to, &f->e), ASSAY_EUNSUPPORTED);
    script(f->db, "PRAGMA user_version = 4");
    assert_ok(store_migrate(f->db, &from, &to, &f->e), f->e);
    assert_int_equal(from, STORE_SCHEMA);
    assert_int_equal(to, STORE_SCHEMA);
    script(f->db, "DROP TABLE decision; DROP TABLE notice; ALTER TABLE response DROP COLUMN is_cut; "
                  "ALTER TABLE sample DROP COLUMN round; DROP TABLE energy; DROP TABLE idle; DROP TABLE cluster; "
                  "PRAGMA user_version = 1"); /* as version 1 left it */
    refuses(f, STORE_WRITE, ASSAY_EUNSUPPORTED, "assay db migrate");
    assert_ok(store_migrate(f->db, &from, &to, &f->e), f->e);
    assert_int_equal(from, 1);
    assert_int_equal(to, STORE_SCHEMA);
    assert_ok(store_open(f->db, STORE_WRITE, &s, &f->e), f->e);
    assert_int_equal(count(s, "SELECT count(*) FROM decision"), 0);
    assert_int_equal(count(s, "SELECT count(*) FROM notice"), 0);
    assert_int_equal(count(s, "SELECT count(is_cut) FROM response"), 0);
    assert_int_equal(count(s, "SELECT count(*) FROM energy, idle"), 0);
    store_close(s);
    script(f->db, "PRAGMA user_version = 0");
    refuses(f, STORE_WRITE, ASSAY_EUNSUPPORTED, "assay db migrate");
}

/* Root writes through permissions, so the check is made as nobody. */
static void as_nobody(void (*fn)(struct fixture *), struct fixture *f)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0))
            _exit(77);
        fn(f);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("cannot become another user\n");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void try_read_only(struct fixture *f)
{
    struct store *s;
    struct store_lock lock;
    if (store_open(f->db, STORE_WRITE, &s, &f->e) != ASSAY_EIO || !strstr(f->e.msg, "read-only"))
        _exit(1);
    if (store_lock(f->db, false, &lock, &f->e) != ASSAY_EIO || !strstr(f->e.msg, "read-only"))
        _exit(2);
    if (store_open(f->db, STORE_READ, &s, &f->e) < 0) /* in a folder it cannot write either */
        _exit(3);
    store_close(s);
}

static void test_read_only(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    assert_ok(store_open(f->db, STORE_CREATE, &s, &f->e), f->e);
    store_close(s);
    chmod(f->db, 0444);
    chmod(f->dir, 0555);
    as_nobody(try_read_only, f);
    chmod(f->dir, 0700);
}

static void test_disk_full_on_creation(void **state)
{
    struct fixture *f = *state;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct store *s;
        struct rlimit limit = {8192, 8192};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        int rc = store_open(f->db, STORE_CREATE, &s, &f->e);
        _exit(rc != ASSAY_EIO                  ? 1
              : !strstr(f->e.msg, "disk full") ? 2
              : access(f->db, F_OK) == 0       ? 3
                                               : 0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_lock(void **state)
{
    struct fixture *f = *state;
    struct store_lock lock, second;
    assert_ok(store_lock(f->db, true, &lock, &f->e), f->e);
    assert_true(lock.made);
    fflush(NULL);
    pid_t pid = fork(); /* inherits the lock, and keeps it when we let go */
    if (pid == 0) {
        pause();
        _exit(0);
    }
    assert_int_equal(store_lock(f->db, true, &second, &f->e), ASSAY_ESTATE);
    assert_contains(f->e.msg, "in use by another assay");
    store_unlock(&lock);
    assert_int_equal(store_lock(f->db, true, &second, &f->e), ASSAY_ESTATE);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_ok(store_lock(f->db, true, &second, &f->e), f->e);
    assert_false(second.made);
    store_unlock(&second);
    store_unlock(&second);
}

/* -- rows -------------------------------------------------------------------------------------- */

static void test_rows(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    struct rows r;
    assert_ok(store_open(f->db, STORE_CREATE, &s, &f->e), f->e);
    put_rows(s, &r, &f->arena);
    assert_int_equal(count(s, "SELECT count(*) FROM result"), 1);
    int64_t again;
    struct store_machine machine = {"m-uid", "other", "class", "{}", "{}"};
    assert_ok(store_put_machine(s, &machine, &again, &f->e), f->e);
    assert_int_equal(again, r.machine);
    struct store_run run;
    assert_ok(store_get_run(s, "0190", &f->arena, &run, &f->e), f->e);
    assert_string_equal(run.uid, "0190-run");
    assert_int_equal(run.ended_ns, STORE_NULL);
    assert_int_equal(store_get_run(s, "07", &f->arena, &run, &f->e), ASSAY_EUSAGE);
    assert_contains(f->e.msg, "no run '07'");
    assert_ok(store_find_unfinished(s, "plan", "class", &f->arena, &run, &f->e), f->e);
    assert_int_equal(run.id, r.run);
    assert_ok(store_set_run_status(s, r.run, "done", 5, &f->e), f->e);
    assert_ok(store_find_unfinished(s, "plan", "class", &f->arena, &run, &f->e), f->e);
    assert_int_equal(run.id, 0);
    store_close(s);
}

static void test_response_stays(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    struct rows r;
    bool kept, found;
    assert_ok(store_open(f->db, STORE_CREATE, &s, &f->e), f->e);
    put_rows(s, &r, &f->arena);
    struct store_response x = {
        .request = {0}, .logprob = -99, .n_tokens = 1, .is_greedy = -1, .n_prompt = STORE_NULL};
    assert_ok(store_put_response(s, r.variant, &x, &kept, &f->e), f->e);
    assert_false(kept);
    assert_ok(store_get_response(s, r.variant, &x, &found, &f->e), f->e);
    assert_true(found);
    assert_true(x.logprob == -1.5);
    assert_int_equal(x.is_greedy, 1);
    x.request[0] = 77;
    assert_ok(store_get_response(s, r.variant, &x, &found, &f->e), f->e);
    assert_false(found);
    x = (struct store_response){.request = {78},
                                .logprob = NAN,
                                .n_tokens = 2,
                                .is_greedy = -1,
                                .text = "a\0b",
                                .text_n = 3,
                                .finish = "eos",
                                .n_prompt = 4};
    assert_ok(store_put_response(s, r.variant, &x, &kept, &f->e), f->e);
    assert_true(kept);
    assert_ok(store_get_response(s, r.variant, &x, &found, &f->e), f->e);
    assert_int_equal(x.text_n, 3);
    assert_memory_equal(x.text, "a\0b", 3);
    assert_true(isnan(x.logprob));
    assert_int_equal(x.is_greedy, -1);
    store_end_lookup(s);
    store_close(s);
}

static void test_foreign_keys(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    assert_ok(store_open(f->db, STORE_CREATE, &s, &f->e), f->e);
    struct store_score score = {41, 42, 0, 1, NAN, NULL};
    assert_true(store_put_score(s, &score, &f->e) < 0);
    assert_contains(f->e.msg, "FOREIGN KEY");
    store_close(s);
}

static void test_rollback(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    struct store_machine machine = {"x", "host", "class", "{}", "{}"};
    int64_t id;
    assert_ok(store_open(f->db, STORE_CREATE, &s, &f->e), f->e);
    assert_ok(store_begin(s, &f->e), f->e);
    assert_ok(store_put_machine(s, &machine, &id, &f->e), f->e);
    assert_true(store_is_open(s));
    store_close(s); /* as if killed: an open transaction is gone */
    assert_ok(store_open(f->db, STORE_READ, &s, &f->e), f->e);
    assert_int_equal(count(s, "SELECT count(*) FROM machine"), 0);
    store_close(s);
}

/* -- care -------------------------------------------------------------------------------------- */

static void print_line(void *user, const char *line)
{
    size_t n = strlen(user);
    snprintf((char *)user + n, 1024 - n, "%s\n", line);
}

static size_t findings(struct fixture *f, char line[1024])
{
    struct store *s;
    size_t n;
    line[0] = 0;
    assert_ok(store_open(f->db, STORE_READ, &s, &f->e), f->e);
    assert_ok(store_check(s, print_line, line, &n, &f->e), f->e);
    store_close(s);
    return n;
}

static void test_check(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    struct rows r;
    char line[1024];
    static const struct {
        const char *breaks, *mends, *part;
    } cases[] = {
        {"DELETE FROM response WHERE request = X'01000000000000000000000000000000'",
         "INSERT INTO response VALUES (1, X'01000000000000000000000000000000', -2.5, 3, 1, NULL, "
         "NULL, 5, NULL, 0)",
         "no response"},
        {"INSERT INTO notice VALUES (1, 'cut', '', 3, 2)", "DELETE FROM notice", "counts 3 of 2 items as cut"},
        {"INSERT INTO energy VALUES (1, 0, 'rapl-package', NULL, 5, 1, 2, NULL, NULL)",
         "DELETE FROM energy", "energy of job 1 (rapl-package) is missing without a reason"},
        {"INSERT INTO energy VALUES (1, 0, 'rapl-package', 0, 5, 1, 2, NULL, NULL)",
         "DELETE FROM energy", "not a quantity"},
        {"INSERT INTO idle VALUES (1, 'rapl-dram', NULL, 0, 0, NULL, NULL)", "DELETE FROM idle",
         "idle power of run 1 (rapl-dram) is missing without a reason"},
        {"UPDATE job SET n_done = 1", "UPDATE job SET n_done = 2", "1 of 2 items"},
        {"UPDATE result SET n = 3", "UPDATE result SET n = 2", "counts 3 items, 2 have scores"},
        {"UPDATE item SET requests = X'00' WHERE idx = 1",
         "UPDATE item SET requests = X'01000000000000000000000000000000' WHERE idx = 1",
         "broken list"},
        {"UPDATE run_variant SET variant_id = NULL", "UPDATE run_variant SET variant_id = 1",
         "never opened"},
        {"PRAGMA foreign_keys = 0; UPDATE job SET task_id = 55",
         "PRAGMA foreign_keys = 0; UPDATE job SET task_id = 1", "table job"},
    };
    assert_ok(store_open(f->db, STORE_CREATE, &s, &f->e), f->e);
    put_rows(s, &r, &f->arena);
    store_close(s);
    assert_int_equal(findings(f, line), 0);
    for (size_t i = 0; i < N_OF(cases); i++) {
        script(f->db, cases[i].breaks);
        assert_true(findings(f, line) >= 1);
        assert_contains(line, cases[i].part);
        script(f->db, cases[i].mends);
        assert_int_equal(findings(f, line), 0);
    }
}

static void test_vacuum_and_export(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    struct rows r;
    int64_t before, after;
    size_t n;
    char path[600], text[4096];
    assert_ok(store_open(f->db, STORE_CREATE, &s, &f->e), f->e);
    put_rows(s, &r, &f->arena);
    store_close(s);
    assert_ok(store_vacuum(f->db, &before, &after, &f->e), f->e);
    assert_true(after > 0 && after <= before);
    script(f->db, "UPDATE item SET prompt = '=1+\"2\",' || char(10) WHERE idx = 1");
    assert_ok(store_open(f->db, STORE_READ, &s, &f->e), f->e);
    snprintf(path, sizeof path, "%s/out", f->dir);
    assert_ok(store_export(s, path, &n, &f->e), f->e);
    assert_int_equal(n, 15);
    store_close(s);
    snprintf(path, sizeof path, "%s/out/item.csv", f->dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    assert_contains(text, "task_id,idx,doc_uid,prompt,choices,target,requests\n1,0,0000");
    assert_contains(text, ",\"'=1+\"\"2\"\",\n\",,0,0100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disk_full_on_creation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_response_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rollback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vacuum_and_export, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
