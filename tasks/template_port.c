/* template_port.c - filters that only programs of ports have: what their Python takes from modules. */
#include <math.h>
#include <string.h>

#include <utf8proc.h>

#include "tasks/literal.h"
#include "tasks/regex.h"
#include "tasks/template_filters.h"

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

/* re.findall(pattern, text) */
static const struct value *do_findall(struct render *r, const struct filter_call_args *c)
{
    const struct value *v = NULL;
    struct assay_err why;
    struct regex *re;
    if (c->subject->type != VALUE_STR || c->arg[0]->type != VALUE_STR)
        return render_fail(r, "findall takes a text and a pattern");
    int rc = regex_compile(value_text(c->arg[0]), 0, &re, &why);
    if (rc == 0) {
        rc = regex_findall(re, value_text(c->subject), r->a, &v, &why);
        regex_free(re);
    }
    return rc < 0 ? render_fail(r, "%s", why.msg) : v;
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

static const struct filter_row rows[] = {
    {"argmax", "", 0, do_argmax},
    {"drop_punctuation", "", 0, do_drop_punctuation},
    {"exp", "", 0, do_exp},
    {"findall", "pattern", 1, do_findall},
    {"literal", "", 0, do_literal},
    {"overlap", "iterable", 1, do_overlap},
};

const void *template_port_filter(struct pystr name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strlen(rows[i].name) == name.n && memcmp(rows[i].name, name.s, name.n) == 0)
            return &rows[i];
    return NULL;
}
