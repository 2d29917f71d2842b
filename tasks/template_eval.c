/* template_eval.c - expressions to values.
 *
 * NULL means failed, with r->err filled; r->at is the node an error is reported at. */
#include <inttypes.h>
#include <string.h>
#include "tasks/regex.h"
#include "tasks/template_impl.h"

/* -- names, attributes, items ---------------------------------------------------------------------- */

const struct value *template_lookup(struct render *r, uint32_t id)
{
    for (const struct scope *s = r->scope; s; s = s->up)
        for (const struct var *v = s->vars; v; v = v->next)
            if (v->id == id)
                return v->value;
    if (!r->resolved[id]) {
        struct pystr name = r->t->name_text[id];
        const struct value *v = value_getn(r->doc, name.s, name.n);
        if (!v)
            v = template_global(r->t->flags, name);
        r->resolved[id] = v ? v : render_undefined(r, "'%.*s' is undefined", (int)name.n, name.s);
    }
    return r->resolved[id];
}

/* Jinja's name for a value's type in messages: "dict object", "None". */
static const char *object_name(struct render *r, const struct value *v)
{
    return v->type == VALUE_NULL ? "None" : arena_printf(r->a, "%s object", render_type(v));
}

static const struct value *no_attr(struct render *r, const struct value *v, struct pystr name)
{
    return render_undefined(r, "'%s' has no attribute '%.*s'", object_name(r, v), (int)name.n, name.s);
}

static const struct value *no_element(struct render *r, const struct value *v, const struct value *key)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    pyrepr_value(&b, key);
    const struct value *u = render_undefined(r, "%s has no element %s", object_name(r, v), b.v);
    buf_release(&b);
    return u;
}

static const struct value *loop_neighbour(struct render *r, const struct obj_loop *l, int by)
{
    int64_t i = (int64_t)l->index0 + by;
    if (i < 0 || i >= l->n)
        return render_undefined(r, by < 0 ? "there is no previous item" : "there is no next item");
    return l->items[i];
}

static const struct value *loop_attr(struct render *r, const struct obj_loop *l, struct pystr name)
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"index", (int64_t)l->index0 + 1}, {"index0", l->index0},
                   {"length", l->n}, {"revindex", (int64_t)l->n - l->index0},
                   {"revindex0", (int64_t)l->n - l->index0 - 1}, {"depth", (int64_t)l->depth0 + 1},
                   {"depth0", l->depth0}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strlen(numbers[i].name) == name.n && memcmp(numbers[i].name, name.s, name.n) == 0)
            return value_int(r->a, numbers[i].value);
    if (name.n == 5 && memcmp(name.s, "first", 5) == 0)
        return value_bool(l->index0 == 0);
    if (name.n == 4 && memcmp(name.s, "last", 4) == 0)
        return value_bool(l->index0 + 1 == l->n);
    if (name.n == 8 && memcmp(name.s, "previtem", 8) == 0)
        return loop_neighbour(r, l, -1);
    if (name.n == 8 && memcmp(name.s, "nextitem", 8) == 0)
        return loop_neighbour(r, l, 1);
    return no_attr(r, &l->head, name);
}

/* Attributes that are no methods; NULL: there is none. */
static const struct value *data_attr(struct render *r, const struct value *v, struct pystr name)
{
    if (v->type == OBJ_NAMESPACE)
        return value_getn(((const struct obj_namespace *)v)->dict, name.s, name.n);
    if (v->type == OBJ_LOOP)
        return loop_attr(r, (const struct obj_loop *)v, name);
    if (v->type == OBJ_CYCLER && name.n == 7 && memcmp(name.s, "current", 7) == 0) {
        const struct obj_cycler *c = (const struct obj_cycler *)v;
        return c->items[c->pos % c->n];
    }
    if (v->type == OBJ_MACRO && name.n == 4 && memcmp(name.s, "name", 4) == 0)
        return ((const struct obj_macro *)v)->node->value;
    /* What |groupby yields is a tuple with two names. */
    if (v->type == VALUE_TUPLE && v->plain && v->n == 2) {
        if (name.n == 7 && memcmp(name.s, "grouper", 7) == 0)
            return v->items[0];
        if (name.n == 4 && memcmp(name.s, "list", 4) == 0)
            return v->items[1];
    }
    return NULL;
}

