/* cmd_bench.c - assay bench: speed and memory only, the table at once. */
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_code.h"
#include "harness/cli/report_flags.h"
#include "harness/cli/run_suite.h"
#include "harness/run/suite.h"
#include "reports/term.h"

static struct run_flags flags;

static int show(struct options *o, struct assay_err *e)
{
    struct report_flags r = {.db = flags.db};
    struct compare_options options = {0};
    struct view *view = NULL;
    const struct view_set *set;
    const struct compare *c;
    field_defaults(compare_fields, &options);
    TRY(report_open(&r, o, &view, &set, e));
    int rc = compare_make(view, set, &options, &o->arena, &c, e);
    if (rc == 0) {
        struct buf b;
        struct term_options t = {.colors = say_colors(), .wide = true};
        buf_init(&b, 0);
        term_compare(c, &t, &b);
        say_buf(&b);
        buf_release(&b);
    }
    view_close(view);
    return rc;
}

static int body(struct options *o, struct assay_err *e)
{
    struct suite suite;
    suite_init(&suite, &o->arena);
    for (size_t i = 0; i < o->n_pairs; i++) {
        if (strcmp(o->pairs[i].key, "tasks") == 0)
            return err_set(e, ASSAY_EUSAGE, "bench measures speed only; for --tasks use 'assay run'");
        TRY(suite_set(&suite, o->pairs[i].key, o->pairs[i].text, e));
    }
    TRY(suite_finish(&suite, e));
    int code = run_suite_shown(&suite, &flags, e);
    if (code < 0 || code == EXIT_INTERRUPTED)
        return code;
    TRY(show(o, e));
    return code;
}

static int run_bench(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags, NULL};
    run_flags_command(&flags, argc, argv);
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_bench = {
    .name = "bench",
    .summary = "measure prefill and decode speed and memory of several precisions, and show the table",
    .arguments = "",
    .tables = {run_flag_fields, suite_fields},
    .examples = "bench --model m.gguf --precision fp32,q8_0,q4_0 # default lengths\n"
                "bench --model m.gguf --precision int8 --scenario decode:16+128\n",
    .main = run_bench,
};
