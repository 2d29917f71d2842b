/* field.c - setting, checking and printing struct members through struct assay_field rows. */
#include "harness/base/field.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/text.h"

union field_slot {
    const char *s;
    int64_t i;
    double f;
    int32_t b;
};

static size_t field_bytes(const struct assay_field *f)
{
    return f->kind == ASSAY_INT    ? sizeof(int64_t)
           : f->kind == ASSAY_NUM  ? sizeof(double)
           : f->kind == ASSAY_BOOL ? sizeof(int32_t)
                                   : sizeof(char *);
}

static void field_store(const struct assay_field *f, void *base, const union field_slot *x)
{
    memcpy((char *)base + f->offset, x, field_bytes(f));
}

static union field_slot field_load(const struct assay_field *f, const void *base)
{
    union field_slot x = {0};
    memcpy(&x, (const char *)base + f->offset, field_bytes(f));
    return x;
}

const struct assay_field *field_find(const struct assay_field *table, const char *name)
{
    for (; table && table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

/* -- what a row accepts ------------------------------------------------------------------------ */

/* "lo..hi" of a numeric row; a side left out is open. */
static void field_range(const struct assay_field *f, double *lo, double *hi)
{
    *lo = -(double)INFINITY;
    *hi = (double)INFINITY;
    const char *dots = f->values ? strstr(f->values, "..") : NULL;
    if (!dots)
        return;
    if (dots != f->values)
        *lo = strtod(f->values, NULL);
    if (dots[2])
        *hi = strtod(dots + 2, NULL);
}

static bool field_in_range(const struct assay_field *f, double x)
{
    double lo, hi;
    field_range(f, &lo, &hi);
    return x >= lo && x <= hi;
}

/* Whether `text` is one of "a|b|c"; *canon points at it inside `values`, *n is its length. */
static bool field_enum(const char *values, const char *text, const char **canon, size_t *n)
{
    size_t len = strlen(text);
    for (const char *p = values ? values : ""; *p;) {
        size_t w = strcspn(p, "|");
        if (w == len && memcmp(p, text, w) == 0) {
            *canon = p;
            *n = w;
            return true;
        }
        p += w + (p[w] == '|');
    }
    return false;
}

static bool is_text(const struct assay_field *f)
{
    return f->kind == ASSAY_STR || f->kind == ASSAY_PATH;
}

/* "a whole number from 1 to 64", "one of a, b, c". */
static void field_expects(const struct assay_field *f, struct buf *b)
{
    const char *v = f->values;
    if (f->kind == ASSAY_ENUM) {
        buf_adds(b, "one of ");
        for (; v && *v; v++)
            *v == '|' ? buf_adds(b, ", ") : buf_addc(b, *v);
        return;
    }
    if (f->kind == ASSAY_BOOL || is_text(f)) {
        buf_adds(b, f->kind == ASSAY_BOOL ? "true or false" : "text (put it in quotes)");
        return;
    }
    buf_adds(b, f->kind == ASSAY_INT ? "a whole number" : "a number");
    const char *dots = v ? strstr(v, "..") : NULL;
    if (dots && dots != v && dots[2])
        buf_printf(b, " from %.*s to %s", (int)(dots - v), v, dots + 2);
    else if (dots && dots != v)
        buf_printf(b, " of at least %.*s", (int)(dots - v), v);
    else if (dots && dots[2])
        buf_printf(b, " of at most %s", dots + 2);
}

static int field_refuse(const struct assay_field *f, const char *where, const char *text,
                        struct assay_err *e)
{
    struct buf expects, got;
    buf_init(&expects, 0);
    buf_init(&got, 0);
    field_expects(f, &expects);
    text_safe(&got, text, strnlen(text, 80));
    /* A flag names the setting already; a place in a file does not. */
    bool named = where && strncmp(where, "--", 2) == 0;
    int rc = err_set(e, ASSAY_EUSAGE, "%s%s%s%s%sexpected %s, got '%s'", where ? where : "",
                     where ? ": " : "", named ? "" : "'", named ? "" : f->name,
                     named ? "" : "': ", expects.v, got.v);
    if (f->kind == ASSAY_ENUM && f->values) {
        struct arena a = {0};
        const char *names[64];
        size_t n = 0;
        char *save, *list = arena_strdup(&a, f->values);
        for (char *w = strtok_r(list, "|", &save); w && n < 64; w = strtok_r(NULL, "|", &save))
            names[n++] = w;
        const char *near = field_nearest(text, names, n);
        if (near && e)
            rc = err_set(e, ASSAY_EUSAGE, "%s (did you mean '%s'?)", e->msg, near);
        arena_release(&a);
    }
    buf_release(&expects);
    buf_release(&got);
    return rc;
}

/* -- setting ----------------------------------------------------------------------------------- */

static bool parse_int(const char *text, int64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)text[text[0] == '-' || text[0] == '+']))
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == 0;
}

