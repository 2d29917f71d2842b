/* template_format.c - str.format(): "{}", "{0}", "{name.attr[key]!r:>8.2f}".
 *
 * As Python's, for texts, integers and floats; the types n and c, and fields inside a format
 * specification, are refused. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "tasks/template_impl.h"

enum { MAX_WIDTH = 100000, MAX_PRECISION = 300 };

struct spec {
    struct pystr fill;
    char align, sign, group, type;         /* 0: not given */
    bool alternate, zero;
    int width, precision;                  /* -1: not given */
};
struct formatting {
    struct render *r;
    struct buf *b;
    const struct call *c;
    uint32_t next;                         /* of the fields without a number */
    bool counts, names_places;
};

static bool fail(struct render *r, const char *what)
{
    return render_fail(r, "format: %s", what) != NULL;
}

/* -- specification --------------------------------------------------------------------------------- */

static int take_number(struct pystr s, size_t *i, int most)
{
    int n = -1;
    for (; *i < s.n && s.s[*i] >= '0' && s.s[*i] <= '9'; (*i)++) {
        n = (n < 0 ? 0 : n) * 10 + (s.s[*i] - '0');
        if (n > most)
            return -2;
    }
    return n;
}

static bool take_one(struct pystr s, size_t *i, const char *set, char *out)
{
    if (*i >= s.n || !s.s[*i] || !strchr(set, s.s[*i]))
        return false;
    *out = s.s[(*i)++];
    return true;
}

static bool parse_spec(struct render *r, struct pystr s, struct spec *out)
{
    size_t i = 0, k = s.n ? pytext_offset(s, 1) : 0;
    char flag;
    *out = (struct spec){.fill = PYSTR(" "), .width = -1, .precision = -1};
    if (k && k < s.n && strchr("<>=^", s.s[k])) {
        out->fill = pystr(s.s, k);
        i = k;
    }
    take_one(s, &i, "<>=^", &out->align);
    take_one(s, &i, "+- ", &out->sign);
    out->alternate = take_one(s, &i, "#", &flag);
    if (i < s.n && s.s[i] == '0') {
        i++;
        out->zero = true;
        if (!out->align) {
            out->fill = PYSTR("0");
            out->align = '=';
        }
    }
    out->width = take_number(s, &i, MAX_WIDTH);
    take_one(s, &i, ",_", &out->group);
    if (i < s.n && s.s[i] == '.') {
        i++;
        out->precision = take_number(s, &i, MAX_PRECISION);
        if (out->precision == -1)
            return fail(r, "format specifier missing precision");
    }
    take_one(s, &i, "sdbxXoeEfFgG%", &out->type);
    if (out->width == -2 || out->precision == -2)
        return fail(r, "width or precision is too large");
    return i == s.n || fail(r, "invalid or unsupported format specifier");
}

static void pad(struct formatting *f, const struct spec *s, struct pystr sign, struct pystr body)
{
    int64_t len = (int64_t)(pytext_len(body) + sign.n), gap = s->width > len ? s->width - len : 0;
    int64_t left = s->align == '<' || s->align == '=' ? 0 : s->align == '^' ? gap / 2 : gap;
    int64_t inner = s->align == '=' ? gap : 0;
    for (int64_t i = 0; i < left; i++)
        buf_add(f->b, s->fill.s, s->fill.n);
    buf_add(f->b, sign.s, sign.n);
    for (int64_t i = 0; i < inner; i++)
        buf_add(f->b, s->fill.s, s->fill.n);
    buf_add(f->b, body.s, body.n);
    for (int64_t i = left + inner; i < gap; i++)
        buf_add(f->b, s->fill.s, s->fill.n);
}

/* -- numbers --------------------------------------------------------------------------------------- */

/* Puts a separator between the digits in front of the first byte that is none. */
static size_t group_digits(const char *digits, size_t n, char sep, int by, char *out)
{
    size_t whole = 0, k = 0;
    while (whole < n && strchr("0123456789abcdefABCDEF", digits[whole]))
        whole++;
    for (size_t i = 0; i < n; i++) {
        if (sep && i && i < whole && (whole - i) % (size_t)by == 0)
            out[k++] = sep;
        out[k++] = digits[i];
    }
    return k;
}

static size_t int_digits(uint64_t u, char type, char *out)
{
    char back[72];
    size_t n = 0;
    unsigned base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
    const char *set = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    do
        back[n++] = set[u % base];
    while (u /= base);
    for (size_t i = 0; i < n; i++)
        out[i] = back[n - 1 - i];
    return n;
}

