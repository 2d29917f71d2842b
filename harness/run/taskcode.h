/* taskcode.h - the Python process that runs functions of task folders: only with --allow-task-code.
 *
 * One process per session and process of ours, started at the first question: no network, no files to
 * write but in a small folder that goes with it (scratch.h), no other processes, an empty environment, limits
 * of time, memory and size.  What it may not
 * do is refused to it by the kernel (sandbox.h); whatever it does, a question ends with an answer or
 * an error.  After an error of the process itself the next question starts another. */
#ifndef TASKCODE_H
#define TASKCODE_H
#include <stdint.h>
#include "tasks/host.h"

struct arena;
struct assay_err;

struct taskcode_options {
    const char *python;                /* program, looked up in PATH */
    int64_t timeout_s, memory_bytes;   /* for one question; of its address space */
    /* A question of the code in the middle of one of ours: load_dataset.  May be NULL. */
    int (*load)(void *user, const struct value *ask, struct arena *, const struct value **rows,
                struct assay_err *);
    void *user;
};
struct taskcode;
struct taskcode *taskcode_new(const struct taskcode_options *);
const struct task_host *taskcode_host(const struct taskcode *);
/* Ends the process, if there is one; a later question starts another. */
void taskcode_stop(struct taskcode *);
void taskcode_free(struct taskcode *);
#endif
