/* json.c - reading JSON straight into an arena.
 *
 * Own code and not a library, for what the libraries at hand let through or throw away: json-c
 * saturates integers beyond 64 bits in silence, cuts keys at a NUL, takes raw control characters in
 * strings and "1." as a number; and rows become values without a second tree in between.
 * Recursion is bounded by JSON_DEPTH.  Writing is in json_write.c. */
#include "harness/base/json.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/text.h"

enum { JSON_DEPTH = 64 };

struct json {
    const char *start, *p, *end;
    const char *where;
    uint32_t line;
    int depth;
    struct arena *arena;
    struct value_entry *stack; /* children of the containers that are still open */
    size_t n_stack, cap_stack;
    struct buf text; /* the string in hand, when it holds escapes */
    struct assay_err *e;
};

static int json_value(struct json *j, const struct value **out);

/* "where:line:col: text", the position being that of `at`; columns count code points. */
static int __attribute__((format(printf, 3, 4)))
json_fail(struct json *j, const char *at, const char *fmt, ...)
{
    uint32_t line = j->line;
    const char *bol = j->start;
    for (const char *p = j->start; p < at; p++)
        if (*p == '\n') {
            line++;
            bol = p + 1;
        }
    char msg[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return err_set(j->e, ASSAY_EFORMAT, "%s:%u:%zu: %s", j->where, line,
                   text_points(bol, (size_t)(at - bol)) + 1, msg);
}

/* "expected X, found Y" at the current place. */
static int json_expected(struct json *j, const char *what)
{
    if (j->p >= j->end)
        return json_fail(j, j->p, "expected %s, found the end of the text", what);
    uint32_t cp;
    int len = text_decode(j->p, (size_t)(j->end - j->p), &cp);
    struct buf b;
    buf_init(&b, 64);
    text_safe(&b, j->p, len ? (size_t)len : 1);
    int rc = json_fail(j, j->p, "expected %s, found '%s'", what, b.v);
    buf_release(&b);
    return rc;
}

static void json_space(struct json *j)
{
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\t' || *j->p == '\r'))
        j->p++;
}

static void json_push(struct json *j, const struct value *key, const struct value *v)
{
    if (j->n_stack == j->cap_stack) {
        size_t cap = j->cap_stack ? 2 * j->cap_stack : 64;
        struct value_entry *stack = realloc(j->stack, cap * sizeof *stack);
        if (!stack)
            err_no_memory(cap * sizeof *stack);
        j->stack = stack;
        j->cap_stack = cap;
    }
    j->stack[j->n_stack++] = (struct value_entry){key, v};
}

/* -- strings ----------------------------------------------------------------------------------- */

/* Bytes from p that stand for themselves in a string: printable ASCII but '"' and '\\'. */
static size_t json_plain(const char *p, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    const char *s = p;
    while (end - s >= 8) {
        uint64_t w;
        memcpy(&w, s, sizeof w);
        uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
        uint64_t stop = (w - ones * 0x20) | (quote - ones) | (slash - ones) | w;
        if (stop & tops) /* may stop early, never late */
            break;
        s += 8;
    }
    while (s < end && (unsigned char)*s >= 0x20 && (unsigned char)*s < 0x80 && *s != '"' &&
           *s != '\\')
        s++;
    return (size_t)(s - p);
}

static int json_hex4(struct json *j, uint32_t *cp)
{
    uint32_t x = 0;
    for (int i = 0; i < 4; i++, j->p++) {
        char c = j->p < j->end ? *j->p : 0;
        if (c >= '0' && c <= '9')
            x = x << 4 | (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            x = x << 4 | (uint32_t)((c | 32) - 'a' + 10);
        else
            return json_expected(j, "four hexadecimal digits after \\u");
    }
    *cp = x;
    return 0;
}

/* A surrogate without its partner cannot be UTF-8: it becomes U+FFFD. */
static int json_unicode(struct json *j)
{
    uint32_t cp, low;
    TRY(json_hex4(j, &cp));
    if (cp >= 0xd800 && cp < 0xdc00 && j->end - j->p >= 6 && j->p[0] == '\\' && j->p[1] == 'u') {
        const char *back = j->p;
        j->p += 2;
        TRY(json_hex4(j, &low));
        if (low >= 0xdc00 && low < 0xe000)
            cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
        else
            j->p = back;
    }
    char utf8[4];
    buf_add(&j->text, utf8, (size_t)text_encode(cp, utf8));
    return 0;
}

static int json_escape(struct json *j)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    j->p++;
    if (j->p < j->end && *j->p == 'u') {
        j->p++;
        return json_unicode(j);
    }
    const char *at = j->p < j->end && *j->p ? strchr(from, *j->p) : NULL;
    if (!at)
        return json_expected(j, "one of \"\\/bfnrtu after a backslash");
    buf_addc(&j->text, to[at - from]);
    j->p++;
    return 0;
}

/* One step that is not plain ASCII: a multi-byte sequence (copied), or an error. */
static int json_multibyte(struct json *j)
{
    uint32_t cp;
    if (j->p >= j->end)
        return json_fail(j, j->p, "unfinished string");
    if ((unsigned char)*j->p < 0x20)
        return json_fail(j, j->p, "raw control character 0x%02x in a string, expected an escape",
                         (unsigned char)*j->p);
    int len = text_decode(j->p, (size_t)(j->end - j->p), &cp);
    if (!len)
        return json_fail(j, j->p, "byte 0x%02x is not UTF-8", (unsigned char)*j->p);
    j->p += len;
    return 0;
}

/* The rest of a string once an escape was met; j->p stands on the backslash. */
static int json_string_slow(struct json *j, const char *from, struct value **out)
{
    buf_clear(&j->text);
    buf_add(&j->text, from, (size_t)(j->p - from));
    for (;;) {
        if (j->p < j->end && *j->p == '\\') {
            TRY(json_escape(j));
            continue;
        }
        const char *s = j->p;
        j->p += json_plain(s, j->end);
        if (j->p == s) {
            if (j->p < j->end && *j->p == '"')
                break;
            TRY(json_multibyte(j));
        }
        buf_add(&j->text, s, (size_t)(j->p - s));
    }
    j->p++;
    *out = value_strn(j->arena, j->text.v, j->text.n);
    return 0;
}

static int json_string(struct json *j, struct value **out)
{
    const char *s = ++j->p;
    for (;;) {
        j->p += json_plain(j->p, j->end);
        if (j->p < j->end && *j->p == '"')
            break;
        if (j->p < j->end && *j->p == '\\')
            return json_string_slow(j, s, out);
        TRY(json_multibyte(j));
    }
    *out = value_strn(j->arena, s, (size_t)(j->p - s));
    j->p++;
    return 0;
}

/* -- numbers and words ------------------------------------------------------------------------- */

static const char *json_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* Exact for up to 18 digits; otherwise false. */
static bool json_small_int(const char *s, const char *end, int64_t *out)
{
    bool minus = *s == '-';
    s += minus;
    if (end - s > 18)
        return false;
    int64_t x = 0;
    for (; s < end; s++)
        x = 10 * x + (*s - '0');
    *out = minus ? -x : x;
    return true;
}

static int json_number(struct json *j, const struct value **out)
{
    const char *s = j->p;
    bool whole = true;
    if (*j->p == '-')
        j->p++;
    const char *first = j->p;
    j->p = json_digits(first, j->end);
    if (j->p == first)
        return json_expected(j, "a digit");
    if (*first == '0' && j->p - first > 1)
        return json_fail(j, first, "a number may not begin with 0");
    if (j->p < j->end && *j->p == '.') {
        const char *d = ++j->p;
        whole = false;
        j->p = json_digits(d, j->end);
        if (j->p == d)
            return json_expected(j, "a digit after the decimal point");
    }
    if (j->p < j->end && (*j->p | 32) == 'e') {
        j->p++;
        whole = false;
        if (j->p < j->end && (*j->p == '+' || *j->p == '-'))
            j->p++;
        const char *d = j->p;
        j->p = json_digits(d, j->end);
        if (j->p == d)
            return json_expected(j, "a digit in the exponent");
    }
    int64_t i;
    if (whole && json_small_int(s, j->p, &i)) {
        *out = value_int(j->arena, i);
        return 0;
    }
    const char *text = arena_strndup(j->arena, s, (size_t)(j->p - s));
    errno = 0;
    i = whole ? strtoll(text, NULL, 10) : 0;
    *out = whole && errno == 0 ? value_int(j->arena, i) : value_float(j->arena, strtod(text, NULL));
    return 0;
}

static bool json_word(struct json *j, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
        return false;
    j->p += n;
    return true;
}

static int json_literal(struct json *j, const struct value **out)
{
    if (json_word(j, "true"))
        *out = &value_true;
    else if (json_word(j, "false"))
        *out = &value_false;
    else if (json_word(j, "null"))
        *out = &value_null;
    else if (json_word(j, "NaN"))
        *out = value_float(j->arena, (double)NAN);
    else if (json_word(j, "Infinity"))
        *out = value_float(j->arena, (double)INFINITY);
    else if (json_word(j, "-Infinity"))
        *out = value_float(j->arena, -(double)INFINITY);
    else
        return json_expected(j, "a value");
    return 0;
}

/* -- containers -------------------------------------------------------------------------------- */

/* After an item: 1 at the closing bracket, 0 before another item, negative: error. */
static int json_more(struct json *j, char close, const char *what)
{
    json_space(j);
    if (j->p < j->end && *j->p == close) {
        j->p++;
        return 1;
    }
    if (j->p >= j->end || *j->p != ',')
        return json_expected(j, what);
    j->p++;
    json_space(j);
    return 0;
}

static int json_list(struct json *j, const struct value **out)
{
    size_t base = j->n_stack;
    int done = 0;
    j->p++;
    json_space(j);
    if (j->p < j->end && *j->p == ']') {
        j->p++;
        done = 1;
    }
    while (!done) {
        const struct value *item;
        TRY(json_value(j, &item));
        json_push(j, NULL, item);
        done = json_more(j, ']', "',' or ']' in a list");
        TRY(done);
    }
    size_t n = j->n_stack - base;
    struct value *v = ARENA_NEW(j->arena, struct value);
    const struct value **items = ARENA_ARRAY(j->arena, const struct value *, n);
    for (size_t i = 0; i < n; i++)
        items[i] = j->stack[base + i].value;
    v->type = VALUE_LIST;
    v->n = (uint32_t)n;
    v->items = items;
    j->n_stack = base;
    *out = v;
    return 0;
}

static int json_member(struct json *j)
{
    struct value *key;
    const struct value *v;
    if (j->p >= j->end || *j->p != '"')
        return json_expected(j, "a key in double quotes");
    TRY(json_string(j, &key));
    json_space(j);
    if (j->p >= j->end || *j->p != ':')
        return json_expected(j, "':' after a key");
    j->p++;
    json_space(j);
    TRY(json_value(j, &v));
    json_push(j, key, v);
    return 0;
}

static int json_dict(struct json *j, const struct value **out)
{
    size_t base = j->n_stack;
    int done = 0;
    j->p++;
    json_space(j);
    if (j->p < j->end && *j->p == '}') {
        j->p++;
        done = 1;
    }
    while (!done) {
        TRY(json_member(j));
        done = json_more(j, '}', "',' or '}' in an object");
        TRY(done);
    }
    size_t n = j->n_stack - base;
    *out = value_dict(j->arena, n ? j->stack + base : NULL, n);
    j->n_stack = base;
    return 0;
}

static int json_value(struct json *j, const struct value **out)
{
    struct value *s;
    char c = j->p < j->end ? *j->p : 0;
    if (c == '"') {
        TRY(json_string(j, &s));
        *out = s;
        return 0;
    }
    if (c == '{' || c == '[') {
        if (j->depth == JSON_DEPTH)
            return json_fail(j, j->p, "nested deeper than %d levels", JSON_DEPTH);
        j->depth++;
        TRY(c == '{' ? json_dict(j, out) : json_list(j, out));
        j->depth--;
        return 0;
    }
    if ((c >= '0' && c <= '9') || (c == '-' && !(j->p + 1 < j->end && j->p[1] == 'I')))
        return json_number(j, out);
    return json_literal(j, out);
}

int json_parse(const char *text, size_t n, const char *where, uint32_t line, struct arena *a,
               const struct value **out, struct assay_err *e)
{
    struct json j = {.start = text,
                     .p = text,
                     .end = text + n,
                     .where = where,
                     .line = line,
                     .arena = a,
                     .e = e};
    if (n >= UINT32_MAX)
        return err_set(e, ASSAY_ELIMIT, "%s:%u: JSON text of %zu bytes, the limit is 4 GiB", where,
                       line, n);
    buf_init(&j.text, UINT32_MAX);
    json_space(&j);
    const char *first = j.p;
    int rc = json_value(&j, out);
    json_space(&j);
    if (rc == 0 && j.p < j.end)
        rc = json_expected(&j, "the end of the text");
    if (rc == 0 && ((*out)->type == VALUE_DICT || (*out)->type == VALUE_LIST)) {
        struct value *top = ARENA_NEW(a, struct value);
        *top = **out;
        top->line = line;
        for (const char *p = text; p < first; p++)
            top->line += *p == '\n';
        top->col = 1;
        *out = top;
    }
    buf_release(&j.text);
    free(j.stack);
    return rc;
}
