/* cmd_compare.c - assay compare: variants against a base, on the terminal. */
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_code.h"
#include "harness/cli/report_flags.h"
#include "reports/term.h"

struct show_flags {
    int32_t wide, check;
};
static struct report_flags flags;
static struct compare_options options;
static struct show_flags show;

static const struct assay_field show_fields[] = {
    {"wide", ASSAY_BOOL, offsetof(struct show_flags, wide), "false", NULL,
     "every task, p values, smallest passing margins, latencies, memory split"},
    {"check", ASSAY_BOOL, offsetof(struct show_flags, check), "false", NULL,
     "exit with 10, 11 or 12 when a variant fails, is inconclusive or incomparable"},
    {0},
};

static int verdict_code(enum compare_verdict v)
{
    switch (v) {
    case COMPARE_FAIL:
        return EXIT_REGRESSION;
    case COMPARE_INCONCLUSIVE:
        return EXIT_INCONCLUSIVE;
    case COMPARE_INCOMPARABLE:
        return EXIT_INCOMPARABLE;
    default:
        return EXIT_OK;
    }
}

static int body(struct options *o, struct assay_err *e)
{
    struct view *view = NULL;
    const struct view_set *set;
    const struct compare *c;
    struct buf b;
    buf_init(&b, 0);
    int rc = report_open(&flags, o, &view, &set, e);
    if (rc == 0)
        rc = compare_make(view, set, &options, &o->arena, &c, e);
    if (rc == 0) {
        struct term_options t = {.colors = say_colors(), .wide = show.wide};
        term_compare(c, &t, &b);
        say_buf(&b);
        rc = show.check ? verdict_code(c->verdict) : EXIT_OK;
    }
    buf_release(&b);
    view_close(view);
    return rc;
}

static int run_compare(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags, &options, &show};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_compare = {
    .name = "compare",
    .summary = "compare the variants of a run with the reference: accuracy, flips, KL, speed, memory",
    .arguments = "",
    .tables = {report_flag_fields, compare_fields, show_fields},
    .text = "Items are paired. 'pass' means a loss of the margin or more was ruled out; that\n"
            "nothing was found is never a pass, but 'inconclusive', with the difference that\n"
            "could have been seen (MDE).\n",
    .examples = "compare # the newest run in assay.db\n"
                "compare --base fp16 --margin 0.5 --wide # another base, a tighter margin\n"
                "compare --check --db nightly.db # exit status for scripts\n",
    .main = run_compare,
};
