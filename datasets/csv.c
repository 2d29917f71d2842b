/* csv.c - comma and tab separated values by RFC 4180, typed as pandas.read_csv types them.
 *
 * A first pass over the file decides each column's type, because one row cannot: all whole numbers
 * -> int, all numbers -> float (also whole numbers with gaps), all True/False -> bool, else text.
 * Gaps (pandas' list: empty, NA, null, NaN ...) are null.  Memory holds one record. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/lines.h"
#include "datasets/rows.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"

enum { CSV_COLUMNS = 4096, CSV_RECORD = 256 << 20 };

struct csv_column {
    const struct value *name;
    bool has_text, has_float, has_int, has_bool, has_gap;
};
struct csv {
    struct lines lines;
    char delimiter;
    bool header;        /* the first record names the columns */
    struct arena arena; /* columns */
    struct csv_column *columns;
    size_t n_columns;
    struct buf record; /* the fields of the record in hand, each NUL-terminated */
    size_t *at;        /* [n_fields + 1] where they begin in record.v */
    size_t n_fields;
    uint32_t line; /* the record's first line */
};

/* -- records ----------------------------------------------------------------------------------- */

static int csv_begin_field(struct csv *c, struct assay_err *e)
{
    if (c->n_fields == CSV_COLUMNS)
        return err_set(e, ASSAY_ELIMIT, "%s:%u: more than %d columns", c->lines.path, c->line,
                       CSV_COLUMNS);
    c->at[c->n_fields++] = c->record.n;
    return 0;
}

static int csv_end_field(struct csv *c)
{
    return buf_addc(&c->record, 0);
}

/* The rest of a quoted field from *p, which stands behind the opening quote; reads on over line
 * ends.  Leaves *p behind the closing quote. */
static int csv_quoted(struct csv *c, const char **p, const char **end, struct assay_err *e)
{
    uint32_t opened = c->lines.line;
    for (;;) {
        const char *q = memchr(*p, '"', (size_t)(*end - *p));
        buf_add(&c->record, *p, (size_t)((q ? q : *end) - *p));
        if (q && q + 1 < *end && q[1] == '"') {
            buf_addc(&c->record, '"');
            *p = q + 2;
            continue;
        }
        if (q) {
            *p = q + 1;
            return 0;
        }
        size_t n;
        const char *s;
        TRY(lines_next(&c->lines, &s, &n, e));
        if (!s)
            return err_set(e, ASSAY_EFORMAT, "%s:%u: quoted field never closed", c->lines.path,
                           opened);
        TRY(lines_check_utf8(&c->lines, s, n, e));
        buf_addc(&c->record, '\n');
        *p = s;
        *end = s + n;
    }
}

/* Reads one record into c->record, c->at; *more false at the end of the file. */
static int csv_record(struct csv *c, bool *more, struct assay_err *e)
{
    const char *p, *end;
    size_t n;
    do {
        TRY(lines_next(&c->lines, &p, &n, e));
        *more = p != NULL;
        if (!p)
            return 0;
    } while (n == 0); /* blank lines are skipped, as pandas does */
    TRY(lines_check_utf8(&c->lines, p, n, e));
    end = p + n;
    c->line = c->lines.line;
    c->n_fields = 0;
    buf_clear(&c->record);
    for (;;) {
        TRY(csv_begin_field(c, e));
        if (p < end && *p == '"') {
            p++;
            TRY(csv_quoted(c, &p, &end, e));
            if (p < end && *p != c->delimiter)
                return err_set(e, ASSAY_EFORMAT,
                               "%s:%u: text behind the closing quote of field %zu, expected '%s'",
                               c->lines.path, c->lines.line, c->n_fields,
                               c->delimiter == '\t' ? "\\t" : (char[]){c->delimiter, 0});
        }
        const char *stop = memchr(p, c->delimiter, (size_t)(end - p));
        buf_add(&c->record, p, (size_t)((stop ? stop : end) - p));
        if (csv_end_field(c) < 0)
            return err_set(e, ASSAY_ELIMIT, "%s:%u: record longer than %d MiB", c->lines.path,
                           c->line, CSV_RECORD >> 20);
        if (!stop)
            break;
        p = stop + 1;
    }
    c->at[c->n_fields] = c->record.n;
    return 0;
}

