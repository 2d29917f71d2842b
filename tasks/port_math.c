/* port_math.c - filters of ports: answers written in LaTeX, as hendrycks/math and AGIEval compare them.
 *
 * Their normal form is a chain of replacements, some of which raise on odd input; two texts of which
 * one raises are then compared as they are.  Rules and their order are upstream's. */
#include <string.h>

#include "tasks/port_filters.h"
#include "tasks/regex.h"

struct norm {
    struct arena *a;
    bool raised;         /* Python would have raised here */
    bool forgives;       /* a/b of no integers stays as it is (AGIEval); else it raises */
};

static struct pystr kept(struct norm *x, struct buf *b)
{
    struct pystr s = pystr(arena_strndup(x->a, b->v ? b->v : "", b->n), b->n);
    buf_release(b);
    return s;
}

static struct pystr replaced(struct norm *x, struct pystr s, const char *from, const char *to)
{
    struct buf b;
    if (pytext_find_bytes(s, pystr(from, strlen(from)), 0) == (size_t)-1)
        return s;
    buf_init(&b, 0);
    pytext_replace(&b, s, pystr(from, strlen(from)), pystr(to, strlen(to)), -1);
    return kept(x, &b);
}

static void add_braced(struct buf *b, struct pystr s)
{
    buf_addc(b, '{');
    buf_add(b, s.s, s.n);
    buf_addc(b, '}');
}

/* "\text{ " only begins units, and only once. */
static struct pystr without_units(struct norm *x, struct pystr s)
{
    size_t n;
    struct pystr *part = pytext_split(x->a, s, PYSTR("\\text{ "), -1, &n);
    x->raised |= n > 2;
    return part[0];
}

/* \sqrt3 -> \sqrt{3} */
static struct pystr fixed_roots(struct norm *x, struct pystr s)
{
    size_t n;
    struct buf b;
    struct pystr *part = pytext_split(x->a, s, PYSTR("\\sqrt"), -1, &n);
    buf_init(&b, 0);
    buf_add(&b, part[0].s, part[0].n);
    for (size_t i = 1; i < n; i++) {
        size_t one = pytext_offset(part[i], 1);
        x->raised |= part[i].n == 0;
        buf_adds(&b, "\\sqrt");
        if (part[i].n && part[i].s[0] != '{') {
            add_braced(&b, pystr(part[i].s, one));
            part[i] = pystr(part[i].s + one, part[i].n - one);
        }
        buf_add(&b, part[i].s, part[i].n);
    }
    return kept(x, &b);
}

/* \frac12 -> \frac{1}{2}, \frac1{72} -> \frac{1}{72}; a lone \frac1 leaves the whole text alone. */
static struct pystr fixed_fractions(struct norm *x, struct pystr s)
{
    size_t n;
    struct buf b;
    struct pystr *part = pytext_split(x->a, s, PYSTR("\\frac"), -1, &n);
    buf_init(&b, 0);
    buf_add(&b, part[0].s, part[0].n);
    for (size_t i = 1; i < n; i++) {
        struct pystr p = part[i];
        buf_adds(&b, "\\frac");
        x->raised |= p.n == 0;
        if (p.n && p.s[0] != '{') {
            size_t one = pytext_offset(p, 1), two = pytext_offset(p, 2);
            if (one == p.n) {
                buf_release(&b);
                return s;
            }
            add_braced(&b, pystr(p.s, one));
            if (p.s[one] == '{') {
                p = pystr(p.s + one, p.n - one);
            } else {
                add_braced(&b, pystr(p.s + one, two - one));
                p = pystr(p.s + two, p.n - two);
            }
        }
        buf_add(&b, p.s, p.n);
    }
    return kept(x, &b);
}

