/* template_sequences.c - filters over sequences: sort, map, select, groupby, join and the like.
 *
 * What jinja2 yields lazily is computed at once and handed on as a generator: it can be read once. */
#include <string.h>
#include "tasks/template_filters.h"

/* -- attributes: "a.b.0" --------------------------------------------------------------------------- */

/* How items are looked at: through an attribute path (NULL: themselves), folded to lower case. */
struct getter {
    const struct value *attribute, *fallback;
    bool fold;
};

static const struct value *fold(struct render *r, const struct value *v)
{
    struct buf b;
    if (v->type != VALUE_STR)
        return v;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    pytext_convert(&b, value_text(v), PYTEXT_TO_LOWER);
    return render_take(r, &b);
}

static const struct value *get_path(struct render *r, const struct getter *g, struct pystr path,
                                    const struct value *v)
{
    size_t n;
    struct pystr *part = pytext_split(r->a, path, PYSTR("."), -1, &n);
    for (size_t i = 0; i < n && v; i++) {
        int64_t index;
        const struct value *key = pytext_is(part[i], PYTEXT_DIGIT) && pytext_to_int(part[i], 10, &index)
                                      ? value_int(r->a, index)
                                      : value_strn(r->a, part[i].s, part[i].n);
        v = render_item(r, v, key);
        if (v && v->type == VALUE_UNDEFINED && g->fallback)
            v = g->fallback;
    }
    return v;
}

static const struct value *get(struct render *r, const struct getter *g, const struct value *v)
{
    const struct value *at = g->attribute;
    if (at && at->type == VALUE_STR)
        v = get_path(r, g, value_text(at), v);
    else if (at && at->type != VALUE_NULL)
        v = render_item(r, v, at);
    if (v && at && v->type == VALUE_UNDEFINED && g->fallback)
        v = g->fallback;
    return v && g->fold ? fold(r, v) : v;
}

/* sort's keys: "a,b" looks at several attributes, as a list. */
static const struct value *get_many(struct render *r, const struct getter *g, const struct value *v)
{
    size_t n;
    if (!g->attribute || g->attribute->type != VALUE_STR ||
        !memchr(g->attribute->s, ',', g->attribute->n))
        return get(r, g, v);
    struct pystr *part = pytext_split(r->a, value_text(g->attribute), PYSTR(","), -1, &n);
    const struct value **key = ARENA_ARRAY(r->a, const struct value *, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct getter one = *g;
        one.attribute = value_strn(r->a, part[i].s, part[i].n);
        if (!(key[i] = get(r, &one, v)))
            return NULL;
    }
    return render_list(r, VALUE_LIST, key, n);
}

static bool make_getter(struct render *r, const struct value *attribute, const struct value *case_sensitive,
                        struct getter *g)
{
    int sensitive = filter_bool(r, case_sensitive);
    if (attribute && attribute->type == VALUE_NULL)
        attribute = NULL;
    *g = (struct getter){attribute, NULL, sensitive == 0};
    return sensitive >= 0;
}

/* -- sorting --------------------------------------------------------------------------------------- */

struct sortable {
    const struct value *key, *item;
};

/* Stable merge sort; a comparison may fail.  descending keeps equal items in order, as Python does. */
static bool merge_sort(struct render *r, struct sortable *v, struct sortable *tmp, size_t n, bool descending)
{
    if (n < 2)
        return true;
    size_t half = n / 2, a = 0, b = half, k = 0;
    if (!merge_sort(r, v, tmp, half, descending) || !merge_sort(r, v + half, tmp, n - half, descending))
        return false;
    while (a < half && b < n) {
        int swap = descending ? render_less(r, '<', v[a].key, v[b].key)
                              : render_less(r, '<', v[b].key, v[a].key);
        if (swap < 0)
            return false;
        tmp[k++] = swap ? v[b++] : v[a++];
    }
    while (a < half)
        tmp[k++] = v[a++];
    memcpy(v, tmp, k * sizeof *v);
    return render_step(r, n);
}

