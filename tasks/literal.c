/* literal.c - Python literals: a small recursive-descent reader over bytes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "tasks/literal.h"
#include "tasks/pytext.h"

enum { LITERAL_DEPTH = 100 };

struct reader {
    const char *s, *p, *end;
    struct arena *a;
    struct assay_err *err;
    int depth, brackets;
};

static int fail(struct reader *r, const char *what)
{
    unsigned line = 1, col = 1;
    for (const char *q = r->s; q < r->p && q < r->end; q++) {
        col += ((unsigned char)*q & 0xC0) != 0x80;
        if (*q == '\n') {
            line++;
            col = 1;
        }
    }
    return err_set(r->err, ASSAY_EFORMAT, "%u:%u: %s", line, col, what);
}

/* -- strings --------------------------------------------------------------------------------------- */

static int hex_digits(const char *s, const char *end, int n, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < n; i++) {
        char c = s + i < end ? s[i] : 0;
        int d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                                                    : -1;
        if (d < 0)
            return -1;
        *out = *out * 16 + (uint32_t)d;
    }
    return 0;
}

static void add_point(struct buf *b, uint32_t cp)
{
    char t[4];
    buf_add(b, t, (size_t)text_encode(cp, t));
}

/* One escape after the backslash at s[-1]; returns the bytes read or a negative code. */
static int unescape_one(struct buf *b, const char *s, const char *end, struct assay_err *e)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *known = *s ? strchr(from, *s) : NULL;
    if (known) {
        buf_addc(b, to[known - from]);
        return 1;
    }
    if (*s == '\n')
        return 1;
    if (*s >= '0' && *s <= '7') {
        uint32_t v = 0;
        int k = 0;
        for (; k < 3 && s + k < end && s[k] >= '0' && s[k] <= '7'; k++)
            v = v * 8 + (uint32_t)(s[k] - '0');
        add_point(b, v);
        return k;
    }
    int digits = *s == 'x' ? 2 : *s == 'u' ? 4 : *s == 'U' ? 8 : 0;
    if (digits) {
        uint32_t cp;
        if (hex_digits(s + 1, end, digits, &cp) < 0)
            return err_set(e, ASSAY_EFORMAT, "truncated \\%c escape", *s);
        if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
            return err_set(e, ASSAY_EFORMAT, "escape of a value that is no character");
        add_point(b, cp);
        return 1 + digits;
    }
    if (*s == 'N')
        return err_set(e, ASSAY_EFORMAT, "\\N{...} escapes are not supported");
    buf_addc(b, '\\');
    return 0;
}

int literal_unescape(struct buf *b, const char *s, size_t n, struct assay_err *e)
{
    const char *end = s + n;
    while (s < end) {
        const char *slash = memchr(s, '\\', (size_t)(end - s));
        size_t plain = (size_t)((slash ? slash : end) - s);
        buf_add(b, s, plain);
        s += plain;
        if (!slash)
            break;
        if (++s == end)
            return err_set(e, ASSAY_EFORMAT, "\\ at end of string");
        int k = unescape_one(b, s, end, e);
        if (k < 0)
            return k;
        s += k;
    }
    return b->failed ? err_set(e, ASSAY_ELIMIT, "string is too long") : 0;
}

/* Prefix letters before a quote: r, u, R, U.  Sets *raw; returns their number or -1 for others. */
static int string_prefix(const struct reader *r, bool *raw)
{
    *raw = false;
    const char *q = r->p;
    while (q < r->end && q - r->p < 3 && strchr("rRuUbBfF", *q) && *q)
        q++;
    if (q == r->end || (*q != '\'' && *q != '"'))
        return -1;
    size_t n = (size_t)(q - r->p);
    if (n > 1 || (n == 1 && !strchr("rRuU", *r->p)))
        return -1;
    *raw = n == 1 && (*r->p | 32) == 'r';
    return (int)n;
}

static int read_quoted(struct reader *r, struct buf *b)
{
    bool raw;
    int prefix = string_prefix(r, &raw);
    if (prefix < 0)
        return fail(r, "bytes and formatted strings are not supported");
    r->p += prefix;
    char quote = *r->p;
    bool triple = r->end - r->p >= 3 && r->p[1] == quote && r->p[2] == quote;
    int width = triple ? 3 : 1;
    const char *start = r->p + width, *q = start;
    for (;; q++) {
        if (q >= r->end || (!triple && *q == '\n'))
            return fail(r, "string is not closed");
        if (*q == '\\')
            q++;
        else if (*q == quote && (!triple || (r->end - q >= 3 && q[1] == quote && q[2] == quote)))
            break;
    }
    size_t n = (size_t)(q - start);
    struct assay_err inner;
    if (raw)
        buf_add(b, start, n);
    else if (literal_unescape(b, start, n, &inner) < 0)
        return fail(r, inner.msg);
    r->p = q + width;
    return 0;
}

