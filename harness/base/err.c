/* err.c - struct assay_err: the text is always NUL-terminated and never ends inside a UTF-8
 * sequence.  Everything is formatted into a local buffer first, so arguments may point into the
 * message that is being replaced. */
#include "harness/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/text.h"

enum { ERR_CAP = sizeof(((struct assay_err *)0)->msg) };

static void err_store(struct assay_err *e, int code, const char *msg)
{
    size_t n = strlen(msg);
    if (n >= ERR_CAP)
        n = text_whole(msg, ERR_CAP - 1);
    e->code = code;
    memmove(e->msg, msg, n);
    e->msg[n] = 0;
}

int err_set(struct assay_err *e, int code, const char *fmt, ...)
{
    if (e) {
        char msg[2 * ERR_CAP];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(msg, sizeof msg, fmt, ap);
        va_end(ap);
        err_store(e, code, msg);
    }
    return code;
}

int err_errno(struct assay_err *e, int code, const char *fmt, ...)
{
    int saved = errno;
    if (e) {
        char msg[2 * ERR_CAP];
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(msg, sizeof msg, fmt, ap);
        va_end(ap);
        size_t at = n < 0 ? 0 : (size_t)n;
        if (at < sizeof msg)
            snprintf(msg + at, sizeof msg - at, ": %s", strerror(saved));
        err_store(e, code, msg);
    }
    errno = saved;
    return code;
}

int err_prefix(struct assay_err *e, int code, const char *fmt, ...)
{
    if (!e)
        return code;
    char msg[3 * ERR_CAP];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(msg, sizeof msg - ERR_CAP - 2, fmt, ap);
    va_end(ap);
    size_t at = strnlen(msg, n < 0 ? 0 : sizeof msg - ERR_CAP - 2);
    snprintf(msg + at, sizeof msg - at, ": %.*s", (int)(ERR_CAP - 1), e->msg);
    err_store(e, e->code ? e->code : code, msg);
    return e->code;
}

_Noreturn void err_no_memory(size_t n_bytes)
{
    fprintf(stderr, "assay: out of memory (%zu bytes)\n", n_bytes);
    exit(1);
}

const char *err_name(int code)
{
    switch (code) {
    case ASSAY_OK:
        return "ok";
    case ASSAY_EUSAGE:
        return "usage";
    case ASSAY_EIO:
        return "io";
    case ASSAY_EFORMAT:
        return "format";
    case ASSAY_ENOMEM:
        return "memory";
    case ASSAY_ELIMIT:
        return "limit";
    case ASSAY_EUNSUPPORTED:
        return "unsupported";
    case ASSAY_EREMOTE:
        return "remote";
    case ASSAY_ECANCELED:
        return "canceled";
    case ASSAY_ESTATE:
        return "state";
    case ASSAY_ENOTFOUND:
        return "not found";
    default:
        return "unknown";
    }
}
