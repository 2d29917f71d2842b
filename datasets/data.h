/* data.h - dataset rows: from a task's dataset_path and split to a stream of struct value dicts.
 *
 * Resolution is by recipe (datasets/recipes/NAME.yaml: which local files hold which split) and then
 * by convention below each data directory: DIR/<path>/<name>/<split>.jsonl and the like, and then
 * what was fetched (cache.h).  dataset_path json, csv, text with dataset_kwargs.data_files read those
 * files, relative to the task's folder.  A task file cannot name files outside its own folder and the
 * data directories, neither by "..", nor absolute, nor through a symbolic link.
 * Formats by extension: .jsonl .ndjson .json .csv .tsv .txt, each also .gz and .zst.  Rows are
 * streamed: memory does not grow with the number of rows.
 * Not here: what a row means (tasks/), the network (hub.h). */
#ifndef DATA_H
#define DATA_H
#include <stdbool.h>
#include "harness/base/value.h"

struct arena;
struct assay_err;

struct data_source {             /* what to open; strings borrowed */
    const char *path, *name;     /* dataset_path, dataset_name (NULL) */
    const char *split;
    const struct value *kwargs;  /* dataset_kwargs (NULL) */
    const char *base_dir;        /* folder of the task file, for relative data_files */
    const char *const *data_dirs;/* --data DIR ..., $ASSAY_DATA; NULL-terminated */
    const char *const *recipe_dirs;  /* folders with recipes; NULL-terminated */
    const char *cache;           /* cache_root(), NULL: what was fetched does not count */
};
struct data;

/* Errors: ASSAY_ENOTFOUND with the places that were searched, ASSAY_EIO for a file that was named
 * and cannot be read, ASSAY_EUSAGE for an unknown split. */
int data_open(const struct data_source *, struct data **, struct assay_err *);
/* Whether data_open would find files; nothing is read. */
bool data_is_here(const struct data_source *);
/* The rows of these files, one after another, as one dataset.  files are borrowed; kwargs as above. */
int data_open_files(const char *const *files, size_t n, const struct value *kwargs, struct data **,
                    struct assay_err *);
/* Next row as a dict in `arena` (the caller resets it); *row = NULL at the end.
 * Errors: ASSAY_EFORMAT "file:line:col: ...": malformed text, wrong encoding, a row that is no
 * object. */
int data_next(struct data *, struct arena *, const struct value **row, struct assay_err *);
int data_rewind(struct data *, struct assay_err *);
size_t data_at(const struct data *);               /* rows given since opening or rewinding */
/* Column names of the first row (CSV: the header). */
const char *const *data_columns(const struct data *, size_t *n);
const char *data_origin(const struct data *);      /* files, for people; absolute or as found */
/* SHA-256 of the files' content, computed once, cached for the process by path, mtime and size.
 * Errors: ASSAY_EFORMAT when what was fetched has been changed since. */
int data_uid(struct data *, char hex[65], struct assay_err *);
void data_close(struct data *);

struct data_recipe {             /* what a recipe file says; strings in the arena */
    const char *file, *about;    /* about: "" when the recipe has none */
    const char *default_name;    /* stands for a task's missing dataset_name; NULL */
    const struct value *names;   /* list of dataset_path */
    const struct value *splits;  /* dict: split -> patterns */
};
/* Every recipe below the folders, sorted by path within each. */
int data_recipes(const char *const *recipe_dirs, struct arena *, const struct data_recipe **,
                 size_t *n, struct assay_err *);
#endif
