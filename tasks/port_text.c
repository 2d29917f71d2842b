/* port_text.c - filters of ports: what their Python takes from modules like re, ast, numpy, random. */
#include <math.h>
#include <string.h>

#include <utf8proc.h>

#include "harness/base/rng.h"
#include "tasks/literal.h"
#include "tasks/port_filters.h"
#include "tasks/regex.h"

/* ast.literal_eval */
static const struct value *do_literal(struct render *r, const struct filter_call_args *c)
{
    const struct value *v;
    struct assay_err why;
    if (c->subject->type != VALUE_STR)
        return render_fail(r, "literal takes a text, this is %s", render_type(c->subject));
    if (literal_eval(c->subject->s, c->subject->n, r->a, &v, &why) < 0)
        return render_fail(r, "not a Python literal: %s", why.msg);
    return v;
}

/* What one of re's functions makes of a text; `what` for the error. */
typedef int regex_use(const struct regex *, struct pystr text, struct arena *, const struct value **out,
                      struct assay_err *);

static const struct value *use_regex(struct render *r, const struct filter_call_args *c, regex_use *use,
                                     const char *what)
{
    const struct value *v = NULL;
    struct assay_err why;
    struct regex *re;
    if (c->subject->type != VALUE_STR || c->arg[0]->type != VALUE_STR)
        return render_fail(r, "%s takes a text and a pattern", what);
    if (!render_step(r, c->subject->n / TEMPLATE_STEP_BYTES + 1))
        return NULL;
    int rc = regex_compile(value_text(c->arg[0]), 0, &re, &why);
    if (rc == 0) {
        rc = use(re, value_text(c->subject), r->a, &v, &why);
        regex_free(re);
    }
    return rc < 0 ? render_fail(r, "%s", why.msg) : v;
}

/* re.findall(pattern, text) */
static const struct value *do_findall(struct render *r, const struct filter_call_args *c)
{
    return use_regex(r, c, regex_findall, "findall");
}

/* re.split(pattern, text) */
static const struct value *do_resplit(struct render *r, const struct filter_call_args *c)
{
    return use_regex(r, c, regex_split, "resplit");
}

/* [m.group(0), m.group(1), ...] of re.search(pattern, text); None when there is none. */
static int search(const struct regex *re, struct pystr text, struct arena *a, const struct value **out,
                  struct assay_err *e)
{
    struct regex_match m;
    int rc = regex_search(re, text, 0, &m, e);
    *out = &value_null;
    if (rc <= 0)
        return rc;
    const struct value **g = ARENA_ARRAY(a, const struct value *, m.n);
    for (size_t i = 0; i < m.n; i++)
        g[i] = m.g[i].s ? value_strn(a, m.g[i].s, m.g[i].n) : &value_null;
    *out = value_list(a, g, m.n);
    return 0;
}

static const struct value *do_search(struct render *r, const struct filter_call_args *c)
{
    return use_regex(r, c, search, "search");
}

/* re.escape(text) */
static const struct value *do_reescape(struct render *r, const struct filter_call_args *c)
{
    struct buf b;
    if (c->subject->type != VALUE_STR)
        return render_fail(r, "reescape takes a text");
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    regex_escape(&b, value_text(c->subject));
    return render_take(r, &b);
}

/* The list as the n-th random.shuffle() of lists of its length leaves it, from random.seed(seed) on. */
static const struct value *do_shuffled(struct render *r, const struct filter_call_args *c)
{
    struct items it;
    struct pyrandom rng;
    if (!render_items(r, c->subject, &it))
        return NULL;
    if (c->arg[0]->type != VALUE_INT || c->arg[1]->type != VALUE_INT || c->arg[0]->i < 0 || c->arg[1]->i < 0)
        return render_fail(r, "shuffled takes a seed and a count");
    size_t *at = ARENA_ARRAY(r->a, size_t, it.n + 1);
    const struct value **out = ARENA_ARRAY(r->a, const struct value *, it.n + 1);
    pyrandom_seed(&rng, (uint64_t)c->arg[0]->i);
    for (int64_t k = 0; k <= c->arg[1]->i; k++) {
        if (!render_step(r, 1))
            return NULL;
        for (size_t i = 0; i < it.n; i++)
            at[i] = i;
        pyrandom_shuffle(&rng, at, it.n);
    }
    for (size_t i = 0; i < it.n; i++)
        out[i] = it.v[at[i]];
    return value_list(r->a, out, it.n);
}

static const struct value *do_exp(struct render *r, const struct filter_call_args *c)
{
    if (!value_is_number(c->subject))
        return render_fail(r, "exp takes a number, this is %s", render_type(c->subject));
    return value_float(r->a, exp(value_as_float(c->subject)));
}

