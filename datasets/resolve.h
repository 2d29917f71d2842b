/* resolve.h - from a dataset's name to the files that hold a split (inside datasets only).
 *
 * Order: the file loaders json, csv, text with data_files; then a recipe; then the convention below
 * each data directory and below the task's own folder; then what was fetched (cache.h). */
#ifndef RESOLVE_H
#define RESOLVE_H
#include "datasets/data.h"
#include "datasets/rows.h"

struct resolved {
    const char *const *files;    /* in arena; at least one */
    size_t n;
    const struct rows_format *format;    /* NULL: by each file's extension */
    const char *cached_sha256;   /* one fetched file, with this digest; NULL: not from the cache.
                                    dataset_kwargs are behind it: they shaped its rows */
};

/* Errors: as data_open. */
int resolve_files(const struct data_source *, struct arena *, struct resolved *, struct assay_err *);
/* The format of a file name, NULL when its extension is none of ours. */
const struct rows_format *resolve_format(const char *path);

/* A growing list of paths, and the places that were looked at, for the error text. */
struct path_list {
    const char **v;
    size_t n, cap;
    struct arena *arena;
};
void path_list_add(struct path_list *, const char *path);
/* Adds what the pattern (globs allowed) finds, sorted; returns how many. */
size_t path_list_glob(struct path_list *, const char *pattern);

/* recipe.c: patterns relative to a data directory for this source's path, name and split, tried in
 * order; *found false when no recipe names the dataset. */
int recipe_patterns(const struct data_source *, struct path_list *patterns, bool *found,
                    struct assay_err *);
#endif
