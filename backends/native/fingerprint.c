/* fingerprint.c - chunked hashing of a mapped file, and the cache of results. */
#include "backends/native/fingerprint.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/pool.h"

enum { CHUNK = 4 << 20, CACHED_FROM = 64 << 20 };

struct chunks {
    const struct fs_map *map;
    uint8_t (*digests)[HASH_BYTES];
};

static void hash_chunk(void *user, size_t part, size_t n_parts)
{
    struct chunks *c = user;
    size_t at = part * CHUNK, n = c->map->n - at < CHUNK ? c->map->n - at : CHUNK;
    (void)n_parts;
    hash_bytes(c->map->v + at, n, c->digests[part]);
    /* Large files: what was read need not stay in this process's memory; pages stay cached. */
    if (c->map->n >= CACHED_FROM)
        madvise((void *)(uintptr_t)(c->map->v + at), n, MADV_DONTNEED);
}

static int hash_map(const struct fs_map *map, struct pool *pool, uint8_t out[HASH_BYTES],
                    struct assay_err *e)
{
    size_t n = map->n / CHUNK + (map->n % CHUNK != 0);
    struct chunks c = {map, malloc((n + 1) * HASH_BYTES)};
    if (!c.digests)
        return err_set(e, ASSAY_ENOMEM, "no memory to hash %zu bytes", map->n);
    pool_run(pool, n, hash_chunk, &c);
    hash_bytes(c.digests, n * HASH_BYTES, out);
    free(c.digests);
    return 0;
}

/* The cache file for this state of `path`; NULL when there is no place for one. */
static const char *cache_path(const char *path, size_t n, struct arena *a)
{
    const char *dir = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    struct stat st;
    uint8_t key[HASH_BYTES];
    char hex[HASH_HEX];
    if (stat(path, &st) || (size_t)st.st_size != n)
        return NULL;
    if (!dir || *dir != '/') {
        if (!home || *home != '/')
            return NULL;
        dir = fs_join(a, home, ".cache");
    }
    const char *state = arena_printf(
        a, "1 %llu %llu %lld %lld.%09ld %lld.%09ld", (unsigned long long)st.st_dev,
        (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
        st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
    hash_bytes(state, strlen(state), key);
    return arena_printf(a, "%s/assay/models/%s", dir, hash_hex(key, hex));
}

static bool unhex(const char *s, uint8_t out[HASH_BYTES])
{
    for (size_t i = 0; i < HASH_BYTES; i++) {
        unsigned x;
        if (strspn(s + 2 * i, "0123456789abcdef") < 2 || sscanf(s + 2 * i, "%2x", &x) != 1)
            return false;
        out[i] = (uint8_t)x;
    }
    return true;
}

static bool recall(const char *cache, struct arena *a, uint8_t out[HASH_BYTES])
{
    const char *text;
    size_t n;
    return cache && fs_exists(cache) && !fs_read(cache, 4096, a, &text, &n, NULL) &&
           n == HASH_HEX - 1 && unhex(text, out);
}

static void remember(const char *cache, const uint8_t digest[HASH_BYTES], struct arena *a)
{
    char hex[HASH_HEX];
    if (cache && !fs_mkdirs(fs_dirname(a, cache), NULL))
        fs_write_atomic(cache, hash_hex(digest, hex), HASH_HEX - 1, NULL);
}

int fingerprint_file(const char *path, const struct fs_map *map, struct pool *pool,
                     uint8_t out[HASH_BYTES], struct assay_err *e)
{
    struct arena a = {0};
    const char *cache = map->n >= CACHED_FROM ? cache_path(path, map->n, &a) : NULL;
    int rc = 0;
    if (!recall(cache, &a, out)) {
        rc = hash_map(map, pool, out, e);
        if (!rc)
            remember(cache, out, &a);
    }
    arena_release(&a);
    return rc;
}
