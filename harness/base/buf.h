/* buf.h - growable bytes with a limit.
 *
 * Invariants: v is never NULL after buf_init and v[n] == 0.  Once the limit would be exceeded the
 * buffer keeps what it has, `failed` is set and every later add returns ASSAY_ELIMIT: check once at
 * the end.  Running out of memory ends the program. */
#ifndef BUF_H
#define BUF_H
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>

struct buf {
    char *v;
    size_t n, cap, limit;
    bool failed;
};

void buf_init(struct buf *, size_t limit);     /* limit 0: 1 GiB */
void buf_release(struct buf *);
void buf_clear(struct buf *);
int buf_add(struct buf *, const void *p, size_t n);
int buf_adds(struct buf *, const char *s);
int buf_addc(struct buf *, char c);
int buf_printf(struct buf *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *, const char *fmt, va_list ap);
char *buf_take(struct buf *);          /* the caller frees; the buffer is empty and usable */
#endif
