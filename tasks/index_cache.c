/* index_cache.c - a tree as one file in the cache folder.
 *
 * Layout: head, then numbers (little-endian, 32 or 64 bits) and texts (length, bytes, NUL) in the
 * order of tree_put.  The head holds version, length and a checksum of the rest, and the rest begins
 * with the folder's name: a file that fails one of them is not read.  Every number is checked against
 * what is left all the same.  Targets come before the files that refer to them by number. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/log.h"
#include "tasks/index_tree.h"

enum { CACHE_VERSION = 1, CACHE_MOST = 256 << 20, CACHE_ITEM = 12 /* bytes of the smallest record */ };
static const char magic[8] = "assayidx";

struct head {
    char magic[8];
    uint32_t version, pad;
    uint64_t n, sum;
};

/* FNV-1a over words, folded: damage is found, nobody is kept out. */
static uint64_t checksum(const char *p, size_t n)
{
    uint64_t h = UINT64_C(14695981039346656037), w;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&w, p, 8);
        h = (h ^ w) * UINT64_C(1099511628211);
        h ^= h >> 29;
    }
    for (; n; p++, n--)
        h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
    return h;
}

static const char *cache_path(const char *cache, const char *real, struct arena *a)
{
    uint8_t digest[HASH_BYTES];
    char hex[HASH_HEX];
    hash_bytes(real, strlen(real), digest);
    return arena_printf(a, "%s/tasks-%.24s.idx", cache, hash_hex(digest, hex));
}

/* -- writing ------------------------------------------------------------------------------------- */

static void put_u32(struct buf *b, uint32_t v)
{
    unsigned char x[4] = {(unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16),
                          (unsigned char)(v >> 24)};
    buf_add(b, x, 4);
}

static void put_u64(struct buf *b, uint64_t v)
{
    put_u32(b, (uint32_t)v);
    put_u32(b, (uint32_t)(v >> 32));
}

/* NULL is told apart from "" by its length. */
static void put_text(struct buf *b, const char *s)
{
    size_t n = s ? strlen(s) : UINT32_MAX;
    put_u32(b, (uint32_t)n);
    if (s)
        buf_add(b, s, n + 1);
}

static void put_stamp(struct buf *b, const struct fs_stamp *s)
{
    put_u64(b, (uint64_t)s->mtime_ns);
    put_u64(b, (uint64_t)s->ctime_ns);
    put_u64(b, s->size);
    put_u64(b, s->ino);
}

static void put_file(struct buf *b, const struct tree_file *f, const uint32_t *numbers)
{
    const struct tree_facts *x = &f->facts;
    put_text(b, f->path);
    put_u32(b, f->is_known);
    if (!f->is_known)
        return;
    put_stamp(b, &f->stamp);
    put_u32(b, x->shape | (uint32_t)x->is_class << 8);
    put_u32(b, (uint32_t)x->n_fewshot);
    put_text(b, x->name);
    put_text(b, x->output);
    put_text(b, x->dataset);
    put_text(b, x->dataset_name);
    put_u32(b, x->n_tags);
    for (uint32_t i = 0; i < x->n_tags; i++)
        put_text(b, x->tags[i]);
    put_u32(b, f->n_deps);
    for (uint32_t i = 0; i < f->n_deps; i++)
        put_u32(b, numbers[f->deps[i]]);
}

/* numbers[target]: its place among those that a file still refers to. */
static uint32_t number_targets(const struct tree *t, uint32_t *numbers)
{
    uint32_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        for (uint32_t k = 0; t->files[i].is_known && k < t->files[i].n_deps; k++)
            numbers[t->files[i].deps[k]] = 1;
    for (size_t i = 0; i < t->n_targets; i++)
        numbers[i] = numbers[i] ? n++ : UINT32_MAX;
    return n;
}

static void tree_put(struct buf *b, const struct tree *t, struct arena *a)
{
    uint32_t *numbers = ARENA_ARRAY(a, uint32_t, t->n_targets + 1);
    put_text(b, t->real);
    put_u32(b, (uint32_t)t->n_dirs);
    for (size_t i = 0; i < t->n_dirs; i++) {
        put_text(b, t->dirs[i].path);
        put_stamp(b, &t->dirs[i].stamp);
    }
    put_u32(b, number_targets(t, numbers));
    for (size_t i = 0; i < t->n_targets; i++) {
        if (numbers[i] == UINT32_MAX)
            continue;
        put_text(b, t->targets[i].real);
        put_stamp(b, &t->targets[i].stamp);
    }
    put_u32(b, (uint32_t)t->n);
    for (size_t i = 0; i < t->n; i++)
        put_file(b, &t->files[i], numbers);
}

void index_cache_store(const char *cache, const struct tree *t)
{
    struct arena a = {0};
    struct assay_err e = {0};
    struct buf b;
    struct head h = {.version = CACHE_VERSION};
    buf_init(&b, CACHE_MOST);
    memcpy(h.magic, magic, sizeof magic);
    buf_add(&b, &h, sizeof h);
    tree_put(&b, t, &a);
    if (!b.failed) {
        h.n = b.n - sizeof h;
        h.sum = checksum(b.v + sizeof h, h.n);
        memcpy(b.v, &h, sizeof h);
        if (fs_mkdirs(cache, &e) < 0 ||
            fs_write_cache(cache_path(cache, t->real, &a), b.v, b.n, &e) < 0)
            log_debug("the index of '%s' is not kept: %s", t->real, e.msg);
    }
    buf_release(&b);
    arena_release(&a);
}

/* -- reading ------------------------------------------------------------------------------------- */