static bool parse_num(const char *text, double *out)
{
    char *end;
    if (!isdigit((unsigned char)text[strcspn(text, "0123456789")]) || strpbrk(text, "xXpP \t\n"))
        return false;
    *out = strtod(text, &end);
    return *end == 0 && isfinite(*out);
}

static bool parse_bool(const char *text, int32_t *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (int i = 0; i < 8; i++)
        if (strcasecmp(text, words[i]) == 0) {
            *out = i & 1;
            return true;
        }
    return false;
}

/* Fills *x from text; strings stay borrowed. */
static bool field_parse(const struct assay_field *f, const char *text, union field_slot *x)
{
    const char *canon;
    size_t n;
    switch (f->kind) {
    case ASSAY_INT:
        return parse_int(text, &x->i) && field_in_range(f, (double)x->i);
    case ASSAY_NUM:
        return parse_num(text, &x->f) && field_in_range(f, x->f);
    case ASSAY_BOOL:
        return parse_bool(text, &x->b);
    case ASSAY_ENUM:
        if (!field_enum(f->values, text, &canon, &n))
            return false;
        break;
    default:
        break;
    }
    x->s = text;
    return true;
}

void field_defaults(const struct assay_field *table, void *base)
{
    for (; table && table->name; table++) {
        union field_slot x = {0};
        if (table->def && !field_parse(table, table->def, &x))
            x = (union field_slot){0};
        field_store(table, base, &x);
    }
}

int field_set(const struct assay_field *f, void *base, const char *text, const char *where,
              struct arena *a, struct assay_err *e)
{
    union field_slot x = {0};
    if (!field_parse(f, text, &x))
        return field_refuse(f, where, text, e);
    if (is_text(f) || f->kind == ASSAY_ENUM)
        x.s = arena_strdup(a, text);
    field_store(f, base, &x);
    return 0;
}

/* What the user sees of a value that does not fit. */
static int field_refuse_value(const struct assay_field *f, const char *where, const struct value *v,
                              struct assay_err *e)
{
    struct buf b;
    buf_init(&b, 256);
    if (v->type == VALUE_STR)
        buf_add(&b, v->s, v->n);
    else
        json_write(&b, v, JSON_PYTHON);
    int rc = field_refuse(f, where, b.v, e);
    buf_release(&b);
    return rc;
}

/* YAML reads on, off, yes and no as booleans; where a row lists them as words they are words. */
static const char *field_bool_word(const struct assay_field *f, bool b)
{
    static const char *const words[][2] = {{"off", "on"}, {"no", "yes"}, {"false", "true"}};
    const char *canon;
    size_t n;
    for (int i = 0; i < 3; i++)
        if (field_enum(f->values, words[i][b], &canon, &n))
            return words[i][b];
    return NULL;
}

