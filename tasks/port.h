/* port.h - what `!function` names in well-known task trees, said again without Python.
 *
 * A port is one row of a table (port_table.h): which module and function it stands for, a piece of
 * that module's text that tells it from its variants, and a short program in the template language.  A
 * task gets a port only by naming the function from its own YAML, and only when the module beside it is,
 * byte for byte, one that the row was checked against (port_known_body.h): the file is never executed, and a
 * changed one is another version.
 *
 * A program sees `doc`, `results` (of process_results: the filtered responses), `arg` (what the '*' of
 * the function's name stands for), `folder` (the name of the module's folder), `texts` (the row's
 * strings for that folder), `row` (of process_docs: which row of the split it is, from 0) and `kwargs`
 * (of custom_dataset: what it is called with).  Functions
 * that draw from a random generator that other tasks share have an order of their own here: one pass
 * over the split from the seed on. */
#ifndef PORT_H
#define PORT_H
#include <stdbool.h>
#include "harness/base/value.h"

struct arena;
struct assay_err;
struct code;
struct code_memo;
struct task_host;
struct template;

enum port_kind {
    PORT_ROWS,                         /* process_docs: names it sets become columns; a row whose program
                                          sets _keep to a false value is dropped, one that sets _rows
                                          becomes the rows of that list */
    PORT_VALUE,                        /* doc_to_*: the value of `out`, else the text it prints */
    PORT_RESULTS,                      /* process_results: names it sets become scores; "_at_" in a name
                                          is "@", which no name can hold */
    PORT_AGGREGATE,                    /* text: a row of metric_aggregate.c */
    PORT_FILTER,                       /* a class of filter_list; text: a row of filter.c */
    PORT_SAMPLES,                      /* examples: the list `out` */
    PORT_DATA,                         /* custom_dataset: `path` and `name` of the data set it loads */
    PORT_CLASS,                        /* class; text: JSON, the configuration that says the same.  Its
                                          "!function x" are rows named "Class:x"; also_scored: a text
                                          that is scored behind the prompt, beside the answer */
    PORT_NONE                          /* what no port is made for: metrics */
};
struct port_texts {                    /* strings by folder */
    const char *folder, *v[4];
};
struct port {
    uint8_t kind;                      /* enum port_kind */
    const char *module, *name;         /* patterns: end of the path, function; one '*' in the name */
    const char *evidence;              /* text the module has */
    const char *text;                  /* the program */
    const struct port_texts *texts;    /* NULL-terminated, or NULL */
};
const struct port *port_at(size_t i);  /* all rows, family by family; NULL past the end */

struct port_use {                      /* a port bound by a task */
    const struct port *port;
    struct template *tpl;
    const struct value *arg, *folder, *texts;
    const char *where;
    struct code *code;                 /* no port: Python, asked of the host; port and tpl are NULL */
    const struct code_memo *memo;      /* of PORT_VALUE in code: what was asked beforehand */
    uint32_t slot;                     /* in its fields */
};
/* Binds `func` (a FUNC written in YAML file `yaml` at `where`) to its port, else to the host's Python.
 * Errors: ASSAY_EUNSUPPORTED: no port of it, or another version of its module, and no host; what the
 * host says. */
struct port_ask {
    enum port_kind kind;
    const struct value *func;
    const char *key, *yaml, *where;
    const struct task_host *host;      /* NULL: none */
};
int port_open(const struct port_ask *, struct arena *, struct port_use **, struct assay_err *);
void port_release(struct port_use *);
/* What the task of a class would say in YAML: a dict, its functions at the place of `func`; NULL: no
 * port of it.  is_known: another version of its module has one. */
int port_class(const struct port_ask *, struct arena *, const struct value **out, bool *is_known,
               struct assay_err *);
/* The row in place of `doc`, row `idx` of its split; *out NULL: dropped; a list: rows in its place.
 * Errors: ASSAY_EFORMAT "where: ...". */
struct port_doc {
    const struct value *doc;
    size_t idx;
};
int port_row(const struct port_use *, const struct port_doc *, struct arena *, const struct value **out,
             struct assay_err *);
int port_value(const struct port_use *, const struct value *doc, struct arena *,
               const struct value **out, struct assay_err *);
/* The same of row `idx`, whose value code may have given beforehand. */
struct port_row {
    const struct value *doc;
    size_t idx;
    bool is_shot;
};
int port_field(const struct port_use *, const struct port_row *, struct arena *,
               const struct value **out, struct assay_err *);
/* Names of the data set that a custom_dataset loads; *name NULL: none. */
int port_data(const struct port_use *, const struct value *kwargs, struct arena *, const char **path,
              const char **name, struct assay_err *);
/* Names of the scores, in order. */
const char *const *port_scores(const struct port_use *, struct arena *, size_t *n);
/* *out: dict of scores. */
int port_results(const struct port_use *, const struct value *doc, const struct value *results,
                 struct arena *, const struct value **out, struct assay_err *);
#endif
