/* prepare.h - splits whose rows Python makes: made once in a run, kept in memory, read by every variant.
 *
 * A split is kept as bytes in a file without a name, mapped read-only: children of a fork read the same
 * pages.  Kept until prepare_free; the process of the code may be gone by then. */
#ifndef PREPARE_H
#define PREPARE_H
#include <stdbool.h>
#include <stddef.h>
#include "tasks/task.h"

struct arena;
struct assay_err;
struct prepare;
struct prepared;

struct prepare *prepare_new(void);
void prepare_free(struct prepare *);

struct prepare_ask {
    const struct task *task;
    bool is_shot;
    struct task_code_io io;            /* `put` and its user are prepare's own */
};
/* The split of a task, made when it is asked for first.  Errors: of the rows, of the code. */
int prepare_split(struct prepare *, const struct prepare_ask *, const struct prepared **,
                  struct assay_err *);
size_t prepared_rows(const struct prepared *);
const char *prepared_uid(const struct prepared *);       /* sha256 of all its rows */
/* Row at *at, which moves on; *doc NULL: no more.  Both in `arena`. */
int prepared_next(const struct prepared *, size_t *at, struct arena *, const struct value **doc,
                  const struct value **fields, struct assay_err *);
#endif
