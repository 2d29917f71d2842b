/* template_filters.c - Jinja's filters, one row each; tests and the filters over sequences are in
 * template_tests.c and template_sequences.c.
 *
 * Not offered: random (not repeatable), urlize, xmlattr, striptags, pprint, wordwrap. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/text.h"
#include "tasks/regex.h"
#include "tasks/template_filters.h"

/* -- arguments ------------------------------------------------------------------------------------- */

bool filter_int(struct render *r, const struct value *v, int64_t absent, int64_t *out)
{
    *out = absent;
    if (!v)
        return true;
    if (v->type == VALUE_UNDEFINED)
        return render_undefined_error(r, v) != NULL;
    if (!value_is_integral(v))
        return render_fail(r, "argument must be an integer, not %s", render_type(v)) != NULL;
    *out = value_as_int(v);
    return true;
}

int filter_bool(struct render *r, const struct value *v)
{
    return v ? render_truth(r, v) : 0;
}

static bool subject_text(struct render *r, const struct value *v, struct pystr *out)
{
    *out = render_str(r, v);
    return out->s != NULL;
}

static const struct value *from_text(struct render *r, struct pystr s)
{
    return value_strn(r->a, s.s, s.n);
}

/* -- text ------------------------------------------------------------------------------------------ */

static const struct value *convert(struct render *r, const struct value *v, enum pytext_case k)
{
    struct pystr s;
    struct buf b;
    if (!subject_text(r, v, &s))
        return NULL;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    pytext_convert(&b, s, k);
    return render_take(r, &b);
}

static const struct value *do_lower(struct render *r, const struct filter_call_args *c)
{
    return convert(r, c->subject, PYTEXT_TO_LOWER);
}

static const struct value *do_upper(struct render *r, const struct filter_call_args *c)
{
    return convert(r, c->subject, PYTEXT_TO_UPPER);
}

static const struct value *do_capitalize(struct render *r, const struct filter_call_args *c)
{
    return convert(r, c->subject, PYTEXT_TO_CAPITALIZED);
}

static bool breaks_word(const char *s, size_t n)
{
    uint32_t cp = (unsigned char)*s;
    if (cp >= 0x80)
        text_decode(s, n, &cp);
    return (cp && cp < 0x80 && strchr("-({[<", (int)cp)) || pytext_is_space(cp);
}

/* Words begin behind - ( { [ < and white space only, unlike str.title. */
static const struct value *do_title(struct render *r, const struct filter_call_args *c)
{
    struct pystr s;
    struct buf b;
    if (!subject_text(r, c->subject, &s))
        return NULL;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    for (size_t i = 0; i < s.n;) {
        size_t at = i;
        bool gap = breaks_word(s.s + i, s.n - i);
        while (i < s.n && breaks_word(s.s + i, s.n - i) == gap)
            i += pytext_offset(pystr(s.s + i, s.n - i), 1);
        struct pystr part = pystr(s.s + at, i - at);
        if (gap) {
            buf_add(&b, part.s, part.n);
            continue;
        }
        size_t k = pytext_offset(part, 1);
        pytext_convert(&b, pystr(part.s, k), PYTEXT_TO_UPPER);
        pytext_convert(&b, pystr(part.s + k, part.n - k), PYTEXT_TO_LOWER);
    }
    return render_take(r, &b);
}

static const struct value *do_string(struct render *r, const struct filter_call_args *c)
{
    struct pystr s;
    if (c->subject->type == VALUE_STR)
        return c->subject;
    return subject_text(r, c->subject, &s) ? from_text(r, s) : NULL;
}

static const struct value *do_trim(struct render *r, const struct filter_call_args *c)
{
    struct pystr s;
    if (!subject_text(r, c->subject, &s))
        return NULL;
    if (!c->arg[0] || c->arg[0]->type == VALUE_NULL)
        return from_text(r, pytext_strip(s, PYTEXT_BOTH));
    if (c->arg[0]->type != VALUE_STR)
        return render_fail(r, "strip arg must be None or str");
    return from_text(r, pytext_strip_chars(s, PYTEXT_BOTH, value_text(c->arg[0])));
}