static const struct value *method_object(struct render *r, const struct value *v, struct pystr name)
{
    const void *row = template_method(v, name);
    if (!row)
        return NULL;
    struct obj_method *m = ARENA_NEW(r->a, struct obj_method);
    m->head.type = OBJ_METHOD;
    m->head.s = arena_printf(r->a, "<built-in method %.*s of %s object>", (int)name.n, name.s,
                             render_type(v));
    m->head.n = (uint32_t)strlen(m->head.s);
    m->self = v;
    m->row = row;
    return &m->head;
}

const struct value *render_attr(struct render *r, const struct value *v, const struct value *name)
{
    struct pystr s = value_text(name);
    if (v->type == VALUE_UNDEFINED)
        return render_undefined_error(r, v);
    const struct value *out = method_object(r, v, s);
    if (!out)
        out = data_attr(r, v, s);
    if (!out && v->type == VALUE_DICT)
        out = value_getn(v, s.s, s.n);
    return out ? out : no_attr(r, v, s);
}

static const struct value *str_at(struct render *r, const struct value *v, int64_t i)
{
    struct pystr s = value_text(v);
    int64_t len = (int64_t)pytext_len(s);
    if (i < 0)
        i += len;
    if (i < 0 || i >= len)
        return NULL;
    struct pystr one = pytext_part(s, (size_t)i, (size_t)i + 1);
    return value_strn(r->a, one.s, one.n);
}

static const struct value *int_item(struct render *r, const struct value *v, int64_t i)
{
    if (v->type == VALUE_STR)
        return str_at(r, v, i);
    if (v->type == VALUE_LIST || v->type == VALUE_TUPLE) {
        if (i < 0)
            i += v->n;
        return i >= 0 && i < v->n ? v->items[i] : NULL;
    }
    if (v->type == OBJ_RANGE) {
        const struct obj_range *g = (const struct obj_range *)v;
        if (i < 0)
            i += (int64_t)g->len;
        return i >= 0 && (uint64_t)i < g->len ? value_int(r->a, g->start + i * g->step) : NULL;
    }
    return NULL;
}

const struct value *render_item(struct render *r, const struct value *v, const struct value *key)
{
    const struct value *out = NULL;
    if (v->type == VALUE_UNDEFINED)
        return render_undefined_error(r, v);
    if (key->type == VALUE_UNDEFINED && v->type == VALUE_DICT && !key->plain)
        return render_undefined_error(r, key);
    if (v->type == VALUE_DICT && key->type == VALUE_STR) {
        out = value_getn(v, key->s, key->n);
    } else if (v->type == VALUE_DICT) {
        for (uint32_t i = 0; i < v->n && !out; i++)
            if (value_equal(v->entries[i].key, key))
                out = v->entries[i].value;
    } else if (value_is_integral(key)) {
        out = int_item(r, v, value_as_int(key));
    }
    if (out)
        return out;
    if (key->type != VALUE_STR)
        return no_element(r, v, key);
    out = method_object(r, v, value_text(key));
    if (!out)
        out = data_attr(r, v, value_text(key));
    return out ? out : no_attr(r, v, value_text(key));
}

/* -- slices ---------------------------------------------------------------------------------------- */

static bool slice_part(struct render *r, const struct node *n, bool *has, int64_t *out)
{
    if (!n)
        return true;
    const struct value *v = template_eval(r, n);
    if (!v)
        return false;
    if (v->type == VALUE_NULL)
        return true;
    if (!value_is_integral(v)) {
        if (v->type == VALUE_UNDEFINED)
            render_undefined_error(r, v);
        else
            render_fail(r, "slice indices must be integers or None");
        return false;
    }
    *has = true;
    *out = value_as_int(v);
    return true;
}