/* -- white space ----------------------------------------------------------------------------------- */

static void skip(struct reader *r)
{
    for (; r->p < r->end; r->p++) {
        char c = *r->p;
        if (c == '\\' && r->p + 1 < r->end && r->p[1] == '\n')
            r->p++;
        else if (c == '#')
            while (r->p + 1 < r->end && r->p[1] != '\n')
                r->p++;
        else if (c != ' ' && c != '\t' && c != '\f' && !(r->brackets && (c == '\n' || c == '\r')))
            return;
    }
}

static bool at(struct reader *r, char c)
{
    return r->p < r->end && *r->p == c;
}

static bool at_string(const struct reader *r)
{
    bool raw;
    if (r->p >= r->end)
        return false;
    if (*r->p == '\'' || *r->p == '"')
        return true;
    return strchr("rRuU", *r->p) && *r->p && string_prefix(r, &raw) > 0;
}

static int read_string(struct reader *r, const struct value **out)
{
    struct buf b;
    int rc = 0;
    buf_init(&b, 0);
    do {
        rc = read_quoted(r, &b);
        skip(r);
    } while (rc == 0 && at_string(r));
    if (rc == 0)
        *out = value_strn(r->a, b.v, b.n);
    buf_release(&b);
    return rc;
}

/* -- numbers --------------------------------------------------------------------------------------- */

static int read_number(struct reader *r, const struct value **out)
{
    const char *q = r->p;
    bool hex = q + 1 < r->end && *q == '0' && strchr("xXoObB", q[1]) && q[1], real = false;
    for (; q < r->end; q++) {
        char c = *q, low = (char)(c | 32);
        bool exponent_sign = (c == '+' || c == '-') && !hex && (q[-1] | 32) == 'e' && q > r->p;
        if (!hex && (c == '.' || low == 'e'))
            real = true;
        else if (!((c >= '0' && c <= '9') || c == '_' || exponent_sign ||
                   (low >= 'a' && low <= 'z')))
            break;
    }
    struct pystr s = pystr(r->p, (size_t)(q - r->p));
    int64_t i;
    double f;
    if (s.n && (s.s[s.n - 1] | 32) == 'j')
        return fail(r, "complex numbers are not supported");
    if (!real && pytext_to_int(s, 0, &i))
        *out = value_int(r->a, i);
    else if (real && pytext_to_float(s, &f))
        *out = value_float(r->a, f);
    else
        return fail(r, "number is malformed or beyond 64 bits");
    r->p = q;
    return 0;
}

/* -- values ---------------------------------------------------------------------------------------- */

static int read_value(struct reader *r, const struct value **out);

struct vec {
    const struct value **v;
    size_t n, cap;
};

static void vec_add(struct reader *r, struct vec *x, const struct value *v)
{
    if (x->n == x->cap) {
        size_t cap = x->cap ? x->cap * 2 : 8;
        const struct value **grown = ARENA_ARRAY(r->a, const struct value *, cap);
        if (x->n)
            memcpy(grown, x->v, x->n * sizeof *grown);
        x->v = grown;
        x->cap = cap;
    }
    x->v[x->n++] = v;
}

/* Items up to `close`; with pairs, "key: value" gives two each.  *pairs is 1 or 0 once known, else -1. */
static int read_items(struct reader *r, char close, struct vec *x, int *pairs, bool *comma)
{
    for (;;) {
        const struct value *v;
        skip(r);
        if (at(r, close))
            break;
        TRY(read_value(r, &v));
        vec_add(r, x, v);
        skip(r);
        if (*pairs < 0)
            *pairs = at(r, ':');
        if (*pairs) {
            if (!at(r, ':'))
                return fail(r, "expected ':'");
            r->p++;
            skip(r);
            TRY(read_value(r, &v));
            vec_add(r, x, v);
            skip(r);
        }
        if (!at(r, ','))
            break;
        *comma = true;
        r->p++;
    }
    if (!at(r, close))
        return fail(r, r->p >= r->end ? "bracket is not closed" : "unexpected character");
    r->p++;
    return 0;
}

static int make_dict(struct reader *r, const struct vec *x, const struct value **out)
{
    struct value_entry *e = ARENA_ARRAY(r->a, struct value_entry, x->n / 2 + 1);
    for (size_t i = 0; i < x->n / 2; i++) {
        uint8_t t = x->v[2 * i]->type;
        if (t == VALUE_LIST || t == VALUE_DICT)
            return fail(r, "a list or dict cannot be a key");
        e[i] = (struct value_entry){x->v[2 * i], x->v[2 * i + 1]};
    }
    *out = value_dict(r->a, e, x->n / 2);
    return 0;
}

