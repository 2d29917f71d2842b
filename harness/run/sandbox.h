/* sandbox.h - what a process of task code gives up before it becomes Python.  Linux; async-signal-safe.
 *
 * Not a wall against the kernel's own defects: code from nobody knows where does not belong here. */
#ifndef SANDBOX_H
#define SANDBOX_H
#include <stdint.h>

enum {                                 /* what could not be had */
    SANDBOX_NO_NETNS = 1,              /* no network of its own: sockets are still refused */
    SANDBOX_NO_FILES = 2,              /* it could write files */
    SANDBOX_NO_CALLS = 4,              /* it could make sockets and processes */
    SANDBOX_ON_DISK = 8,               /* its scratch folder is no tmpfs: somebody has to watch its size */
    SANDBOX_NO_SCRATCH = 16            /* it has none */
};
struct sandbox {
    int64_t memory_bytes;
    const char *scratch;               /* an empty folder, the only one it may write to; NULL: none */
};
/* In the child, before exec.  Returns the flags of what is missing. */
int sandbox_enter(const struct sandbox *);
#endif
