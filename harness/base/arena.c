/* arena.c - a chain of blocks, newest first.
 *
 * Invariant: the free room of every block is zero, so an allocation costs no memset; reset and
 * rewind clear what they give back.  Under AddressSanitizer free room is poisoned, so running past
 * an allocation is found although no malloc stands behind it. */
#include "harness/base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/err.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define arena_poison(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define arena_unpoison(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
enum { ARENA_GAP = 16 }; /* a poisoned gap behind each allocation */
#else
#define arena_poison(p, n)   ((void)(p), (void)(n))
#define arena_unpoison(p, n) ((void)(p), (void)(n))
enum { ARENA_GAP = 0 };
#endif

enum { ARENA_ALIGN = 16, ARENA_FIRST = 8 << 10, ARENA_MOST = 1 << 20 };

struct arena_block {
    struct arena_block *older;
    char *top;   /* first free byte when a newer block was begun */
    size_t size; /* bytes of v */
    size_t pad;
    char v[];
};

static void arena_grow(struct arena *a, size_t n)
{
    size_t size = a->blocks ? a->blocks->size : 0;
    size = size < ARENA_FIRST ? ARENA_FIRST : size < ARENA_MOST ? 2 * size : ARENA_MOST;
    if (size < n)
        size = n;
    if (n > SIZE_MAX / 2)
        err_no_memory(n);
    struct arena_block *b = calloc(1, sizeof *b + size);
    if (!b)
        err_no_memory(size);
    if (a->blocks)
        a->blocks->top = a->p;
    b->older = a->blocks;
    b->size = size;
    a->blocks = b;
    a->p = b->v;
    a->end = b->v + size;
    arena_poison(a->p, size);
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 2)
        err_no_memory(n);
    size_t room = ((n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1)) + ARENA_GAP;
    if (room == 0)
        room = ARENA_ALIGN;
    if (room > (size_t)(a->end - a->p))
        arena_grow(a, room);
    void *p = a->p;
    a->p += room;
    a->used += n;
    arena_unpoison(p, n);
    return p;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        err_no_memory(SIZE_MAX);
    return arena_alloc(a, bytes);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    if (n)
        memcpy(p, s, n);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        err_no_memory(0);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *p = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return p;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->blocks, a->p, a->used};
}

/* Frees the newest block; the one before becomes current again. */
static void arena_pop(struct arena *a)
{
    struct arena_block *b = a->blocks;
    a->blocks = b->older;
    a->p = a->blocks ? a->blocks->top : NULL;
    a->end = a->blocks ? a->blocks->v + a->blocks->size : NULL;
    arena_unpoison(b->v, b->size);
    free(b);
}

/* Makes [to, a->p) of the current block free room again. */
static void arena_clear(struct arena *a, char *to)
{
    size_t n = (size_t)(a->p - to);
    if (!n)
        return;
    arena_unpoison(to, n);
    memset(to, 0, n);
    arena_poison(to, n);
    a->p = to;
}

void arena_rewind(struct arena *a, struct arena_mark m)
{
    while (a->blocks && a->blocks != m.block)
        arena_pop(a);
    if (a->blocks)
        arena_clear(a, m.p);
    a->used = m.used;
}

void arena_reset(struct arena *a)
{
    /* The newest block is the largest of the doubling series; an oversized one is not worth
     * keeping (and clearing) for every small row that follows. */
    while (a->blocks && a->blocks->older && a->blocks->size > ARENA_MOST)
        arena_pop(a);
    struct arena_block *keep = a->blocks;
    if (keep) {
        while (keep->older) {
            struct arena_block *b = keep->older;
            keep->older = b->older;
            arena_unpoison(b->v, b->size);
            free(b);
        }
        arena_clear(a, keep->v);
    }
    a->used = 0;
}

void arena_release(struct arena *a)
{
    while (a->blocks)
        arena_pop(a);
    *a = (struct arena){0};
}
