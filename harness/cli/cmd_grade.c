/* cmd_grade.c - assay grade: stored responses through today's task files, with no model. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_code.h"
#include "harness/cli/task_code.h"
#include "harness/run/grade.h"

struct grade_flags {
    const char *db, *run, *tasks, *data, *task_dir;
    int64_t bootstrap;
};
static struct grade_flags flags;
static struct task_code_flags code_flags;

static const struct assay_field grade_fields[] = {
    {"db", ASSAY_STR, offsetof(struct grade_flags, db), "assay.db", NULL, "the database"},
    {"run", ASSAY_STR, offsetof(struct grade_flags, run), NULL, NULL,
     "which run: its id or the beginning of it; the newest unless said"},
    {"tasks", ASSAY_STR, offsetof(struct grade_flags, tasks), NULL, NULL,
     "comma list of tasks to grade; all of the run unless said"},
    {"data", ASSAY_STR, offsetof(struct grade_flags, data), NULL, NULL,
     "folder with the datasets; where the run found them unless said"},
    {"task-dir", ASSAY_STR, offsetof(struct grade_flags, task_dir), NULL, NULL,
     "folder with the task files; where the run found them unless said"},
    {"bootstrap", ASSAY_INT, offsetof(struct grade_flags, bootstrap), "-1", "-1..10000000",
     "bootstrap iterations for standard errors; -1: as the run had"},
    {0},
};

static void on_event(void *user, const struct run_event *event)
{
    (void)user;
    if (event->kind != RUN_JOB_END)
        return;
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "%s  %s  %s", event->variant ? event->variant : "", event->job ? event->job : "",
               event->status ? event->status : "");
    if (event->text)
        buf_printf(&b, ": %s", event->text);
    struct buf safe;
    buf_init(&safe, 0);
    text_safe(&safe, b.v, b.n);
    fprintf(stderr, "%s\n", safe.v);
    buf_release(&safe);
    buf_release(&b);
}

static int body(struct options *o, struct assay_err *e)
{
    (void)o;
    const char *data[] = {flags.data, NULL}, *dirs[] = {flags.task_dir, NULL};
    struct grade_options options = {.db = flags.db, .run = flags.run, .tasks = flags.tasks,
                                    .data_dirs = flags.data ? data : NULL,
                                    .task_dirs = flags.task_dir ? dirs : NULL,
                                    .bootstrap = flags.bootstrap,
                                    .allow_task_code = code_flags.allow,
                                    .task_code_python = code_flags.python,
                                    .task_code_timeout_s = code_flags.timeout_s,
                                    .task_code_memory = code_flags.memory_text,
                                    .on_event = on_event};
    struct grade_summary s;
    int rc = grade_run(&options, &s, e);
    if (rc < 0)
        return rc;
    printf("run %s: graded %zu jobs, %" PRIu64 " items", s.uid, s.n_jobs, s.n_items);
    if (s.n_failed)
        printf("; %zu could not be graded and keep their old scores", s.n_failed);
    puts("");
    return s.n_failed ? EXIT_PARTIAL : EXIT_OK;
}

static int run_grade(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags, &code_flags};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_grade = {
    .name = "grade",
    .summary = "score the stored answers again, after a filter or metric was changed; needs no model",
    .arguments = "",
    .tables = {grade_fields, task_code_fields},
    .examples = "grade --db nightly.db # the newest run, with today's task files\n"
                "grade --tasks gsm8k --task-dir my-tasks # one task, from another folder\n",
    .main = run_grade,
};
