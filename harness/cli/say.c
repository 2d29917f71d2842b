/* say.c - printing: the one place that knows stdout and stderr. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/cli/command.h"
#include "harness/cli/exit_code.h"

int say_error(const struct assay_err *e)
{
    fflush(stdout);
    fprintf(stderr, "assay: %s\n", e->msg);
    return exit_of(e);
}

void say_buf(const struct buf *b)
{
    fwrite(b->v, 1, b->n, stdout);
}

bool say_colors(void)
{
    const char *off = getenv("NO_COLOR"), *term = getenv("TERM");
    return !(off && *off) && isatty(STDOUT_FILENO) && term && *term;
}

int say_columns(int fd)
{
    struct winsize w;
    if (ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20)
        return w.ws_col > 400 ? 400 : w.ws_col;
    return 80;
}

int command_frame(const struct command *c, int argc, char **argv, void *const *bases,
                  command_body *body)
{
    struct options o;
    struct assay_err e = {0};
    int code = EXIT_OK;
    if (options_parse(c, argc, argv, bases, &o, &e) < 0) {
        code = say_error(&e);
    } else if (o.wants_help) {
        struct buf b;
        buf_init(&b, 0);
        help_command(c, &b);
        say_buf(&b);
        buf_release(&b);
    } else {
        code = body(&o, &e);
        if (code < 0)
            code = say_error(&e);
    }
    options_release(&o);
    if (fflush(stdout) != 0 && code == EXIT_OK) {
        perror("assay: cannot write to standard output");
        code = EXIT_ERROR;
    }
    return code;
}