/* What int() takes: 1 yes, and printed it is the same text; 0 yes; -1 no. */
static int is_integer(struct pystr s)
{
    enum { MOST_DIGITS = 4300 };
    struct pystr t = pytext_strip(s, PYTEXT_BOTH);
    size_t i = t.n && (t.s[0] == '-' || t.s[0] == '+'), first = i, digits = 0;
    bool plain = t.n == s.n && !(t.n && t.s[0] == '+'), was_digit = false;
    while (i < t.n) {
        struct pystr rest = pystr(t.s + i, t.n - i);
        size_t k = pytext_offset(rest, 1);
        if (t.s[i] == '_') {
            if (!was_digit || i + 1 == t.n)
                return -1;
            plain = was_digit = false;
        } else if (pytext_is(pystr(rest.s, k), PYTEXT_DECIMAL)) {
            plain &= k == 1;
            was_digit = true;
            digits++;
        } else {
            return -1;
        }
        i += k;
    }
    if (!digits || digits > MOST_DIGITS)
        return -1;
    bool zero_first = t.s[first] == '0';
    return plain && !(zero_first && (digits > 1 || first)) ? 1 : 0;
}

static struct pystr fixed_slash(struct norm *x, struct pystr s)
{
    size_t n;
    struct buf b;
    struct pystr *part = pytext_split(x->a, s, PYSTR("/"), -1, &n);
    if (n != 2)
        return s;
    int p = is_integer(part[0]), q = is_integer(part[1]);
    if (p < 0 || q < 0) {
        x->raised |= !x->forgives;
        return s;
    }
    if (!p || !q)
        return s;
    buf_init(&b, 0);
    buf_adds(&b, "\\frac");
    add_braced(&b, part[0]);
    add_braced(&b, part[1]);
    return kept(x, &b);
}

static struct pystr normal(struct norm *x, struct pystr s)
{
    static const char *const drops[][2] = {
        {"\n", ""},      {"\\!", ""},        {"\\\\", "\\"},   {"tfrac", "frac"}, {"dfrac", "frac"},
        {"\\left", ""},  {"\\right", ""},    {"^{\\circ}", ""}, {"^\\circ", ""},  {"\\$", ""}};
    for (size_t i = 0; i < sizeof drops / sizeof *drops; i++)
        s = replaced(x, s, drops[i][0], drops[i][1]);
    s = replaced(x, without_units(x, s), "\\%", "");
    s = replaced(x, replaced(x, s, " .", " 0."), "{.", "{0.");
    if (x->raised || s.n == 0)
        return s;
    if (s.s[0] == '.') {
        struct buf b;
        buf_init(&b, 0);
        buf_addc(&b, '0');
        buf_add(&b, s.s, s.n);
        s = kept(x, &b);
    }
    size_t n;
    struct pystr *part = pytext_split(x->a, s, PYSTR("="), -1, &n);
    if (n == 2 && pytext_len(part[0]) <= 2)
        s = part[1];
    s = replaced(x, fixed_roots(x, s), " ", "");
    s = fixed_fractions(x, s);
    if (s.n == 3 && memcmp(s.s, "0.5", 3) == 0)
        s = PYSTR("\\frac{1}{2}");
    return x->raised ? s : fixed_slash(x, s);
}

