/* paths.h - where things are looked for: task files, dataset recipes, datasets, suites, models.
 *
 * Said folders come first, then the environment ($ASSAY_TASKS, $ASSAY_DATA, $ASSAY_MODELS: colon
 * lists), then what came with the program: its source tree, or PREFIX/share/assay. */
#ifndef PATHS_H
#define PATHS_H
#include <stddef.h>
struct arena;

/* NULL-terminated, in the arena; folders that do not exist are left out, except said ones.  Those of
 * tasks come in reverse, as task_index_open wants them: the last that has a name wins. */
const char *const *paths_tasks(struct arena *, const char *const *said, size_t *n);
const char *const *paths_recipes(struct arena *, const char *const *said);
const char *const *paths_data(struct arena *, const char *const *said);
const char *const *paths_suites(struct arena *);
const char *const *paths_models(struct arena *);

/* A relative path that a suite file says: the one beside that file when it is there, else `text`. */
const char *paths_beside(struct arena *, const char *suite, const char *text);
/* `text` when it is there or nothing else is; else "x.gguf" or "x" among the models, "mini/x" among
 * the datasets. */
const char *paths_file(struct arena *, const char *text);
/* A suite's file: `text` itself, or "x" and "x.yaml" among the suites that came with the program. */
const char *paths_suite(struct arena *, const char *text);

/* Where what can be made again is kept: $ASSAY_CACHE, $XDG_CACHE_HOME/assay, ~/.cache/assay; NULL
 * when none of these is set. */
const char *paths_cache(struct arena *);
#endif
