/* template_tests.c - what stands behind "is": one row per test; and the nearest name for a typo. */
#include <stdio.h>
#include <string.h>
#include "harness/base/field.h"
#include "tasks/template_filters.h"

typedef int test_fn(struct render *, const struct value *v, const struct value *arg);
struct test_row {
    const char *name;
    bool wants_arg;
    test_fn *fn;
};

/* v % by == want */
static int remainder_is(struct render *r, const struct value *v, const struct value *by, int64_t want)
{
    const struct value *m = render_binary(r, '%', v, by);
    return m ? render_equal(r, m, value_int(r->a, want)) : -1;
}

static int is_odd(struct render *r, const struct value *v, const struct value *arg)
{
    (void)arg;
    return remainder_is(r, v, value_int(r->a, 2), 1);
}

static int is_even(struct render *r, const struct value *v, const struct value *arg)
{
    (void)arg;
    return remainder_is(r, v, value_int(r->a, 2), 0);
}

static int is_divisible(struct render *r, const struct value *v, const struct value *arg)
{
    return remainder_is(r, v, arg, 0);
}

#define TYPE_TEST(name, expr)                                                                         \
    static int name(struct render *r, const struct value *v, const struct value *arg)                 \
    {                                                                                                 \
        (void)r;                                                                                      \
        (void)arg;                                                                                    \
        return expr;                                                                                  \
    }
TYPE_TEST(is_defined, v->type != VALUE_UNDEFINED)
TYPE_TEST(is_undefined, v->type == VALUE_UNDEFINED)
TYPE_TEST(is_none, v->type == VALUE_NULL)
TYPE_TEST(is_boolean, v->type == VALUE_BOOL)
TYPE_TEST(is_true, v->type == VALUE_BOOL && v->b)
TYPE_TEST(is_false, v->type == VALUE_BOOL && !v->b)
TYPE_TEST(is_integer, v->type == VALUE_INT)
TYPE_TEST(is_float, v->type == VALUE_FLOAT)
TYPE_TEST(is_string, v->type == VALUE_STR)
TYPE_TEST(is_mapping, v->type == VALUE_DICT)
TYPE_TEST(is_number, value_is_number(v))
TYPE_TEST(is_sequence, v->type == VALUE_STR || v->type == VALUE_LIST || v->type == VALUE_TUPLE ||
                           v->type == VALUE_DICT || v->type == OBJ_RANGE ||
                           (v->type == VALUE_UNDEFINED && v->plain))
TYPE_TEST(is_callable, v->type == OBJ_MACRO || v->type == OBJ_METHOD || v->type == OBJ_GLOBAL ||
                           v->type == OBJ_JOINER || v->type == OBJ_LOOP || v->type == VALUE_UNDEFINED)
TYPE_TEST(is_escaped, v->type == VALUE_STR && v->markup)
TYPE_TEST(is_sameas, v == arg || (v->type == arg->type && (v->type == VALUE_NULL ||
                                                          (v->type == VALUE_BOOL && v->b == arg->b))))
TYPE_TEST(is_filter, v->type == VALUE_STR && template_filter_row(0, value_text(v)) != NULL)
TYPE_TEST(is_test, v->type == VALUE_STR && template_test_row(value_text(v)) != NULL)

static int is_iterable(struct render *r, const struct value *v, const struct value *arg)
{
    (void)arg;
    if (v->type == VALUE_UNDEFINED && !v->plain) {
        render_undefined_error(r, v);
        return -1;
    }
    return render_iterable(v) || v->type == OBJ_LOOP;
}

static int is_cased(struct render *r, const struct value *v, enum pytext_class k)
{
    struct pystr s = render_str(r, v);
    return s.s ? pytext_is(s, k) : -1;
}

static int is_lower(struct render *r, const struct value *v, const struct value *arg)
{
    (void)arg;
    return is_cased(r, v, PYTEXT_LOWER);
}

static int is_upper(struct render *r, const struct value *v, const struct value *arg)
{
    (void)arg;
    return is_cased(r, v, PYTEXT_UPPER);
}

static int is_in(struct render *r, const struct value *v, const struct value *arg)
{
    return render_contains(r, v, arg);
}

static int is_eq(struct render *r, const struct value *v, const struct value *arg)
{
    return render_equal(r, v, arg);
}

static int is_ne(struct render *r, const struct value *v, const struct value *arg)
{
    int eq = render_equal(r, v, arg);
    return eq < 0 ? eq : !eq;
}

static int is_gt(struct render *r, const struct value *v, const struct value *arg)
{
    return render_less(r, '>', v, arg);
}

static int is_ge(struct render *r, const struct value *v, const struct value *arg)
{
    return render_less(r, OP_GE, v, arg);
}

static int is_lt(struct render *r, const struct value *v, const struct value *arg)
{
    return render_less(r, '<', v, arg);
}

static int is_le(struct render *r, const struct value *v, const struct value *arg)
{
    return render_less(r, OP_LE, v, arg);
}

static const struct test_row tests[] = {
    {"odd", false, is_odd}, {"even", false, is_even}, {"divisibleby", true, is_divisible},
    {"defined", false, is_defined}, {"undefined", false, is_undefined}, {"filter", false, is_filter},
    {"test", false, is_test}, {"none", false, is_none}, {"boolean", false, is_boolean},
    {"false", false, is_false}, {"true", false, is_true}, {"integer", false, is_integer},
    {"float", false, is_float}, {"lower", false, is_lower}, {"upper", false, is_upper},
    {"string", false, is_string}, {"mapping", false, is_mapping}, {"number", false, is_number},
    {"sequence", false, is_sequence}, {"iterable", false, is_iterable}, {"callable", false, is_callable},
    {"sameas", true, is_sameas}, {"escaped", false, is_escaped}, {"in", true, is_in},
    {"==", true, is_eq}, {"eq", true, is_eq}, {"equalto", true, is_eq}, {"!=", true, is_ne},
    {"ne", true, is_ne}, {">", true, is_gt}, {"gt", true, is_gt}, {"greaterthan", true, is_gt},
    {"ge", true, is_ge}, {">=", true, is_ge}, {"<", true, is_lt}, {"lt", true, is_lt},
    {"lessthan", true, is_lt}, {"<=", true, is_le}, {"le", true, is_le},
};
enum { N_TESTS = sizeof tests / sizeof tests[0] };

const void *template_test_row(struct pystr name)
{
    for (size_t i = 0; i < N_TESTS; i++)
        if (strlen(tests[i].name) == name.n && memcmp(tests[i].name, name.s, name.n) == 0)
            return &tests[i];
    return NULL;
}

const char *template_test_name(size_t i)
{
    return i < N_TESTS ? tests[i].name : NULL;
}

int template_test_call(struct render *r, const void *row, const struct value *subject,
                       const struct call *c)
{
    const struct test_row *t = row;
    const struct value *arg[1] = {NULL};
    struct signature s = {t->name, t->wants_arg ? "other" : "", t->wants_arg};
    return call_bind(r, &s, c, arg) ? t->fn(r, subject, arg[0]) : -1;
}

const char *template_filter_suggest(struct pystr name, bool test)
{
    const char *names[N_TESTS + 100], *s;
    char text[64];
    size_t n = 0;
    while (n < N_TESTS + 100 && (s = test ? template_test_name(n) : template_filter_name(n)))
        names[n++] = s;
    snprintf(text, sizeof text, "%.*s", (int)(name.n > 60 ? 60 : name.n), name.s);
    return field_nearest(text, names, n);
}