static const struct value *sorted(struct render *r, const struct items *it, const struct getter *g,
                                  bool descending, struct sortable **keyed)
{
    struct sortable *v = ARENA_ARRAY(r->a, struct sortable, it->n + 1);
    struct sortable *tmp = ARENA_ARRAY(r->a, struct sortable, it->n + 1);
    const struct value **out = ARENA_ARRAY(r->a, const struct value *, it->n + 1);
    for (uint32_t i = 0; i < it->n; i++) {
        v[i] = (struct sortable){get_many(r, g, it->v[i]), it->v[i]};
        if (!v[i].key)
            return NULL;
    }
    if (!merge_sort(r, v, tmp, it->n, descending))
        return NULL;
    for (uint32_t i = 0; i < it->n; i++)
        out[i] = v[i].item;
    if (keyed)
        *keyed = v;
    return render_list(r, VALUE_LIST, out, it->n);
}

const struct value *filter_sort(struct render *r, const struct filter_call_args *c)
{
    struct getter g;
    struct items it;
    int reverse = filter_bool(r, c->arg[0]);
    if (reverse < 0 || !make_getter(r, c->arg[2], c->arg[1], &g) || !render_items(r, c->subject, &it))
        return NULL;
    return sorted(r, &it, &g, reverse, NULL);
}

static const struct value *pair(struct render *r, const struct value *a, const struct value *b)
{
    const struct value *v[2] = {a, b};
    struct value *t = value_list(r->a, v, 2);
    t->type = VALUE_TUPLE;
    return t;
}

static bool mapping_pairs(struct render *r, const struct value *v, struct items *out)
{
    if (v->type != VALUE_DICT) {
        if (v->type == VALUE_UNDEFINED)
            render_undefined_error(r, v);
        else
            render_fail(r, "expected a mapping, not %s", render_type(v));
        return false;
    }
    const struct value **p = ARENA_ARRAY(r->a, const struct value *, (size_t)v->n + 1);
    for (uint32_t i = 0; i < v->n; i++)
        p[i] = pair(r, v->entries[i].key, v->entries[i].value);
    *out = (struct items){p, v->n};
    return render_step(r, v->n);
}

const struct value *filter_dictsort(struct render *r, const struct filter_call_args *c)
{
    struct getter g;
    struct items it;
    int reverse = filter_bool(r, c->arg[2]);
    bool by_value = c->arg[1] && value_is_str(c->arg[1], "value");
    if (c->arg[1] && !by_value && !value_is_str(c->arg[1], "key"))
        return render_fail(r, "dictsort sorts by \"key\" or \"value\"");
    if (reverse < 0 || !make_getter(r, value_int(r->a, by_value), c->arg[0], &g) ||
        !mapping_pairs(r, c->subject, &it))
        return NULL;
    return sorted(r, &it, &g, reverse, NULL);
}

const struct value *filter_items_of(struct render *r, const struct filter_call_args *c)
{
    struct items it;
    if (c->subject->type == VALUE_UNDEFINED)
        return render_list(r, PYOBJ_ITER, NULL, 0);
    return mapping_pairs(r, c->subject, &it) ? render_list(r, PYOBJ_ITER, it.v, it.n) : NULL;
}

const struct value *filter_groupby(struct render *r, const struct filter_call_args *c)
{
    struct getter g, plain;
    struct items it;
    struct sortable *v;
    if (!make_getter(r, c->arg[0], c->arg[2], &g) || !render_items(r, c->subject, &it))
        return NULL;
    g.fallback = c->arg[1];
    if (!sorted(r, &it, &g, false, &v))
        return NULL;
    plain = g;
    plain.fold = false;
    const struct value **groups = ARENA_ARRAY(r->a, const struct value *, it.n + 1);
    uint32_t n = 0;
    for (uint32_t i = 0, end; i < it.n; i = end) {
        int same = 1;
        for (end = i + 1; end < it.n && (same = render_equal(r, v[i].key, v[end].key)) == 1; end++)
            ;
        const struct value *name = same < 0 ? NULL : get(r, &plain, v[i].item);
        if (!name)
            return NULL;
        const struct value **members = ARENA_ARRAY(r->a, const struct value *, end - i);
        for (uint32_t k = i; k < end; k++)
            members[k - i] = v[k].item;
        struct value *group =
            (struct value *)(uintptr_t)pair(r, name, render_list(r, VALUE_LIST, members, end - i));
        group->plain = 1;
        groups[n++] = group;
    }
    return render_list(r, VALUE_LIST, groups, n);
}

