/* template_lex.c - template text to tokens: markup, white space control, raw blocks, comments.
 *
 * The whole text is cut at once; brackets are balanced here, because "}}" ends a print only when
 * none is open.  Newlines of all kinds become \n before anything else. */
#include <stdio.h>
#include <string.h>
#include "harness/base/text.h"
#include "tasks/literal.h"
#include "tasks/template_impl.h"

struct lexer {
    const struct template_source *src;
    const char *s;                         /* normalised text */
    size_t n, i;
    size_t seen, line_start;               /* position tracking: text before `seen` is counted */
    uint32_t line;
    struct arena *a;
    struct assay_err *err;
    struct token *tokens;
    size_t n_tokens, cap;
    char open[TEMPLATE_MAX_NESTING];       /* closing brackets expected */
    int n_open;
    bool line_starting;
};

static void place(struct lexer *l, size_t at, uint32_t *line, uint32_t *col)
{
    for (; l->seen < at; l->seen++)
        if (l->s[l->seen] == '\n') {
            l->line++;
            l->line_start = l->seen + 1;
        }
    uint32_t first = l->src->line ? l->src->line : 1, indent = l->src->col ? l->src->col : 1;
    size_t c = at >= l->line_start ? text_points(l->s + l->line_start, at - l->line_start) : 0;
    *line = first + l->line;
    *col = (uint32_t)c + (l->line == 0 ? indent : 1);
}

static int fail(struct lexer *l, size_t at, const char *what)
{
    uint32_t line, col;
    place(l, at, &line, &col);
    return err_set(l->err, ASSAY_EFORMAT, "%s:%u:%u: %s", l->src->where, line, col, what);
}

static struct token *add(struct lexer *l, enum token_kind kind, size_t at)
{
    if (l->n_tokens == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct token *t = ARENA_ARRAY(l->a, struct token, cap);
        if (l->n_tokens)
            memcpy(t, l->tokens, l->n_tokens * sizeof *t);
        l->tokens = t;
        l->cap = cap;
    }
    struct token *t = &l->tokens[l->n_tokens++];
    *t = (struct token){.kind = (uint8_t)kind};
    place(l, at, &t->line, &t->col);
    return t;
}

static bool looks_at(const struct lexer *l, size_t i, const char *word)
{
    size_t k = strlen(word);
    return i + k <= l->n && memcmp(l->s + i, word, k) == 0;
}

static size_t skip_space(const struct lexer *l, size_t i)
{
    struct pystr rest = pystr(l->s + i, l->n - i);
    return l->n - pytext_strip(rest, PYTEXT_LEFT).n;
}

static size_t find(const struct lexer *l, size_t from, const char *word)
{
    size_t at = pytext_find_bytes(pystr(l->s, l->n), pystr(word, strlen(word)), from);
    return at == (size_t)-1 ? l->n : at;
}

/* First of "{{", "{%", "{#" at or after i, or n. */
static size_t find_tag(const struct lexer *l, size_t i)
{
    while (i + 1 < l->n) {
        const char *p = memchr(l->s + i, '{', l->n - i - 1);
        if (!p)
            break;
        if (p[1] == '{' || p[1] == '%' || p[1] == '#')
            return (size_t)(p - l->s);
        i = (size_t)(p - l->s) + 1;
    }
    return l->n;
}

/* Plain text [at, end) before a tag with white space sign `sign`; a print tag is never lstripped. */
static void add_text(struct lexer *l, size_t at, size_t end, char sign, bool print)
{
    struct pystr text = pystr(l->s + at, end - at);
    if (sign == '-') {
        text = pytext_strip(text, PYTEXT_RIGHT);
    } else if (sign != '+' && (l->src->flags & TEMPLATE_LSTRIP_BLOCKS) && !print) {
        size_t nl = pytext_rfind_bytes(text, PYSTR("\n"));
        size_t from = nl == (size_t)-1 ? 0 : nl + 1;
        struct pystr tail = pystr(text.s + from, text.n - from);
        if ((from > 0 || l->line_starting) && tail.n && pytext_strip(tail, PYTEXT_LEFT).n == 0)
            text.n = from;
    }
    if (text.n)
        add(l, TOK_TEXT, at)->text = text;
}