static const char *csv_field(const struct csv *c, size_t i, size_t *n)
{
    *n = c->at[i + 1] - c->at[i] - 1;
    return c->record.v + c->at[i];
}

/* -- types ------------------------------------------------------------------------------------- */

static bool csv_gap(const char *s)
{
    static const char *const words[] = {"",         "#N/A", "#N/A N/A", "#NA",    "-1.#IND",
                                        "-1.#QNAN", "-NaN", "-nan",     "1.#IND", "1.#QNAN",
                                        "<NA>",     "N/A",  "NA",       "NULL",   "NaN",
                                        "None",     "n/a",  "nan",      "null"};
    if (*s && !strchr("#-1<Nn", *s)) /* what the words begin with */
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(s, words[i]) == 0)
            return true;
    return false;
}

static bool csv_int(const char *s, int64_t *out)
{
    char *end;
    const char *d = s + (*s == '-' || *s == '+');
    if (!isdigit((unsigned char)*d))
        return false;
    errno = 0;
    *out = strtoll(s, &end, 10);
    return errno == 0 && *end == 0;
}

static bool csv_float(const char *s, double *out)
{
    char *end;
    if (!*s || s[strspn(s, "0123456789+-.eE")])
        return false;
    *out = strtod(s, &end);
    return end != s && *end == 0;
}

/* 1, 0, or -1: no boolean. */
static int csv_bool(const char *s)
{
    if (strcmp(s, "True") == 0 || strcmp(s, "TRUE") == 0 || strcmp(s, "true") == 0)
        return 1;
    if (strcmp(s, "False") == 0 || strcmp(s, "FALSE") == 0 || strcmp(s, "false") == 0)
        return 0;
    return -1;
}

static void csv_observe(struct csv_column *col, const char *s, size_t n)
{
    int64_t i;
    double f;
    if (col->has_text)
        return;
    if (strlen(s) != n)
        col->has_text = true;
    else if (csv_gap(s))
        col->has_gap = true;
    else if (csv_int(s, &i))
        col->has_int = true;
    else if (csv_float(s, &f))
        col->has_float = true;
    else if (csv_bool(s) >= 0)
        col->has_bool = true;
    else
        col->has_text = true;
}

static const struct value *csv_cell(const struct csv_column *col, const char *s, size_t n,
                                    struct arena *a)
{
    bool number = col->has_int || col->has_float;
    int64_t i = 0;
    double f = 0;
    if (csv_gap(s) && strlen(s) == n)
        return &value_null;
    if (col->has_text || (number && col->has_bool))
        return value_strn(a, s, n);
    if (col->has_bool)
        return value_bool(csv_bool(s) == 1);
    if (col->has_float || col->has_gap)
        return csv_float(s, &f) ? value_float(a, f) : value_strn(a, s, n);
    return csv_int(s, &i) ? value_int(a, i) : value_strn(a, s, n);
}

/* -- the file ---------------------------------------------------------------------------------- */

static int csv_add_column(struct csv *c, const char *s, size_t n, struct assay_err *e)
{
    for (size_t i = 0; i < c->n_columns; i++)
        if (c->columns[i].name->n == n && memcmp(c->columns[i].name->s, s, n) == 0)
            return err_set(e, ASSAY_EFORMAT, "%s:%u: column '%s' named twice", c->lines.path,
                           c->line, s);
    c->columns[c->n_columns++].name = value_strn(&c->arena, s, n);
    return 0;
}

static int csv_name_columns(struct csv *c, const struct value *names, struct assay_err *e)
{
    bool more = true;
    c->columns = ARENA_ARRAY(&c->arena, struct csv_column, CSV_COLUMNS);
    for (uint32_t i = 0; names && i < names->n && i < CSV_COLUMNS; i++) {
        if (names->items[i]->type != VALUE_STR)
            return err_set(e, ASSAY_EUSAGE,
                           "dataset_kwargs: 'column_names' must be a list of names");
        TRY(csv_add_column(c, names->items[i]->s, names->items[i]->n, e));
    }
    if (names)
        return 0;
    TRY(csv_record(c, &more, e));
    if (!more)
        return err_set(e, ASSAY_EFORMAT, "%s:1: empty file, expected a line with column names",
                       c->lines.path);
    for (size_t i = 0; i < c->n_fields; i++) {
        size_t n;
        const char *s = csv_field(c, i, &n);
        TRY(csv_add_column(c, s, n, e));
    }
    return 0;
}