static const struct value *slice_list(struct render *r, const struct value *v, const struct pyslice *sl)
{
    struct items it;
    int64_t b[3];
    if (!render_items(r, v, &it))
        return NULL;
    size_t n = pytext_slice_bounds(sl, it.n, b);
    if (b[2] == 1)
        return render_list(r, v->type == VALUE_TUPLE ? VALUE_TUPLE : VALUE_LIST, n ? it.v + b[0] : NULL, n);
    const struct value **items = ARENA_ARRAY(r->a, const struct value *, n + 1);
    for (size_t i = 0; i < n; i++)
        items[i] = it.v[b[0] + (int64_t)i * b[2]];
    return render_list(r, v->type == VALUE_TUPLE ? VALUE_TUPLE : VALUE_LIST, items, n);
}

static const struct value *slice_range(struct render *r, const struct obj_range *g,
                                       const struct pyslice *sl)
{
    int64_t b[3];
    struct obj_range *out = ARENA_NEW(r->a, struct obj_range);
    size_t n = pytext_slice_bounds(sl, g->len, b);
    *out = *g;
    out->start = g->start + b[0] * g->step;
    out->step = g->step * b[2];
    out->len = n;
    int64_t stop = g->start + b[1] * g->step;
    out->head.s = out->step == 1
                      ? arena_printf(r->a, "range(%" PRId64 ", %" PRId64 ")", out->start, stop)
                      : arena_printf(r->a, "range(%" PRId64 ", %" PRId64 ", %" PRId64 ")", out->start,
                                     stop, out->step);
    out->head.n = (uint32_t)strlen(out->head.s);
    return &out->head;
}

static const struct value *eval_slice(struct render *r, const struct node *n, const struct value *v)
{
    struct pyslice sl = {0};
    if (!slice_part(r, n->a, &sl.has_start, &sl.start) ||
        !slice_part(r, n->b, &sl.has_stop, &sl.stop) || !slice_part(r, n->c, &sl.has_step, &sl.step))
        return NULL;
    r->at = n;
    if (sl.has_step && sl.step == 0)
        return render_fail(r, "slice step cannot be zero");
    if (v->type == VALUE_LIST || v->type == VALUE_TUPLE)
        return slice_list(r, v, &sl);
    if (v->type == OBJ_RANGE)
        return slice_range(r, (const struct obj_range *)v, &sl);
    if (v->type != VALUE_STR)
        return n->flag ? render_undefined(r, "%s cannot be sliced", object_name(r, v))
                       : render_fail(r, "'%s' object cannot be sliced", render_type(v));
    struct buf b;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    pytext_slice(&b, value_text(v), &sl);
    return render_take(r, &b);
}

static const struct value *eval_item(struct render *r, const struct node *n)
{
    const struct value *v = template_eval(r, n->a);
    if (!v)
        return NULL;
    r->at = n;
    if (n->b->kind == NODE_SLICE)
        return v->type == VALUE_UNDEFINED ? render_undefined_error(r, v) : eval_slice(r, n->b, v);
    const struct value *key = template_eval(r, n->b);
    if (!key)
        return NULL;
    r->at = n;
    return render_item(r, v, key);
}

/* -- calls ----------------------------------------------------------------------------------------- */

static void call_push(struct render *r, struct call *c, const struct value *v, uint32_t room)
{
    if (!c->pos)
        c->pos = ARENA_ARRAY(r->a, const struct value *, room + 1);
    c->pos[c->n_pos++] = v;
}

static bool call_star(struct render *r, struct call *c, const struct node *star)
{
    const struct value *v = star ? template_eval(r, star) : NULL;
    struct items it;
    if (!star)
        return true;
    if (!v || !render_items(r, v, &it))
        return false;
    const struct value **grown = ARENA_ARRAY(r->a, const struct value *, (size_t)c->n_pos + it.n + 1);
    if (c->n_pos)
        memcpy(grown, c->pos, c->n_pos * sizeof *grown);
    if (it.n)
        memcpy(grown + c->n_pos, it.v, it.n * sizeof *grown);
    c->pos = grown;
    c->n_pos += it.n;
    return true;
}