const struct value *filter_unique(struct render *r, const struct filter_call_args *c)
{
    struct getter g;
    struct items it;
    if (!make_getter(r, c->arg[1], c->arg[0], &g) || !render_items(r, c->subject, &it))
        return NULL;
    const struct value **key = ARENA_ARRAY(r->a, const struct value *, it.n + 1);
    const struct value **out = ARENA_ARRAY(r->a, const struct value *, it.n + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < it.n; i++) {
        const struct value *k = get(r, &g, it.v[i]);
        if (!k)
            return NULL;
        if (k->type == VALUE_UNDEFINED)
            return render_undefined_error(r, k);
        if (k->type == VALUE_LIST || k->type == VALUE_DICT)
            return render_fail(r, "unhashable type: '%s'", render_type(k));
        int seen = 0;
        for (uint32_t j = 0; j < n && !seen; j++)
            seen = render_equal(r, key[j], k);
        if (seen < 0)
            return NULL;
        if (seen)
            continue;
        key[n] = k;
        out[n++] = it.v[i];
    }
    return render_list(r, PYOBJ_ITER, out, n);
}

static const struct value *extreme(struct render *r, const struct filter_call_args *c, int op)
{
    struct getter g;
    struct items it;
    const struct value *best = NULL, *best_key = NULL;
    if (!make_getter(r, c->arg[1], c->arg[0], &g) || !render_items(r, c->subject, &it))
        return NULL;
    if (it.n == 0)
        return render_undefined(r, "No aggregated item, sequence was empty.");
    for (uint32_t i = 0; i < it.n; i++) {
        const struct value *k = get(r, &g, it.v[i]);
        int better = !k ? -1 : best ? render_less(r, op, k, best_key) : 1;
        if (better < 0)
            return NULL;
        if (better) {
            best = it.v[i];
            best_key = k;
        }
    }
    return best;
}

const struct value *filter_min(struct render *r, const struct filter_call_args *c)
{
    return extreme(r, c, '<');
}

const struct value *filter_max(struct render *r, const struct filter_call_args *c)
{
    return extreme(r, c, '>');
}

/* -- cutting and joining --------------------------------------------------------------------------- */

const struct value *filter_first(struct render *r, const struct filter_call_args *c)
{
    struct items it;
    if (c->subject->type == PYOBJ_ITER) {
        /* Takes one item and leaves the rest in the generator. */
        struct obj_iter *g = (struct obj_iter *)(uintptr_t)c->subject;
        if (g->spent || g->head.n == 0)
            return render_undefined(r, "No first item, sequence was empty.");
        const struct value *v = *g->head.items++;
        g->head.n--;
        return v;
    }
    if (!render_items(r, c->subject, &it))
        return NULL;
    return it.n ? it.v[0] : render_undefined(r, "No first item, sequence was empty.");
}

const struct value *filter_last(struct render *r, const struct filter_call_args *c)
{
    struct items it;
    if (c->subject->type == PYOBJ_ITER)
        return render_fail(r, "'generator' object is not reversible");
    if (!render_items(r, c->subject, &it))
        return NULL;
    return it.n ? it.v[it.n - 1] : render_undefined(r, "No last item, sequence was empty.");
}

const struct value *filter_list(struct render *r, const struct filter_call_args *c)
{
    struct items it;
    return render_items(r, c->subject, &it) ? render_list(r, VALUE_LIST, it.v, it.n) : NULL;
}

const struct value *filter_reverse(struct render *r, const struct filter_call_args *c)
{
    struct items it;
    if (c->subject->type == VALUE_STR) {
        struct pyslice back = {.has_step = true, .step = -1};
        struct buf b;
        buf_init(&b, TEMPLATE_MAX_OUTPUT);
        pytext_slice(&b, value_text(c->subject), &back);
        return render_take(r, &b);
    }
    if (!render_items(r, c->subject, &it))
        return NULL;
    const struct value **out = ARENA_ARRAY(r->a, const struct value *, it.n + 1);
    for (uint32_t i = 0; i < it.n; i++)
        out[i] = it.v[it.n - 1 - i];
    return render_list(r, c->subject->type == PYOBJ_ITER ? VALUE_LIST : PYOBJ_ITER, out, it.n);
}

