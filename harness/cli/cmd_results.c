/* cmd_results.c - assay results: aggregates for scripts. */
#include <string.h>

#include "harness/base/buf.h"
#include "harness/cli/commands.h"
#include "harness/cli/report_flags.h"
#include "reports/results.h"

struct format_flags {
    const char *format;
};
static struct report_flags flags;
static struct format_flags format;

static const struct assay_field format_fields[] = {
    {"format", ASSAY_ENUM, offsetof(struct format_flags, format), "csv", "csv|json", "how to print"},
    {0},
};

static int body(struct options *o, struct assay_err *e)
{
    struct view *view = NULL;
    const struct view_set *set;
    int rc = report_open(&flags, o, &view, &set, e);
    if (rc == 0) {
        struct buf b;
        buf_init(&b, 0);
        results_write(set, strcmp(format.format, "json") == 0 ? RESULTS_JSON : RESULTS_CSV, &b);
        say_buf(&b);
        buf_release(&b);
    }
    view_close(view);
    return rc;
}

static int run_results(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags, &format};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_results = {
    .name = "results",
    .summary = "print the scores of a run as CSV or JSON, for scripts",
    .arguments = "",
    .tables = {report_flag_fields, format_fields},
    .examples = "results --format json | jq . # the newest run\n"
                "results --db a.db --run 0195 > scores.csv # a run by the beginning of its id\n",
    .main = run_results,
};
