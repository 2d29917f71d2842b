/* scratch.h - the one folder that task code may write to: small, its own, gone with its process.
 *
 * Where the system lets an unprivileged process mount, it is a tmpfs that nobody else sees (sandbox.h);
 * else it lies on the disk, and the program that asks watches how large it grows. */
#ifndef SCRATCH_H
#define SCRATCH_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SCRATCH_BYTES = 64 << 20, SCRATCH_FILES = 4096 };

/* Makes a folder in $TMPDIR (/tmp); NULL: none can be made, and there is no scratch.  Free it. */
char *scratch_make(void);
/* With all that is in it.  NULL is allowed. */
void scratch_remove(const char *path);
/* Those that a process of ours, which is gone, left. */
void scratch_remove_of(pid_t);
/* Whether it holds more than it may: bytes on the disk, or files. */
bool scratch_is_full(const char *path);
#endif