static int csv_rewind(struct rows *rows, struct assay_err *e)
{
    struct csv *c = (struct csv *)rows;
    bool more;
    TRY(lines_rewind(&c->lines, e));
    return c->header ? csv_record(c, &more, e) : 0;
}

static int csv_check_width(const struct csv *c, struct assay_err *e)
{
    if (c->n_fields == c->n_columns)
        return 0;
    return err_set(e, ASSAY_EFORMAT, "%s:%u: %zu fields, expected %zu as there are columns",
                   c->lines.path, c->line, c->n_fields, c->n_columns);
}

static int csv_infer(struct csv *c, struct assay_err *e)
{
    bool more;
    for (;;) {
        TRY(csv_record(c, &more, e));
        if (!more)
            break;
        TRY(csv_check_width(c, e));
        for (size_t i = 0; i < c->n_fields; i++) {
            size_t n;
            const char *s = csv_field(c, i, &n);
            csv_observe(&c->columns[i], s, n);
        }
    }
    return csv_rewind((struct rows *)c, e);
}

static void csv_close(struct rows *rows)
{
    struct csv *c = (struct csv *)rows;
    if (!c)
        return;
    lines_close(&c->lines);
    buf_release(&c->record);
    arena_release(&c->arena);
    free(c);
}

static int csv_open_with(const char *path, const struct rows_options *o, char delimiter,
                         struct rows **out, struct assay_err *e)
{
    struct csv *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(e, ASSAY_ENOMEM, "out of memory opening '%s'", path);
    c->delimiter = o->delimiter ? o->delimiter : delimiter;
    c->header = o->columns == NULL;
    buf_init(&c->record, CSV_RECORD);
    c->at = ARENA_ARRAY(&c->arena, size_t, CSV_COLUMNS + 1);
    int rc = lines_open(&c->lines, path, e);
    if (rc == 0)
        rc = csv_name_columns(c, o->columns, e);
    c->header = c->header || o->skips_header;
    if (rc == 0 && o->skips_header)
        rc = csv_rewind((struct rows *)c, e);
    if (rc == 0)
        rc = csv_infer(c, e);
    if (rc < 0)
        csv_close((struct rows *)c);
    else
        *out = (struct rows *)c;
    return rc;
}

static int csv_open(const char *path, const struct rows_options *o, struct rows **out,
                    struct assay_err *e)
{
    return csv_open_with(path, o, ',', out, e);
}

static int tsv_open(const char *path, const struct rows_options *o, struct rows **out,
                    struct assay_err *e)
{
    return csv_open_with(path, o, '\t', out, e);
}

static int csv_next(struct rows *rows, struct arena *a, const struct value **row,
                    struct assay_err *e)
{
    struct csv *c = (struct csv *)rows;
    bool more;
    *row = NULL;
    TRY(csv_record(c, &more, e));
    if (!more)
        return 0;
    TRY(csv_check_width(c, e));
    struct value_entry *cells = ARENA_ARRAY(a, struct value_entry, c->n_fields);
    for (size_t i = 0; i < c->n_fields; i++) {
        size_t n;
        const char *s = csv_field(c, i, &n);
        const struct value *name = c->columns[i].name;
        cells[i] = (struct value_entry){value_strn(a, name->s, name->n),
                                        csv_cell(&c->columns[i], s, n, a)};
    }
    struct value *v = value_dict(a, cells, c->n_fields);
    v->line = c->line;
    v->col = 1;
    *row = v;
    return 0;
}

const struct rows_format rows_csv = {".csv", csv_open, csv_next, csv_rewind, csv_close};
const struct rows_format rows_tsv = {".tsv", tsv_open, csv_next, csv_rewind, csv_close};