/* Behind "%}", "#}" or "endraw %}": what the sign or trim_blocks eats. */
static size_t after_tag(struct lexer *l, size_t i, char sign, bool block)
{
    size_t end = i;
    if (sign == '-')
        end = skip_space(l, i);
    else if (sign != '+' && block && (l->src->flags & TEMPLATE_TRIM_BLOCKS) && i < l->n &&
             l->s[i] == '\n')
        end = i + 1;
    l->line_starting = end > 0 && l->s[end - 1] == '\n';
    return end;
}

static int lex_comment(struct lexer *l, size_t start, size_t from)
{
    size_t end = find(l, from, "#}");
    if (end == l->n)
        return fail(l, start, "comment is not closed, expected '#}'");
    char sign = end > from ? l->s[end - 1] : 0;
    l->i = after_tag(l, end + 2, sign, true);
    return 0;
}

/* "{% raw %}" at `start`: true when the tag is one; *body is the text behind it. */
static bool raw_begins(const struct lexer *l, size_t start, size_t *body)
{
    size_t i = start + 2;
    if (i < l->n && (l->s[i] == '-' || l->s[i] == '+'))
        i++;
    i = skip_space(l, i);
    if (!looks_at(l, i, "raw"))
        return false;
    i = skip_space(l, i + 3);
    if (looks_at(l, i, "-%}"))
        *body = skip_space(l, i + 3);
    else if (looks_at(l, i, "%}"))
        *body = i + 2;
    else
        return false;
    return true;
}

static int lex_raw(struct lexer *l, size_t start, size_t body)
{
    l->line_starting = l->s[body - 1] == '\n';
    for (size_t at = body; (at = find(l, at, "{%")) < l->n; at += 2) {
        size_t i = at + 2;
        char sign = i < l->n && (l->s[i] == '-' || l->s[i] == '+') ? l->s[i++] : 0;
        i = skip_space(l, i);
        if (!looks_at(l, i, "endraw"))
            continue;
        i = skip_space(l, i + 6);
        char end_sign = i < l->n && (l->s[i] == '-' || l->s[i] == '+') ? l->s[i++] : 0;
        if (!looks_at(l, i, "%}"))
            continue;
        add_text(l, body, at, sign, false);
        l->i = after_tag(l, i + 2, end_sign, true);
        return 0;
    }
    return fail(l, start, "raw block is not closed, expected '{% endraw %}'");
}

/* -- inside a tag ---------------------------------------------------------------------------------- */

static bool name_part(const struct lexer *l, size_t i, size_t *k)
{
    unsigned char c = (unsigned char)l->s[i];
    *k = 1;
    if (c < 0x80)
        return c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
    uint32_t cp;
    int len = text_decode(l->s + i, l->n - i, &cp);
    *k = len ? (size_t)len : 1;
    /* As re's \w: anything alphanumeric; identifiers are checked as a whole afterwards. */
    return len && (pytext_is(pystr(l->s + i, *k), PYTEXT_ALNUM) ||
                   pytext_is(pystr(l->s + i, *k), PYTEXT_IDENTIFIER));
}

static int lex_name(struct lexer *l)
{
    size_t at = l->i, k;
    while (l->i < l->n && name_part(l, l->i, &k))
        l->i += k;
    struct pystr name = pystr(l->s + at, l->i - at);
    if (!pytext_is(name, PYTEXT_IDENTIFIER))
        return fail(l, at, "invalid character in a name");
    add(l, TOK_NAME, at)->text = name;
    return 0;
}

static int lex_string(struct lexer *l)
{
    size_t at = l->i, end = at + 1;
    while (end < l->n && l->s[end] != l->s[at])
        end += l->s[end] == '\\' ? 2 : 1;
    if (end >= l->n)
        return fail(l, at, "string is not closed");
    struct buf b;
    struct assay_err inner;
    buf_init(&b, 0);
    int rc = literal_unescape(&b, l->s + at + 1, end - at - 1, &inner);
    if (rc == 0)
        add(l, TOK_CONST, at)->value = value_strn(l->a, b.v, b.n);
    else
        rc = fail(l, at, inner.msg);
    buf_release(&b);
    l->i = end + 1;
    return rc;
}

