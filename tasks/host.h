/* host.h - what tasks/ asks of whoever runs the Python functions of a task folder.
 *
 * Nothing here starts a process or knows a pipe: a question goes out as a dict, an answer comes back.
 * No host (NULL): such functions are refused, the default.  What is asked: code.c. */
#ifndef HOST_H
#define HOST_H
#include "harness/base/value.h"

struct arena;
struct assay_err;

struct task_host {
    /* Errors: ASSAY_EUNSUPPORTED: something is missing that the code needs; ASSAY_EFORMAT: the code
     * failed, "file.py:12: ValueError: ..."; ASSAY_ELIMIT: time, memory or size. */
    int (*call)(void *user, const struct value *ask, struct arena *, const struct value **answer,
                struct assay_err *);
    void *user;
};
#endif