static bool put_number(struct formatting *f, struct spec *s, const char *digits, size_t n, bool negative)
{
    char sign[8], grouped[1200];
    const char *mark = negative ? "-" : s->sign == '+' ? "+" : s->sign == ' ' ? " " : "";
    const char *prefix = !s->alternate    ? ""
                         : s->type == 'x' ? "0x"
                         : s->type == 'X' ? "0X"
                         : s->type == 'o' ? "0o"
                         : s->type == 'b' ? "0b" : "";
    int k = snprintf(sign, sizeof sign, "%s%s", mark, prefix);
    bool by_four = s->type == 'x' || s->type == 'X' || s->type == 'o' || s->type == 'b';
    if (s->zero && s->group)
        return fail(f->r, "zero padding with a separator is not supported");
    n = group_digits(digits, n, s->group, by_four ? 4 : 3, grouped);
    if (!s->align)
        s->align = '>';
    pad(f, s, pystr(sign, (size_t)k), pystr(grouped, n));
    return true;
}

static bool put_int(struct formatting *f, struct spec *s, int64_t i)
{
    char digits[80];
    if (s->precision >= 0)
        return fail(f->r, "precision not allowed in integer format specifier");
    size_t n = int_digits(i < 0 ? 0 - (uint64_t)i : (uint64_t)i, s->type, digits);
    return put_number(f, s, digits, n, i < 0);
}

static bool put_float(struct formatting *f, struct spec *s, const struct value *v)
{
    char text[700], spec[16];
    double x = value_as_float(v) * (s->type == '%' ? 100 : 1);
    bool negative = signbit(x) && !isnan(x);
    if (!s->type && s->precision < 0) {
        struct pystr plain = pystr_of(f->r->a, value_float(f->r->a, negative ? -x : x));
        return put_number(f, s, plain.s, plain.n, negative);
    }
    char type = s->type == '%' ? 'f' : s->type ? s->type : 'g';
    snprintf(spec, sizeof spec, "%%%s.*%c", s->alternate ? "#" : "", type);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int n = snprintf(text, sizeof text - 2, spec, s->precision < 0 ? 6 : s->precision, negative ? -x : x);
#pragma GCC diagnostic pop
    if (!s->type)
        return fail(f->r, "a precision without a type is not supported");
    if (s->type == '%')
        text[n++] = '%';
    return put_number(f, s, text, (size_t)n, negative);
}

static bool put_text(struct formatting *f, struct spec *s, struct pystr text)
{
    if (s->sign || s->alternate || s->group || s->align == '=' || (s->type && s->type != 's'))
        return fail(f->r, "this format specifier does not fit a text");
    if (s->precision >= 0)
        text = pytext_part(text, 0, (size_t)s->precision);
    if (!s->align)
        s->align = '<';
    pad(f, s, PYSTR(""), text);
    return true;
}

static bool put_value(struct formatting *f, const struct value *v, struct pystr spec)
{
    struct spec s;
    if (v->type == VALUE_UNDEFINED && !v->plain)
        return render_undefined_error(f->r, v) != NULL;
    if (spec.n && !parse_spec(f->r, spec, &s))
        return false;
    bool is_text = v->type == VALUE_STR || v->type == VALUE_UNDEFINED;
    if (!spec.n || is_text) {
        struct pystr text = render_str(f->r, v);
        if (!text.s)
            return false;
        if (!spec.n) {
            buf_add(f->b, text.s, text.n);
            return true;
        }
        return put_text(f, &s, text);
    }
    if (!value_is_number(v))
        return fail(f->r, "unsupported format string for this type");
    if (s.type == 's')
        return fail(f->r, "this format specifier does not fit a number");
    bool as_int = value_is_integral(v) && (!s.type || strchr("dbxXo", s.type));
    if (!value_is_integral(v) && s.type && strchr("dbxXo", s.type))
        return fail(f->r, "this format specifier does not fit a float");
    return as_int ? put_int(f, &s, value_as_int(v)) : put_float(f, &s, v);
}

/* -- fields ---------------------------------------------------------------------------------------- */

static bool all_digits(struct pystr s)
{
    size_t i = 0;
    while (i < s.n && s.s[i] >= '0' && s.s[i] <= '9')
        i++;
    return s.n && i == s.n;
}