static const struct value *do_replace(struct render *r, const struct filter_call_args *c)
{
    struct pystr s, from, to;
    int64_t count;
    struct buf b;
    const struct value *limit = c->arg[2] && c->arg[2]->type == VALUE_NULL ? NULL : c->arg[2];
    if (!subject_text(r, c->subject, &s) || !subject_text(r, c->arg[0], &from) ||
        !subject_text(r, c->arg[1], &to) || !filter_int(r, limit, -1, &count))
        return NULL;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    pytext_replace(&b, s, from, to, count);
    return render_take(r, &b);
}

static const struct value *do_regex_replace(struct render *r, const struct filter_call_args *c)
{
    struct regex_sub sub = {0};
    struct regex *re;
    struct assay_err inner;
    struct pystr s;
    int64_t count;
    struct buf b;
    if (!subject_text(r, c->subject, &s) || !filter_int(r, c->arg[2], 0, &count))
        return NULL;
    if (c->arg[0]->type != VALUE_STR || c->arg[1]->type != VALUE_STR)
        return render_fail(r, "regex_replace takes a pattern and a replacement text");
    if (regex_compile(value_text(c->arg[0]), 0, &re, &inner) < 0)
        return render_fail(r, "%s", inner.msg);
    sub.repl = value_text(c->arg[1]);
    sub.count = count > 0 ? (size_t)count : 0;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    int rc = regex_replace(re, &sub, s, &b, &inner);
    regex_free(re);
    if (rc == 0)
        return render_take(r, &b);
    buf_release(&b);
    return render_fail(r, "%s", inner.msg);
}

static const struct value *do_center(struct render *r, const struct filter_call_args *c)
{
    struct pystr s;
    int64_t width;
    struct buf b;
    if (!subject_text(r, c->subject, &s) || !filter_int(r, c->arg[0], 80, &width))
        return NULL;
    if (width > TEMPLATE_MAX_OUTPUT)
        return render_fail(r, "width is larger than %d", TEMPLATE_MAX_OUTPUT);
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    pytext_pad(&b, s, PYTEXT_CENTER, width, PYSTR(" "));
    return render_take(r, &b);
}

static const struct value *do_indent(struct render *r, const struct filter_call_args *c)
{
    struct pystr pad = PYSTR(""), s;
    int first = filter_bool(r, c->arg[1]), blank = filter_bool(r, c->arg[2]);
    int64_t width = 4;
    size_t n;
    struct buf b;
    if (first < 0 || blank < 0 || !subject_text(r, c->subject, &s))
        return NULL;
    if (c->subject->type != VALUE_STR)
        return render_fail(r, "indent works on text, not %s", render_type(c->subject));
    if (c->arg[0] && c->arg[0]->type == VALUE_STR)
        pad = value_text(c->arg[0]);
    else if (!filter_int(r, c->arg[0], 4, &width))
        return NULL;
    if (width > 10000)
        return render_fail(r, "indent of more than 10000");
    if (!c->arg[0] || c->arg[0]->type != VALUE_STR) {
        char *spaces = arena_alloc(r->a, (size_t)(width > 0 ? width : 0) + 1);
        memset(spaces, ' ', (size_t)(width > 0 ? width : 0));
        pad = pystr(spaces, (size_t)(width > 0 ? width : 0));
    }
    /* Jinja adds a newline before it splits, so that a last empty line is kept. */
    char *text = arena_alloc(r->a, s.n + 2);
    memcpy(text, s.s, s.n);
    text[s.n] = '\n';
    struct pystr *line = pytext_splitlines(r->a, pystr(text, s.n + 1), false, &n);
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    for (size_t i = 0; i < n && !b.failed; i++) {
        if (i)
            buf_addc(&b, '\n');
        if (i == 0 ? first : (blank || line[i].n))
            buf_add(&b, pad.s, pad.n);
        buf_add(&b, line[i].s, line[i].n);
    }
    return render_take(r, &b);
}

