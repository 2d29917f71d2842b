/* A file's digest depends on every byte of it, not on the number of threads, and large files are
 * read once: the second time the cache answers, until the file changes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backends/native/fingerprint.h"
#include "harness/base/arena.h"
#include "harness/base/pool.h"

enum { LARGE = (64 << 20) + 12345, SMALL = (4 << 20) + 1 };

struct place {
    char dir[256], file[300], cache[300];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    const char *tmp = getenv("TMPDIR");
    snprintf(p->dir, sizeof p->dir, "%s/assay-print-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(p->dir))
        return -1;
    snprintf(p->file, sizeof p->file, "%s/model", p->dir);
    snprintf(p->cache, sizeof p->cache, "%s/cache", p->dir);
    setenv("XDG_CACHE_HOME", p->cache, 1);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
    int rc = system(command);
    free(p);
    return rc;
}

/* Sparse, with one byte set at `at`. */
static void make(const struct place *p, off_t size, off_t at, char byte)
{
    int fd = open(p->file, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void digest(const struct place *p, int threads, uint8_t out[HASH_BYTES])
{
    struct fs_map map;
    struct pool *pool = pool_new(threads);
    assert_int_equal(fs_map(p->file, &map, NULL), 0);
    assert_int_equal(fingerprint_file(p->file, &map, pool, out, NULL), 0);
    fs_unmap(&map);
    pool_free(pool);
}

static char *cached(const struct place *p)
{
    struct arena a = {0};
    const char *const *paths;
    size_t n = 0;
    char *path = NULL;
    if (fs_is_dir(p->cache)) {
        assert_int_equal(fs_walk(p->cache, "*", NULL, &a, &paths, &n, NULL), 0);
        assert_true(n >= 1);
        path = strdup(paths[0]);
    }
    arena_release(&a);
    return path;
}

static void every_byte_counts(void **state)
{
    uint8_t first[HASH_BYTES], other[HASH_BYTES];
    make(*state, SMALL, 0, 0);
    digest(*state, 1, first);
    digest(*state, 3, other);
    assert_memory_equal(first, other, HASH_BYTES);
    make(*state, SMALL, SMALL - 1, 1);
    digest(*state, 1, other);
    assert_memory_not_equal(first, other, HASH_BYTES);
    make(*state, SMALL, SMALL - 1, 0);
    make(*state, SMALL + 1, SMALL, 0);
    digest(*state, 1, other);
    assert_memory_not_equal(first, other, HASH_BYTES);
    assert_null(cached(*state)); /* small files are not worth a cache entry */
}

static void large_files_are_remembered(void **state)
{
    uint8_t first[HASH_BYTES], again[HASH_BYTES], marked[HASH_BYTES];
    make(*state, LARGE, 5, 1);
    digest(*state, 2, first);
    char *path = cached(*state);
    assert_non_null(path);
    digest(*state, 2, again);
    assert_memory_equal(first, again, HASH_BYTES);

    FILE *f = fopen(path, "w"); /* a false entry shows that the cache is asked */
    fprintf(f, "%064d", 7);
    fclose(f);
    digest(*state, 2, marked);
    assert_int_equal(marked[HASH_BYTES - 1], 7);
    f = fopen(path, "w"); /* a damaged one that it is not trusted */
    fprintf(f, "zz");
    fclose(f);
    digest(*state, 2, again);
    assert_memory_equal(first, again, HASH_BYTES);

    make(*state, LARGE, 5, 2); /* a changed file has another entry */
    digest(*state, 2, again);
    assert_memory_not_equal(first, again, HASH_BYTES);
    free(path);
}

static void without_a_place_for_the_cache(void **state)
{
    uint8_t first[HASH_BYTES], again[HASH_BYTES];
    make(*state, LARGE, 5, 1);
    setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
    digest(*state, 2, first);
    digest(*state, 2, again);
    assert_memory_equal(first, again, HASH_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_byte_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(large_files_are_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_place_for_the_cache, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
