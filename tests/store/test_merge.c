/* test_merge.c - one database brought into another: every table, numbers that clash, runs that went on
 * since, what the gate said last, and sources that must change nothing. */
#include "tests/testing.h"
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/store/store.h"

struct fixture {
    char dir[256], a[300], b[300], all[300];
    struct store *s; /* all */
    struct assay_err e;
    struct arena arena;
    struct store_merged m;
};

static void script(const char *path, const char *sql)
{
    sqlite3 *db;
    char *why = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
    sqlite3_close(db);
}

/* A row in every table.  $h is a machine, $n a night: row numbers are the same whatever the machine is,
 * and night n began n days after 1970. */
static const char every_row[] =
    "PRAGMA foreign_keys = ON;"
    "INSERT OR IGNORE INTO machine VALUES (1, 'm-$h', '$h', 'class-$h', '{}', '{}');"
    "INSERT OR IGNORE INTO model VALUES (1, 'model', 'm', '/$h/m.gguf', NULL, NULL, NULL);"
    "INSERT OR IGNORE INTO variant VALUES (1, 'variant', 1, 'native', '1', 'int8', '{}', '{}');"
    "INSERT OR IGNORE INTO task VALUES (1, 'task', 't', NULL, NULL, 'multiple_choice', 0, 'c', "
    "'d', 'd', '{}');"
    "INSERT OR IGNORE INTO scenario VALUES (1, 'scenario', 'p', 'prefill', '{}');"
    "INSERT OR IGNORE INTO measure VALUES (1, 'acc', 'none');"
    "INSERT OR IGNORE INTO item VALUES (1, 0, zeroblob(16), 'p', NULL, '0', zeroblob(16));"
    "INSERT OR IGNORE INTO cluster VALUES (1, 0, 77);"
    "INSERT OR IGNORE INTO response (variant_id, request, logprob, n_tokens) VALUES (1, "
    "zeroblob(16), -1.5, 3);"
    "INSERT INTO run VALUES ($n, '$h-$n', 'plan', '{}', 'c', '1', 1, 42, 'done', "
    "  $n * 86400000000000, $n * 86400000000000 + 5);"
    "INSERT INTO run_variant (id, run_id, variant_id, position, name, is_reference, status) "
    "  VALUES ($n, $n, 1, 0, 'int8', 1, 'done');"
    "INSERT INTO task_group VALUES ($n, $n, 'g', NULL, '[]', '[]');"
    "INSERT INTO job (id, run_variant_id, kind, task_id, name, status, n_items, n_done) "
    "  VALUES ($n, $n, 'task', 1, 't', 'done', 1, 1);"
    "INSERT INTO score VALUES ($n, 1, 0, 1.0, NULL, '$h');"
    "INSERT INTO result VALUES ($n, $n, $n, NULL, 1, 1.0, NULL, 1, 1, 'mean');"
    "INSERT INTO divergence VALUES ($n, 0, 0, 0, x'', x'', x'', x'', x'');"
    "INSERT INTO sample VALUES ($n, 0, 0, 8, 0, 5, 5, NULL, NULL, NULL, 0, 3);"
    "INSERT INTO energy VALUES ($n, 0, 'rapl-package', 70, 5, 1, 2, 8, NULL);"
    "INSERT INTO idle VALUES ($n, 'rapl-package', 900, 100, 10, 0.1, NULL);"
    "INSERT INTO notice VALUES ($n, 'cut', '', 0, 1);"
    "INSERT INTO decision VALUES ($n, 'pass', 0.01, 0.05, 1, 1, 1, 0, 0, 20, 1);"
    "INSERT INTO canary VALUES ($n, 'stream', 0, 12, 'GB/s');"
    "INSERT INTO rerun VALUES ($n, 'a/a', 'int8', 'p', 0, 5, 5);"
    "INSERT INTO finding VALUES (NULL, 'f-$h-$n', 'series', 's', 'class-$h', 'regression', "
    "'suspect', "
    "  'code', $n, $n, 1, 2, NULL, NULL, $n);"
    "INSERT INTO gate VALUES ($n, 'pass', 0, 'fine', NULL, $n);"
    "INSERT OR REPLACE INTO baseline VALUES ('class-$h', $n, 'why', $n);";

static const char *rows(struct fixture *f, const char *host, int night)
{
    char *sql = arena_strdup(&f->arena, ""), *from = arena_strdup(&f->arena, every_row), *to;
    for (; (to = strchr(from, '$')) != NULL; from = to + 2) {
        *to = 0;
        sql = to[1] == 'h' ? arena_printf(&f->arena, "%s%s%s", sql, from, host)
                           : arena_printf(&f->arena, "%s%s%d", sql, from, night);
    }
    return arena_printf(&f->arena, "%s%s", sql, from);
}