int field_set_value(const struct assay_field *f, void *base, const struct value *v,
                    const char *where, struct arena *a, struct assay_err *e)
{
    union field_slot x = {0};
    const char *word =
        v->type == VALUE_BOOL && f->kind == ASSAY_ENUM ? field_bool_word(f, v->b) : NULL;
    if (word)
        return field_set(f, base, word, where, a, e);
    if (v->type == VALUE_NULL) { /* back to the default */
        if (f->def)
            return field_set(f, base, f->def, where, a, e);
        field_store(f, base, &x);
        return 0;
    }
    bool text = v->type == VALUE_STR && strlen(v->s) == v->n;
    if (text && (is_text(f) || f->kind == ASSAY_ENUM))
        return field_set(f, base, v->s, where, a, e);
    if (f->kind == ASSAY_INT && v->type == VALUE_INT && field_in_range(f, (double)v->i)) {
        x.i = v->i;
    } else if (f->kind == ASSAY_NUM && (v->type == VALUE_INT || v->type == VALUE_FLOAT)) {
        x.f = v->type == VALUE_INT ? (double)v->i : v->f;
        if (!isfinite(x.f) || !field_in_range(f, x.f))
            return field_refuse_value(f, where, v, e);
    } else if (f->kind == ASSAY_NUM && text && v->plain) {
        /* YAML 1.1 reads 1e-5, without a dot, as text */
        return field_set(f, base, v->s, where, a, e);
    } else if (f->kind == ASSAY_BOOL && v->type == VALUE_BOOL) {
        x.b = v->b;
    } else {
        return field_refuse_value(f, where, v, e);
    }
    field_store(f, base, &x);
    return 0;
}

/* -- reading back ------------------------------------------------------------------------------ */

void field_print(const struct assay_field *f, const void *base, struct buf *b)
{
    union field_slot x = field_load(f, base);
    switch (f->kind) {
    case ASSAY_INT:
        buf_printf(b, "%lld", (long long)x.i);
        break;
    case ASSAY_NUM:
        json_write_float(b, x.f);
        break;
    case ASSAY_BOOL:
        buf_adds(b, x.b ? "true" : "false");
        break;
    default:
        buf_adds(b, x.s ? x.s : "");
    }
}

static const struct value *field_value(const struct assay_field *f, const void *base,
                                       struct arena *a)
{
    union field_slot x = field_load(f, base);
    switch (f->kind) {
    case ASSAY_INT:
        return value_int(a, x.i);
    case ASSAY_NUM:
        return value_float(a, x.f);
    case ASSAY_BOOL:
        return value_bool(x.b);
    default:
        return x.s ? value_str(a, x.s) : NULL;
    }
}

struct value *field_record(const struct assay_field *table, const void *base, struct arena *a)
{
    size_t n = 0, cap = 0;
    for (const struct assay_field *f = table; f && f->name; f++)
        cap++;
    struct value_entry *entries = ARENA_ARRAY(a, struct value_entry, cap);
    for (const struct assay_field *f = table; f && f->name; f++) {
        const struct value *v = field_value(f, base, a);
        if (v)
            entries[n++] = (struct value_entry){value_str(a, f->name), v};
    }
    return value_dict(a, entries, n);
}

/* -- did you mean ------------------------------------------------------------------------------ */

static int near_fold(char c)
{
    return c == '_' ? '-' : tolower((unsigned char)c);
}

/* Optimal string alignment distance: insert, delete, replace, swap neighbours.  Case and '_' for
 * '-' cost nothing. */
static size_t near_distance(const char *a, const char *b)
{
    enum { MOST = 64 };
    size_t n = strlen(a), m = strlen(b);
    size_t rows[3][MOST + 1];
    if (n > MOST || m > MOST)
        return MOST;
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            bool same = near_fold(a[i - 1]) == near_fold(b[j - 1]);
            size_t d = last[j - 1] + !same;
            if (last[j] + 1 < d)
                d = last[j] + 1;
            if (now[j - 1] + 1 < d)
                d = now[j - 1] + 1;
            if (i > 1 && j > 1 && near_fold(a[i - 1]) == near_fold(b[j - 2]) &&
                near_fold(a[i - 2]) == near_fold(b[j - 1]) && before[j - 2] + 1 < d)
                d = before[j - 2] + 1;
            now[j] = d;
        }
        size_t *t = before;
        before = last;
        last = now;
        now = t;
    }
    return last[m];
}

const char *field_nearest(const char *name, const char *const *candidates, size_t n)
{
    size_t best = strlen(name) / 3 + 1;
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t d = near_distance(name, candidates[i]);
        if (d < best) {
            best = d;
            found = candidates[i];
        }
    }
    return found;
}

const char *field_nearest_row(const struct assay_field *table, const char *name)
{
    const char *names[256];
    size_t n = 0;
    for (; table && table->name && n < 256; table++)
        names[n++] = table->name;
    return field_nearest(name, names, n);
}
