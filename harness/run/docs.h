/* docs.h - the documents of a task that are to be evaluated, as asked items, in order.
 *
 * Joins datasets/ (rows) and tasks/ (what to ask): opens the split, loads the few-shot pool, starts
 * the task, keeps the few-shot stream in step when documents are left out. */
#ifndef DOCS_H
#define DOCS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tasks/task.h"

struct arena;
struct assay_err;
struct docs;
struct prepare;
struct suite;
struct value;

struct docs_paths {
    const char *const *data, *const *recipes;
    const char *cache;                   /* of what was fetched, or NULL */
    struct prepare *prepare;               /* rows that Python makes; NULL: no task has any */
};
/* Rows for load_dataset() in task code, which asks {path, name, split, data_files}; user: struct docs_paths. */
int docs_load(void *user, const struct value *ask, struct arena *, const struct value **rows,
              struct assay_err *);
/* Opens and starts the task.  Errors: "file:line:col: ..." of dataset or template. */
int docs_open(struct task *, const struct suite *, const struct docs_paths *, struct docs **,
              struct assay_err *);
void docs_close(struct docs *);
/* Reads every row that will be needed once, to count and to find malformed ones before anything is
 * asked, and asks the first.  *n_docs: documents to be evaluated. */
int docs_check(struct docs *, size_t *n_docs, struct assay_err *);
/* Documents to be evaluated, as docs_check found them (fixes a fractional limit). */
void docs_expect(struct docs *, size_t n_rows, size_t n_docs);
/* Reads the whole split: its documents, whatever limit or samples say. */
int docs_count(struct docs *, size_t *n_rows, struct assay_err *);
size_t docs_rows(const struct docs *);            /* rows read by docs_check */
/* From the start again. */
int docs_rewind(struct docs *, struct assay_err *);
/* The next document's item, in `arena`; *has = false at the end.  `wanted`: NULL, or sorted
 * places: only these are asked, the others skipped. */
int docs_next(struct docs *, struct arena *, struct task_item *, bool *has, struct assay_err *);
void docs_only(struct docs *, const size_t *wanted, size_t n);
const char *docs_origin(const struct docs *);
int docs_uid(struct docs *, char hex[65], struct assay_err *);     /* of all files that are read */
#endif
