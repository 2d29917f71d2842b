/* regex.c - Python patterns to PCRE2, and Python's findall, sub and split over it. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/value.h"
#include "tasks/regex.h"

struct regex {
    pcre2_code *code;
    pcre2_match_context *limits;
    uint32_t groups;
    uint32_t n_names, name_size;
    PCRE2_SPTR names;
};

enum { REGEX_MAX_PATTERN = 1 << 20, REGEX_HEAP_KIB = 65536 };

/* -- translation ----------------------------------------------------------------------------------- */

/* White space as Python counts it; PCRE2's \s lacks 1C-1F and has U+180E. */
#define SPACES "\\t-\\r\\x1c-\\x20\\x85\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}" \
               "\\x{205f}\\x{3000}"
/* PCRE2 10.43 widened \w; Python's is letters, numbers and the underscore. */
#define WORDS "\\p{L}\\p{N}_"

struct translator {
    struct pystr s;
    size_t i;
    struct buf *b;
    struct assay_err *err;
    bool in_class, has_properties;
};

static int bad(struct translator *t, size_t at, const char *what)
{
    return err_set(t->err, ASSAY_EFORMAT, "regular expression '%.*s': %s at offset %zu",
                   (int)(t->s.n > 120 ? 120 : t->s.n), t->s.s, what,
                   pytext_len(pystr(t->s.s, at < t->s.n ? at : t->s.n)));
}

static int peek(const struct translator *t, size_t ahead)
{
    return t->i + ahead < t->s.n ? (unsigned char)t->s.s[t->i + ahead] : -1;
}

static bool is_octal(int c)
{
    return c >= '0' && c <= '7';
}

