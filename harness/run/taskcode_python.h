/* taskcode_python.h - which program is the Python of task code. */
#ifndef TASKCODE_PYTHON_H
#define TASKCODE_PYTHON_H
struct arena;
struct assay_err;

/* The program that `name` (looked up in PATH) starts.  A script that starts Python (pyenv, a wrapper) is
 * asked once, outside of the sandbox, in which no other program can be started.
 * Errors: ASSAY_EUNSUPPORTED. */
int taskcode_python(const char *name, struct arena *, const char **out, struct assay_err *);
#endif