static size_t digits(const struct lexer *l, size_t i, const char *set)
{
    size_t start = i;
    while (i < l->n && l->s[i] && (strchr(set, l->s[i]) || (l->s[i] == '_' && i > start &&
                                   i + 1 < l->n && l->s[i + 1] && strchr(set, l->s[i + 1]))))
        i++;
    return i;
}

/* Floats need digits on both sides of the point or an exponent; a number behind "." is an index. */
static size_t float_end(const struct lexer *l, size_t at)
{
    static const char dec[] = "0123456789";
    size_t i = digits(l, at, dec), f = i, e;
    if (at > 0 && l->s[at - 1] == '.')
        return at;
    if (i < l->n && l->s[i] == '.' && (e = digits(l, i + 1, dec)) > i + 1)
        f = e;
    if (f < l->n && (l->s[f] | 32) == 'e') {
        size_t x = f + 1;
        if (x < l->n && (l->s[x] == '+' || l->s[x] == '-'))
            x++;
        if ((e = digits(l, x, dec)) > x)
            return e;
    }
    return f > i ? f : at;
}

static size_t int_end(const struct lexer *l, size_t at)
{
    static const struct {
        char letter;
        const char *set;
    } bases[] = {{'b', "01"}, {'o', "01234567"}, {'x', "0123456789abcdefABCDEF"}};
    if (l->s[at] != '0')
        return digits(l, at, "0123456789");
    for (size_t k = 0; k < 3; k++)
        if (at + 1 < l->n && (l->s[at + 1] | 32) == bases[k].letter) {
            size_t from = at + 2 + (at + 2 < l->n && l->s[at + 2] == '_');
            size_t end = digits(l, from, bases[k].set);
            if (end > from)
                return end;
        }
    return digits(l, at, "0");
}

static int lex_number(struct lexer *l)
{
    size_t at = l->i, end = float_end(l, at);
    if (end > at) {
        double f = 0;
        pytext_to_float(pystr(l->s + at, end - at), &f);
        add(l, TOK_CONST, at)->value = value_float(l->a, f);
    } else {
        int64_t v;
        end = int_end(l, at);
        if (!pytext_to_int(pystr(l->s + at, end - at), 0, &v))
            return fail(l, at, "integer does not fit 64 bits");
        add(l, TOK_CONST, at)->value = value_int(l->a, v);
    }
    l->i = end;
    return 0;
}

static int balance(struct lexer *l, char c)
{
    static const char open[] = "([{", close[] = ")]}";
    const char *o = strchr(open, c);
    if (o) {
        if (l->n_open == TEMPLATE_MAX_NESTING)
            return fail(l, l->i, "expression is nested too deeply");
        l->open[l->n_open++] = close[o - open];
    } else if (strchr(close, c)) {
        if (l->n_open == 0 || l->open[l->n_open - 1] != c)
            return fail(l, l->i, "bracket closes nothing that is open");
        l->n_open--;
    }
    return 0;
}

static int lex_operator(struct lexer *l)
{
    static const struct {
        char text[3];
        uint8_t op;
    } pairs[] = {{"//", OP_FLOORDIV}, {"**", OP_POW}, {"==", OP_EQ}, {"!=", OP_NE}, {"<=", OP_LE},
                 {">=", OP_GE}};
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++)
        if (looks_at(l, l->i, pairs[k].text)) {
            add(l, TOK_OP, l->i)->op = pairs[k].op;
            l->i += 2;
            return 0;
        }
    char c = l->s[l->i];
    if (!c || !strchr("+-/*%~[](){}><=.:|,;", c)) {
        char shown[32];
        struct buf b;
        buf_init(&b, 64);
        text_safe(&b, l->s + l->i, text_whole(l->s + l->i, l->n - l->i < 4 ? l->n - l->i : 4));
        snprintf(shown, sizeof shown, "unexpected '%.8s'", b.v);
        buf_release(&b);
        return fail(l, l->i, (unsigned char)c < 0x80 ? shown : "unexpected character");
    }
    int rc = balance(l, c);
    if (rc < 0)
        return rc;
    add(l, TOK_OP, l->i)->op = (uint8_t)c;
    l->i++;
    return 0;
}

