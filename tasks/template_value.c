/* template_value.c - what the engine knows of any value: truth, length, items, text; errors, budgets. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "tasks/template_impl.h"

/* -- errors and budgets ---------------------------------------------------------------------------- */

const struct value *render_fail(struct render *r, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    if (r->failed)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    r->failed = true;
    err_set(r->err, ASSAY_EFORMAT, "%s:%u:%u: %s", r->t->where, r->at ? r->at->line : r->t->line,
            r->at ? r->at->col : r->t->col, text);
    return NULL;
}

const struct value *render_undefined_error(struct render *r, const struct value *u)
{
    return render_fail(r, "%.*s", (int)u->n, u->s);
}

bool render_step(struct render *r, uint64_t n)
{
    if (n > TEMPLATE_MAX_STEPS || (r->steps += (uint32_t)n) > TEMPLATE_MAX_STEPS) {
        render_fail(r, "template takes more than %d steps", TEMPLATE_MAX_STEPS);
        return false;
    }
    if (r->a->used - r->used_before > TEMPLATE_MAX_MEMORY) {
        render_fail(r, "template takes more than %d bytes of memory", TEMPLATE_MAX_MEMORY);
        return false;
    }
    return true;
}

const struct value *render_undefined(struct render *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *s = arena_vprintf(r->a, fmt, ap);
    va_end(ap);
    struct value *v = ARENA_NEW(r->a, struct value);
    v->type = VALUE_UNDEFINED;
    v->s = s;
    v->n = (uint32_t)strlen(s);
    v->plain = (r->t->flags & TEMPLATE_LENIENT) != 0;
    return v;
}

const struct value *render_take(struct render *r, struct buf *b)
{
    const struct value *v = NULL;
    if (b->failed || b->n > TEMPLATE_MAX_OUTPUT)
        render_fail(r, "text is longer than %d bytes", TEMPLATE_MAX_OUTPUT);
    else if (render_step(r, b->n / TEMPLATE_STEP_BYTES))
        v = value_strn(r->a, b->v, b->n);
    buf_release(b);
    return v;
}

/* -- facts about values ---------------------------------------------------------------------------- */

const struct value *render_list(struct render *r, uint8_t type, const struct value *const *v, size_t n)
{
    if (n > UINT32_MAX)
        return render_fail(r, "list is too long");
    if (type == PYOBJ_ITER) {
        struct obj_iter *it = ARENA_NEW(r->a, struct obj_iter);
        it->head.type = type;
        it->head.n = (uint32_t)n;
        it->head.items = v;
        return &it->head;
    }
    struct value *list = ARENA_NEW(r->a, struct value);
    list->type = type;
    list->n = (uint32_t)n;
    list->items = v;
    return list;
}

const char *render_type(const struct value *v)
{
    static const char *const names[] = {"generator", "dict_keys", "dict_values", "dict_items", "range",
                                        "LoopContext", "Namespace", "Macro", "builtin_function_or_method",
                                        "type", "Cycler", "Joiner"};
    return v->type >= PYOBJ_ITER && v->type <= OBJ_JOINER ? names[v->type - PYOBJ_ITER]
                                                          : value_type_name(v);
}

static bool has_items(const struct value *v)
{
    return v->type == VALUE_LIST || v->type == VALUE_TUPLE ||
           (v->type >= PYOBJ_ITER && v->type < PYOBJ_OPAQUE);
}

int render_truth(struct render *r, const struct value *v)
{
    switch (v->type) {
    case VALUE_NULL:
        return 0;
    case VALUE_BOOL:
        return v->b;
    case VALUE_INT:
        return v->i != 0;
    case VALUE_FLOAT:
        return v->f != 0;
    case VALUE_STR: case VALUE_LIST: case VALUE_DICT: case VALUE_TUPLE:
    case PYOBJ_KEYS: case PYOBJ_VALUES: case PYOBJ_ITEMS:
        return v->n != 0;
    case VALUE_UNDEFINED:
        if (v->plain)
            return 0;
        render_undefined_error(r, v);
        return -1;
    case OBJ_RANGE:
        return ((const struct obj_range *)v)->len != 0;
    default:
        return 1;
    }
}

