/* text_rows.c - plain text: each line is a row with the one column "text". */
#include <stdlib.h>

#include "datasets/lines.h"
#include "datasets/rows.h"
#include "harness/base/err.h"

struct text_rows {
    struct lines lines;
};

static void text_close(struct rows *rows)
{
    struct text_rows *t = (struct text_rows *)rows;
    if (t)
        lines_close(&t->lines);
    free(t);
}

static int text_open(const char *path, const struct rows_options *o, struct rows **out,
                     struct assay_err *e)
{
    (void)o;
    struct text_rows *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(e, ASSAY_ENOMEM, "out of memory opening '%s'", path);
    int rc = lines_open(&t->lines, path, e);
    if (rc < 0) {
        free(t);
        return rc;
    }
    *out = (struct rows *)t;
    return 0;
}

static int text_next(struct rows *rows, struct arena *a, const struct value **row,
                     struct assay_err *e)
{
    struct text_rows *t = (struct text_rows *)rows;
    const char *s;
    size_t n;
    *row = NULL;
    TRY(lines_next(&t->lines, &s, &n, e));
    if (!s)
        return 0;
    TRY(lines_check_utf8(&t->lines, s, n, e));
    struct value_entry cell = {value_str_ref(a, "text", 4), value_strn(a, s, n)};
    struct value *v = value_dict(a, &cell, 1);
    v->line = t->lines.line;
    v->col = 1;
    *row = v;
    return 0;
}

static int text_rewind(struct rows *rows, struct assay_err *e)
{
    return lines_rewind(&((struct text_rows *)rows)->lines, e);
}

const struct rows_format rows_text = {".txt", text_open, text_next, text_rewind, text_close};
