/* json_write.c - struct value -> JSON text as Python's json.dumps writes it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/json.h"
#include "harness/base/text.h"

/* -- floats ------------------------------------------------------------------------------------ */

/* Adds one unit in the last place to decimal digits d[0..n); false when they would overflow. */
static bool digits_increment(char *d, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        if (d[i] != '9') {
            d[i]++;
            return true;
        }
        d[i] = '0';
    }
    return false;
}

static bool digits_give(const char *d, int n, int exp10, double want)
{
    char text[48];
    snprintf(text, sizeof text, "%c.%.*se%d", d[0], n - 1, d + 1, exp10);
    return strtod(text, NULL) == want;
}

/* The shortest digits that read back as f (> 0, finite): d[0..n) and the exponent of d[0].
 * 15 correctly rounded digits hold whatever shorter form exists, except for subnormals.  At a power
 * of two the interval is lopsided: the decimal above may do where the nearest one does not. */
static int digits_shortest(double f, char d[20], int *exp10)
{
    int e2;
    bool power = frexp(f, &e2) == 0.5;
    for (int n = f < 0x1p-1022 ? 1 : 15; n <= 17; n++) {
        char text[40];
        snprintf(text, sizeof text, "%.*e", n - 1, f);
        d[0] = text[0];
        memcpy(d + 1, text + 2, (size_t)(n - 1));
        *exp10 = atoi(strchr(text, 'e') + 1);
        bool ok = n == 17 || digits_give(d, n, *exp10, f);
        if (!ok && power)
            ok = digits_increment(d, n) && digits_give(d, n, *exp10, f);
        if (ok) {
            while (n > 1 && d[n - 1] == '0')
                n--;
            return n;
        }
    }
    return 17;
}

void json_write_float(struct buf *b, double f)
{
    if (isnan(f)) {
        buf_adds(b, "nan");
        return;
    }
    if (signbit(f))
        buf_addc(b, '-');
    f = fabs(f);
    if (isinf(f)) {
        buf_adds(b, "inf");
        return;
    }
    if (f < 1e15 && f == floor(f)) {
        buf_printf(b, "%.1f", f);
        return;
    }
    char d[20];
    int e, n = digits_shortest(f, d, &e);
    if (e < -4 || e >= 16) {
        buf_addc(b, d[0]);
        if (n > 1)
            buf_printf(b, ".%.*s", n - 1, d + 1);
        buf_printf(b, "e%c%02d", e < 0 ? '-' : '+', abs(e));
    } else if (e < 0) {
        buf_printf(b, "0.%.*s%.*s", -e - 1, "000", n, d);
    } else if (n > e + 1) {
        buf_printf(b, "%.*s.%.*s", e + 1, d, n - e - 1, d + e + 1);
    } else {
        buf_printf(b, "%.*s%.*s.0", n, d, e + 1 - n, "0000000000000000");
    }
}

/* -- strings ----------------------------------------------------------------------------------- */

static void write_escape(struct buf *b, uint32_t cp)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
    if (at) {
        buf_addc(b, '\\');
        buf_addc(b, to[at - from]);
    } else if (cp < 0x10000) {
        buf_printf(b, "\\u%04x", (unsigned)cp);
    } else {
        cp -= 0x10000;
        buf_printf(b, "\\u%04x\\u%04x", (unsigned)(0xd800 + (cp >> 10)),
                   (unsigned)(0xdc00 + (cp & 0x3ff)));
    }
}

static void write_str(struct buf *b, const char *s, size_t n, bool ascii)
{
    buf_addc(b, '"');
    size_t from = 0; /* what stands for itself is added in one piece */
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            i++;
            continue;
        }
        uint32_t cp = 0xfffd;
        int len = text_decode(s + i, n - i, &cp);
        if (len && cp >= 0x7f && !ascii) {
            i += (size_t)len;
            continue;
        }
        buf_add(b, s + from, i - from);
        if (len || ascii)
            write_escape(b, cp);
        else
            buf_adds(b, "\xef\xbf\xbd");
        i += len ? (size_t)len : 1;
        from = i;
    }
    buf_add(b, s + from, n - from);
    buf_addc(b, '"');
}

