/* template_port.c - filters that only programs of ports have: what their Python takes from modules. */
#include <math.h>
#include <string.h>

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

static const struct filter_row rows[] = {
    {"argmax", "", 0, do_argmax},
    {"exp", "", 0, do_exp},
    {"findall", "pattern", 1, do_findall},
    {"literal", "", 0, do_literal},
};

const void *template_port_filter(struct pystr name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strlen(rows[i].name) == name.n && memcmp(rows[i].name, name.s, name.n) == 0)
            return &rows[i];
    return NULL;
}
