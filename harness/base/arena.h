/* arena.h - bump allocation: one arena per lifetime (suite, row, view), released at once.
 *
 * Memory comes 16-byte aligned and zeroed.  A small allocation that fails ends the program with a
 * message (as git's xmalloc): nothing sized by a file or a server may be allocated here before its
 * size was checked.  A zeroed struct arena is a valid empty arena. */
#ifndef ARENA_H
#define ARENA_H
#include <stdarg.h>
#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *blocks;   /* newest first */
    char *p, *end;                /* free room in the newest block */
    size_t used;                  /* bytes handed out since init or reset */
};
struct arena_mark {
    struct arena_block *block;
    char *p;
    size_t used;
};

void *arena_alloc(struct arena *, size_t n);
void *arena_calloc(struct arena *, size_t n, size_t size);   /* overflow ends the program */
char *arena_strdup(struct arena *, const char *s);
char *arena_strndup(struct arena *, const char *s, size_t n);  /* copies n bytes, adds a NUL */
char *arena_printf(struct arena *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *, const char *fmt, va_list ap);
struct arena_mark arena_mark(const struct arena *);
void arena_rewind(struct arena *, struct arena_mark);        /* frees what came after the mark */
void arena_reset(struct arena *);      /* keeps one block for reuse */
void arena_release(struct arena *);    /* frees everything; the arena is empty again */

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_calloc((a), (n), sizeof(type)))
#endif