const struct value *filter_join(struct render *r, const struct filter_call_args *c)
{
    struct items it;
    struct getter g = {c->arg[1], NULL, false};
    struct pystr sep = c->arg[0] ? render_str(r, c->arg[0]) : PYSTR("");
    struct buf b;
    if (!sep.s || !render_items(r, c->subject, &it))
        return NULL;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    for (uint32_t i = 0; i < it.n && !r->failed && !b.failed; i++) {
        const struct value *v = get(r, &g, it.v[i]);
        struct pystr s = v ? render_str(r, v) : sep;
        if (i)
            buf_add(&b, sep.s, sep.n);
        buf_add(&b, s.s, s.s ? s.n : 0);
    }
    if (!r->failed)
        return render_take(r, &b);
    buf_release(&b);
    return NULL;
}

const struct value *filter_sum(struct render *r, const struct filter_call_args *c)
{
    struct items it;
    struct getter g = {c->arg[0], NULL, false};
    const struct value *total = c->arg[1] ? c->arg[1] : value_int(r->a, 0);
    if (!render_items(r, c->subject, &it))
        return NULL;
    if (total->type == VALUE_STR)
        return render_fail(r, "sum() can't sum strings");
    for (uint32_t i = 0; i < it.n && total; i++) {
        const struct value *v = get(r, &g, it.v[i]);
        total = v ? render_binary(r, '+', total, v) : NULL;
    }
    return total;
}

const struct value *filter_batch(struct render *r, const struct filter_call_args *c)
{
    struct items it;
    int64_t size;
    if (!filter_int(r, c->arg[0], 1, &size) || !render_items(r, c->subject, &it))
        return NULL;
    const struct value *fill = c->arg[1] && c->arg[1]->type != VALUE_NULL ? c->arg[1] : NULL;
    if (size <= 0)          /* the count is never reached: one batch of everything */
        size = it.n ? it.n : 1;
    if (size > TEMPLATE_MAX_STEPS || !render_step(r, (uint64_t)size))
        return r->failed ? NULL : render_fail(r, "batch is too large");
    const struct value **out = ARENA_ARRAY(r->a, const struct value *, it.n + 1);
    size_t n = 0;
    for (int64_t i = 0; i < it.n; i += size) {
        int64_t have = it.n - i < size ? it.n - i : size, want = fill ? size : have;
        const struct value **row = ARENA_ARRAY(r->a, const struct value *, (size_t)want + 1);
        for (int64_t k = 0; k < want; k++)
            row[k] = k < have ? it.v[i + k] : fill;
        out[n++] = render_list(r, VALUE_LIST, row, (size_t)want);
    }
    return render_list(r, PYOBJ_ITER, out, n);
}

const struct value *filter_slice(struct render *r, const struct filter_call_args *c)
{
    struct items it;
    int64_t slices, at = 0;
    if (!filter_int(r, c->arg[0], 1, &slices) || !render_items(r, c->subject, &it))
        return NULL;
    if (slices == 0)
        return render_fail(r, "integer division or modulo by zero");
    if (slices < 0)
        return render_list(r, PYOBJ_ITER, NULL, 0);
    if (slices > 100000)
        return render_fail(r, "more than 100000 slices");
    const struct value *fill = c->arg[1] && c->arg[1]->type != VALUE_NULL ? c->arg[1] : NULL;
    int64_t each = it.n / slices, extra = it.n % slices;
    const struct value **out = ARENA_ARRAY(r->a, const struct value *, (size_t)slices);
    for (int64_t i = 0; i < slices; i++) {
        int64_t n = each + (i < extra), room = n + (fill && i >= extra);
        const struct value **row = ARENA_ARRAY(r->a, const struct value *, (size_t)room + 1);
        for (int64_t k = 0; k < room; k++)
            row[k] = k < n ? it.v[at + k] : fill;
        at += n;
        out[i] = render_list(r, VALUE_LIST, row, (size_t)room);
    }
    return render_list(r, PYOBJ_ITER, out, (size_t)slices);
}

/* -- map, select, attr ----------------------------------------------------------------------------- */

const struct value *filter_attr(struct render *r, const struct filter_call_args *c)
{
    if (c->arg[0]->type != VALUE_STR)
        return render_fail(r, "attr takes a name");
    if (c->subject->type == VALUE_UNDEFINED)
        return render_undefined_error(r, c->subject);
    /* Attributes only: the keys of a dict do not count. */
    if (c->subject->type == VALUE_DICT && !template_method(c->subject, value_text(c->arg[0])))
        return render_undefined(r, "'dict object' has no attribute '%s'", c->arg[0]->s);
    return render_attr(r, c->subject, c->arg[0]);
}

