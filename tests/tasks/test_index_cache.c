/* The remembered index: whatever happens to the folder or to the cache, it says what a fresh reading
 * says. */
#include "tests/tasks/task_test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness/base/buf.h"
#include "tasks/index.h"

enum { N_FILES = 240, N_DIRS = 12 };

static const char *tree_dir, *cache_dir;

static void put(const char *name, const char *text)
{
    char *path = fs_join(&test_arena, tree_dir, name);
    assert_int_equal(fs_mkdirs(fs_dirname(&test_arena, path), NULL), 0);
    FILE *f = fopen(path, "w"); /* in place: the inode stays */
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void make_tree(void)
{
    char name[64], text[256];
    tree_dir = fs_join(&test_arena, test_tmp(), "tree");
    cache_dir = fs_join(&test_arena, test_tmp(), "cache");
    for (int i = 0; i < N_DIRS; i++) {
        snprintf(name, sizeof name, "d%02d/_base", i);
        snprintf(text, sizeof text, "include: ../_all\ntag: t%d\ndataset_path: org/%d\n", i % 5, i);
        put(name, text);
    }
    put("_all", "output_type: multiple_choice\nnum_fewshot: 3\n");
    for (int i = 0; i < N_FILES; i++) {
        snprintf(name, sizeof name, "d%02d/f%03d.yaml", i % N_DIRS, i);
        snprintf(text, sizeof text, "task: task_%03d\ninclude: _base\ndataset_name: n%d\n", i, i);
        put(name, text);
    }
}

/* Everything an index says, as text. */
static char *said(const char *cache)
{
    struct task_index *x;
    struct buf b;
    size_t n;
    const char *root = tree_dir;
    if (task_index_open(&root, 1, cache, &x, &test_err) < 0)
        fail_msg("%s", test_err.msg);
    buf_init(&b, 0);
    const struct task_entry *e = task_index_entries(x, &n);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&b, "%s %d %d %d %s %s %s %s:", e[i].name, e[i].kind, e[i].is_class, e[i].n_fewshot,
                   e[i].path ? e[i].path : "-", e[i].output ? e[i].output : "-",
                   e[i].dataset ? e[i].dataset : "-", e[i].dataset_name ? e[i].dataset_name : "-");
        const struct index_entry *full = index_find(x, e[i].name);
        for (size_t k = 0; k < full->n_members; k++)
            buf_printf(&b, " %s", full->members[k]);
        buf_adds(&b, "\n");
    }
    const char *why = task_index_broken(x, &n);
    buf_printf(&b, "%zu broken: %s\n", n, why ? why : "-");
    task_index_close(x);
    char *text = arena_strdup(&test_arena, b.v);
    buf_release(&b);
    return text;
}

static void same(const char *what)
{
    const char *fresh = said(NULL), *kept = said(cache_dir);
    if (strcmp(fresh, kept) != 0)
        fail_msg("%s: the cache says\n%s\nthe files say\n%s", what, kept, fresh);
}

static void settle(void)
{
    usleep(120000);
    same("at rest");
    same("warm");
}

static const char *cache_file(void)
{
    DIR *d = opendir(cache_dir);
    const char *path = NULL;
    for (struct dirent *de; d && (de = readdir(d));)
        if (strstr(de->d_name, ".idx") && !strstr(de->d_name, ".tmp"))
            path = fs_join(&test_arena, cache_dir, de->d_name);
    if (d)
        closedir(d);
    return path;
}

static void test_it_is_used(void **state)
{
    (void)state;
    make_tree();
    settle();
    const char *path = cache_file();
    struct stat before, after;
    assert_non_null(path);
    assert_int_equal(stat(path, &before), 0);
    same("again");
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino); /* nothing changed: nothing written */
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    put("d00/f000.yaml", "task: renamed\ninclude: _base\n");
    same("a file changed");
    usleep(120000);
    same("a file changed, later");
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_ino != after.st_ino ||           /* a freed number may come again */
                before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
                before.st_mtim.tv_nsec != after.st_mtim.tv_nsec);
    assert_contains(said(cache_dir), "renamed");
}

/* Whoever includes a file that changed is read again, through two includes too, and a text of the
 * same length in the same file is a change. */
