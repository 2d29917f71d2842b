/* need.h - which datasets and splits the tasks of a suite read, for fetching them before a run. */
#ifndef NEED_H
#define NEED_H
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct assay_err;
struct suite;
struct value;

struct need {                        /* one configuration of one dataset; strings in the arena */
    const char *path, *name;
    const struct value *kwargs;
    const char **splits;             /* each once, in order of need */
    size_t n_splits;
    const char *task;                /* the first that reads it */
    bool is_local;                   /* every split is in a data directory: nothing to fetch */
    bool is_here;                    /* every split is there, locally or fetched */
};
/* The suite need not be finished; tasks, task_dirs, recipe_dirs, data and fewshot count.  Tasks that
 * do not load are left out, with a warning. */
int need_list(const struct suite *, struct arena *, struct need **, size_t *n, struct assay_err *);
/* What to type to fetch what the suite's tasks read. */
char *need_command(const struct suite *, struct arena *);
#endif