static int hex_escape(struct translator *t, int digits)
{
    uint32_t v = 0;
    for (int k = 1; k <= digits; k++) {
        int c = peek(t, (size_t)k), d = c >= '0' && c <= '9' ? c - '0' : -1;
        if ((c | 32) >= 'a' && (c | 32) <= 'f')
            d = (c | 32) - 'a' + 10;
        if (d < 0)
            return bad(t, t->i, "incomplete escape");
        v = v * 16 + (uint32_t)d;
    }
    if (v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
        return bad(t, t->i, "escape of a value that is no character");
    buf_printf(t->b, "\\x{%x}", (unsigned)v);
    t->i += (size_t)digits + 1;
    return 0;
}

/* \0, \012, \123: octal; \1 .. \99: a group. */
static int digit_escape(struct translator *t)
{
    int a = peek(t, 0), b = peek(t, 1), c = peek(t, 2);
    bool octal = a == '0' || t->in_class || (is_octal(a) && is_octal(b) && is_octal(c));
    if (!octal) {
        int n = a - '0', digits = 1;
        if (b >= '0' && b <= '9') {
            n = n * 10 + b - '0';
            digits = 2;
        }
        buf_printf(t->b, "\\g{%d}", n);
        t->i += (size_t)digits;
        return 0;
    }
    unsigned v = 0;
    int k = 0;
    for (; k < 3 && is_octal(peek(t, (size_t)k)); k++)
        v = v * 8 + (unsigned)(peek(t, (size_t)k) - '0');
    if (k == 0 || v > 0377)
        return bad(t, t->i, "bad escape");
    buf_printf(t->b, "\\x{%x}", v);
    t->i += (size_t)k;
    return 0;
}

/* A class escape: bracketed outside a class, bare inside; its complement only outside. */
static void class_escape(struct translator *t, const char *set, bool negated, const char *as_is)
{
    if (t->in_class)
        buf_adds(t->b, negated ? as_is : set);
    else
        buf_printf(t->b, "[%s%s]", negated ? "^" : "", set);
    t->i++;
}

static int escape(struct translator *t)
{
    int c = peek(t, 0);
    if (c < 0)
        return bad(t, t->i - 1, "bad escape (end of pattern)");
    if (c >= '0' && c <= '9')
        return digit_escape(t);
    switch (c) {
    case 'w': case 'W':
        class_escape(t, WORDS, c == 'W', "\\W");
        return 0;
    case 's': case 'S':
        class_escape(t, SPACES, c == 'S', "\\S");
        return 0;
    case 'x':
        return hex_escape(t, 2);
    case 'u':
        return hex_escape(t, 4);
    case 'U':
        return hex_escape(t, 8);
    case 'v':
        buf_adds(t->b, "\\x0b");
        break;
    case 'Z':
        if (t->in_class)
            return bad(t, t->i - 1, "bad escape \\Z");
        buf_adds(t->b, "\\z");
        break;
    case 'A': case 'B':
        if (t->in_class)
            return bad(t, t->i - 1, "bad escape");
        buf_printf(t->b, "\\%c", c);
        break;
    case 'a': case 'b': case 'f': case 'n': case 'r': case 't': case 'd': case 'D':
        buf_printf(t->b, "\\%c", c);
        break;
    case 'p': case 'P':
        if (!t->has_properties)
            return bad(t, t->i - 1, "bad escape");
        buf_printf(t->b, "\\%c", c);
        break;
    default:
        if ((c | 32) >= 'a' && (c | 32) <= 'z')
            return bad(t, t->i - 1, "bad escape");
        /* A quoted character; what is no ASCII stands for itself. */
        if (c < 0x80)
            buf_addc(t->b, '\\');
        buf_addc(t->b, (char)c);
    }
    t->i++;
    return 0;
}

/* "(?..." : what Python has; PCRE2's recursion, branch reset and verbs are refused. */
static int group_open(struct translator *t)
{
    size_t at = t->i++;
    if (peek(t, 0) == '*')
        return bad(t, t->i, "nothing to repeat");
    buf_addc(t->b, '(');
    if (peek(t, 0) != '?')
        return 0;
    int c = peek(t, 1), d = peek(t, 2);
    bool ok = c == ':' || c == '=' || c == '!' || c == '>' || c == '(' ||
              (c == '<' && (d == '=' || d == '!')) || (c == 'P' && (d == '<' || d == '='));
    if (c == '#') {
        size_t end = pytext_find_bytes(t->s, PYSTR(")"), t->i);
        if (end == (size_t)-1)
            return bad(t, at, "missing ), unterminated comment");
        buf_adds(t->b, "?:)");
        t->i = end + 1;
        return 0;
    }
    if (!ok && !(c > 0 && strchr("aiLmsux-", c)))
        return bad(t, at, "unknown extension");
    if (ok)
        return 0;
    buf_addc(t->b, '?');
    for (t->i++; peek(t, 0) > 0 && strchr("aiLmsux-", peek(t, 0)); t->i++) {
        if (peek(t, 0) == 'a' || peek(t, 0) == 'L')
            return bad(t, t->i, "flags a and L are not supported");
        if (peek(t, 0) != 'u')
            buf_addc(t->b, (char)peek(t, 0));
    }
    return 0;
}

static int translate(struct translator *t)
{
    size_t class_at = 0;
    while (t->i < t->s.n) {
        int c = peek(t, 0), rc = 0;
        if (c == 0)
            return bad(t, t->i, "a NUL character");
        if (c == '\\') {
            t->i++;
            rc = escape(t);
        } else if (t->in_class) {
            /* "[" inside a class is itself, never the start of [:alpha:]. */
            if (c == '[')
                buf_addc(t->b, '\\');
            buf_addc(t->b, (char)c);
            bool first = t->i == class_at + 1 || (t->i == class_at + 2 && t->s.s[class_at + 1] == '^');
            t->in_class = c != ']' || first;
            t->i++;
        } else if (c == '[') {
            class_at = t->i++;
            t->in_class = true;
            buf_addc(t->b, '[');
        } else if (c == '(') {
            rc = group_open(t);
        } else if (c == '{' && peek(t, 1) == ',' && peek(t, 2) >= '0' && peek(t, 2) <= '9') {
            buf_adds(t->b, "{0");
            t->i++;
        } else {
            buf_addc(t->b, (char)c);
            t->i++;
        }
        if (rc < 0)
            return rc;
    }
    return t->in_class ? bad(t, class_at, "unterminated character set") : 0;
}

/* -- compiling ------------------------------------------------------------------------------------- */

static uint32_t options(int flags)
{
    return PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C |
           (flags & REGEX_IGNORECASE ? PCRE2_CASELESS : 0) |
           (flags & REGEX_MULTILINE ? PCRE2_MULTILINE : 0) |
           (flags & REGEX_DOTALL ? PCRE2_DOTALL : 0) | (flags & REGEX_VERBOSE ? PCRE2_EXTENDED : 0);
}

static int compile(struct regex *re, struct pystr pattern, const struct buf *text, int flags,
                   struct assay_err *e)
{
    int code;
    PCRE2_SIZE at;
    pcre2_compile_context *cc = pcre2_compile_context_create(NULL);
    if (!cc)
        return err_set(e, ASSAY_ENOMEM, "out of memory for a regular expression");
    pcre2_set_newline(cc, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(cc, 200);
    re->code = pcre2_compile((PCRE2_SPTR)text->v, text->n, options(flags), &code, &at, cc);
    pcre2_compile_context_free(cc);
    if (!re->code) {
        PCRE2_UCHAR why[160];
        pcre2_get_error_message(code, why, sizeof why);
        return err_set(e, ASSAY_EFORMAT, "regular expression '%.*s': %s near offset %zu",
                       (int)(pattern.n > 120 ? 120 : pattern.n), pattern.s, (char *)why, (size_t)at);
    }
    pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &re->groups);
    pcre2_pattern_info(re->code, PCRE2_INFO_NAMECOUNT, &re->n_names);
    pcre2_pattern_info(re->code, PCRE2_INFO_NAMEENTRYSIZE, &re->name_size);
    pcre2_pattern_info(re->code, PCRE2_INFO_NAMETABLE, &re->names);
    if (re->groups > REGEX_MAX_GROUPS)
        return err_set(e, ASSAY_ELIMIT, "regular expression has more than %d groups", REGEX_MAX_GROUPS);
    re->limits = pcre2_match_context_create(NULL);
    if (!re->limits)
        return err_set(e, ASSAY_ENOMEM, "out of memory for a regular expression");
    pcre2_set_match_limit(re->limits, REGEX_MATCH_LIMIT);
    pcre2_set_heap_limit(re->limits, REGEX_HEAP_KIB);
    pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE);       /* where there is no JIT it interprets */
    return 0;
}