/* The arguments behind the first `skip` positional ones. */
static struct call rest(const struct call *c, uint32_t skip)
{
    struct call out = *c;
    out.pos = c->pos ? c->pos + skip : NULL;
    out.n_pos = c->n_pos - skip;
    return out;
}

static const struct value *map_attribute(struct render *r, const struct call *c, const struct items *it,
                                         const struct value **out)
{
    struct getter g = {NULL, NULL, false};
    for (uint32_t i = 0; i < c->n_kw; i++) {
        if (value_is_str(c->kw_names[i], "attribute"))
            g.attribute = c->kw[i];
        else if (value_is_str(c->kw_names[i], "default"))
            g.fallback = c->kw[i]->type == VALUE_NULL ? NULL : c->kw[i];
        else
            return render_fail(r, "Unexpected keyword argument '%s'", c->kw_names[i]->s);
    }
    if (!g.attribute)
        return render_fail(r, "map requires a filter argument");
    for (uint32_t i = 0; i < it->n; i++)
        if (!(out[i] = get(r, &g, it->v[i])))
            return NULL;
    return render_list(r, PYOBJ_ITER, out, it->n);
}

const struct value *filter_map(struct render *r, const struct filter_call_args *c)
{
    struct items it;
    int any = render_truth(r, c->subject);
    if (any <= 0)
        return any < 0 ? NULL : render_list(r, PYOBJ_ITER, NULL, 0);
    if (!render_items(r, c->subject, &it))
        return NULL;
    const struct value **out = ARENA_ARRAY(r->a, const struct value *, it.n + 1);
    if (c->raw->n_pos == 0)
        return map_attribute(r, c->raw, &it, out);
    const struct value *name = c->raw->pos[0];
    const void *row = name->type == VALUE_STR ? template_filter_row(r->t->flags, value_text(name)) : NULL;
    struct call args = rest(c->raw, 1);
    if (!row)
        return it.n ? render_fail(r, "no filter named '%.*s'", name->type == VALUE_STR ? (int)name->n : 1,
                                  name->type == VALUE_STR ? name->s : "?")
                    : render_list(r, PYOBJ_ITER, NULL, 0);
    for (uint32_t i = 0; i < it.n; i++)
        if (!(out[i] = template_filter_call(r, row, it.v[i], &args)))
            return NULL;
    return render_list(r, PYOBJ_ITER, out, it.n);
}

static const struct value *choose(struct render *r, const struct filter_call_args *c, bool keep, bool by_attr)
{
    struct items it;
    uint32_t skip = by_attr, n = 0;
    int any = render_truth(r, c->subject);
    if (any <= 0)
        return any < 0 ? NULL : render_list(r, PYOBJ_ITER, NULL, 0);
    if (!render_items(r, c->subject, &it))
        return NULL;
    if (by_attr && c->raw->n_pos == 0)
        return render_fail(r, "Missing parameter for attribute name");
    struct getter g = {by_attr ? c->raw->pos[0] : NULL, NULL, false};
    const struct value *name = c->raw->n_pos > skip ? c->raw->pos[skip] : NULL;
    const void *row = name && name->type == VALUE_STR ? template_test_row(value_text(name)) : NULL;
    struct call args = rest(c->raw, name ? skip + 1 : skip);
    const struct value **out = ARENA_ARRAY(r->a, const struct value *, it.n + 1);
    if (name && !row && it.n)
        return render_fail(r, "no test named '%s'", name->type == VALUE_STR ? name->s : "?");
    for (uint32_t i = 0; i < it.n; i++) {
        const struct value *v = get(r, &g, it.v[i]);
        int yes = !v ? -1 : row ? template_test_call(r, row, v, &args) : render_truth(r, v);
        if (yes < 0)
            return NULL;
        if (yes == keep)
            out[n++] = it.v[i];
    }
    return render_list(r, PYOBJ_ITER, out, n);
}

const struct value *filter_select(struct render *r, const struct filter_call_args *c)
{
    return choose(r, c, true, false);
}

const struct value *filter_reject(struct render *r, const struct filter_call_args *c)
{
    return choose(r, c, false, false);
}

const struct value *filter_selectattr(struct render *r, const struct filter_call_args *c)
{
    return choose(r, c, true, true);
}

const struct value *filter_rejectattr(struct render *r, const struct filter_call_args *c)
{
    return choose(r, c, false, true);
}
