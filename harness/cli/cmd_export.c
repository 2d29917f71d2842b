/* cmd_export.c - assay export: a run in another harness's layout. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_code.h"
#include "harness/cli/task_code.h"
#include "harness/cli/version.h"
#include "harness/run/export.h"

struct export_flags {
    const char *db, *run, *out, *data, *task_dir;
};
static struct export_flags flags;
static struct task_code_flags code_flags;

static const struct assay_field export_fields[] = {
    {"db", ASSAY_STR, offsetof(struct export_flags, db), "assay.db", NULL, "the database"},
    {"run", ASSAY_STR, offsetof(struct export_flags, run), NULL, NULL,
     "which run: its id or the beginning of it; the newest unless said"},
    {"out", ASSAY_STR, offsetof(struct export_flags, out), NULL, NULL, "folder to write into; made when absent"},
    {"data", ASSAY_STR, offsetof(struct export_flags, data), NULL, NULL,
     "folder with the datasets; where the run found them unless said"},
    {"task-dir", ASSAY_STR, offsetof(struct export_flags, task_dir), NULL, NULL,
     "folder with the task files; where the run found them unless said"},
    {0},
};

static int body(struct options *o, struct assay_err *e)
{
    const char *data[] = {flags.data, NULL}, *dirs[] = {flags.task_dir, NULL};
    if (!o->n_args || strcmp(o->args[0], "lm-eval") != 0)
        return err_set(e, ASSAY_EUSAGE, "expected the layout to write: lm-eval");
    if (!flags.out)
        return err_set(e, ASSAY_EUSAGE, "no folder; give --out DIR");
    struct export_options options = {.db = flags.db, .run = flags.run, .out = flags.out,
                                     .data_dirs = flags.data ? data : NULL,
                                     .task_dirs = flags.task_dir ? dirs : NULL, .version = ASSAY_VERSION,
                                     .allow_task_code = code_flags.allow,
                                     .task_code_python = code_flags.python,
                                     .task_code_timeout_s = code_flags.timeout_s,
                                     .task_code_memory = code_flags.memory_text};
    struct export_summary s;
    TRY(export_run(&options, &s, e));
    printf("run %s: %zu variants, %zu files, %" PRIu64 " samples -> %s\n", s.uid, s.n_variants, s.n_files,
           s.n_samples, flags.out);
    if (s.n_left_out)
        fprintf(stderr, "%zu tasks were left out, they are not done\n", s.n_left_out);
    return s.n_left_out ? EXIT_PARTIAL : EXIT_OK;
}

static int run_export(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags, &code_flags};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_export = {
    .name = "export",
    .summary = "write a run as lm-evaluation-harness would have: results and samples, with its hashes",
    .arguments = "lm-eval",
    .max_args = 1,
    .tables = {export_fields, task_code_fields},
    .text = "One folder per variant: results_TIME.json and samples_TASK_TIME.jsonl. Scores and\n"
            "answers come from the database; documents and prompts are rendered again, so the\n"
            "task files and the data must be those of the run.\n",
    .examples = "export lm-eval --out results # the newest run\n"
                "export lm-eval --db nightly.db --run 0195 --data datasets --out results # another one\n",
    .main = run_export,
};