bool render_iterable(const struct value *v)
{
    return has_items(v) || v->type == VALUE_STR || v->type == VALUE_DICT || v->type == OBJ_RANGE ||
           (v->type == VALUE_UNDEFINED && v->plain);
}

int64_t render_len(struct render *r, const struct value *v)
{
    if (v->type == VALUE_STR)
        return (int64_t)pytext_len(value_text(v));
    if (v->type == VALUE_DICT || (has_items(v) && v->type != PYOBJ_ITER))
        return v->n;
    if (v->type == OBJ_RANGE)
        return (int64_t)((const struct obj_range *)v)->len;
    if (v->type == OBJ_LOOP)
        return ((const struct obj_loop *)v)->n;
    if (v->type == VALUE_UNDEFINED && v->plain)
        return 0;
    if (v->type == VALUE_UNDEFINED)
        render_undefined_error(r, v);
    else
        render_fail(r, "object of type '%s' has no len()", render_type(v));
    return -1;
}

static bool str_items(struct render *r, const struct value *v, struct items *out)
{
    struct pystr s = value_text(v);
    size_t n = pytext_len(s);
    if (!render_step(r, n))
        return false;
    const struct value **items = ARENA_ARRAY(r->a, const struct value *, n + 1);
    for (size_t i = 0, at = 0; i < n; i++) {
        struct pystr rest = pystr(s.s + at, s.n - at);
        size_t k = pytext_offset(rest, 1);
        items[i] = value_strn(r->a, rest.s, k);
        at += k;
    }
    *out = (struct items){items, (uint32_t)n};
    return true;
}

static bool range_items(struct render *r, const struct obj_range *g, struct items *out)
{
    if (!render_step(r, g->len))
        return false;
    const struct value **items = ARENA_ARRAY(r->a, const struct value *, g->len + 1);
    for (uint64_t i = 0; i < g->len; i++)
        items[i] = value_int(r->a, g->start + (int64_t)i * g->step);
    *out = (struct items){items, (uint32_t)g->len};
    return true;
}

bool render_items(struct render *r, const struct value *v, struct items *out)
{
    *out = (struct items){NULL, 0};
    if (v->type == PYOBJ_ITER) {
        struct obj_iter *it = (struct obj_iter *)(uintptr_t)v;
        if (!it->spent)
            *out = (struct items){v->items, v->n};
        it->spent = true;
        return render_step(r, out->n);
    }
    if (has_items(v)) {
        *out = (struct items){v->items, v->n};
        return render_step(r, v->n);
    }
    if (v->type == VALUE_STR)
        return str_items(r, v, out);
    if (v->type == OBJ_RANGE)
        return range_items(r, (const struct obj_range *)v, out);
    if (v->type == VALUE_DICT) {
        const struct value **keys = ARENA_ARRAY(r->a, const struct value *, (size_t)v->n + 1);
        for (uint32_t i = 0; i < v->n; i++)
            keys[i] = v->entries[i].key;
        *out = (struct items){keys, v->n};
        return render_step(r, v->n);
    }
    if (v->type == VALUE_UNDEFINED && v->plain)
        return true;
    if (v->type == VALUE_UNDEFINED)
        render_undefined_error(r, v);
    else
        render_fail(r, "'%s' object is not iterable", render_type(v));
    return false;
}

struct pystr render_str(struct render *r, const struct value *v)
{
    struct pystr none = {NULL, 0};
    if (v->type == VALUE_STR)
        return value_text(v);
    if (v->type == VALUE_UNDEFINED) {
        if (v->plain)
            return PYSTR("");
        render_undefined_error(r, v);
        return none;
    }
    struct pystr s = pystr_of(r->a, v);
    if (!s.s)
        render_fail(r, "value is nested too deeply or too long to print");
    return s;
}