static const struct value *argument(struct formatting *f, struct pystr name)
{
    int64_t at = 0;
    if (name.n == 0 || all_digits(name)) {
        *(name.n ? &f->names_places : &f->counts) = true;
        if (f->counts && f->names_places)
            return render_fail(f->r, "format: cannot mix {} and {0}");
        if (name.n && !pytext_to_int(name, 10, &at))
            return render_fail(f->r, "format: no such argument");
        if (!name.n)
            at = f->next++;
        if (at >= f->c->n_pos)
            return render_fail(f->r, "format: replacement index %" PRId64 " out of range", at);
        return f->c->pos[at];
    }
    for (uint32_t i = 0; i < f->c->n_kw; i++)
        if (f->c->kw_names[i]->n == name.n && memcmp(f->c->kw_names[i]->s, name.s, name.n) == 0)
            return f->c->kw[i];
    return render_fail(f->r, "format: no argument '%.*s'", (int)(name.n > 80 ? 80 : name.n), name.s);
}

/* "name.attr[key]" */
static const struct value *field_value(struct formatting *f, struct pystr path)
{
    size_t i = 0;
    while (i < path.n && path.s[i] != '.' && path.s[i] != '[')
        i++;
    const struct value *v = argument(f, pystr(path.s, i));
    while (v && i < path.n) {
        bool is_item = path.s[i++] == '[';
        size_t from = i;
        while (i < path.n && (is_item ? path.s[i] != ']' : path.s[i] != '.' && path.s[i] != '['))
            i++;
        struct pystr part = pystr(path.s + from, i - from);
        if (part.n == 0 || (is_item && i == path.n))
            return render_fail(f->r, "format: a part of a field is empty or open");
        int64_t at;
        const struct value *key = value_strn(f->r->a, part.s, part.n);
        if (is_item && all_digits(part) && pytext_to_int(part, 10, &at))
            key = value_int(f->r->a, at);
        v = is_item ? render_item(f->r, v, key) : render_attr(f->r, v, key);
        i += is_item;
    }
    return v;
}

/* What stands between "{" and "}". */
static bool put_field(struct formatting *f, struct pystr s)
{
    size_t end = 0;
    while (end < s.n && s.s[end] != '!' && s.s[end] != ':')
        end++;
    const struct value *v = field_value(f, pystr(s.s, end));
    if (!v)
        return false;
    if (end < s.n && s.s[end] == '!') {
        char how = end + 1 < s.n ? s.s[end + 1] : 0;
        if ((how != 'r' && how != 's') || (end + 2 < s.n && s.s[end + 2] != ':'))
            return fail(f->r, "unknown conversion");
        if (how == 'r') {
            struct buf b;
            buf_init(&b, TEMPLATE_MAX_OUTPUT);
            bool ok = pyrepr_value(&b, v);
            v = ok ? render_take(f->r, &b) : NULL;
            if (!ok) {
                buf_release(&b);
                return fail(f->r, "value is nested too deeply");
            }
        } else {
            struct pystr text = render_str(f->r, v);
            v = text.s ? value_strn(f->r->a, text.s, text.n) : NULL;
        }
        end += 2;
    }
    if (!v)
        return false;
    struct pystr spec = end < s.n ? pystr(s.s + end + 1, s.n - end - 1) : PYSTR("");
    if (memchr(spec.s, '{', spec.n))
        return fail(f->r, "fields inside a format specifier are not supported");
    return put_value(f, v, spec);
}

static bool put_all(struct formatting *f, struct pystr s)
{
    for (size_t i = 0; i < s.n && !f->b->failed;) {
        char c = s.s[i];
        if ((c == '{' || c == '}') && i + 1 < s.n && s.s[i + 1] == c) {
            buf_addc(f->b, c);
            i += 2;
        } else if (c == '{') {
            size_t end = pytext_find_bytes(s, PYSTR("}"), i);
            if (end == (size_t)-1)
                return fail(f->r, "single '{' encountered");
            if (!render_step(f->r, 1) || !put_field(f, pystr(s.s + i + 1, end - i - 1)))
                return false;
            i = end + 1;
        } else if (c == '}') {
            return fail(f->r, "single '}' encountered");
        } else {
            buf_addc(f->b, c);
            i++;
        }
    }
    return true;
}

const struct value *template_format(struct render *r, const struct value *self, const struct call *c)
{
    struct buf b;
    struct formatting f = {.r = r, .b = &b, .c = c};
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    if (put_all(&f, value_text(self)))
        return render_take(r, &b);
    buf_release(&b);
    return NULL;
}
