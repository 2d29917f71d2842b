/* Files: atomic replacement that leaves nothing behind, sorted walks that cannot be led astray,
 * limits; and the log's sink. */
#include "tests/testing.h"

#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/fs.h"
#include "harness/base/log.h"

static struct arena arena;

static const char *path_of(const char *dir, const char *name)
{
    return fs_join(&arena, dir, name);
}

static void writes_are_whole_or_not_at_all(void **state)
{
    (void)state;
    char dir[256];
    struct assay_err e = {0};
    const char *path = path_of(temp_dir(dir), "out.csv"), *text;
    size_t n;
    assert_ok(fs_write_atomic(path, "old", 3, &e), e);
    assert_ok(fs_write_atomic(path, "new text", 8, &e), e);
    assert_ok(fs_read(path, 100, &arena, &text, &n, &e), e);
    assert_string_equal(text, "new text");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(st.st_mode & 0777, 0666 & ~mask);

    /* A write that cannot finish keeps the old file and leaves no temporary one. */
    const char *blocked = path_of(dir, "blocked");
    assert_int_equal(mkdir(blocked, 0777), 0);
    assert_int_equal(mkdir(path_of(blocked, "x"), 0777), 0);
    assert_int_equal(fs_write_atomic(blocked, "z", 1, &e), ASSAY_EIO);
    assert_contains(e.msg, "cannot replace '");
    const char *const *paths;
    assert_ok(fs_walk(dir, "*", NULL, &arena, &paths, &n, &e), e);
    assert_int_equal(n, 1);
    assert_int_equal(fs_write_atomic(path_of(dir, "no/such/dir"), "z", 1, &e), ASSAY_EIO);
    assert_ok(fs_write_atomic("/dev/null", "z", 1, &e), e);
    assert_int_equal(fs_write_atomic("/dev/full", "z", 1, &e), ASSAY_EIO);
    assert_contains(e.msg, "No space left on device");
    temp_remove(dir);
}

static void reads_within_a_limit(void **state)
{
    (void)state;
    char dir[256], big[20000];
    struct assay_err e = {0};
    const char *path = path_of(temp_dir(dir), "f"), *text;
    size_t n;
    memset(big, 'x', sizeof big);
    temp_write(path, big, sizeof big);
    assert_ok(fs_read(path, sizeof big, &arena, &text, &n, &e), e);
    assert_int_equal(n, sizeof big);
    assert_int_equal(fs_read(path, sizeof big - 1, &arena, &text, &n, &e), ASSAY_ELIMIT);
    assert_contains(e.msg, "larger than the limit of 19999 bytes");
    assert_int_equal(fs_read(path_of(dir, "none"), 1, &arena, &text, &n, &e), ASSAY_EIO);
    assert_int_equal(fs_read(dir, 1, &arena, &text, &n, &e), ASSAY_EIO);
    temp_remove(dir);
}

static void maps_regular_files_only(void **state)
{
    (void)state;
    char dir[256];
    struct assay_err e = {0};
    struct fs_map m;
    temp_dir(dir);
    temp_write(path_of(dir, "f"), "hello", 5);
    temp_write(path_of(dir, "empty"), "", 0);
    assert_int_equal(mkfifo(path_of(dir, "pipe"), 0600), 0);
    assert_ok(fs_map(path_of(dir, "f"), &m, &e), e);
    assert_int_equal(m.n, 5);
    assert_memory_equal(m.v, "hello", 5);
    fs_unmap(&m);
    assert_null(m.v);
    assert_ok(fs_map(path_of(dir, "empty"), &m, &e), e);
    assert_int_equal(m.n, 0);
    assert_non_null(m.v);
    fs_unmap(&m);
    assert_int_equal(fs_map(dir, &m, &e), ASSAY_EIO);
    assert_contains(e.msg, "is a directory, expected a regular file");
    assert_int_equal(fs_map(path_of(dir, "pipe"), &m, &e), ASSAY_EIO);
    assert_contains(e.msg, "is a special file");
    fs_unmap(NULL);
    temp_remove(dir);
}

