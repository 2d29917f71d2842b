/* cmd_run.c - assay run: a suite of tasks and scenarios over the variants of a model. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_code.h"
#include "harness/cli/fetch.h"
#include "harness/cli/run_suite.h"
#include "harness/run/suite.h"

struct download_flags {
    int32_t download;
};
static struct run_flags flags;
static struct download_flags download;

static const struct assay_field download_fields[] = {
    {"download", ASSAY_BOOL, offsetof(struct download_flags, download), "false", NULL,
     "fetch what the tasks read and is not here; else nothing is fetched"},
    {0},
};

/* As `assay data get` would, with its usual settings. */
static int fetch_missing(const struct suite *suite, struct assay_err *e)
{
    struct fetch_flags usual = {
        .connections = 4, .retries = 6, .max_size = "16GiB", .quiet = flags.quiet};
    struct fetch *f;
    TRY(fetch_begin(&usual, &f, e));
    int rc = fetch_suite(f, suite, true, e);
    struct fetch_count n = fetch_end(f);
    if (rc == 0 && n.n_failed)
        rc = err_set(e, n.first.code, "%s", n.first.msg);
    return rc;
}

static int body(struct options *o, struct assay_err *e)
{
    struct suite suite;
    suite_init(&suite, &o->arena);
    if (o->n_args)
        TRY(suite_load(&suite, o->args[0], e));
    for (size_t i = 0; i < o->n_pairs; i++)
        TRY(suite_set(&suite, o->pairs[i].key, o->pairs[i].text, e));
    TRY(suite_finish(&suite, e));
    if (download.download)
        TRY(fetch_missing(&suite, e));
    return run_suite_shown(&suite, &flags, e);
}

static int run_run(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags, NULL, &download};
    run_flags_command(&flags, argc, argv);
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_run = {
    .name = "run",
    .summary = "run tasks and scenarios over several precisions of a model, and store every answer",
    .arguments = "[SUITE.yaml]",
    .max_args = 1,
    .tables = {run_flag_fields, suite_fields, download_fields},
    .text = "What to run comes from a suite file, from options, or both: an option replaces\n"
            "the file's key of the same name. Each variant runs in a child process of its\n"
            "own. A run that was interrupted goes on when the same command is given again.\n"
            "\n"
            "With --stop-when decided the reference is asked everything, every other variant\n"
            "in one seeded random order over all tasks, until its loss over the items asked\n"
            "is shown to be below the margin (pass) or above it (fail). However often one\n"
            "looks, any variant is decided wrongly with probability alpha at most. Tasks\n"
            "without a right or wrong answer are asked wholly.\n",
    .examples =
        "run --model m.gguf --tasks blimp --data DIR --precision fp32,int8,int4 # the usual\n"
        "run nightly.yaml --db nightly.db # a suite file\n"
        "run --model m.gguf --tasks gsm8k --limit 100 --precision stored # the first 100 documents\n"
        "run --model m.gguf --tasks blimp --stop-when decided --margin 1pp # no more than needed\n"
        "run --model m.gguf --tasks 'my-tasks/*.yaml' --precision q8_0 # your own task files\n",
    .main = run_run,
};