static int make_set(struct reader *r, const struct vec *x, const struct value **out)
{
    struct vec set = {0};
    for (size_t i = 0; i < x->n; i++) {
        bool seen = false;
        for (size_t j = 0; j < set.n && !seen; j++)
            seen = value_equal(set.v[j], x->v[i]);
        if (!seen)
            vec_add(r, &set, x->v[i]);
        if (set.n > 10000)
            return fail(r, "set has more than 10000 items");
    }
    struct value *v = value_list(r->a, set.v, set.n);
    v->type = VALUE_TUPLE;
    *out = v;
    return 0;
}

static int read_brackets(struct reader *r, const struct value **out)
{
    struct vec x = {0};
    char open = *r->p++;
    int pairs = open == '{' ? -1 : 0;
    bool comma = false;
    r->brackets++;
    TRY(read_items(r, open == '[' ? ']' : open == '(' ? ')' : '}', &x, &pairs, &comma));
    r->brackets--;
    if (open == '{')
        return pairs == 0 ? make_set(r, &x, out) : make_dict(r, &x, out);
    if (open == '(' && x.n == 1 && !comma) {
        *out = x.v[0];
        return 0;
    }
    if (open == '(' && x.n == 0 && comma)
        return fail(r, "unexpected ','");
    struct value *v = value_list(r->a, x.v, x.n);
    if (open == '(')
        v->type = VALUE_TUPLE;
    *out = v;
    return 0;
}

static int read_word(struct reader *r, const struct value **out)
{
    static const struct {
        const char *word;
        const struct value *value;
    } words[] = {{"None", &value_null}, {"True", &value_true}, {"False", &value_false}};
    const char *q = r->p;
    while (q < r->end && ((unsigned char)*q >= 0x80 || *q == '_' || (*q >= '0' && *q <= '9') ||
                          ((*q | 32) >= 'a' && (*q | 32) <= 'z')))
        q++;
    size_t n = (size_t)(q - r->p);
    for (size_t i = 0; i < 3; i++)
        if (strlen(words[i].word) == n && n && memcmp(words[i].word, r->p, n) == 0) {
            *out = words[i].value;
            r->p = q;
            return 0;
        }
    return fail(r, n ? "a name is not a literal" : "expected a literal");
}

static int read_signed(struct reader *r, const struct value **out)
{
    char sign = *r->p++;
    skip(r);
    if (at(r, '-') || at(r, '+'))
        return fail(r, "a number has one sign");
    TRY(read_value(r, out));
    const struct value *v = *out;
    if (v->type != VALUE_INT && v->type != VALUE_FLOAT)
        return fail(r, "a sign needs a number");
    if (sign == '-')
        *out = v->type == VALUE_FLOAT ? value_float(r->a, -v->f)
                                      : value_int(r->a, (int64_t)(0 - (uint64_t)v->i));
    return 0;
}

static int read_value(struct reader *r, const struct value **out)
{
    if (++r->depth > LITERAL_DEPTH)
        return fail(r, "literal is nested too deeply");
    int rc;
    char c = r->p < r->end ? *r->p : 0;
    if (c == '[' || c == '(' || c == '{')
        rc = read_brackets(r, out);
    else if (c == '-' || c == '+')
        rc = read_signed(r, out);
    else if ((c >= '0' && c <= '9') || c == '.')
        rc = read_number(r, out);
    else if (at_string(r))
        rc = read_string(r, out);
    else
        rc = read_word(r, out);
    r->depth--;
    return rc;
}

int literal_eval(const char *text, size_t n, struct arena *a, const struct value **out,
                 struct assay_err *e)
{
    struct reader r = {.s = text, .p = text, .end = text + n, .a = a, .err = e};
    struct vec tuple = {0};
    bool comma = false;
    if (memchr(text, 0, n))
        return err_set(e, ASSAY_EFORMAT, "1:1: literal holds a NUL byte");
    skip(&r);
    while (r.p < r.end && *r.p != '\n' && *r.p != '\r') {
        const struct value *v;
        TRY(read_value(&r, &v));
        vec_add(&r, &tuple, v);
        skip(&r);
        if (!at(&r, ','))
            break;
        comma = true;
        r.p++;
        skip(&r);
    }
    /* Nothing but line ends may follow. */
    while (r.p < r.end && (*r.p == '\n' || *r.p == '\r' || *r.p == ' ' || *r.p == '\t'))
        r.p++;
    if (tuple.n == 0 || r.p < r.end)
        return fail(&r, tuple.n ? "text after the literal" : "expected a literal");
    *out = tuple.v[0];
    if (comma) {
        struct value *v = value_list(a, tuple.v, tuple.n);
        v->type = VALUE_TUPLE;
        *out = v;
    }
    return 0;
}