static void walks_sorted_and_inside(void **state)
{
    (void)state;
    char dir[256];
    struct assay_err e = {0};
    static const char *const files[] = {"a/z.yaml", "a-b/x.yaml",   "a/b/y.yaml",
                                        "top.yaml", "skip/no.yaml", "a/none.txt"};
    temp_dir(dir);
    for (size_t i = 0; i < N_OF(files); i++) {
        const char *p = path_of(dir, files[i]);
        assert_ok(fs_mkdirs(fs_dirname(&arena, p), &e), e);
        temp_write(p, "x", 1);
    }
    assert_int_equal(symlink("/etc", path_of(dir, "outside")), 0);
    assert_int_equal(symlink("..", path_of(dir, "a/loop")), 0);
    assert_int_equal(symlink("z.yaml", path_of(dir, "a/link.yaml")), 0);
    assert_int_equal(symlink("/etc/passwd", path_of(dir, "passwd.yaml")), 0);
    static const char *const skip[] = {"skip", NULL};
    static const char *const want[] = {"a-b/x.yaml", "a/b/y.yaml", "a/link.yaml", "a/z.yaml",
                                       "top.yaml"};
    const char *const *paths;
    size_t n;
    assert_ok(fs_walk(dir, "*.yaml", skip, &arena, &paths, &n, &e), e);
    assert_int_equal(n, N_OF(want));
    for (size_t i = 0; i < n; i++)
        assert_string_equal(paths[i], path_of(dir, want[i]));
    assert_int_equal(fs_walk(path_of(dir, "none"), "*", NULL, &arena, &paths, &n, &e), ASSAY_EIO);
    temp_remove(dir);
}

static void names_join_and_split(void **state)
{
    (void)state;
    assert_string_equal(fs_join(&arena, "a", "b"), "a/b");
    assert_string_equal(fs_join(&arena, "a/", "b"), "a/b");
    assert_string_equal(fs_join(&arena, "", "b"), "b");
    assert_string_equal(fs_join(&arena, "a", "/b"), "/b");
    assert_string_equal(fs_dirname(&arena, "a/b/c"), "a/b");
    assert_string_equal(fs_dirname(&arena, "c"), ".");
    assert_string_equal(fs_dirname(&arena, "/c"), "/");
    assert_string_equal(fs_basename("a/b"), "b");
    assert_string_equal(fs_basename("b"), "b");
    assert_true(fs_is_dir(fs_self_dir(&arena)));
    struct assay_err e = {0};
    char dir[256];
    temp_dir(dir);
    assert_ok(fs_mkdirs(path_of(dir, "x/y//z"), &e), e);
    assert_ok(fs_mkdirs(path_of(dir, "x/y/z"), &e), e);
    assert_true(fs_is_dir(path_of(dir, "x/y/z")));
    temp_write(path_of(dir, "file"), "", 0);
    assert_int_equal(fs_mkdirs(path_of(dir, "file/sub"), &e), ASSAY_EIO);
    assert_true(fs_exists(path_of(dir, "file")) && !fs_is_dir(path_of(dir, "file")));
    temp_remove(dir);
}

static char logged[256];

static void sink(int level, const char *msg)
{
    snprintf(logged, sizeof logged, "%d:%s", level, msg);
}

static void log_goes_to_the_sink_or_nowhere(void **state)
{
    (void)state;
    log_warn("dropped");
    log_to(sink, LOG_WARN);
    log_info("too fine");
    assert_string_equal(logged, "");
    log_warn("n = %d", 3);
    assert_string_equal(logged, "1:n = 3");
    log_to(NULL, 0);
    log_warn("dropped");
    assert_string_equal(logged, "1:n = 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_are_whole_or_not_at_all),
        cmocka_unit_test(reads_within_a_limit),
        cmocka_unit_test(maps_regular_files_only),
        cmocka_unit_test(walks_sorted_and_inside),
        cmocka_unit_test(names_join_and_split),
        cmocka_unit_test(log_goes_to_the_sink_or_nowhere),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return rc;
}
