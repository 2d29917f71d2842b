/* jsonl.c - JSON lines: one object a line; blank lines are skipped. */
#include <stdlib.h>
#include <string.h>

#include "datasets/lines.h"
#include "datasets/rows.h"
#include "harness/base/err.h"
#include "harness/base/json.h"

struct jsonl {
    struct lines lines;
};

int rows_check_object(const char *path, uint32_t line, const struct value *v, struct assay_err *e)
{
    if (v->type == VALUE_DICT)
        return 0;
    return err_set(e, ASSAY_EFORMAT, "%s:%u:1: expected an object as row, found a value of type %s",
                   path, line, value_type_name(v));
}

static void jsonl_close(struct rows *rows)
{
    struct jsonl *j = (struct jsonl *)rows;
    if (j)
        lines_close(&j->lines);
    free(j);
}

static int jsonl_open(const char *path, const struct rows_options *o, struct rows **out,
                      struct assay_err *e)
{
    (void)o;
    struct jsonl *j = calloc(1, sizeof *j);
    if (!j)
        return err_set(e, ASSAY_ENOMEM, "out of memory opening '%s'", path);
    int rc = lines_open(&j->lines, path, e);
    if (rc < 0) {
        free(j);
        return rc;
    }
    *out = (struct rows *)j;
    return 0;
}

static bool jsonl_blank(const char *s, size_t n)
{
    while (n && (*s == ' ' || *s == '\t'))
        s++, n--;
    return n == 0;
}

static int jsonl_next(struct rows *rows, struct arena *a, const struct value **row,
                      struct assay_err *e)
{
    struct jsonl *j = (struct jsonl *)rows;
    const char *s;
    size_t n;
    *row = NULL;
    do {
        TRY(lines_next(&j->lines, &s, &n, e));
        if (!s)
            return 0;
    } while (jsonl_blank(s, n));
    TRY(json_parse(s, n, j->lines.path, j->lines.line, a, row, e));
    return rows_check_object(j->lines.path, j->lines.line, *row, e);
}

static int jsonl_rewind(struct rows *rows, struct assay_err *e)
{
    return lines_rewind(&((struct jsonl *)rows)->lines, e);
}

const struct rows_format rows_jsonl = {".jsonl", jsonl_open, jsonl_next, jsonl_rewind, jsonl_close};
const struct rows_format rows_ndjson = {".ndjson", jsonl_open, jsonl_next, jsonl_rewind, jsonl_close};
