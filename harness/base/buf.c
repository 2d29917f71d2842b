/* buf.c - growable bytes with a limit; see the header for the invariants. */
#include "harness/base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/err.h"

/* What v points at while nothing is allocated (cap 0): never written to. */
static char buf_none[1];

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){.v = buf_none, .limit = limit ? limit : (size_t)1 << 30};
}

void buf_release(struct buf *b)
{
    if (!b)
        return;
    if (b->cap)
        free(b->v);
    buf_init(b, b->limit);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->cap)
        b->v[0] = 0;
}

/* Makes room for n more bytes and a NUL, or marks the buffer failed. */
static int buf_room(struct buf *b, size_t n)
{
    if (b->failed || n > b->limit - b->n) {
        b->failed = true;
        return ASSAY_ELIMIT;
    }
    size_t want = b->n + n + 1;
    if (want <= b->cap)
        return 0;
    size_t cap = b->cap + b->cap / 2;
    if (cap < want)
        cap = want;
    if (cap < 64)
        cap = 64;
    char *v = realloc(b->cap ? b->v : NULL, cap);
    if (!v)
        err_no_memory(cap);
    b->v = v;
    b->cap = cap;
    return 0;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
    int rc = buf_room(b, n);
    if (rc < 0)
        return rc;
    if (n)
        memcpy(b->v + b->n, p, n);
    b->n += n;
    b->v[b->n] = 0;
    return 0;
}

int buf_adds(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        err_no_memory(0);
    int rc = buf_room(b, (size_t)n);
    if (rc < 0)
        return rc;
    vsnprintf(b->v + b->n, (size_t)n + 1, fmt, ap);
    b->n += (size_t)n;
    return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = buf_vprintf(b, fmt, ap);
    va_end(ap);
    return rc;
}

char *buf_take(struct buf *b)
{
    char *v = b->v;
    if (!b->cap) {
        v = calloc(1, 1);
        if (!v)
            err_no_memory(1);
    }
    buf_init(b, b->limit);
    return v;
}
