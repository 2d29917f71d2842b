/* task_code.c - whether, and with what, a command runs Python functions of task folders. */
#include "harness/cli/task_code.h"

#include <stddef.h>

#include "harness/base/err.h"
#include "harness/run/docs.h"
#include "harness/run/suite.h"

const struct assay_field task_code_fields[] = {
    {"allow-task-code", ASSAY_BOOL, offsetof(struct task_code_flags, allow), "false", NULL,
     "load Python functions that are not built in, which runs code of the folder"},
    {"task-code-python", ASSAY_STR, offsetof(struct task_code_flags, python), "python3", NULL,
     "the Python that runs them"},
    {"task-code-timeout", ASSAY_INT, offsetof(struct task_code_flags, timeout_s), "120", "1..1000000",
     "seconds after which a function is given up"},
    {"task-code-memory", ASSAY_STR, offsetof(struct task_code_flags, memory_text), "4G", NULL,
     "most address space of that Python"},
    {0},
};

int task_code_open(const struct task_code_flags *f, struct docs_paths *paths, struct taskcode **out,
                   struct assay_err *e)
{
    struct taskcode_options o = {.python = f->python, .timeout_s = f->timeout_s,
                                 .load = paths ? docs_load : NULL, .user = paths};
    *out = NULL;
    if (!f->allow)
        return 0;
    TRY(suite_parse_size(f->memory_text, "task-code-memory", &o.memory_bytes, e));
    *out = taskcode_new(&o);
    return 0;
}
