/* cmd_history.c - assay history: the series of a database, night after night. */
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/cli/commands.h"
#include "reports/history.h"

struct history_flags {
    const char *db, *task, *variant, *machine, *format;
    int64_t nights;
};
static struct history_flags flags;
static const struct assay_field history_fields[] = {
    {"db", ASSAY_STR, offsetof(struct history_flags, db), "assay.db", NULL, "the database"},
    {"task", ASSAY_STR, offsetof(struct history_flags, task), NULL, NULL,
     "only this task or scenario"},
    {"variant", ASSAY_STR, offsetof(struct history_flags, variant), NULL, NULL,
     "only this variant"},
    {"machine", ASSAY_STR, offsetof(struct history_flags, machine), NULL, NULL,
     "only this machine: its name, or the first digits of its class"},
    {"nights", ASSAY_INT, offsetof(struct history_flags, nights), "0", "0..1000000",
     "only this many of the newest runs; 0: all"},
    {"format", ASSAY_ENUM, offsetof(struct history_flags, format), "table", "table|csv|json",
     "how to write it"},
    {0},
};

static int body(struct options *o, struct assay_err *e)
{
    struct view *view = NULL;
    struct history h;
    struct history_options ho = {.metric = o->n_args ? o->args[0] : NULL,
                                 .task = flags.task,
                                 .variant = flags.variant,
                                 .machine = flags.machine,
                                 .max_runs = (size_t)flags.nights,
                                 .with_changes = true};
    struct buf b;
    TRY(view_open(flags.db, &view, e));
    buf_init(&b, 0);
    int rc = history_make(view, &ho, &o->arena, &h, e);
    if (rc >= 0) {
        history_write(&h,
                      flags.format[0] == 'c'   ? HISTORY_CSV
                      : flags.format[0] == 'j' ? HISTORY_JSON
                                               : HISTORY_TABLE,
                      &b);
        say_buf(&b);
    }
    buf_release(&b);
    view_close(view);
    return rc;
}

static int run_history(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_history = {
    .name = "history",
    .summary = "show series night after night: sparkline, segments, change points",
    .arguments = "[METRIC]",
    .max_args = 1,
    .tables = {history_fields},
    .text = "METRIC is prefill, decode, ttft, memory, canary or a metric of a task (acc).\n"
            "A new segment begins where model, dataset or configuration changed; values\n"
            "across that line are not compared. Disturbed nights are shown, not judged.\n",
    .examples = "history --db nightly.db # every series\n"
                "history decode --variant int8 --db nightly.db # one of them\n"
                "history acc --format csv # for a spreadsheet\n",
    .main = run_history,
};