static void make(struct fixture *f, const char *path, const char *host, int night)
{
    struct store *s;
    assert_ok(store_open(path, STORE_CREATE, &s, &f->e), f->e);
    store_close(s);
    script(path, rows(f, host, night));
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_dir(f->dir);
    snprintf(f->a, sizeof f->a, "%s/a.db", f->dir);
    snprintf(f->b, sizeof f->b, "%s/b.db", f->dir);
    snprintf(f->all, sizeof f->all, "%s/all.db", f->dir);
    make(f, f->a, "ann", 3);
    make(f, f->b, "bob", 3);
    assert_ok(store_open(f->all, STORE_CREATE, &f->s, &f->e), f->e);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    store_close(f->s);
    temp_remove(f->dir);
    arena_release(&f->arena);
    free(f);
    return 0;
}

static const char *text(struct fixture *f, const char *sql)
{
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(store_sqlite(f->s), sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    const char *v = arena_printf(&f->arena, "%s", sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    return v;
}

static void merge(struct fixture *f, const char *path, size_t added, size_t renewed, size_t kept)
{
    assert_ok(store_merge(f->s, path, &f->m, &f->e), f->e);
    assert_int_equal(f->m.n_added, added);
    assert_int_equal(f->m.n_renewed, renewed);
    assert_int_equal(f->m.n_kept, kept);
}

static void sound(struct fixture *f)
{
    assert_string_equal(text(f, "SELECT count(*) FROM pragma_foreign_key_check"), "0");
    assert_string_equal(
        text(f, "SELECT count(*) FROM (SELECT started_ns AS x, lag(started_ns) OVER (ORDER BY id) "
                "AS before FROM run) WHERE before > x"),
        "0");
}

/* Everything comes over, and a second time changes nothing. */
static void every_table(void **state)
{
    struct fixture *f = *state;
    sqlite3_stmt *st;
    for (int again = 0; again < 2; again++) {
        merge(f, f->a, !again, 0, again);
        assert_int_equal(f->m.n_different, 0);
        int n = 0;
        assert_int_equal(sqlite3_exec(store_sqlite(f->s),
                                      arena_printf(&f->arena, "ATTACH '%s' AS a", f->a), NULL, NULL,
                                      NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(store_sqlite(f->s),
                                            "SELECT name FROM a.sqlite_master WHERE type = 'table'",
                                            -1, &st, NULL),
                         SQLITE_OK);
        while (sqlite3_step(st) == SQLITE_ROW) {
            const char *t = (const char *)sqlite3_column_text(st, 0);
            const char *there = text(f, arena_printf(&f->arena, "SELECT count(*) FROM a.%s", t));
            const char *here = text(f, arena_printf(&f->arena, "SELECT count(*) FROM main.%s", t));
            if (strcmp(there, "0") == 0)
                fail_msg("give table %s a row in this test, and a line in store_merge.c", t);
            if (strcmp(there, here) != 0)
                fail_msg("%s: %s rows there, %s here", t, there, here);
            n++;
        }
        assert_int_equal(n, 26);
        sqlite3_finalize(st);
        assert_int_equal(sqlite3_exec(store_sqlite(f->s), "DETACH a", NULL, NULL, NULL), SQLITE_OK);
    }
    sound(f);
}

/* The same numbers in two files mean different things. */
static void two_machines(void **state)
{
    struct fixture *f = *state;
    merge(f, f->a, 1, 0, 0);
    merge(f, f->b, 1, 0, 0);
    assert_int_equal(f->m.n_different, 0);
    assert_string_equal(
        text(f,
             "SELECT group_concat(m.name || ' ' || r.uid || ' ' || s.detail || ' ' || g.headline "
             "|| ' ' || b.class || ' ' || n.uid || ' ' || c.value) FROM run r "
             "JOIN machine m ON m.id = r.machine_id JOIN run_variant v ON v.run_id = r.id "
             "JOIN job j ON j.run_variant_id = v.id JOIN score s ON s.job_id = j.id "
             "JOIN gate g ON g.run_id = r.id JOIN baseline b ON b.run_id = r.id "
             "JOIN finding n ON n.seen_id = r.id AND n.run_id = r.id "
             "JOIN canary c ON c.run_id = r.id"),
        "ann ann-3 ann fine class-ann f-ann-3 12.0,bob bob-3 bob fine class-bob f-bob-3 12.0");
    assert_string_equal(
        text(f, "SELECT (SELECT count(*) FROM model) || (SELECT count(*) FROM variant) || "
                "(SELECT count(*) FROM task) || (SELECT count(*) FROM item) || "
                "(SELECT count(*) FROM response) || (SELECT count(*) FROM machine)"),
        "111112");
    sound(f);
}

/* Older nights that come later are put before: the gate takes a greater number for a later night. */
static void in_order(void **state)
{
    struct fixture *f = *state;
    script(f->a, rows(f, "ann", 5));
    script(f->b, rows(f, "bob", 4));
    merge(f, f->a, 2, 0, 0);
    merge(f, f->b, 2, 0, 0);
    assert_string_equal(text(f, "SELECT group_concat(uid) FROM (SELECT uid FROM run ORDER BY id)"),
                        "ann-3,bob-3,bob-4,ann-5");
    assert_string_equal(
        text(
            f,
            "SELECT group_concat(x) FROM (SELECT r.uid || ' ' || s.detail || ' ' || f.uid || ' ' "
            "|| e.uid || ' ' || g.judged_ns || ' ' || k.block || ' ' || c.rep || ' ' || t.name AS "
            "x "
            "FROM run r JOIN run_variant v ON v.run_id = r.id "
            "JOIN job j ON j.run_variant_id = v.id JOIN score s ON s.job_id = j.id "
            "JOIN finding f ON f.run_id = r.id JOIN finding e ON e.seen_id = r.id "
            "JOIN gate g ON g.run_id = r.id JOIN rerun k ON k.run_id = r.id "
            "JOIN canary c ON c.run_id = r.id JOIN task_group t ON t.run_id = r.id ORDER BY r.id)"),
        "ann-3 ann f-ann-3 f-ann-3 3 0 0 g,bob-3 bob f-bob-3 f-bob-3 3 0 0 g,"
        "bob-4 bob f-bob-4 f-bob-4 4 0 0 g,ann-5 ann f-ann-5 f-ann-5 5 0 0 g");
    assert_string_equal(text(f, "SELECT r.uid FROM baseline b JOIN run r ON r.id = b.run_id "
                                "WHERE class = 'class-bob'"),
                        "bob-4");
    merge(f, f->a, 0, 0, 2);
    sound(f);
}

/* What was interrupted and has gone on since is taken anew; what went on here is not undone. */
static void resumed(void **state)
{
    struct fixture *f = *state;
    script(f->a, "UPDATE run SET status = 'interrupted'; UPDATE score SET value = 0");
    merge(f, f->a, 1, 0, 0);
    script(f->a, "UPDATE run SET status = 'done', ended_ns = ended_ns + 9, version = '2'; UPDATE "
                 "score SET value = 1;"
                 "INSERT INTO score VALUES (3, 1, 1, 1.0, NULL, 'late')");
    merge(f, f->a, 0, 1, 0);
    assert_string_equal(
        text(f,
             "SELECT r.status || r.version || group_concat(s.value) FROM run r JOIN run_variant v "
             "ON v.run_id = r.id JOIN job j ON j.run_variant_id = v.id "
             "JOIN score s ON s.job_id = j.id"),
        "done21.0,1.0");
    assert_string_equal(
        text(f, "SELECT (SELECT count(*) FROM run_variant) || (SELECT count(*) FROM sample) || "
                "(SELECT count(*) FROM canary) || (SELECT count(*) FROM gate)"),
        "1111");
    script(f->a, "UPDATE run SET status = 'interrupted', ended_ns = ended_ns - 9");
    merge(f, f->a, 0, 0, 1);
    assert_string_equal(text(f, "SELECT status FROM run"), "done");
    sound(f);
}

static void running(void **state)
{
    struct fixture *f = *state;
    script(f->a, "UPDATE run SET status = 'running', ended_ns = NULL");
    merge(f, f->a, 0, 0, 0);
    assert_int_equal(f->m.n_running, 1);
    assert_string_equal(text(f,
                             "SELECT (SELECT count(*) FROM run) || (SELECT count(*) FROM job) || "
                             "(SELECT count(*) FROM gate) || (SELECT count(*) FROM finding)"),
                        "0000");
}

/* An acknowledgement given there later than here holds, and an older one does not come back. */
static void said_last(void **state)
{
    struct fixture *f = *state;
    merge(f, f->a, 1, 0, 0);
    script(f->a, "UPDATE finding SET state = 'acknowledged', reason = 'known', changed_ns = 9;"
                 "UPDATE gate SET verdict = 'regression', exit_code = 10, judged_ns = 9;"
                 "UPDATE baseline SET reason = 'new', set_ns = 9");
    merge(f, f->a, 0, 0, 1);
    static const char all[] =
        "SELECT f.state || ' ' || f.reason || ' ' || g.verdict || ' ' || b.reason "
        "FROM finding f, gate g, baseline b";
    assert_string_equal(text(f, all), "acknowledged known regression new");
    script(f->a, "UPDATE finding SET state = 'fixed', reason = 'no', changed_ns = 8;"
                 "UPDATE gate SET verdict = 'pass', exit_code = 0, judged_ns = 8;"
                 "UPDATE baseline SET reason = 'old', set_ns = 8");
    merge(f, f->a, 0, 0, 1);
    assert_string_equal(text(f, all), "acknowledged known regression new");
    /* unchanged since, but seen in a later night */
    script(f->a, rows(f, "ann", 4));
    script(
        f->a,
        "UPDATE finding SET state = 'acknowledged', reason = 'still', seen_id = 4, changed_ns = 9 "
        "WHERE run_id = 3");
    merge(f, f->a, 1, 0, 1);
    assert_string_equal(
        text(f, "SELECT f.reason || ' ' || r.uid FROM finding f JOIN run r ON r.id = f.seen_id "
                "WHERE f.uid = 'f-ann-3'"),
        "still ann-4");
}

static void other_answers(void **state)
{
    struct fixture *f = *state;
    script(f->b, "UPDATE response SET logprob = -1.25; UPDATE score SET value = 0");
    merge(f, f->a, 1, 0, 0);
    merge(f, f->b, 1, 0, 0);
    assert_int_equal(f->m.n_different, 1);
    assert_string_equal(text(f, "SELECT group_concat(logprob) FROM response"), "-1.5");
    assert_string_equal(text(f, "SELECT group_concat(value) FROM score"), "1.0,0.0");
}

static void refuses(struct fixture *f, const char *path, int code, const char *part)
{
    f->e.msg[0] = 0;
    if (store_merge(f->s, path, &f->m, &f->e) != code)
        fail_msg("%s: not refused with: %s", path, part);
    assert_contains(f->e.msg, part);
    assert_string_equal(text(f, "SELECT count(*) FROM run"), "1");
    assert_false(store_is_open(f->s));
}

static void refused(void **state)
{
    struct fixture *f = *state;
    merge(f, f->a, 1, 0, 0);
    refuses(f, f->all, ASSAY_EUSAGE, "into itself");
    refuses(f, arena_printf(&f->arena, "%s/none.db", f->dir), ASSAY_EIO, "does not exist");
    script(f->b, "UPDATE job SET run_variant_id = 77");
    refuses(f, f->b, ASSAY_EFORMAT, "rows that are not there");
    /* built otherwise than ours: what ours would not take */
    script(f->b, "UPDATE job SET run_variant_id = 3; PRAGMA foreign_keys = OFF; DROP TABLE canary; "
                 "CREATE TABLE canary (run_id, name, rep, value, unit); "
                 "INSERT INTO canary VALUES (3, NULL, 0, 'fast', 0)");
    refuses(f, f->b, ASSAY_EFORMAT, "cannot merge");
    script(f->b, "DROP TABLE canary; CREATE TABLE canary (run_id)");
    refuses(f, f->b, ASSAY_EIO, "b.db");
    script(f->b, "PRAGMA user_version = 9");
    refuses(f, f->b, ASSAY_EUNSUPPORTED, "newer version");
}

/* A long answer whose pages lead nowhere: found while it is copied, and nothing is kept. */
static void damaged(void **state)
{
    struct fixture *f = *state;
    unsigned char page[4096];
    bool is_broken = false;
    merge(f, f->a, 1, 0, 0);
    script(f->b, "UPDATE response SET text = printf('%.*c', 200000, 'x')");
    FILE *file = fopen(f->b, "r+b");
    assert_non_null(file);
    for (long at = 0; !is_broken && fread(page, 1, sizeof page, file) == sizeof page; at += 4096) {
        is_broken = page[0] == 0 && page[4] == 'x' && page[4095] == 'x';
        if (!is_broken)
            continue;
        memset(page, 0x7f, 4);
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fwrite(page, 1, sizeof page, file), sizeof page);
    }
    fclose(file);
    assert_true(is_broken);
    refuses(f, f->b, ASSAY_EFORMAT, "damaged");
    assert_string_equal(text(f, "SELECT count(text) FROM response"), "0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {TEST(every_table),   TEST(two_machines), TEST(in_order),
                                       TEST(resumed),       TEST(running),      TEST(said_last),
                                       TEST(other_answers), TEST(refused),      TEST(damaged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