static void test_changed_includes(void **state)
{
    (void)state;
    make_tree();
    settle();
    put("d03/_base", "tag: new_tag\ndataset_path: org/new\n");
    same("an include changed");
    assert_contains(said(cache_dir), "new_tag 2");
    settle();
    put("_all", "output_type: multiple_choice\nnum_fewshot: 5\n");
    same("an include of includes changed");
    assert_contains(said(cache_dir), " 0 0 5 ");
    settle();
    put("_all", "output_type: multiple_choice\nnum_fewshot: 7\n");
    put("_all", "output_type: multiple_choice\nnum_fewshot: 8\n");
    same("twice at once");
    settle();
    put("_all", "output_type: [\n");
    same("an include broke");
    assert_contains(said(cache_dir), "220 broken");
    assert_int_equal(unlink(fs_join(&test_arena, tree_dir, "_all")), 0);
    same("an include is gone");
    put("_all", "output_type: generate_until\n");
    same("an include is back");
    settle();
}

static void test_links(void **state)
{
    (void)state;
    make_tree();
    put("other", "tag: over_a_link\n");
    put("third", "tag: elsewhere\n");
    assert_int_equal(symlink("other", fs_join(&test_arena, tree_dir, "_linked")), 0);
    put("d01/f001.yaml", "task: linked\ninclude: ../_linked\n");
    settle();
    assert_int_equal(unlink(fs_join(&test_arena, tree_dir, "_linked")), 0);
    assert_int_equal(symlink("third", fs_join(&test_arena, tree_dir, "_linked")), 0);
    same("a link leads elsewhere");
    assert_contains(said(cache_dir), "elsewhere 2");
    settle();
    /* A folder's files behind a link can change without any folder of ours changing. */
    assert_int_equal(symlink("d02", fs_join(&test_arena, tree_dir, "d99")), 0);
    settle();
    put("d02/f002.yaml", "task: behind\n");
    same("a file behind a link");
    settle();
}

/* Nothing that is no file is waited for or read to an end it does not have. */
static void test_no_files(void **state)
{
    (void)state;
    make_tree();
    assert_int_equal(mkfifo(fs_join(&test_arena, tree_dir, "pipe"), 0600), 0);
    assert_int_equal(mkfifo(fs_join(&test_arena, tree_dir, "pipe.yaml"), 0600), 0);
    put("d04/f004.yaml", "task: piped\ninclude: ../pipe\n");
    put("d04/f016.yaml", "task: zeros\ninclude: /dev/zero\n");
    settle();
    assert_contains(said(cache_dir), "2 broken: ");
    assert_contains(said(cache_dir), "is no regular file");
}

