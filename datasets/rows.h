/* rows.h - one open file of rows, whatever its format (inside datasets only).
 *
 * A format is one table of functions; adding one is adding a file and a line in rows_formats[]. */
#ifndef ROWS_H
#define ROWS_H
#include <stdbool.h>

#include "harness/base/value.h"

struct arena;
struct assay_err;

struct rows_options {
    char delimiter;              /* csv: 0 = the format's own */
    const struct value *columns; /* csv: list of names; then the first line is data.  NULL: header */
    bool skips_header;           /* csv: `columns` stand in for the first line, which is skipped */
    const char *field;           /* json: rows are the list under this key of the top object */
};
struct rows;                     /* each format begins its own struct with nothing of ours */
struct rows_format {
    const char *ext;             /* with the dot */
    int (*open)(const char *path, const struct rows_options *, struct rows **, struct assay_err *);
    /* *row NULL at the end. */
    int (*next)(struct rows *, struct arena *, const struct value **row, struct assay_err *);
    int (*rewind)(struct rows *, struct assay_err *);
    void (*close)(struct rows *);            /* NULL is fine */
};
extern const struct rows_format rows_jsonl, rows_ndjson, rows_json, rows_csv, rows_tsv, rows_text;

/* "file:line:1: expected an object as row, found a list" unless v is a dict. */
int rows_check_object(const char *path, uint32_t line, const struct value *v, struct assay_err *);
#endif
