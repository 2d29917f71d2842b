/* main.c - assay-train: trains the reference model and what is derived from it.  Built by
 * `make assay-train`, not installed. */
#include "backends/native/train/command.h"
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/field.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct train_command *const commands[] = {&train_corpus, &train_run, &train_eval,
                                                       &train_convert, &train_twin};
enum { N_COMMANDS = sizeof commands / sizeof *commands, BAD_USAGE = 2 };

static void overview(FILE *f)
{
    fputs("usage: assay-train COMMAND [--option VALUE ...]\n\n", f);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(f, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nassay-train COMMAND --help lists the options.\n", f);
}

static void help(const struct train_command *c)
{
    printf("usage: assay-train %s [--option VALUE ...]\n\n%s\n\n", c->name, c->summary);
    for (const struct assay_field *f = c->options; f->name; f++)
        printf("  --%-16s %s%s%s%s%s%s%s\n", f->name, f->help, f->def ? " (" : "",
               f->def ? f->def : "", f->def ? ")" : "", f->values ? " [" : "",
               f->values ? f->values : "", f->values ? "]" : "");
}

static int parse(const struct train_command *c, int argc, char **argv, struct arena *a,
                 struct assay_err *e)
{
    field_defaults(c->options, c->base);
    for (int i = 2; i < argc; i += 2) {
        const char *name = strncmp(argv[i], "--", 2) == 0 ? argv[i] + 2 : argv[i];
        const struct assay_field *f = field_find(c->options, name);
        const char *near = f ? NULL : field_nearest_row(c->options, name);
        if (!f || name == argv[i])
            return err_set(e, ASSAY_EUSAGE, "unknown option '%s'%s%s; see assay-train %s --help",
                           argv[i], near ? ", did you mean --" : "", near ? near : "", c->name);
        if (i + 1 == argc)
            return err_set(e, ASSAY_EUSAGE, "%s needs a value", argv[i]);
        TRY(field_set(f, c->base, argv[i + 1], argv[i], a, e));
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct assay_err e = {0};
    struct arena arena = {0};
    const struct train_command *c = NULL;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; argc > 1 && i < N_COMMANDS; i++)
        c = strcmp(argv[1], commands[i]->name) == 0 ? commands[i] : c;
    if (!c) {
        const int asked = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
        overview(asked ? stdout : stderr);
        return asked ? 0 : BAD_USAGE;
    }
    if (argc == 3 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
        help(c);
        return 0;
    }
    int rc = parse(c, argc, argv, &arena, &e);
    if (rc == 0)
        rc = c->body(&e);
    if (rc < 0)
        fprintf(stderr, "assay-train: %s\n", e.msg);
    arena_release(&arena);
    return rc == 0 ? 0 : rc == ASSAY_EUSAGE ? BAD_USAGE : 1;
}
