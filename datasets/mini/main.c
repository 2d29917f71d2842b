/* main.c - assay-mini: writes test items and training text.  It is built, not installed. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/mini/write.h"
#include "harness/base/err.h"

static const char usage[] =
    "usage: assay-mini test DIR [--seed S] [--n N]      DIR/TASK.jsonl and DIR/text.jsonl\n"
    "       assay-mini train --examples N [options]     training text as JSON lines\n"
    "       assay-mini text --examples N [options]      the same as plain text\n"
    "       assay-mini tasks                            names and weights\n"
    "\n"
    "  --seed S         same seed, same bytes (default 1)\n"
    "  --n N            test items of each task (default 1000)\n"
    "  --examples N     how many examples\n"
    "  --mix T=W,...    weights of the named tasks; those not named weigh nothing\n"
    "  --side test      combinations held out of training, one question an example\n"
    "  --wording W      lines (default), or prose: qa, recall and arithmetic told at length\n";

struct command_line {
    const char *command, *dir;
    uint64_t n;
    struct write_options o;
};

static int parse_number(const char *what, const char *s, uint64_t *out, struct assay_err *e)
{
    char *end;
    errno = 0;
    uint64_t v = strtoull(s, &end, 10);
    if (*s < '0' || *s > '9' || *end || errno)
        return err_set(e, ASSAY_EUSAGE, "%s: '%s' is not a whole number", what, s);
    *out = v;
    return 0;
}

static int parse_mix(const char *s, int *weights, struct assay_err *e)
{
    bool any = false;
    memset(weights, 0, MINI_N_TASKS * sizeof *weights);
    while (*s) {
        char name[64];
        size_t n = strcspn(s, "=,"), m = strcspn(s, ",");
        snprintf(name, sizeof name, "%.*s", (int)n, s);
        int at = mini_find(name);
        if (at < 0)
            return err_set(e, ASSAY_EUSAGE, "--mix: unknown task '%s'; see 'assay-mini tasks'",
                           name);
        char number[16];
        uint64_t w = 1;
        snprintf(number, sizeof number, "%.*s", (int)(m > n ? m - n - 1 : 0), s + n + (m > n));
        if (m > n)
            TRY(parse_number("--mix", number, &w, e));
        if (w > 1000)
            return err_set(e, ASSAY_EUSAGE, "--mix: weight of '%s' is beyond 1000", name);
        weights[at] = (int)w;
        any = any || w;
        s += m + (s[m] == ',');
    }
    return any ? 0 : err_set(e, ASSAY_EUSAGE, "--mix: no task has any weight");
}

static int parse_option(struct command_line *c, const char *name, const char *value,
                        struct assay_err *e)
{
    if (strcmp(name, "--seed") == 0)
        return parse_number(name, value, &c->o.seed, e);
    if (strcmp(name, "--n") == 0)
        return parse_number(name, value, &c->n, e);
    if (strcmp(name, "--examples") == 0)
        return parse_number(name, value, &c->o.examples, e);
    if (strcmp(name, "--mix") == 0)
        return parse_mix(value, c->o.weights, e);
    if (strcmp(name, "--side") == 0 &&
        (strcmp(value, "test") == 0 || strcmp(value, "train") == 0)) {
        c->o.side = strcmp(value, "test") == 0 ? MINI_TEST : MINI_TRAIN;
        return 0;
    }
    if (strcmp(name, "--wording") == 0 &&
        (strcmp(value, "prose") == 0 || strcmp(value, "lines") == 0)) {
        c->o.prose = strcmp(value, "prose") == 0;
        return 0;
    }
    return err_set(e, ASSAY_EUSAGE, "unknown option '%s %s'; see 'assay-mini --help'", name, value);
}

static int parse(int argc, char **argv, struct command_line *c, struct assay_err *e)
{
    for (int i = 0; i < MINI_N_TASKS; i++)
        c->o.weights[i] = mini_tasks[i].weight;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            const char **slot = c->command ? &c->dir : &c->command;
            if (*slot)
                return err_set(e, ASSAY_EUSAGE, "one argument too many: '%s'", argv[i]);
            *slot = argv[i];
        } else if (i + 1 == argc) {
            return err_set(e, ASSAY_EUSAGE, "'%s' needs a value", argv[i]);
        } else {
            TRY(parse_option(c, argv[i], argv[i + 1], e));
            i++;
        }
    }
    return 0;
}

static int run(struct command_line *c, struct assay_err *e)
{
    if (!c->command)
        return err_set(e, ASSAY_EUSAGE, "no command; see 'assay-mini --help'");
    if (strcmp(c->command, "test") == 0) {
        if (!c->dir || c->n < 1 || c->n > 100000)
            return err_set(e, ASSAY_EUSAGE,
                           c->dir ? "--n must be 1 to 100000"
                                  : "test: which folder is to be written?");
        return write_test(c->dir, c->o.seed, (unsigned)c->n, e);
    }
    if (c->dir)
        return err_set(e, ASSAY_EUSAGE, "one argument too many: '%s'", c->dir);
    if (strcmp(c->command, "tasks") == 0) {
        for (int i = 0; i < MINI_N_TASKS; i++)
            printf("%-16s %d\n", mini_tasks[i].name, mini_tasks[i].weight);
        return 0;
    }
    bool text = strcmp(c->command, "text") == 0;
    if (!text && strcmp(c->command, "train") != 0)
        return err_set(e, ASSAY_EUSAGE, "unknown command '%s'; see 'assay-mini --help'",
                       c->command);
    if (!c->o.examples)
        return err_set(e, ASSAY_EUSAGE, "%s: --examples says how many", c->command);
    c->o.form = text ? WRITE_TEXT : WRITE_JSON;
    return write_examples(stdout, &c->o, e);
}

int main(int argc, char **argv)
{
    struct command_line c = {.n = 1000, .o = {.seed = 1}};
    struct assay_err e = {0};
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    if (parse(argc, argv, &c, &e) < 0 || run(&c, &e) < 0) {
        fprintf(stderr, "assay-mini: %s\n", e.msg);
        return e.code == ASSAY_EUSAGE ? 2 : 1;
    }
    return 0;
}
