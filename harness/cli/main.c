/* main.c - finds the command and runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/log.h"
#include "harness/cli/command.h"
#include "harness/cli/exit_code.h"
#include "harness/cli/version.h"

static void log_sink(int level, const char *msg)
{
    static const char *const names[] = {"error", "warning", "note", "debug"};
    fprintf(stderr, "assay: %s: %s\n", names[level < 0 || level > 3 ? 3 : level], msg);
}

static int unknown_command(const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (const struct command *const *c = commands; *c && n < 64; c++)
        names[n++] = (*c)->name;
    const char *near = field_nearest(name, names, n);
    struct assay_err e;
    if (near)
        err_set(&e, ASSAY_EUSAGE, "unknown command '%s', did you mean '%s'?", name, near);
    else
        err_set(&e, ASSAY_EUSAGE, "unknown command '%s'; see 'assay help'", name);
    return say_error(&e);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);          /* a file too large is an error that is told, not a death */
    log_to(log_sink, LOG_WARN);
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        struct buf b;
        buf_init(&b, 0);
        help_overview(&b);
        say_buf(&b);
        buf_release(&b);
        return argc > 1 ? EXIT_OK : EXIT_USAGE;
    }
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *c = command_find(name);
    if (!c)
        return unknown_command(name);
    return c->main(c, argc - 1, argv + 1);
}
