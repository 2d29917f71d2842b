/* cmd_help.c - assay help: commands, exit codes, the manual page, shell completion. */
#include <stdio.h>
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_code.h"

struct help_options {
    int32_t man;
    const char *completion;
};
static struct help_options help_options;

static const struct assay_field help_fields[] = {
    {"man", ASSAY_BOOL, offsetof(struct help_options, man), "false", NULL,
     "print the manual page (roff)"},
    {"completion", ASSAY_ENUM, offsetof(struct help_options, completion), NULL, "bash|zsh",
     "print a completion script for this shell"},
    {0},
};

static void exit_codes(struct buf *b)
{
    for (const struct exit_meaning *m = exit_meanings; m->name; m++)
        buf_printf(b, "%3d  %-13s %s\n", m->code, m->name, m->meaning);
}

static int topic(const char *name, struct buf *b, struct assay_err *e)
{
    if (strcmp(name, "exit-codes") == 0) {
        exit_codes(b);
        return 0;
    }
    const struct command *c = command_find(name);
    if (!c)
        return err_set(e, ASSAY_EUSAGE, "no help for '%s': expected a command or 'exit-codes'", name);
    help_command(c, b);
    return 0;
}

static int body(struct options *o, struct assay_err *e)
{
    struct buf b;
    int rc = 0;
    buf_init(&b, 0);
    if (help_options.man)
        help_manual(&b);
    else if (help_options.completion)
        rc = help_completion(help_options.completion, &b, e);
    else if (o->n_args)
        rc = topic(o->args[0], &b, e);
    else
        help_overview(&b);
    if (rc == 0)
        say_buf(&b);
    buf_release(&b);
    return rc;
}

static int run_help(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&help_options};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_help = {
    .name = "help",
    .summary = "explain a command, the exit codes, or print the manual",
    .arguments = "[COMMAND | exit-codes]",
    .max_args = 1,
    .tables = {help_fields},
    .examples = "help run # what run can do\n"
                "help exit-codes # what the exit status means\n"
                "help --completion bash > /etc/bash_completion.d/assay # for the shell\n",
    .words = "exit-codes",
    .main = run_help,
};