static const struct value *do_truncate(struct render *r, const struct filter_call_args *c)
{
    int64_t length, leeway;
    struct pystr end = PYSTR("..."), s = value_text(c->subject);
    int kill = filter_bool(r, c->arg[1]);
    const struct value *lee = c->arg[3] && c->arg[3]->type == VALUE_NULL ? NULL : c->arg[3];
    if (kill < 0 || !filter_int(r, c->arg[0], 255, &length) || !filter_int(r, lee, 5, &leeway))
        return NULL;
    if (c->arg[2] && c->arg[2]->type != VALUE_STR)
        return render_fail(r, "truncate: end must be text");
    if (c->arg[2])
        end = value_text(c->arg[2]);
    int64_t tail = (int64_t)pytext_len(end), len = render_len(r, c->subject);
    if (len < 0)
        return NULL;
    if (length < tail || leeway < 0)
        return render_fail(r, "truncate: expected length >= %" PRId64 " and leeway >= 0", tail);
    if (leeway > INT32_MAX || len <= length + leeway)
        return c->subject;
    if (c->subject->type != VALUE_STR)
        return render_fail(r, "truncate works on text, not %s", render_type(c->subject));
    s = pytext_part(s, 0, (size_t)(length - tail));
    size_t space = pytext_rfind_bytes(s, PYSTR(" "));
    if (!kill && space != (size_t)-1)
        s.n = space;
    struct buf b;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    buf_add(&b, s.s, s.n);
    buf_add(&b, end.s, end.n);
    return render_take(r, &b);
}

static const struct value *do_wordcount(struct render *r, const struct filter_call_args *c)
{
    struct pystr s;
    int64_t n = 0;
    bool word = false;
    if (!subject_text(r, c->subject, &s))
        return NULL;
    for (size_t i = 0; i < s.n;) {
        size_t k = pytext_offset(pystr(s.s + i, s.n - i), 1);
        bool in = s.s[i] == '_' || pytext_is(pystr(s.s + i, k), PYTEXT_ALNUM);
        n += in && !word;
        word = in;
        i += k;
    }
    return value_int(r->a, n);
}

static const struct value *markup(struct render *r, struct pystr s)
{
    struct value *v = ARENA_NEW(r->a, struct value);
    *v = (struct value){.type = VALUE_STR, .markup = 1, .s = s.s, .n = (uint32_t)s.n};
    return v;
}

const struct value *filter_markup(struct render *r, const struct value *v)
{
    static const char from[] = "&<>'\"";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    struct pystr s;
    struct buf b;
    if (!subject_text(r, v, &s))
        return NULL;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    for (size_t i = 0; i < s.n; i++) {
        const char *p = s.s[i] ? strchr(from, s.s[i]) : NULL;
        if (p)
            buf_adds(&b, to[p - from]);
        else
            buf_addc(&b, s.s[i]);
    }
    const struct value *out = render_take(r, &b);
    return out ? markup(r, value_text(out)) : NULL;
}

static const struct value *do_escape(struct render *r, const struct filter_call_args *c)
{
    return c->subject->type == VALUE_STR && c->subject->markup ? c->subject : filter_markup(r, c->subject);
}

static const struct value *do_forceescape(struct render *r, const struct filter_call_args *c)
{
    return filter_markup(r, c->subject);
}

static const struct value *do_safe(struct render *r, const struct filter_call_args *c)
{
    struct pystr s;
    return subject_text(r, c->subject, &s) ? markup(r, s) : NULL;
}

static void url_quote(struct buf *b, struct pystr s, bool query)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.s[i];
        bool plain = (ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z') ||
                     (ch && strchr("_.-~", ch)) || (ch == '/' && !query);
        if (plain && ch < 0x80)
            buf_addc(b, (char)ch);
        else if (query && ch == ' ')
            buf_addc(b, '+');
        else
            buf_printf(b, "%%%02X", ch);
    }
}

