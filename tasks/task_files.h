/* task_files.h - YAML files of tasks and groups as dicts: includes applied, places kept.
 *
 * A value carries a line, a column and the number of its file in a table kept here, so that a
 * message about a key that came through two includes still names the right file.
 * Not here: which keys a task may have (task_keys.c), names of tasks (index.c). */
#ifndef TASK_FILES_H
#define TASK_FILES_H
#include <stdbool.h>
#include "harness/base/arena.h"
#include "harness/base/value.h"
#include "tasks/task_names.h"

struct assay_err;

struct task_files {
    struct arena arena;            /* paths and remembered includes */
    const char **paths;            /* [n]; paths[0] is "" */
    uint32_t n, cap;
    struct task_names numbers;     /* path -> number */
    struct task_names includes;    /* real path -> index into `remembered` */
    const struct value **remembered;
    uint32_t n_remembered, cap_remembered;
};
void task_files_init(struct task_files *);
void task_files_release(struct task_files *);

/* Loads `path` and what it includes: {} updated by each include in order (without its task_list),
 * then by the file's own keys; whole top-level keys are replaced.  Values live in `arena`.
 * remember: included files are parsed once and kept in the table's arena, places included: for
 * walking a tree where thousands of files include the same few.
 * Errors: ASSAY_EFORMAT "path:line:col: ..." (also a file reached twice: upstream calls that a
 * cycle), ASSAY_EIO. */
int task_files_load(struct task_files *, const char *path, bool remember, struct arena *,
                    const struct value **out, struct assay_err *);
/* Whether the file at `path` may include `name`, really the file `real`: no link on the way leads out of
 * the folder that a relative path climbs to, nor an absolute one out of this file's.  A folder of tasks may
 * come from anywhere. */
bool task_files_may_include(const char *path, const char *name, const char *real);
/* Applies the `include` of a dict that stands inside file `path` (inline tasks of a group). */
int task_files_include(struct task_files *, const struct value *dict, const char *path,
                       struct arena *, const struct value **out, struct assay_err *);

/* The file a value was written in; "" when it was made in memory. */
const char *task_files_path(const struct task_files *, const struct value *);
enum { TASK_WHERE = 512 };
/* "path:line:col" of a value into out, which is returned. */
const char *task_files_where(const struct task_files *, const struct value *, char out[TASK_WHERE]);
/* Line and column of the first character of a text, inside its quotes or below a block's mark. */
void task_files_text_place(const struct task_files *, const struct value *, struct arena *,
                           uint32_t *line, uint32_t *col);
#endif