static bool call_star_star(struct render *r, struct call *c, const struct node *star)
{
    const struct value *v = star ? template_eval(r, star) : NULL;
    if (!star)
        return true;
    if (!v)
        return false;
    if (v->type != VALUE_DICT)
        return render_fail(r, "argument after ** must be a mapping, not %s", render_type(v)) != NULL;
    const struct value **names = ARENA_ARRAY(r->a, const struct value *, (size_t)c->n_kw + v->n + 1);
    const struct value **kw = ARENA_ARRAY(r->a, const struct value *, (size_t)c->n_kw + v->n + 1);
    for (uint32_t i = 0; i < c->n_kw; i++) {
        names[i] = c->kw_names[i];
        kw[i] = c->kw[i];
    }
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->entries[i].key->type != VALUE_STR)
            return render_fail(r, "keywords must be strings") != NULL;
        names[c->n_kw] = v->entries[i].key;
        kw[c->n_kw++] = v->entries[i].value;
    }
    c->kw_names = names;
    c->kw = kw;
    return true;
}

static bool eval_args(struct render *r, const struct node_args *a, struct call *c)
{
    *c = (struct call){0};
    if (!a)
        return true;
    for (uint32_t i = 0; i < a->pos.n; i++) {
        const struct value *v = template_eval(r, a->pos.v[i]);
        if (!v)
            return false;
        call_push(r, c, v, a->pos.n);
    }
    if (a->kw.n) {
        c->kw_names = a->kw_names;
        c->kw = ARENA_ARRAY(r->a, const struct value *, a->kw.n);
        for (; c->n_kw < a->kw.n; c->n_kw++)
            if (!(c->kw[c->n_kw] = template_eval(r, a->kw.v[c->n_kw])))
                return false;
    }
    return call_star(r, c, a->star) && call_star_star(r, c, a->star_star);
}

/* Index of `name` among the comma separated params, or -1. */
static int param_index(const char *params, const struct value *name)
{
    int i = 0;
    for (const char *p = params; *p; i++) {
        size_t n = strcspn(p, ",");
        if (n == name->n && memcmp(p, name->s, n) == 0)
            return i;
        p += n + (p[n] == ',');
    }
    return -1;
}

bool call_bind(struct render *r, const struct signature *s, const struct call *c, const struct value **out)
{
    uint32_t n = *s->params != 0;
    for (const char *p = s->params; *p; p++)
        n += *p == ',';
    for (uint32_t i = 0; i < n; i++)
        out[i] = i < c->n_pos ? c->pos[i] : NULL;
    if (c->n_pos > n)
        return render_fail(r, "%s takes at most %u argument(s), got %u", s->who, n, c->n_pos) != NULL;
    for (uint32_t i = 0; i < c->n_kw; i++) {
        int k = param_index(s->params, c->kw_names[i]);
        if (k < 0)
            return render_fail(r, "%s has no argument '%s'", s->who, c->kw_names[i]->s) != NULL;
        if (out[k])
            return render_fail(r, "%s got two values for '%s'", s->who, c->kw_names[i]->s) != NULL;
        out[k] = c->kw[i];
    }
    for (uint32_t i = 0; i < s->required; i++)
        if (!out[i])
            return render_fail(r, "%s wants %u argument(s), got %u", s->who, s->required, c->n_pos) != NULL;
    return true;
}

static const struct value *call_joiner(struct render *r, struct obj_joiner *j)
{
    bool used = j->used;
    j->used = true;
    return used ? j->sep : value_str(r->a, "");
}