static bool same(struct pystr a, struct pystr b)
{
    return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

/* is_equiv; .s NULL is None: equal to None, and it raises in the normal form. */
static bool equal(struct arena *a, bool forgives, struct pystr p, struct pystr q)
{
    struct norm x = {a, false, forgives};
    if (!p.s || !q.s)
        return !p.s && !q.s;
    struct pystr np = normal(&x, p), nq = x.raised ? q : normal(&x, q);
    return x.raised ? same(p, q) : same(np, nq);
}

/* Text from the last "\boxed" (or "\fbox") to the brace that closes it; .s NULL: None. */
static struct pystr last_boxed(struct pystr s)
{
    size_t at = pytext_rfind_bytes(s, PYSTR("\\boxed"));
    if (at == (size_t)-1)
        at = pytext_rfind_bytes(s, PYSTR("\\fbox"));
    if (at == (size_t)-1)
        return (struct pystr){0};
    int open = 0;
    for (size_t i = at; i < s.n; i++) {
        open += s.s[i] == '{';
        if (s.s[i] == '}' && --open == 0)
            return pystr(s.s + at, i + 1 - at);
    }
    return (struct pystr){0};
}

/* remove_boxed(last_boxed_only_string(text)) of hendrycks/math; fails where that raises. */
static const struct value *do_unboxed(struct render *r, const struct filter_call_args *c)
{
    static const char left[] = "\\boxed{";
    if (c->subject->type != VALUE_STR)
        return render_fail(r, "unboxed takes a text");
    struct pystr s = value_text(c->subject), spaced = PYSTR("\\boxed ");
    size_t at = pytext_rfind_bytes(s, spaced);
    if (at != (size_t)-1) { /* "\boxed 7$" */
        struct pystr rest = pystr(s.s + at + spaced.n, s.n - at - spaced.n);
        size_t end = pytext_find_bytes(rest, PYSTR("$"), 0);
        return value_strn(r->a, rest.s, end == (size_t)-1 ? rest.n : end);
    }
    struct pystr box = last_boxed(s);
    if (!box.s || box.n < sizeof left || memcmp(box.s, left, sizeof left - 1) != 0)
        return render_fail(r, "the solution has no \\boxed{} answer");
    return value_strn(r->a, box.s + sizeof left - 1, box.n - sizeof left);
}

static const struct value *do_math_equal(struct render *r, const struct filter_call_args *c)
{
    if (c->subject->type != VALUE_STR || c->arg[0]->type != VALUE_STR)
        return render_fail(r, "math_equal takes two texts");
    return value_bool(equal(r->a, false, value_text(c->subject), value_text(c->arg[0])));
}

/* -- AGIEval ------------------------------------------------------------------------------------- */

/* What stands behind the last "=", without blanks in front. */
static struct pystr right_side(struct pystr s)
{
    size_t at = pytext_rfind_bytes(s, PYSTR("="));
    return at == (size_t)-1 ? s
                            : pytext_strip_chars(pystr(s.s + at + 1, s.n - at - 1), PYTEXT_LEFT, PYSTR(" "));
}

/* The last match of the pattern, .s NULL when there is none. */
static int last_match(struct arena *a, struct pystr pattern, struct pystr s, struct pystr *out,
                      struct assay_err *e)
{
    const struct value *all = NULL;
    struct regex *re;
    *out = (struct pystr){0};
    TRY(regex_compile(pattern, 0, &re, e));
    int rc = regex_findall(re, s, a, &all, e);
    regex_free(re);
    if (rc == 0 && all->n)
        *out = value_text(all->items[all->n - 1]);
    return rc;
}

/* parse_math_answer */
static int stated_answer(struct arena *a, struct pystr s, struct pystr *out, struct assay_err *e)
{
    static const char left[] = "\\boxed{";
    if (pytext_find_bytes(s, PYSTR("\\boxed"), 0) != (size_t)-1) {
        struct pystr box = last_boxed(s);
        bool fits = box.s && box.n >= sizeof left && memcmp(box.s, left, sizeof left - 1) == 0;
        *out = fits ? right_side(pystr(box.s + sizeof left - 1, box.n - sizeof left)) : (struct pystr){0};
        return 0;
    }
    TRY(last_match(a, PYSTR("\\$(.*)\\$"), s, out, e));
    if (out->s)
        *out = right_side(*out);
    if (out->n)
        return 0;
    if (pytext_find_bytes(s, PYSTR("="), 0) == (size_t)-1)
        return last_match(a, PYSTR("(?:\\$)?\\d+(?:\\.\\d+)?(?![\\w\\d])"), s, out, e);
    *out = pytext_strip_chars(right_side(s), PYTEXT_RIGHT, PYSTR("."));
    size_t end = pytext_find_bytes(*out, PYSTR("\\n"), 0);
    if (end != (size_t)-1)
        out->n = end;
    return 0;
}

static const struct value *do_agieval_equal(struct render *r, const struct filter_call_args *c)
{
    struct pystr p, q;
    struct assay_err why;
    if (c->subject->type != VALUE_STR || c->arg[0]->type != VALUE_STR)
        return value_bool(c->subject->type == VALUE_NULL && c->arg[0]->type == VALUE_NULL);
    if (stated_answer(r->a, value_text(c->subject), &p, &why) < 0 ||
        stated_answer(r->a, value_text(c->arg[0]), &q, &why) < 0)
        return render_fail(r, "%s", why.msg);
    return value_bool(equal(r->a, true, p, q));
}

const struct filter_row port_math_filters[] = {
    {"agieval_equal", "text", 1, do_agieval_equal},
    {"math_equal", "text", 1, do_math_equal},
    {"unboxed", "", 0, do_unboxed},
    {0},
};