int regex_compile(struct pystr pattern, int flags, struct regex **out, struct assay_err *e)
{
    struct buf b;
    struct translator t = {
        .s = pattern, .b = &b, .err = e, .has_properties = flags & REGEX_PROPERTIES};
    if (pattern.n > REGEX_MAX_PATTERN)
        return err_set(e, ASSAY_ELIMIT, "regular expression is longer than %d bytes", REGEX_MAX_PATTERN);
    struct regex *re = calloc(1, sizeof *re);
    if (!re)
        return err_set(e, ASSAY_ENOMEM, "out of memory for a regular expression");
    buf_init(&b, 0);
    int rc = flags & REGEX_ASCII ? err_set(e, ASSAY_EUNSUPPORTED, "the ASCII flag is not supported") : 0;
    if (rc == 0)
        rc = translate(&t);
    if (rc == 0)
        rc = compile(re, pattern, &b, flags, e);
    buf_release(&b);
    if (rc < 0)
        regex_free(re);
    else
        *out = re;
    return rc;
}

void regex_free(struct regex *re)
{
    if (!re)
        return;
    pcre2_code_free(re->code);
    pcre2_match_context_free(re->limits);
    free(re);
}

int regex_groups(const struct regex *re)
{
    return (int)re->groups;
}

/* -- matching -------------------------------------------------------------------------------------- */

/* A walk over the matches of a text, as Python's finditer. */
struct walk {
    const struct regex *re;
    struct pystr text;
    pcre2_match_data *data;
    size_t at;
    bool checked, after_empty, done;
};

static int walk_init(struct walk *w, const struct regex *re, struct pystr text, struct assay_err *e)
{
    *w = (struct walk){.re = re, .text = text};
    w->data = pcre2_match_data_create_from_pattern(re->code, NULL);
    return w->data ? 0 : err_set(e, ASSAY_ENOMEM, "out of memory for a match");
}

static int match_error(int rc, struct assay_err *e)
{
    PCRE2_UCHAR why[160];
    if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT)
        return err_set(e, ASSAY_ELIMIT, "regular expression backtracks too much (more than %d steps); "
                       "make its repetitions exclude each other", REGEX_MATCH_LIMIT);
    if (rc <= PCRE2_ERROR_UTF8_ERR1 && rc >= PCRE2_ERROR_UTF8_ERR21)
        return err_set(e, ASSAY_EFORMAT, "text to match is not valid UTF-8");
    pcre2_get_error_message(rc, why, sizeof why);
    return err_set(e, ASSAY_EFORMAT, "regular expression failed: %s", (char *)why);
}

