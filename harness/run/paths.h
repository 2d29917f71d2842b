/* paths.h - where things are looked for: task files, dataset recipes, datasets.
 *
 * Said folders come first, then the environment ($ASSAY_TASKS, $ASSAY_DATA: colon lists), then what
 * came with the program: its source tree, or PREFIX/share/assay. */
#ifndef PATHS_H
#define PATHS_H
#include <stddef.h>
struct arena;

/* NULL-terminated, in the arena; folders that do not exist are left out, except said ones.  Those of
 * tasks come in reverse, as task_index_open wants them: the last that has a name wins. */
const char *const *paths_tasks(struct arena *, const char *const *said, size_t *n);
const char *const *paths_recipes(struct arena *, const char *const *said);
const char *const *paths_data(struct arena *, const char *const *said);
#endif