/* k=v&k=v of a dict, or of any sequence of pairs. */
static bool url_pairs(struct render *r, struct buf *b, const struct value *v)
{
    struct items it = {NULL, 0}, pair;
    struct pystr key, text;
    if (v->type != VALUE_DICT && !render_items(r, v, &it))
        return false;
    uint32_t n = v->type == VALUE_DICT ? v->n : it.n;
    for (uint32_t i = 0; i < n; i++) {
        const struct value *kv[2];
        if (v->type == VALUE_DICT) {
            kv[0] = v->entries[i].key;
            kv[1] = v->entries[i].value;
        } else {
            if (!render_items(r, it.v[i], &pair))
                return false;
            if (pair.n != 2)
                return render_fail(r, "urlencode wants pairs") != NULL;
            kv[0] = pair.v[0];
            kv[1] = pair.v[1];
        }
        if (!subject_text(r, kv[0], &key) || !subject_text(r, kv[1], &text))
            return false;
        if (i)
            buf_addc(b, '&');
        url_quote(b, key, true);
        buf_addc(b, '=');
        url_quote(b, text, true);
    }
    return true;
}

static const struct value *do_urlencode(struct render *r, const struct filter_call_args *c)
{
    struct buf b;
    struct pystr s;
    bool ok;
    const struct value *v = c->subject;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    if (v->type != VALUE_STR && (render_iterable(v) || v->type == VALUE_UNDEFINED))
        ok = url_pairs(r, &b, v);
    else if ((ok = subject_text(r, v, &s)))
        url_quote(&b, s, false);
    if (ok)
        return render_take(r, &b);
    buf_release(&b);
    return NULL;
}

static const struct value *do_format(struct render *r, const struct filter_call_args *c)
{
    struct pystr s;
    const struct call *raw = c->raw;
    if (raw->n_pos && raw->n_kw)
        return render_fail(r, "format takes positional or named arguments, not both");
    if (!subject_text(r, c->subject, &s))
        return NULL;
    if (!raw->n_kw)
        return render_format(r, s, render_list(r, VALUE_TUPLE, raw->pos, raw->n_pos));
    struct value_entry *e = ARENA_ARRAY(r->a, struct value_entry, raw->n_kw);
    for (uint32_t i = 0; i < raw->n_kw; i++)
        e[i] = (struct value_entry){raw->kw_names[i], raw->kw[i]};
    return render_format(r, s, value_dict(r->a, e, raw->n_kw));
}

/* -- numbers --------------------------------------------------------------------------------------- */

static const struct value *do_abs(struct render *r, const struct filter_call_args *c)
{
    const struct value *v = c->subject;
    if (v->type == VALUE_UNDEFINED)
        return render_undefined_error(r, v);
    if (v->type == VALUE_FLOAT)
        return value_float(r->a, fabs(v->f));
    if (!value_is_integral(v))
        return render_fail(r, "bad operand type for abs(): '%s'", render_type(v));
    int64_t i = value_as_int(v);
    return i == INT64_MIN ? render_fail(r, "integer result does not fit 64 bits")
                          : value_int(r->a, i < 0 ? -i : i);
}

static const struct value *float_to_int(struct render *r, double f)
{
    if (isnan(f) || isinf(f))
        return render_fail(r, "cannot convert float %s to integer", isnan(f) ? "NaN" : "infinity");
    if (fabs(f) >= 9223372036854775808.0)
        return render_fail(r, "integer result does not fit 64 bits");
    return value_int(r->a, (int64_t)f);
}

static const struct value *do_int(struct render *r, const struct filter_call_args *c)
{
    const struct value *v = c->subject, *absent = c->arg[0] ? c->arg[0] : value_int(r->a, 0);
    int64_t base, i;
    double f;
    if (v->type == VALUE_UNDEFINED)
        return render_undefined_error(r, v);
    if (!filter_int(r, c->arg[1], 10, &base))
        return NULL;
    if (v->type == VALUE_FLOAT)
        return isnan(v->f) ? absent : float_to_int(r, v->f);
    if (value_is_integral(v))
        return value_int(r->a, value_as_int(v));
    if (v->type != VALUE_STR)
        return absent;
    if ((base == 0 || (base >= 2 && base <= 36)) && pytext_to_int(value_text(v), (int)base, &i))
        return value_int(r->a, i);
    if (!pytext_to_float(value_text(v), &f) || !isfinite(f))
        return absent;
    return float_to_int(r, f);
}