static void test_damage(void **state)
{
    (void)state;
    make_tree();
    settle();
    const char *path = cache_file(), *text;
    size_t n;
    assert_int_equal(fs_read(path, 1 << 24, &test_arena, &text, &n, &test_err), 0);
    const char *right = said(NULL);
    char *bad = arena_strndup(&test_arena, text, n);
    for (size_t i = 0; i < n; i += i < 40 ? 1 : 1499) {
        bad[i] ^= 0x15;
        assert_int_equal(fs_write_cache(path, bad, n, &test_err), 0);
        assert_string_equal(said(cache_dir), right);
        bad[i] = text[i];
    }
    for (size_t k = 0; k < n; k += k < 40 ? 7 : 3777) {
        assert_int_equal(fs_write_cache(path, text, k, &test_err), 0);
        assert_string_equal(said(cache_dir), right);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* can't be read, can't be replaced */
    assert_string_equal(said(cache_dir), right);
}

/* A body whose checksum is right and whose numbers are not must be refused as well. */
static void test_hostile(void **state)
{
    (void)state;
    make_tree();
    settle();
    const char *path = cache_file(), *text;
    size_t n;
    assert_int_equal(fs_read(path, 1 << 24, &test_arena, &text, &n, &test_err), 0);
    char *bad = arena_strndup(&test_arena, text, n);
    for (size_t i = 32; i < n; i += 499) {
        uint64_t h = UINT64_C(14695981039346656037), w;
        size_t k = 32;
        bad[i] = (char)(bad[i] + 77);
        for (; k + 8 <= n; k += 8) {
            memcpy(&w, bad + k, 8);
            h = (h ^ w) * UINT64_C(1099511628211);
            h ^= h >> 29;
        }
        for (; k < n; k++)
            h = (h ^ (unsigned char)bad[k]) * UINT64_C(1099511628211);
        memcpy(bad + 24, &h, 8);
        assert_int_equal(fs_write_cache(path, bad, n, &test_err), 0);
        said(cache_dir); /* may say something else, must not fall over */
        bad[i] = text[i];
        assert_int_equal(fs_write_cache(path, text, n, &test_err), 0);
    }
    same("after all");
}

static uint64_t seed_ = 88172645463325252u;
static int draw(int n)
{
    seed_ ^= seed_ << 13;
    seed_ ^= seed_ >> 7;
    seed_ ^= seed_ << 17;
    return (int)((seed_ >> 32) % (uint64_t)n);
}

static void change_something(void)
{
    char name[64], other[64], text[200];
    snprintf(name, sizeof name, "d%02d/f%03d.yaml", draw(N_DIRS), draw(N_FILES));
    snprintf(other, sizeof other, "d%02d/f%03d.yaml", draw(N_DIRS), draw(N_FILES));
    const char *path = fs_join(&test_arena, tree_dir, name);
    switch (draw(9)) {
    case 0:
    case 1:
        snprintf(text, sizeof text, "task: task_%03d\ninclude: ../d%02d/_base\n", draw(N_FILES), draw(N_DIRS + 1));
        put(name, text);
        break;
    case 2:
        unlink(path);
        break;
    case 3:
        rename(path, fs_join(&test_arena, tree_dir, other));
        break;
    case 4:
        snprintf(name, sizeof name, "d%02d/_base", draw(N_DIRS));
        snprintf(text, sizeof text, "include: ../_all\ntag: [t%d, t%d]\n", draw(9), draw(9));
        put(name, text);
        break;
    case 5:
        snprintf(text, sizeof text, "num_fewshot: %d\n", draw(100));
        put("_all", text);
        break;
    case 6:
        put(name, draw(2) ? "group: g\ntask: [a]\n" : "task: [broken\n");
        break;
    case 7:
        snprintf(name, sizeof name, "new%d/x.yaml", draw(4));
        snprintf(text, sizeof text, "class: !function a.b\ntask: new_%d\ntag: t1\n", draw(9));
        put(name, text);
        break;
    default:
        snprintf(other, sizeof other, "new%d", draw(4));
        rename(fs_join(&test_arena, tree_dir, other), fs_join(&test_arena, tree_dir, "moved"));
    }
}

static void test_any_change(void **state)
{
    (void)state;
    make_tree();
    settle();
    for (int i = 0; i < 60; i++) {
        struct arena_mark mark = arena_mark(&test_arena);
        for (int k = draw(4); k >= 0; k--)
            change_something();
        if (draw(8) == 0)
            usleep(60000);
        same("changed");
        arena_rewind(&test_arena, mark);
    }
}

static void test_runs_beside_each_other(void **state)
{
    (void)state;
    make_tree();
    usleep(120000);
    const char *right = said(NULL);
    pid_t kids[4];
    for (int i = 0; i < 4; i++) {
        kids[i] = fork();
        assert_true(kids[i] >= 0);
        if (kids[i] == 0) {
            for (int k = 0; k < 8; k++) {
                if (k % 4 == i && cache_file())
                    unlink(cache_file());
                if (strcmp(said(cache_dir), right) != 0)
                    _exit(1);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status;
        assert_int_equal(waitpid(kids[i], &status, 0), kids[i]);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_it_is_used, test_teardown),
        cmocka_unit_test_teardown(test_changed_includes, test_teardown),
        cmocka_unit_test_teardown(test_links, test_teardown),
        cmocka_unit_test_teardown(test_no_files, test_teardown),
        cmocka_unit_test_teardown(test_damage, test_teardown),
        cmocka_unit_test_teardown(test_hostile, test_teardown),
        cmocka_unit_test_teardown(test_any_change, test_teardown),
        cmocka_unit_test_teardown(test_runs_beside_each_other, test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