const struct value *render_call(struct render *r, const struct value *f, const struct call *c)
{
    switch (f->type) {
    case OBJ_METHOD: {
        const struct obj_method *m = (const struct obj_method *)f;
        return template_method_call(r, m->row, m->self, c);
    }
    case OBJ_MACRO:
        return template_macro_call(r, (const struct obj_macro *)f, c);
    case OBJ_GLOBAL:
        return template_global_call(r, f, c);
    case OBJ_JOINER:
        return call_joiner(r, (struct obj_joiner *)(uintptr_t)f);
    case OBJ_LOOP:
        if (c->n_pos != 1 || c->n_kw)
            return render_fail(r, "loop() takes one argument");
        return template_loop_call(r, (const struct obj_loop *)f, c->pos[0]);
    case VALUE_UNDEFINED:
        return render_undefined_error(r, f);
    default:
        return render_fail(r, "'%s' object is not callable", render_type(f));
    }
}

static const struct value *eval_call(struct render *r, const struct node *n)
{
    const struct value *self = NULL, *f = NULL;
    const void *row = NULL;
    struct call c;
    if (n->a->kind == NODE_ATTR) {
        self = template_eval(r, n->a->a);
        if (!self)
            return NULL;
        r->at = n->a;
        row = template_method(self, value_text(n->a->value));
        f = row ? NULL : render_attr(r, self, n->a->value);
    } else {
        f = template_eval(r, n->a);
    }
    if ((!f && !row) || !eval_args(r, n->args, &c))
        return NULL;
    r->at = n->a;
    return row ? template_method_call(r, row, self, &c) : render_call(r, f, &c);
}

static const struct value *regex_filter(struct render *r, const struct node *n, const struct value *subject,
                                        const struct call *c)
{
    struct regex_sub sub = {0};
    struct buf b;
    struct pystr text = render_str(r, subject);
    const struct value *repl = c->n_pos > 1 ? c->pos[1] : NULL, *count = c->n_pos > 2 ? c->pos[2] : NULL;
    for (uint32_t i = 0; i < c->n_kw; i++) {
        if (value_is_str(c->kw_names[i], "repl"))
            repl = c->kw[i];
        else if (value_is_str(c->kw_names[i], "count"))
            count = c->kw[i];
        else
            return render_fail(r, "regex_replace has no argument '%s'", c->kw_names[i]->s);
    }
    if (!text.s)
        return NULL;
    if (!repl || repl->type != VALUE_STR || (count && !value_is_integral(count)))
        return render_fail(r, "regex_replace takes a pattern, a replacement text and a count");
    sub.repl = value_text(repl);
    sub.count = count && value_as_int(count) > 0 ? (size_t)value_as_int(count) : 0;
    struct assay_err inner;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    if (regex_replace(n->regex, &sub, text, &b, &inner) < 0) {
        buf_release(&b);
        return render_fail(r, "%s", inner.msg);
    }
    return render_take(r, &b);
}