struct get {
    const unsigned char *p, *end;
    bool is_bad; /* everything reads as 0 or NULL from then on */
    struct arena *arena;
};

static uint32_t get_u32(struct get *g)
{
    if (g->is_bad || g->end - g->p < 4) {
        g->is_bad = true;
        return 0;
    }
    g->p += 4;
    return g->p[-4] | (uint32_t)g->p[-3] << 8 | (uint32_t)g->p[-2] << 16 | (uint32_t)g->p[-1] << 24;
}

static uint64_t get_u64(struct get *g)
{
    uint64_t low = get_u32(g);
    return low | (uint64_t)get_u32(g) << 32;
}

static const char *get_text(struct get *g)
{
    uint32_t n = get_u32(g);
    if (g->is_bad || n == UINT32_MAX)
        return NULL;
    if ((size_t)(g->end - g->p) <= n || g->p[n] != 0) {
        g->is_bad = true;
        return NULL;
    }
    const char *s = (const char *)g->p;
    g->p += (size_t)n + 1;
    return s;
}

static const char *get_some(struct get *g) /* a text that must be there */
{
    const char *s = get_text(g);
    g->is_bad |= !s;
    return s;
}

/* A count of records; no more than the rest could hold. */
static size_t get_count(struct get *g, size_t least)
{
    size_t n = get_u32(g);
    if (n > (size_t)(g->end - g->p) / least)
        g->is_bad = true;
    return g->is_bad ? 0 : n;
}

static void get_stamp(struct get *g, struct fs_stamp *s)
{
    s->mtime_ns = (int64_t)get_u64(g);
    s->ctime_ns = (int64_t)get_u64(g);
    s->size = get_u64(g);
    s->ino = get_u64(g);
}

static void get_file(struct get *g, struct tree_file *f, size_t n_targets)
{
    struct tree_facts *x = &f->facts;
    f->path = get_some(g);
    f->is_known = get_u32(g) == 1;
    if (!f->is_known)
        return;
    get_stamp(g, &f->stamp);
    uint32_t shape = get_u32(g);
    x->shape = (uint8_t)shape;
    x->is_class = shape >> 8 & 1;
    x->n_fewshot = (int32_t)get_u32(g);
    x->name = get_text(g);
    x->output = get_text(g);
    x->dataset = get_text(g);
    x->dataset_name = get_text(g);
    g->is_bad |= x->shape >= TREE_ASK || (x->shape != TREE_NEITHER && !x->name);
    x->n_tags = (uint32_t)get_count(g, 5);
    const char **tags = ARENA_ARRAY(g->arena, const char *, x->n_tags);
    for (uint32_t i = 0; i < x->n_tags; i++)
        tags[i] = get_some(g);
    x->tags = tags;
    f->n_deps = (uint32_t)get_count(g, 4);
    f->deps = ARENA_ARRAY(g->arena, uint32_t, f->n_deps);
    for (uint32_t i = 0; i < f->n_deps; i++) {
        f->deps[i] = get_u32(g);
        g->is_bad |= f->deps[i] >= n_targets;
    }
}

static void tree_get(struct get *g, struct tree *t)
{
    const char *real = get_some(g);
    if (!real || strcmp(real, t->real) != 0) {
        g->is_bad = true;
        return;
    }
    t->n_dirs = get_count(g, CACHE_ITEM);
    t->dirs = ARENA_ARRAY(g->arena, struct tree_dir, t->n_dirs);
    for (size_t i = 0; i < t->n_dirs; i++) {
        t->dirs[i].path = get_some(g);
        get_stamp(g, &t->dirs[i].stamp);
    }
    t->n_targets = t->cap_targets = get_count(g, CACHE_ITEM);
    t->targets = ARENA_ARRAY(g->arena, struct tree_target, t->n_targets);
    for (size_t i = 0; i < t->n_targets; i++) {
        t->targets[i].real = get_some(g);
        get_stamp(g, &t->targets[i].stamp);
    }
    t->n = get_count(g, 8);
    t->files = ARENA_ARRAY(g->arena, struct tree_file, t->n);
    for (size_t i = 0; i < t->n && !g->is_bad; i++) {
        get_file(g, &t->files[i], t->n_targets);
        /* Sorted and each once: what merging with a new list relies on. */
        if (i && !g->is_bad && strcmp(t->files[i - 1].path, t->files[i].path) >= 0)
            g->is_bad = true;
    }
    g->is_bad |= g->p != g->end;
}

void index_cache_load(const char *cache, struct arena *a, struct tree *t)
{
    struct fs_text text = {0};
    struct fs_stamp stamp;
    struct head h;
    struct arena_mark mark = arena_mark(a);
    const struct tree empty = {.real = t->real};
    const char *path = cache_path(cache, t->real, a);
    if (!fs_read_at(AT_FDCWD, path, CACHE_MOST, &text, &stamp))
        goto out;
    memcpy(&h, text.v, text.n < sizeof h ? text.n : sizeof h);
    if (text.n < sizeof h || memcmp(h.magic, magic, sizeof magic) != 0 ||
        h.version != CACHE_VERSION || h.n != text.n - sizeof h ||
        h.sum != checksum(text.v + sizeof h, h.n)) {
        log_debug("'%s' is no index this program can use", path);
        goto out;
    }
    char *body = arena_strndup(a, text.v + sizeof h, h.n);
    struct get g = {.p = (unsigned char *)body, .end = (unsigned char *)body + h.n, .arena = a};
    tree_get(&g, t);
    if (g.is_bad) {
        log_debug("'%s' is damaged", path);
        *t = empty;
        arena_rewind(a, mark);
    }
out:
    free(text.v);
}
