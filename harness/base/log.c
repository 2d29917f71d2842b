/* log.c - one sink for the process.  Set it before threads start. */
#include "harness/base/log.h"

#include <stdarg.h>
#include <stdio.h>

static log_fn *log_sink;
static int log_max;

void log_to(log_fn *sink, int max_level)
{
    log_sink = sink;
    log_max = max_level;
}

void log_msg(int level, const char *fmt, ...)
{
    if (!log_sink || level > log_max)
        return;
    char msg[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    log_sink(level, msg);
}