/* A filter or test that the parser let pass (FILTER, TEST without a row). */
static const struct value *unknown_name(struct render *r, const struct node *n)
{
    bool test = n->kind == NODE_TEST;
    const char *near = template_filter_suggest(value_text(n->value), test);
    r->at = n;
    return render_fail(r, "unknown %s '%s'%s%s%s", test ? "test" : "filter", n->value->s,
                       near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static const struct value *eval_filter(struct render *r, const struct node *n)
{
    struct call c;
    if (!n->row)
        return unknown_name(r, n);
    const struct value *subject = n->a ? template_eval(r, n->a) : r->input;
    if (!subject || !eval_args(r, n->args, &c))
        return NULL;
    r->at = n;
    if (n->regex && c.n_pos <= 3)
        return regex_filter(r, n, subject, &c);
    return template_filter_call(r, n->row, subject, &c);
}

static const struct value *eval_test(struct render *r, const struct node *n)
{
    struct call c;
    if (!n->row)
        return unknown_name(r, n);
    const struct value *subject = template_eval(r, n->a);
    if (!subject || !eval_args(r, n->args, &c))
        return NULL;
    r->at = n;
    int yes = template_test_call(r, n->row, subject, &c);
    return yes < 0 ? NULL : value_bool(yes);
}

/* -- operators ------------------------------------------------------------------------------------- */

static const struct value *eval_unary(struct render *r, const struct node *n)
{
    const struct value *v = template_eval(r, n->a);
    if (!v)
        return NULL;
    r->at = n;
    if (n->kind == NODE_NOT) {
        int yes = render_truth(r, v);
        return yes < 0 ? NULL : value_bool(!yes);
    }
    if (v->type == VALUE_UNDEFINED)
        return render_undefined_error(r, v);
    if (v->type == VALUE_FLOAT)
        return value_float(r->a, n->kind == NODE_NEG ? -v->f : v->f);
    if (!value_is_integral(v))
        return render_fail(r, "bad operand type for unary %c: '%s'", n->kind == NODE_NEG ? '-' : '+',
                           render_type(v));
    int64_t i = value_as_int(v);
    return value_int(r->a, n->kind == NODE_NEG ? (int64_t)(0 - (uint64_t)i) : i);
}

static const struct value *eval_binary(struct render *r, const struct node *n)
{
    const struct value *a = template_eval(r, n->a);
    const struct value *b = a ? template_eval(r, n->b) : NULL;
    if (!b)
        return NULL;
    r->at = a->type == VALUE_UNDEFINED ? n->a : b->type == VALUE_UNDEFINED ? n->b : n;
    return render_binary(r, n->op, a, b);
}

static const struct value *eval_concat(struct render *r, const struct node *n)
{
    struct buf b;
    bool ok = true;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    for (uint32_t i = 0; i < n->list.n && ok; i++) {
        const struct value *v = template_eval(r, n->list.v[i]);
        r->at = n->list.v[i];
        struct pystr s = v ? render_str(r, v) : (struct pystr){NULL, 0};
        ok = s.s != NULL;
        if (ok)
            buf_add(&b, s.s, s.n);
    }
    if (ok)
        return render_take(r, &b);
    buf_release(&b);
    return NULL;
}

static int compare_once(struct render *r, int op, const struct value *a, const struct value *b)
{
    int yes;
    switch (op) {
    case OP_EQ:
        return render_equal(r, a, b);
    case OP_NE:
        yes = render_equal(r, a, b);
        return yes < 0 ? yes : !yes;
    case OP_IN:
        return render_contains(r, a, b);
    case OP_NOT_IN:
        yes = render_contains(r, a, b);
        return yes < 0 ? yes : !yes;
    default:
        return render_less(r, op, a, b);
    }
}

static const struct value *eval_compare(struct render *r, const struct node *n)
{
    const struct value *a = template_eval(r, n->a);
    for (uint32_t i = 0; a && i < n->list.n; i++) {
        const struct node *x = n->list.v[i];
        const struct value *b = template_eval(r, x->a);
        if (!b)
            return NULL;
        r->at = b->type == VALUE_UNDEFINED ? x->a : a->type == VALUE_UNDEFINED ? n->a : x;
        int yes = compare_once(r, x->op, a, b);
        if (yes < 0)
            return NULL;
        if (!yes)
            return &value_false;
        a = b;
    }
    return a ? &value_true : NULL;
}

static const struct value *eval_logic(struct render *r, const struct node *n)
{
    const struct value *a = template_eval(r, n->a);
    if (!a)
        return NULL;
    r->at = n->a;
    int yes = render_truth(r, a);
    if (yes < 0)
        return NULL;
    return yes == (n->kind == NODE_OR) ? a : template_eval(r, n->b);
}

static const struct value *eval_cond(struct render *r, const struct node *n)
{
    const struct value *test = template_eval(r, n->b);
    if (!test)
        return NULL;
    r->at = n->b;
    int yes = render_truth(r, test);
    if (yes < 0)
        return NULL;
    if (yes)
        return template_eval(r, n->a);
    if (!n->flag)
        return template_eval(r, n->c);
    /* Jinja gives a lenient undefined here even under StrictUndefined: it prints as "". */
    struct value *u = (struct value *)(uintptr_t)render_undefined(
        r, "the inline if-expression evaluated to false and no else section was defined");
    u->plain = 1;
    return u;
}

static const struct value *eval_items(struct render *r, const struct node *n)
{
    const struct value **v = ARENA_ARRAY(r->a, const struct value *, n->list.n + 1);
    for (uint32_t i = 0; i < n->list.n; i++)
        if (!(v[i] = template_eval(r, n->list.v[i])))
            return NULL;
    return render_list(r, n->kind == NODE_TUPLE ? VALUE_TUPLE : VALUE_LIST, v, n->list.n);
}

/* Scalars, and tuples of scalars: enough for any key, and comparing them stays shallow. */
static bool can_be_key(const struct value *v)
{
    bool ok = v->type != VALUE_LIST && v->type != VALUE_DICT && v->type < PYOBJ_ITER;
    for (uint32_t i = 0; ok && v->type == VALUE_TUPLE && i < v->n; i++)
        ok = v->items[i]->type != VALUE_TUPLE && can_be_key(v->items[i]);
    return ok;
}

static const struct value *eval_dict(struct render *r, const struct node *n)
{
    uint32_t pairs = n->list.n / 2;
    struct value_entry *e = ARENA_ARRAY(r->a, struct value_entry, pairs + 1);
    for (uint32_t i = 0; i < pairs; i++) {
        e[i].key = template_eval(r, n->list.v[2 * i]);
        e[i].value = e[i].key ? template_eval(r, n->list.v[2 * i + 1]) : NULL;
        if (!e[i].value)
            return NULL;
        r->at = n;
        if (e[i].key->type == VALUE_UNDEFINED)
            return render_undefined_error(r, e[i].key);
        if (!can_be_key(e[i].key))
            return render_fail(r, "unhashable type: '%s'", render_type(e[i].key));
    }
    return value_dict(r->a, e, pairs);
}

static const struct value *eval_attr(struct render *r, const struct node *n)
{
    const struct value *v = template_eval(r, n->a);
    if (!v)
        return NULL;
    r->at = v->type == VALUE_UNDEFINED ? n->a : n;
    return render_attr(r, v, n->value);
}

static const struct value *eval_kind(struct render *r, const struct node *n)
{
    switch (n->kind) {
    case NODE_ATTR:
        return eval_attr(r, n);
    case NODE_ITEM:
        return eval_item(r, n);
    case NODE_CALL:
        return eval_call(r, n);
    case NODE_FILTER:
        return eval_filter(r, n);
    case NODE_TEST:
        return eval_test(r, n);
    case NODE_LIST: case NODE_TUPLE:
        return eval_items(r, n);
    case NODE_DICT:
        return eval_dict(r, n);
    case NODE_NEG: case NODE_POS: case NODE_NOT:
        return eval_unary(r, n);
    case NODE_AND: case NODE_OR:
        return eval_logic(r, n);
    case NODE_BINARY:
        return eval_binary(r, n);
    case NODE_CONCAT:
        return eval_concat(r, n);
    case NODE_COMPARE:
        return eval_compare(r, n);
    case NODE_COND:
        return eval_cond(r, n);
    default:
        return render_fail(r, "a slice stands outside an index");
    }
}

const struct value *template_eval(struct render *r, const struct node *n)
{
    if (n->kind == NODE_CONST)
        return n->value;
    r->at = n;
    if (!render_step(r, 1))
        return NULL;
    if (n->kind == NODE_NAME)
        return template_lookup(r, n->id);
    if (r->depth >= TEMPLATE_MAX_DEPTH)
        return render_fail(r, "evaluation is nested deeper than %d levels", TEMPLATE_MAX_DEPTH);
    r->depth++;
    const struct value *v = eval_kind(r, n);
    r->depth--;
    return v;
}
