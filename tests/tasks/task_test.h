/* task_test.h - what the tests of tasks share: temporary folders, rows, a loaded task. */
#ifndef TASK_TEST_H
#define TASK_TEST_H
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/json.h"
#include "tasks/task.h"

static struct arena test_arena;
static struct assay_err test_err;
static char test_dir[256];

static inline const char *test_tmp(void)
{
    if (!test_dir[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(test_dir, sizeof test_dir, "%s/assay-task-XXXXXX", base && *base ? base : "/tmp");
        assert_non_null(mkdtemp(test_dir));
    }
    return test_dir;
}

static inline void test_tmp_remove(void)
{
    char cmd[300];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", test_dir);
    if (test_dir[0] && system(cmd) != 0)
        fprintf(stderr, "%s stays behind\n", test_dir);
    test_dir[0] = 0;
}

/* Writes DIR/name and returns its path. */
static inline const char *test_file(const char *name, const char *text)
{
    char *path = fs_join(&test_arena, test_tmp(), name);
    assert_int_equal(fs_mkdirs(fs_dirname(&test_arena, path), NULL), 0);
    assert_int_equal(fs_write_atomic(path, text, strlen(text), NULL), 0);
    return path;
}

static inline struct task_index *test_index(const char *root)
{
    struct task_index *x;
    if (task_index_open(&root, 1, NULL, &x, &test_err) < 0)
        fail_msg("%s", test_err.msg);
    return x;
}

static inline struct task_settings test_settings(void)
{
    return (struct task_settings){.n_fewshot = -1, .fewshot_seed = 1234};
}

/* Loads the one task a selector names; NULL: test_err says why not. */
static inline struct task *test_load(struct task_index *x, const char *selector,
                                     const struct task_settings *s)
{
    struct task_plan plan;
    struct task *t;
    struct task_settings def = test_settings();
    test_err.msg[0] = 0;
    if (task_select(x, selector, &test_arena, &plan, &test_err) < 0)
        return NULL;
    size_t n;
    const size_t *leaves = task_plan_leaves(&plan, plan.roots[0], &test_arena, &n);
    assert_int_equal(n, 1);
    if (task_load(x, &plan.nodes[leaves[0]], s ? s : &def, &test_arena, &t, &test_err) < 0)
        return NULL;
    return t;
}

struct test_rows {
    const struct value **v;
    size_t n;
    const char **columns;
    size_t n_columns;
};

/* JSON lines of a file, or of text when it starts with '{'. */
static inline struct test_rows test_rows(const char *path)
{
    const char *text = path;
    size_t n = strlen(path);
    struct test_rows rows = {0};
    if (path[0] != '{' && fs_read(path, 256u << 20, &test_arena, &text, &n, &test_err) < 0)
        fail_msg("%s", test_err.msg);
    size_t lines = 1;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    rows.v = ARENA_ARRAY(&test_arena, const struct value *, lines);
    for (const char *p = text, *end = text + n; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t k = (size_t)((nl ? nl : end) - p);
        if (k && json_parse(p, k, path, 1, &test_arena, &rows.v[rows.n++], &test_err) < 0)
            fail_msg("%s", test_err.msg);
        p += k + 1;
    }
    if (rows.n) {
        rows.n_columns = rows.v[0]->n;
        rows.columns = ARENA_ARRAY(&test_arena, const char *, rows.n_columns + 1);
        for (size_t i = 0; i < rows.n_columns; i++)
            rows.columns[i] = rows.v[0]->entries[i].key->s;
    }
    return rows;
}

static inline int test_begin(struct task *t, const struct test_rows *rows,
                             const struct test_rows *pool)
{
    return task_begin(t, rows->n ? rows->v[0] : NULL, rows->columns, rows->n_columns,
                      pool ? pool->v : NULL, pool ? pool->n : 0, &test_err);
}

static inline int test_teardown(void **state)
{
    (void)state;
    test_tmp_remove();
    arena_release(&test_arena);
    return 0;
}

#define assert_contains(hay, needle)                                    \
    do {                                                                \
        if (!strstr((hay), (needle)))                                   \
            fail_msg("'%s' does not hold '%s'", (hay), (needle));       \
    } while (0)
#endif
