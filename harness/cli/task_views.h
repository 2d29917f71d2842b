/* task_views.h - tasks on the terminal: lists of them, and one with all that is known of it. */
#ifndef TASK_VIEWS_H
#define TASK_VIEWS_H
struct assay_err;
struct options;
struct suite;
struct task_code_flags;

/* pattern NULL: all.  format: table, csv or json. */
int list_tasks(struct options *, const char *task_dir, const char *pattern, const char *format,
               struct assay_err *);
struct show_task {
    const char *name, *task_dir, *data_dir;
    int fewshot;                       /* -1: as the task says */
    const struct suite *suite;         /* how prompts are made: chat template, instruction, prefix */
    const struct task_code_flags *code;
};
int show_task(struct options *, const struct show_task *, struct assay_err *);
#endif