/* 1 found, 0 no more, negative error.  An empty match is never followed by another at its place. */
static int walk_next(struct walk *w, struct regex_match *m, struct assay_err *e)
{
    if (w->done)
        return 0;
    uint32_t opt = (w->checked ? PCRE2_NO_UTF_CHECK : 0) | (w->after_empty ? PCRE2_NOTEMPTY_ATSTART : 0);
    PCRE2_SPTR s = (PCRE2_SPTR)w->text.s;
    int rc = pcre2_match(w->re->code, s, w->text.n, w->at, opt, w->data, w->re->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(w->re->code, s, w->text.n, w->at, opt | PCRE2_NO_JIT, w->data, w->re->limits);
    if (rc == PCRE2_ERROR_NOMATCH) {
        w->done = true;
        return 0;
    }
    if (rc < 0)
        return match_error(rc, e);
    const PCRE2_SIZE *v = pcre2_get_ovector_pointer(w->data);
    m->n = w->re->groups + 1;
    for (size_t i = 0; i < m->n; i++) {
        bool set = i < (size_t)rc && v[2 * i] != PCRE2_UNSET && v[2 * i + 1] >= v[2 * i];
        m->g[i] = set ? pystr(w->text.s + v[2 * i], v[2 * i + 1] - v[2 * i]) : (struct pystr){NULL, 0};
    }
    w->checked = true;
    w->after_empty = m->g[0].n == 0;
    w->at = v[1];
    return 1;
}

int regex_search(const struct regex *re, struct pystr text, size_t from, struct regex_match *m,
                 struct assay_err *e)
{
    struct walk w;
    TRY(walk_init(&w, re, text, e));
    w.at = from;
    int rc = walk_next(&w, m, e);
    pcre2_match_data_free(w.data);
    return rc;
}

struct vec {
    struct arena *a;
    const struct value **v;
    size_t n, cap;
};

static void vec_add(struct vec *x, const struct value *v)
{
    if (x->n == x->cap) {
        size_t cap = x->cap ? x->cap * 2 : 8;
        const struct value **grown = ARENA_ARRAY(x->a, const struct value *, cap);
        if (x->n)
            memcpy(grown, x->v, x->n * sizeof *grown);
        x->v = grown;
        x->cap = cap;
    }
    x->v[x->n++] = v;
}

static const struct value *group_value(struct arena *a, struct pystr g)
{
    return value_strn(a, g.s ? g.s : "", g.n);
}

static const struct value *match_value(struct arena *a, const struct regex_match *m)
{
    const struct value *v[REGEX_MAX_GROUPS];
    if (m->n <= 2)
        return group_value(a, m->g[m->n - 1]);
    for (size_t i = 1; i < m->n; i++)
        v[i - 1] = group_value(a, m->g[i]);
    struct value *tuple = value_list(a, v, m->n - 1);
    tuple->type = VALUE_TUPLE;
    return tuple;
}

int regex_findall(const struct regex *re, struct pystr text, struct arena *a, const struct value **out,
                  struct assay_err *e)
{
    struct walk w;
    struct regex_match m;
    struct vec found = {.a = a};
    int rc;
    TRY(walk_init(&w, re, text, e));
    while ((rc = walk_next(&w, &m, e)) == 1)
        vec_add(&found, match_value(a, &m));
    pcre2_match_data_free(w.data);
    if (rc == 0)
        *out = value_list(a, found.v, found.n);
    return rc;
}

int regex_split(const struct regex *re, struct pystr text, struct arena *a, const struct value **out,
                struct assay_err *e)
{
    struct walk w;
    struct regex_match m;
    struct vec parts = {.a = a};
    size_t last = 0;
    int rc;
    TRY(walk_init(&w, re, text, e));
    while ((rc = walk_next(&w, &m, e)) == 1) {
        size_t start = (size_t)(m.g[0].s - text.s);
        vec_add(&parts, value_strn(a, text.s + last, start - last));
        for (size_t i = 1; i < m.n; i++)
            vec_add(&parts, m.g[i].s ? group_value(a, m.g[i]) : &value_null);
        last = start + m.g[0].n;
    }
    pcre2_match_data_free(w.data);
    if (rc < 0)
        return rc;
    vec_add(&parts, value_strn(a, text.s + last, text.n - last));
    *out = value_list(a, parts.v, parts.n);
    return 0;
}

/* -- sub ------------------------------------------------------------------------------------------- */

static int group_named(const struct regex *re, struct pystr name)
{
    int64_t n;
    if (name.n && name.s[0] >= '0' && name.s[0] <= '9')
        return pytext_to_int(name, 10, &n) && n <= re->groups ? (int)n : -1;
    for (uint32_t i = 0; i < re->n_names; i++) {
        PCRE2_SPTR row = re->names + (size_t)i * re->name_size;
        const char *s = (const char *)row + 2;
        if (strlen(s) == name.n && memcmp(s, name.s, name.n) == 0)
            return row[0] << 8 | row[1];
    }
    return -1;
}

/* The escape behind the backslash at s.s[i]; m NULL only checks.  Returns bytes read or an error. */
static int expand_escape(const struct regex *re, struct pystr s, size_t i, const struct regex_match *m,
                         struct buf *out)
{
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    int c = i < s.n ? (unsigned char)s.s[i] : -1;
    const char *known = c > 0 ? strchr(from, c) : NULL;
    int group = -1, used = 1;
    if (known) {
        buf_addc(out, to[known - from]);
        return 1;
    }
    if (c == 'g') {
        size_t end = i + 1 < s.n && s.s[i + 1] == '<' ? pytext_find_bytes(s, PYSTR(">"), i) : (size_t)-1;
        if (end == (size_t)-1)
            return -1;
        group = group_named(re, pystr(s.s + i + 2, end - i - 2));
        used = (int)(end - i) + 1;
    } else if (c >= '0' && c <= '9') {
        int d1 = i + 1 < s.n ? s.s[i + 1] : 0, d2 = i + 2 < s.n ? s.s[i + 2] : 0;
        bool three = is_octal(c) && is_octal(d1) && is_octal(d2);
        if (c == '0' || three) {
            int v = c - '0';
            for (; used < 3 && is_octal(i + (size_t)used < s.n ? s.s[i + (size_t)used] : 0); used++)
                v = v * 8 + s.s[i + (size_t)used] - '0';
            char utf[2] = {(char)(0xC0 | v >> 6), (char)(0x80 | (v & 63))};
            if (v > 0377)
                return -1;
            if (v < 0x80)
                buf_addc(out, (char)v);
            else
                buf_add(out, utf, 2);
            return used;
        }
        group = c - '0';
        if (d1 >= '0' && d1 <= '9') {
            group = group * 10 + d1 - '0';
            used = 2;
        }
    } else if ((c | 32) >= 'a' && (c | 32) <= 'z' && c > 0) {
        return -1;
    } else {
        buf_addc(out, '\\');
        return 0;
    }
    if (group < 0 || group > (int)re->groups)
        return -1;
    if (m && m->g[group].s)
        buf_add(out, m->g[group].s, m->g[group].n);
    return used;
}

static int expand(const struct regex *re, struct pystr s, const struct regex_match *m, struct buf *out,
                  struct assay_err *e)
{
    for (size_t i = 0; i < s.n;) {
        const char *slash = memchr(s.s + i, '\\', s.n - i);
        size_t end = slash ? (size_t)(slash - s.s) : s.n;
        buf_add(out, s.s + i, end - i);
        if (!slash)
            break;
        int k = expand_escape(re, s, end + 1, m, out);
        if (k < 0)
            return err_set(e, ASSAY_EFORMAT, "replacement '%.*s': bad escape or group at offset %zu",
                           (int)(s.n > 120 ? 120 : s.n), s.s, end);
        i = end + 1 + (size_t)k;
    }
    return 0;
}

static int check_replacement(const struct regex *re, struct pystr repl, struct assay_err *e)
{
    struct buf scratch;
    buf_init(&scratch, 0);
    int rc = expand(re, repl, NULL, &scratch, e);
    buf_release(&scratch);
    return rc;
}

int regex_replace(const struct regex *re, const struct regex_sub *sub, struct pystr text, struct buf *out,
                  struct assay_err *e)
{
    struct walk w;
    struct regex_match m;
    size_t last = 0, n = 0;
    int rc = 0;
    TRY(check_replacement(re, sub->repl, e));
    TRY(walk_init(&w, re, text, e));
    while ((sub->count == 0 || n < sub->count) && (rc = walk_next(&w, &m, e)) == 1) {
        size_t start = (size_t)(m.g[0].s - text.s);
        buf_add(out, text.s + last, start - last);
        rc = expand(re, sub->repl, &m, out, e);
        last = start + m.g[0].n;
        n++;
        if (rc < 0 || out->failed)
            break;
    }
    pcre2_match_data_free(w.data);
    if (rc < 0)
        return rc;
    buf_add(out, text.s + last, text.n - last);
    return out->failed ? err_set(e, ASSAY_ELIMIT, "text is too long after replacement") : 0;
}

void regex_escape(struct buf *b, struct pystr s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] && strchr("()[]{}?*+-|^$\\.&~# \t\n\r\v\f", s.s[i]))
            buf_addc(b, '\\');
        buf_addc(b, s.s[i]);
    }
}