void json_write_str(struct buf *b, const char *s, size_t n)
{
    write_str(b, s, n, false);
}

/* -- values ------------------------------------------------------------------------------------ */

static void write_value(struct buf *b, const struct value *v, int flags, int level);

static void write_break(struct buf *b, int flags, int level)
{
    if (flags & JSON_INDENT)
        buf_printf(b, "\n%*s", 2 * level, "");
}

static void write_comma(struct buf *b, int flags)
{
    buf_addc(b, ',');
    if ((flags & JSON_PYTHON) && !(flags & JSON_INDENT))
        buf_addc(b, ' ');
}

static void write_scalar(struct buf *b, const struct value *v, int flags)
{
    switch (v->type) {
    case VALUE_BOOL:
        buf_adds(b, v->b ? "true" : "false");
        break;
    case VALUE_INT:
        buf_printf(b, "%lld", (long long)v->i);
        break;
    case VALUE_FLOAT:
        if (isfinite(v->f))
            json_write_float(b, v->f);
        else
            buf_adds(b, isnan(v->f) ? "NaN" : v->f < 0 ? "-Infinity" : "Infinity");
        break;
    case VALUE_STR:
        write_str(b, v->s, v->n, flags & JSON_ASCII);
        break;
    case VALUE_FUNC: {
        struct buf name;
        buf_init(&name, 0);
        buf_printf(&name, "!function %s", v->s);
        write_str(b, name.v, name.n, flags & JSON_ASCII);
        buf_release(&name);
        break;
    }
    default:
        buf_adds(b, "null");
    }
}

/* JSON keys are strings: other scalars are written as such, in quotes. */
static void write_key(struct buf *b, const struct value *k, int flags)
{
    bool quote = k->type != VALUE_STR && k->type != VALUE_FUNC;
    if (quote)
        buf_addc(b, '"');
    write_scalar(b, k, flags);
    if (quote)
        buf_addc(b, '"');
    buf_adds(b, flags & (JSON_PYTHON | JSON_INDENT) ? ": " : ":");
}

static int key_order(const void *x, const void *y)
{
    const struct value *a = ((const struct value_entry *)x)->key;
    const struct value *b = ((const struct value_entry *)y)->key;
    if (a->type == VALUE_INT && b->type == VALUE_INT)
        return (a->i > b->i) - (a->i < b->i);
    if (a->type != VALUE_STR || b->type != VALUE_STR)
        return (a->type > b->type) - (a->type < b->type);
    int c = memcmp(a->s, b->s, a->n < b->n ? a->n : b->n);
    return c ? c : (a->n > b->n) - (a->n < b->n);
}

static void write_dict(struct buf *b, const struct value *v, int flags, int level)
{
    const struct value_entry *entries = v->entries;
    struct arena a = {0};
    if ((flags & JSON_SORTED) && v->n) {
        struct value_entry *sorted = ARENA_ARRAY(&a, struct value_entry, v->n);
        memcpy(sorted, v->entries, v->n * sizeof *sorted);
        qsort(sorted, v->n, sizeof *sorted, key_order);
        entries = sorted;
    }
    buf_addc(b, '{');
    for (uint32_t i = 0; i < v->n; i++) {
        if (i)
            write_comma(b, flags);
        write_break(b, flags, level + 1);
        write_key(b, entries[i].key, flags);
        write_value(b, entries[i].value, flags, level + 1);
    }
    if (v->n)
        write_break(b, flags, level);
    buf_addc(b, '}');
    arena_release(&a);
}

static void write_value(struct buf *b, const struct value *v, int flags, int level)
{
    if (v->type == VALUE_DICT) {
        write_dict(b, v, flags, level);
        return;
    }
    if (v->type != VALUE_LIST && v->type != VALUE_TUPLE) {
        write_scalar(b, v, flags);
        return;
    }
    buf_addc(b, '[');
    for (uint32_t i = 0; i < v->n; i++) {
        if (i)
            write_comma(b, flags);
        write_break(b, flags, level + 1);
        write_value(b, v->items[i], flags, level + 1);
    }
    if (v->n)
        write_break(b, flags, level);
    buf_addc(b, ']');
}

void json_write(struct buf *b, const struct value *v, int flags)
{
    write_value(b, v, flags, 0);
}