/* Values at the places of numpy.argmax: the first largest, NaN before all. */
static const struct value *do_argmax(struct render *r, const struct filter_call_args *c)
{
    struct items it;
    uint32_t best = 0;
    if (!render_items(r, c->subject, &it))
        return NULL;
    if (it.n == 0)
        return render_fail(r, "argmax of nothing");
    for (uint32_t i = 0; i < it.n; i++) {
        if (!value_is_number(it.v[i]))
            return render_fail(r, "argmax takes numbers, item %u is %s", i, render_type(it.v[i]));
        if (isnan(value_as_float(it.v[i])))
            return value_int(r->a, i);
        if (value_as_float(it.v[i]) > value_as_float(it.v[best]))
            best = i;
    }
    return value_int(r->a, best);
}

/* Without string.punctuation and every character of a category P*. */
static const struct value *do_drop_punctuation(struct render *r, const struct filter_call_args *c)
{
    struct buf b;
    if (c->subject->type != VALUE_STR)
        return render_fail(r, "drop_punctuation takes a text");
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    for (size_t i = 0; i < c->subject->n;) {
        struct pystr rest = pystr(c->subject->s + i, c->subject->n - i);
        size_t k = pytext_offset(rest, 1);
        utf8proc_int32_t cp = -1;
        utf8proc_iterate((const utf8proc_uint8_t *)rest.s, (utf8proc_ssize_t)rest.n, &cp);
        utf8proc_category_t cat = cp < 0 ? UTF8PROC_CATEGORY_CN : utf8proc_category(cp);
        bool ascii = cp >= 0 && cp < 128 && strchr("$+<=>^`|~", cp) && cp; /* no P* there */
        if (!ascii && (cat < UTF8PROC_CATEGORY_PC || cat > UTF8PROC_CATEGORY_PO))
            buf_add(&b, rest.s, k);
        i += k;
    }
    return render_take(r, &b);
}

/* sum((Counter(a) & Counter(b)).values()) of two lists of texts */
static const struct value *do_overlap(struct render *r, const struct filter_call_args *c)
{
    struct items a, b;
    int64_t same = 0;
    if (!render_items(r, c->subject, &a) || !render_items(r, c->arg[0], &b) ||
        !render_step(r, (uint64_t)a.n * b.n))
        return NULL;
    bool *taken = ARENA_ARRAY(r->a, bool, b.n + 1);
    for (uint32_t i = 0; i < a.n; i++)
        for (uint32_t k = 0; k < b.n; k++)
            if (!taken[k] && value_equal(a.v[i], b.v[k])) {
                taken[k] = true;
                same++;
                break;
            }
    return value_int(r->a, same);
}

/* What re.IGNORECASE takes a character for: its lower case, or the upper case of that, where others share it. */
static utf8proc_int32_t caseless(struct pystr *rest)
{
    static const utf8proc_int32_t pairs[][2] = { /* whose upper cases are several characters, and equal */
        {0x1FD3, 0x390}, {0x1FE3, 0x3B0}, {0xFB06, 0xFB05}};
    utf8proc_int32_t cp = -1;
    size_t k = pytext_offset(*rest, 1);
    utf8proc_iterate((const utf8proc_uint8_t *)rest->s, (utf8proc_ssize_t)rest->n, &cp);
    *rest = pystr(rest->s + k, rest->n - k);
    if (cp < 0)
        return cp;
    cp = utf8proc_tolower(cp);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (cp == pairs[i][0])
            return pairs[i][1];
    return utf8proc_toupper(cp);
}

static bool starts_caseless(struct pystr text, struct pystr label)
{
    while (label.n)
        if (!text.n || caseless(&text) != caseless(&label))
            return false;
    return true;
}

/* re.search(re.escape(label), text, re.IGNORECASE) is not None */
static const struct value *do_contains_caseless(struct render *r, const struct filter_call_args *c)
{
    if (c->subject->type != VALUE_STR || c->arg[0]->type != VALUE_STR)
        return render_fail(r, "contains_caseless takes two texts");
    struct pystr text = value_text(c->subject), label = value_text(c->arg[0]);
    if (!render_step(r, (uint64_t)text.n * (label.n + 1) / TEMPLATE_STEP_BYTES + 1))
        return NULL;
    bool found = starts_caseless(text, label);
    while (!found && text.n) {
        caseless(&text);
        found = starts_caseless(text, label);
    }
    return value_bool(found);
}

/* len(text.encode("utf-8")) */
static const struct value *do_utf8_length(struct render *r, const struct filter_call_args *c)
{
    if (c->subject->type != VALUE_STR)
        return render_fail(r, "utf8_length takes a text");
    return value_int(r->a, c->subject->n);
}

const struct filter_row port_text_filters[] = {
    {"argmax", "", 0, do_argmax},
    {"contains_caseless", "label", 1, do_contains_caseless},
    {"drop_punctuation", "", 0, do_drop_punctuation},
    {"exp", "", 0, do_exp},
    {"findall", "pattern", 1, do_findall},
    {"literal", "", 0, do_literal},
    {"overlap", "iterable", 1, do_overlap},
    {"reescape", "", 0, do_reescape},
    {"resplit", "pattern", 1, do_resplit},
    {"search", "pattern", 1, do_search},
    {"shuffled", "seed,count", 2, do_shuffled},
    {"utf8_length", "", 0, do_utf8_length},
    {0},
};