static const struct value *do_float(struct render *r, const struct filter_call_args *c)
{
    const struct value *v = c->subject;
    double f;
    if (v->type == VALUE_UNDEFINED)
        return render_undefined_error(r, v);
    if (value_is_number(v))
        return value_float(r->a, value_as_float(v));
    if (v->type == VALUE_STR && pytext_to_float(value_text(v), &f))
        return value_float(r->a, f);
    return c->arg[0] ? c->arg[0] : value_float(r->a, 0.0);
}

/* round(x, digits): half to even on the exact decimal expansion, which is what printf rounds. */
static double round_to(double x, int64_t digits)
{
    if (!isfinite(x) || digits > 320)
        return x;
    if (digits < -308)
        return copysign(0.0, x);
    if (digits < 0) {
        double p = pow(10, (double)-digits);
        return rint(x / p) * p;
    }
    char text[700];
    snprintf(text, sizeof text, "%.*f", (int)digits, x);
    return strtod(text, NULL);
}

static const struct value *round_int(struct render *r, int64_t i, int64_t digits)
{
    if (digits >= 0)
        return value_int(r->a, i);
    if (digits < -18)
        return value_int(r->a, 0);
    int64_t p = 1;
    for (; digits < 0; digits++)
        p *= 10;
    int64_t q = i / p, rest = i % p;
    if (rest < 0)
        rest = -rest;
    if (rest > p - rest || (rest == p - rest && (q & 1)))
        q += i < 0 ? -1 : 1;
    return __builtin_mul_overflow(q, p, &q) ? render_fail(r, "integer result does not fit 64 bits")
                                            : value_int(r->a, q);
}

static const struct value *do_round(struct render *r, const struct filter_call_args *c)
{
    const struct value *v = c->subject, *method = c->arg[1];
    int64_t digits;
    if (v->type == VALUE_UNDEFINED)
        return render_undefined_error(r, v);
    if (!filter_int(r, c->arg[0], 0, &digits))
        return NULL;
    bool ceiling = method && value_is_str(method, "ceil"), down = method && value_is_str(method, "floor");
    if (method && !ceiling && !down && !value_is_str(method, "common"))
        return render_fail(r, "method must be common, ceil or floor");
    if (!value_is_number(v))
        return render_fail(r, "round works on numbers, not %s", render_type(v));
    if (!ceiling && !down)
        return v->type == VALUE_FLOAT ? value_float(r->a, round_to(v->f, digits))
                                      : round_int(r, value_as_int(v), digits);
    double p = pow(10, (double)digits), x = value_as_float(v) * p;
    return value_float(r->a, (ceiling ? ceil(x) : floor(x)) / p);
}

