/* cmd_baseline.c - assay baseline: which run the others of a machine are compared with. */
#include <stdio.h>
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/gate_keep.h"
#include "reports/fmt.h"

struct baseline_flags {
    const char *db, *reason;
};
static struct baseline_flags flags;
static const struct assay_field baseline_fields[] = {
    {"db", ASSAY_STR, offsetof(struct baseline_flags, db), "assay.db", NULL, "the database"},
    {"reason", ASSAY_STR, offsetof(struct baseline_flags, reason), "accepted", NULL,
     "why, for the record"},
    {0},
};

static int set(struct store *s, const char *uid, struct arena *a, struct assay_err *e)
{
    struct store_run run;
    TRY(store_get_run(s, uid, a, &run, e));
    if (strcmp(run.status, "done") != 0 && strcmp(run.status, "partial") != 0)
        return err_set(e, ASSAY_EUSAGE, "run '%s' is %s: a baseline must have ended", run.uid,
                       run.status);
    TRY(gate_set_baseline(s, &run, flags.reason, clock_wall_ns(), e));
    printf("baseline: run %s of %s\n", run.uid, fmt_time(run.started_ns).s);
    return 0;
}

static void show_one(const struct store_baseline *b, const struct view_run *runs, size_t n_runs)
{
    struct buf safe;
    buf_init(&safe, 0);
    text_safe(&safe, b->reason, strlen(b->reason));
    for (size_t i = 0; i < n_runs; i++)
        if (runs[i].id == b->run_id)
            printf("class %.12s: run %s of %s, set %s: %s\n", b->class_uid, runs[i].uid,
                   fmt_time(runs[i].started_ns).s, fmt_time(b->set_ns).s, safe.v);
    buf_release(&safe);
}

static int show(struct store *s, struct arena *a, struct assay_err *e)
{
    struct store_baseline *b;
    struct view *view = NULL;
    const struct view_run *runs;
    size_t n, n_runs;
    TRY(store_get_baselines(s, a, &b, &n, e));
    if (n == 0)
        printf("no baseline is set: the gate compares with the last run that passed\n");
    TRY(view_open(store_path(s), &view, e));
    int rc = view_runs(view, &runs, &n_runs, e);
    for (size_t i = 0; i < n && rc >= 0; i++)
        show_one(&b[i], runs, n_runs);
    view_close(view);
    return rc;
}

static int body(struct options *o, struct assay_err *e)
{
    struct store *s = NULL;
    bool is_set = strcmp(o->args[0], "set") == 0;
    if (!is_set && strcmp(o->args[0], "show") != 0)
        return err_set(e, ASSAY_EUSAGE, "unknown action '%s', expected set or show", o->args[0]);
    if (!is_set && o->n_args > 1)
        return err_set(e, ASSAY_EUSAGE, "unexpected argument '%s'; usage: assay baseline show",
                       o->args[1]);
    TRY(store_open(flags.db, is_set ? STORE_WRITE : STORE_READ, &s, e));
    int rc =
        is_set ? set(s, o->n_args > 1 ? o->args[1] : NULL, &o->arena, e) : show(s, &o->arena, e);
    store_close(s);
    return rc;
}

static int run_baseline(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_baseline = {
    .name = "baseline",
    .summary = "set or show the run that the gate compares with",
    .arguments = "set|show [RUN]",
    .min_args = 1,
    .max_args = 2,
    .tables = {baseline_fields},
    .text = "'set' takes the newest run unless one is named, for the class of machine it was\n"
            "made on. What is open about earlier nights is expected from then on.\n",
    .examples = "baseline set --reason 'slower by design' --db nightly.db # the newest run\n"
                "baseline show --db nightly.db # what is compared with\n",
    .words = "set|show",
    .main = run_baseline,
};