/* The end of the tag at i: its length with sign, or 0. */
static size_t tag_end(const struct lexer *l, size_t i, bool print, char *sign)
{
    const char *end = print ? "}}" : "%}";
    *sign = 0;
    if (looks_at(l, i, end))
        return 2;
    if ((l->s[i] == '-' || (l->s[i] == '+' && !print)) && looks_at(l, i + 1, end)) {
        *sign = l->s[i];
        return 3;
    }
    return 0;
}

static int lex_one(struct lexer *l)
{
    unsigned char c = (unsigned char)l->s[l->i];
    size_t k;
    if (c >= '0' && c <= '9')
        return lex_number(l);
    if (c == '\'' || c == '"')
        return lex_string(l);
    if (name_part(l, l->i, &k))
        return lex_name(l);
    return lex_operator(l);
}

static int lex_tag(struct lexer *l, size_t start, bool print)
{
    add(l, print ? TOK_PRINT : TOK_BLOCK, start);
    for (;;) {
        char sign;
        l->i = skip_space(l, l->i);
        if (l->i >= l->n)
            return fail(l, start, print ? "print is not closed, expected '}}'"
                                        : "block tag is not closed, expected '%}'");
        size_t k = l->n_open ? 0 : tag_end(l, l->i, print, &sign);
        if (k) {
            add(l, print ? TOK_PRINT_END : TOK_BLOCK_END, l->i);
            l->i = after_tag(l, l->i + k, sign, !print);
            return 0;
        }
        TRY(lex_one(l));
    }
}

static int lex_all(struct lexer *l)
{
    l->line_starting = true;
    while (l->i < l->n) {
        size_t at = l->i, tag = find_tag(l, at), body;
        if (tag == l->n) {
            add_text(l, at, l->n, '+', false);
            break;
        }
        char kind = l->s[tag + 1];
        char sign = tag + 2 < l->n && (l->s[tag + 2] == '-' || l->s[tag + 2] == '+') ? l->s[tag + 2] : 0;
        add_text(l, at, tag, sign, kind == '{');
        l->i = tag + 2 + (sign != 0);
        if (kind == '#')
            TRY(lex_comment(l, tag, l->i));
        else if (kind == '%' && raw_begins(l, tag, &body))
            TRY(lex_raw(l, tag, body));
        else
            TRY(lex_tag(l, tag, kind == '{'));
    }
    add(l, TOK_EOF, l->n);
    return 0;
}

/* A copy with \r\n and \r as \n. */
static char *normalise(struct arena *a, const char *s, size_t n, size_t *out_n)
{
    char *d = arena_alloc(a, n + 1);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\r') {
            d[k++] = '\n';
            i += i + 1 < n && s[i + 1] == '\n';
        } else {
            d[k++] = s[i];
        }
    }
    d[k] = 0;
    *out_n = k;
    return d;
}

int template_lex(const struct template_source *src, struct arena *a, struct token **tokens, size_t *n,
                 struct assay_err *e)
{
    struct lexer l = {.src = src, .a = a, .err = e};
    size_t bad;
    if (src->n > TEMPLATE_MAX_SOURCE)
        return err_set(e, ASSAY_ELIMIT, "%s: template is longer than %d bytes", src->where,
                       TEMPLATE_MAX_SOURCE);
    if (!text_valid(src->text, src->n, &bad))
        return err_set(e, ASSAY_EFORMAT, "%s:%u: template is not valid UTF-8 at byte %zu", src->where,
                       src->line ? src->line : 1, bad);
    l.s = normalise(a, src->text, src->n, &l.n);
    /* jinja2 drops one newline at the end unless it is told to keep it: chat templates do not tell. */
    if (src->flags & TEMPLATE_CHAT && l.n && l.s[l.n - 1] == '\n')
        l.n--;
    TRY(lex_all(&l));
    *tokens = l.tokens;
    *n = l.n_tokens;
    return 0;
}
