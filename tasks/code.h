/* code.h - Python functions of a task folder, asked of a host: what a `!function` without a port means
 * when it is allowed.
 *
 * A function is named by its module's path (or the dotted name of an installed module) and its name,
 * and every question carries both: a host may lose its process between two questions.  Random numbers
 * are seeded for each: 0 for a whole split, the row's place for a row. */
#ifndef CODE_H
#define CODE_H
#include <stdbool.h>
#include "tasks/host.h"
#include "tasks/task.h"

struct port_ask;

struct code {
    const struct task_host *host;
    const struct value *func;              /* (path or module, name) */
    const char *where, *key, *spec;        /* "task.yaml:3:5", "process_docs", "utils.clean" */
    const char *name, *python;             /* its __name__; the version of Python */
    const struct value *files;             /* [{path, sha256}] of every file it needs of its folder */
};
/* Loads the module and finds the function; does not call it.  path: absolute, or the name of a module.
 * Errors: ASSAY_EUNSUPPORTED "where: 'key' can't be used: !function spec: needs python module 'x'". */
int code_open(const struct port_ask *, const char *path, const char *name, struct arena *,
              struct code **, struct assay_err *);
/* What of the function can change a score: its name and the hashes of its files. */
const struct value *code_identity(const struct code *, struct arena *);

/* -- asking ------------------------------------------------------------------------------------ */
int code_field(const struct code *, size_t idx, const struct value *doc, struct arena *,
               const struct value **out, struct assay_err *);
/* Examples: a list of rows. */
int code_samples(const struct code *, struct arena *, const struct value **out, struct assay_err *);

struct code_score {
    const char *name;
    double value;                          /* NAN: not a number */
    const char *detail;                    /* what the number alone would lose, or NULL */
    enum task_number number;
};
struct code_results {
    size_t idx;
    const struct value *doc, *results;
    const struct value *exact;             /* names of scores whose aggregation is Python too */
};
int code_results(const struct code *, const struct code_results *, struct arena *,
                 const struct code_score **out, size_t *n, struct assay_err *);
struct code_metric {
    size_t idx;
    const struct value *golds;             /* list: one, or all of several targets */
    bool any;                              /* several: is one of them true */
    bool exact;
    const struct value *response, *kwargs;
};
int code_metric(const struct code *, const struct code_metric *, struct arena *,
                const struct code_score **out, size_t *n, struct assay_err *);
int code_aggregate(const struct code *, const struct task_score *, size_t n,
                   struct task_aggregate *out, struct assay_err *);
/* One step of a pipeline over one request.  c NULL: kwargs' "filter_fn" is the function. */
struct code_filter {
    const struct task_host *host;
    const struct code *code;
    const struct value *kwargs;            /* functions marked by code_option */
    const char *where;
};
int code_filter(const struct code_filter *, const struct value *doc, const struct value *resps,
                struct arena *, const struct value **out, struct assay_err *);
const struct value *code_option(const struct code *, struct arena *);

/* -- rows -------------------------------------------------------------------------------------- */
/* What Python says about the row in hand, made beforehand for a whole split. */
struct code_memo {
    const struct value *doc, *fields;      /* the evaluated row's */
    const struct value *const *pool;       /* of the few-shot pool, by place */
    size_t n_pool;
};
struct code_split {                        /* one split's functions */
    const struct task_host *host;
    const struct code *dataset;            /* custom_dataset, or NULL */
    const struct value *kwargs;            /* of it */
    const char *split;
    const struct code *rows;               /* process_docs, or NULL */
    const struct code *fields[3];
    size_t n_fields;
};
int code_split_run(const struct code_split *, const struct task_code_io *, struct assay_err *);
#endif
