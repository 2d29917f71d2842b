/* json_rows.c - a .json file: a list of objects, or objects one after another, or (option `field`)
 * a list under one key.
 *
 * The file is mapped and one element at a time is cut out by brackets and quotes alone, so memory
 * holds one row.  When an element turns out malformed, the whole text is parsed once more only to
 * say the exact line and column. */
#include <stdlib.h>
#include <string.h>

#include "datasets/rows.h"
#include "datasets/stream.h"
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/json.h"

struct json_rows {
    const char *path; /* borrowed */
    struct fs_map map;
    const char *text, *end; /* of the rows: behind a byte order mark, inside `field` */
    const char *p;
    uint32_t line, first_line; /* of p, of text */
    bool list;                 /* between '[' and ']' */
    bool begun;
};

static const char *json_space(struct json_rows *j, const char *p)
{
    for (; p < j->end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'); p++)
        j->line += *p == '\n';
    return p;
}

/* The end of the element at p: its closing bracket, or where a separator stands. */
static const char *json_element(const struct json_rows *j, const char *p)
{
    int depth = 0;
    for (; p < j->end; p++) {
        if (*p == '"') {
            for (p++; p < j->end && *p != '"'; p++)
                p += *p == '\\' && p + 1 < j->end;
            if (p >= j->end)
                break;
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            if (depth <= 1)
                return depth ? p + 1 : p;
            depth--;
        } else if (depth == 0 && (*p == ',' || *p == '\n')) {
            return p;
        }
    }
    return p;
}

/* Says exactly what is wrong with a text in which an element could not be read. */
static int json_explain(const struct json_rows *j, struct assay_err *e)
{
    struct arena a = {0};
    const struct value *v;
    struct assay_err exact = {0};
    int rc = json_parse((const char *)j->map.v, j->map.n, j->path, 1, &a, &v, &exact);
    if (rc < 0 && j->list && e)
        *e = exact;
    arena_release(&a);
    return ASSAY_EFORMAT;
}

static void json_rows_close(struct rows *rows)
{
    struct json_rows *j = (struct json_rows *)rows;
    if (j)
        fs_unmap(&j->map);
    free(j);
}

static int json_rows_rewind(struct rows *rows, struct assay_err *e)
{
    struct json_rows *j = (struct json_rows *)rows;
    (void)e;
    j->line = j->first_line;
    j->p = json_space(j, j->text);
    j->list = j->p < j->end && *j->p == '[';
    j->p += j->list;
    j->begun = false;
    return 0;
}

/* Narrows the text to the value of `field` in the object at the top. */
static int json_find_field(struct json_rows *j, const char *field, struct assay_err *e)
{
    const char *p = json_space(j, j->text);
    size_t n = strlen(field);
    if (p >= j->end || *p != '{')
        return err_set(e, ASSAY_EFORMAT, "%s:%u:1: expected an object with the key '%s'", j->path,
                       j->line, field);
    for (p = json_space(j, p + 1); p < j->end && *p == '"'; p = json_space(j, p + 1)) {
        const char *key = p + 1;
        for (p++; p < j->end && *p != '"'; p++)
            p += *p == '\\' && p + 1 < j->end;
        bool hit = (size_t)(p - key) == n && memcmp(key, field, n) == 0;
        p = p < j->end ? json_space(j, p + 1) : p;
        if (p >= j->end || *p != ':')
            break;
        p = json_space(j, p + 1);
        const char *end = json_element(j, p);
        if (hit) {
            j->text = p;
            j->end = end;
            j->first_line = j->line;
            return 0;
        }
        for (; p < end; p++)
            j->line += *p == '\n';
        p = json_space(j, p);
        if (p >= j->end || *p != ',')
            break;
    }
    return err_set(e, ASSAY_EFORMAT, "%s: no key '%s' in the object at the top", j->path, field);
}

static int json_rows_open(const char *path, const struct rows_options *o, struct rows **out,
                          struct assay_err *e)
{
    struct json_rows *j = calloc(1, sizeof *j);
    if (!j)
        return err_set(e, ASSAY_ENOMEM, "out of memory opening '%s'", path);
    int rc = stream_map(path, &j->map, e);
    if (rc < 0)
        goto fail;
    j->path = path;
    j->text = (const char *)j->map.v;
    j->end = j->text + j->map.n;
    j->line = j->first_line = 1;
    if (j->map.n >= 2 &&
        (memcmp(j->text, "\xff\xfe", 2) == 0 || memcmp(j->text, "\xfe\xff", 2) == 0)) {
        rc =
            err_set(e, ASSAY_EFORMAT, "%s:1:1: the file is UTF-16 or UTF-32, expected UTF-8", path);
        goto fail;
    }
    if (j->map.n >= 3 && memcmp(j->text, "\xef\xbb\xbf", 3) == 0)
        j->text += 3;
    if (o->field && (rc = json_find_field(j, o->field, e)) < 0)
        goto fail;
    json_rows_rewind((struct rows *)j, NULL);
    *out = (struct rows *)j;
    return 0;
fail:
    json_rows_close((struct rows *)j);
    return rc;
}

/* Moves to the next element; *more false behind the last. */
static int json_step(struct json_rows *j, bool *more, struct assay_err *e)
{
    j->p = json_space(j, j->p);
    *more = j->p < j->end;
    if (!j->list)
        return 0;
    if (*more && *j->p == ']') {
        *more = false;
        if (json_space(j, j->p + 1) < j->end)
            return err_set(e, ASSAY_EFORMAT, "%s:%u:1: expected nothing after the list of rows",
                           j->path, j->line);
        return 0;
    }
    if (j->begun && *more && *j->p == ',') {
        j->p = json_space(j, j->p + 1);
        return 0;
    }
    if (*more && !j->begun)
        return 0;
    err_set(e, ASSAY_EFORMAT, "%s:%u: expected ',' or ']' in the list of rows", j->path, j->line);
    return json_explain(j, e);
}

static int json_rows_next(struct rows *rows, struct arena *a, const struct value **row,
                          struct assay_err *e)
{
    struct json_rows *j = (struct json_rows *)rows;
    bool more;
    *row = NULL;
    TRY(json_step(j, &more, e));
    if (!more)
        return 0;
    const char *end = json_element(j, j->p);
    if (json_parse(j->p, (size_t)(end - j->p), j->path, j->line, a, row, e) < 0)
        return json_explain(j, e);
    TRY(rows_check_object(j->path, j->line, *row, e));
    for (const char *p = j->p; p < end; p++)
        j->line += *p == '\n';
    j->p = end;
    j->begun = true;
    return 0;
}

const struct rows_format rows_json = {".json", json_rows_open, json_rows_next, json_rows_rewind,
                                      json_rows_close};
