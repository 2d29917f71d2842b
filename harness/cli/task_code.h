/* task_code.h - the flags of commands that may run Python functions of task folders. */
#ifndef TASK_CODE_H
#define TASK_CODE_H
#include "backends/backend.h"
#include "harness/run/taskcode.h"

struct task_code_flags {
    int32_t allow;
    const char *python, *memory_text;
    int64_t timeout_s;
};
extern const struct assay_field task_code_fields[];
struct docs_paths;
/* *out NULL: not allowed.  paths: where load_dataset() finds rows, as long as *out; NULL: nowhere.
 * Errors: a size that is none. */
int task_code_open(const struct task_code_flags *, struct docs_paths *paths, struct taskcode **out,
                   struct assay_err *);
#endif