static const struct value *do_filesizeformat(struct render *r, const struct filter_call_args *c)
{
    static const char *const dec[] = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
    static const char *const bin[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"};
    int binary = filter_bool(r, c->arg[0]);
    double bytes;
    if (binary < 0)
        return NULL;
    if (value_is_number(c->subject))
        bytes = value_as_float(c->subject);
    else if (c->subject->type != VALUE_STR || !pytext_to_float(value_text(c->subject), &bytes))
        return render_fail(r, "filesizeformat works on numbers, not %s", render_type(c->subject));
    double base = binary ? 1024 : 1000, unit = base;
    char text[64];
    if (bytes == 1)
        return value_str(r->a, "1 Byte");
    if (bytes < base) {
        snprintf(text, sizeof text, "%" PRId64 " Bytes", (int64_t)bytes);
        return value_str(r->a, text);
    }
    int i = 0;
    for (unit = base * base; i < 7 && !(bytes < unit); i++)
        unit *= base;
    snprintf(text, sizeof text, "%.1f %s", base * bytes / unit, binary ? bin[i] : dec[i]);
    return value_str(r->a, text);
}

/* -- others ---------------------------------------------------------------------------------------- */

static const struct value *do_default(struct render *r, const struct filter_call_args *c)
{
    const struct value *v = c->subject, *other = c->arg[0] ? c->arg[0] : value_str(r->a, "");
    if (v->type == VALUE_UNDEFINED)
        return other;
    int boolean = filter_bool(r, c->arg[1]);
    int yes = boolean > 0 ? render_truth(r, v) : 1;
    if (boolean < 0 || yes < 0)
        return NULL;
    return yes ? v : other;
}

static const struct value *do_length(struct render *r, const struct filter_call_args *c)
{
    int64_t n = render_len(r, c->subject);
    return n < 0 ? NULL : value_int(r->a, n);
}

/* -- the table ------------------------------------------------------------------------------------- */

/* params "*": the filter reads the raw call. */
static const struct filter_row filters[] = {
    {"abs", "", 0, do_abs},
    {"attr", "name", 1, filter_attr},
    {"batch", "linecount,fill_with", 1, filter_batch},
    {"capitalize", "", 0, do_capitalize},
    {"center", "width", 0, do_center},
    {"count", "", 0, do_length},
    {"d", "default_value,boolean", 0, do_default},
    {"default", "default_value,boolean", 0, do_default},
    {"dictsort", "case_sensitive,by,reverse", 0, filter_dictsort},
    {"e", "", 0, do_escape},
    {"escape", "", 0, do_escape},
    {"filesizeformat", "binary", 0, do_filesizeformat},
    {"first", "", 0, filter_first},
    {"float", "default", 0, do_float},
    {"forceescape", "", 0, do_forceescape},
    {"format", "*", 0, do_format},
    {"groupby", "attribute,default,case_sensitive", 1, filter_groupby},
    {"indent", "width,first,blank", 0, do_indent},
    {"int", "default,base", 0, do_int},
    {"items", "", 0, filter_items_of},
    {"join", "d,attribute", 0, filter_join},
    {"last", "", 0, filter_last},
    {"length", "", 0, do_length},
    {"list", "", 0, filter_list},
    {"lower", "", 0, do_lower},
    {"map", "*", 0, filter_map},
    {"max", "case_sensitive,attribute", 0, filter_max},
    {"min", "case_sensitive,attribute", 0, filter_min},
    {"regex_replace", "pattern,repl,count", 2, do_regex_replace},
    {"reject", "*", 0, filter_reject},
    {"rejectattr", "*", 0, filter_rejectattr},
    {"replace", "old,new,count", 2, do_replace},
    {"reverse", "", 0, filter_reverse},
    {"round", "precision,method", 0, do_round},
    {"safe", "", 0, do_safe},
    {"select", "*", 0, filter_select},
    {"selectattr", "*", 0, filter_selectattr},
    {"slice", "slices,fill_with", 1, filter_slice},
    {"sort", "reverse,case_sensitive,attribute", 0, filter_sort},
    {"string", "", 0, do_string},
    {"sum", "attribute,start", 0, filter_sum},
    {"title", "", 0, do_title},
    {"tojson", "*", 0, filter_tojson},
    {"trim", "chars", 0, do_trim},
    {"truncate", "length,killwords,end,leeway", 0, do_truncate},
    {"unique", "case_sensitive,attribute", 0, filter_unique},
    {"upper", "", 0, do_upper},
    {"urlencode", "", 0, do_urlencode},
    {"wordcount", "", 0, do_wordcount},
};
enum { N_FILTERS = sizeof filters / sizeof filters[0] };

const void *template_filter_row(uint32_t flags, struct pystr name)
{
    for (size_t i = 0; i < N_FILTERS; i++)
        if (strlen(filters[i].name) == name.n && memcmp(filters[i].name, name.s, name.n) == 0)
            return &filters[i];
    return flags & TEMPLATE_PORT ? template_port_filter(name) : NULL;
}

const struct value *template_filter_call(struct render *r, const void *row, const struct value *subject,
                                         const struct call *c)
{
    const struct filter_row *f = row;
    const struct value *arg[4] = {NULL};
    struct filter_call_args args = {subject, arg, c};
    struct signature s = {f->name, f->params, f->required};
    if (*f->params != '*' && !call_bind(r, &s, c, arg))
        return NULL;
    return f->fn(r, &args);
}

const char *template_filter_name(size_t i)
{
    return i < N_FILTERS ? filters[i].name : NULL;
}
