/* err.h - filling and passing on struct assay_err.
 *
 * A function that can fail returns 0 or a negative enum assay_code and takes the caller's
 * struct assay_err last (NULL is allowed).  Text: lower case, no full stop, what failed first,
 * subject in quotes, "file:line:col: " in front of anything a user wrote. */
#ifndef ERR_H
#define ERR_H
#include "backends/backend.h"

/* Fills *e and returns `code`, so that `return err_set(e, ASSAY_EFORMAT, "...")` works.
 * Messages that do not fit are cut at a UTF-8 boundary. */
int err_set(struct assay_err *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* As err_set, and appends ": " and strerror(errno). */
int err_errno(struct assay_err *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "<text>: " before the message already in *e; returns e->code (or `code` if e is NULL). */
int err_prefix(struct assay_err *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *err_name(int code);       /* "usage", "io", "format", ... */

/* For small allocations only: says so on stderr and ends the program. */
_Noreturn void err_no_memory(size_t n_bytes);

/* Returns the code of a failed call; only where nothing needs release. */
#define TRY(expr)                \
    do {                         \
        int try_rc_ = (expr);    \
        if (try_rc_ < 0)         \
            return try_rc_;      \
    } while (0)
#endif
