/* template_globals.c - the functions every template sees: range, dict, namespace, cycler, joiner. */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include "tasks/template_impl.h"

static bool whole(struct render *r, const struct value *v, int64_t *out)
{
    if (v->type == VALUE_UNDEFINED)
        return render_undefined_error(r, v) != NULL;
    if (!value_is_integral(v))
        return render_fail(r, "'%s' object cannot be interpreted as an integer", render_type(v)) != NULL;
    *out = value_as_int(v);
    return true;
}

static const struct value *global_range(struct render *r, const struct call *c)
{
    int64_t v[3] = {0, 0, 1};
    if (c->n_kw || c->n_pos < 1 || c->n_pos > 3)
        return render_fail(r, "range expects 1 to 3 positional arguments");
    for (uint32_t i = 0; i < c->n_pos; i++)
        if (!whole(r, c->pos[i], &v[c->n_pos == 1 ? 1 : i]))
            return NULL;
    if (v[2] == 0)
        return render_fail(r, "range() arg 3 must not be zero");
    if (v[0] > INT32_MAX * INT64_C(1000000) || v[0] < INT32_MIN * INT64_C(1000000) ||
        v[1] > INT32_MAX * INT64_C(1000000) || v[1] < INT32_MIN * INT64_C(1000000) ||
        v[2] > INT32_MAX || v[2] < INT32_MIN)
        return render_fail(r, "range() arguments are too large");
    struct obj_range *g = ARENA_NEW(r->a, struct obj_range);
    g->head.type = OBJ_RANGE;
    g->start = v[0];
    g->step = v[2];
    if (v[2] > 0 && v[1] > v[0])
        g->len = (uint64_t)((v[1] - v[0] - 1) / v[2] + 1);
    else if (v[2] < 0 && v[1] < v[0])
        g->len = (uint64_t)((v[0] - v[1] - 1) / -v[2] + 1);
    /* The sandbox that chat templates run in allows no more. */
    if (r->t->flags & TEMPLATE_CHAT && g->len > 100000)
        return render_fail(r, "range() of more than 100000 items");
    g->head.s = v[2] == 1 ? arena_printf(r->a, "range(%" PRId64 ", %" PRId64 ")", v[0], v[1])
                          : arena_printf(r->a, "range(%" PRId64 ", %" PRId64 ", %" PRId64 ")", v[0],
                                         v[1], v[2]);
    g->head.n = (uint32_t)strlen(g->head.s);
    return &g->head;
}

/* dict(mapping or pairs, **kw) */
static const struct value *global_dict(struct render *r, const struct call *c)
{
    struct items it = {NULL, 0};
    const struct value *from = c->n_pos ? c->pos[0] : NULL;
    uint32_t n = 0;
    if (c->n_pos > 1)
        return render_fail(r, "dict expected at most 1 argument, got %u", c->n_pos);
    if (from && from->type == OBJ_NAMESPACE)
        from = ((const struct obj_namespace *)from)->dict;
    if (from && from->type != VALUE_DICT && !render_items(r, from, &it))
        return NULL;
    uint32_t own = from && from->type == VALUE_DICT ? from->n : it.n;
    struct value_entry *e = ARENA_ARRAY(r->a, struct value_entry, (size_t)own + c->n_kw + 1);
    for (uint32_t i = 0; i < own; i++) {
        struct items pair;
        if (from->type == VALUE_DICT) {
            e[n++] = from->entries[i];
            continue;
        }
        if (!render_items(r, it.v[i], &pair))
            return NULL;
        if (pair.n != 2)
            return render_fail(r, "dictionary update sequence element #%u has length %u; 2 is required",
                               i, pair.n);
        if (pair.v[0]->type > VALUE_STR)
            return render_fail(r, "unhashable type: '%s'", render_type(pair.v[0]));
        e[n++] = (struct value_entry){pair.v[0], pair.v[1]};
    }
    for (uint32_t i = 0; i < c->n_kw; i++)
        e[n++] = (struct value_entry){c->kw_names[i], c->kw[i]};
    return value_dict(r->a, e, n);
}

static const struct value *global_namespace(struct render *r, const struct call *c)
{
    const struct value *dict = global_dict(r, c);
    if (!dict)
        return NULL;
    struct obj_namespace *ns = ARENA_NEW(r->a, struct obj_namespace);
    ns->head.type = OBJ_NAMESPACE;
    ns->head.s = "<Namespace>";
    ns->head.n = 11;
    ns->dict = dict;
    return &ns->head;
}

static const struct value *global_cycler(struct render *r, const struct call *c)
{
    if (c->n_pos == 0 || c->n_kw)
        return render_fail(r, "cycler needs at least one item");
    struct obj_cycler *o = ARENA_NEW(r->a, struct obj_cycler);
    o->head.type = OBJ_CYCLER;
    o->head.s = "<Cycler>";
    o->head.n = 8;
    o->items = c->pos;
    o->n = c->n_pos;
    return &o->head;
}

static const struct value *global_joiner(struct render *r, const struct call *c)
{
    const struct value *sep = NULL;
    struct signature s = {"joiner", "sep", 0};
    if (!call_bind(r, &s, c, &sep))
        return NULL;
    struct obj_joiner *o = ARENA_NEW(r->a, struct obj_joiner);
    o->head.type = OBJ_JOINER;
    o->head.s = "<Joiner>";
    o->head.n = 8;
    o->sep = sep ? sep : value_str(r->a, ", ");
    return &o->head;
}

static const struct value *global_raise(struct render *r, const struct call *c)
{
    struct pystr s = c->n_pos == 1 ? render_str(r, c->pos[0]) : PYSTR("raise_exception");
    return s.s ? render_fail(r, "%.*s", (int)(s.n > 300 ? 300 : s.n), s.s) : NULL;
}

/* datetime.strftime of a time without a zone: %Z and %z are empty. */
static const struct value *global_strftime(struct render *r, const struct call *c)
{
    enum { LONGEST = 4096 };
    const struct value *format = NULL;
    struct signature s = {"strftime_now", "format", 1};
    struct tm tm;
    char spec[LONGEST], text[2 * LONGEST];
    size_t n = 1;
    time_t now = (time_t)r->t->now;
    if (!call_bind(r, &s, c, &format))
        return NULL;
    if (format->type != VALUE_STR || format->n > LONGEST / 2 || memchr(format->s, 0, format->n))
        return render_fail(r, "strftime_now takes a format text of at most %d bytes", LONGEST / 2);
    /* A byte in front tells an empty result from one that does not fit. */
    spec[0] = 'x';
    for (uint32_t i = 0; i < format->n; i++) {
        if (format->s[i] == '%' && i + 1 < format->n) {
            char d = format->s[++i];
            if (d == 'f') {
                memcpy(spec + n, "000000", 6);
                n += 6;
            } else if (d != 'Z' && d != 'z') {
                spec[n++] = '%';
                spec[n++] = d;
            }
        } else {
            spec[n++] = format->s[i];
        }
        if (n > sizeof spec - 8)
            return render_fail(r, "strftime_now: the format is too long");
    }
    spec[n] = 0;
    gmtime_r(&now, &tm);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    n = strftime(text, sizeof text, spec, &tm);
#pragma GCC diagnostic pop
    return n ? value_strn(r->a, text + 1, n - 1) : render_fail(r, "strftime_now: the text is too long");
}

static const struct {
    const char *name;
    const struct value *(*fn)(struct render *, const struct call *);
    uint32_t flags;                        /* profile it needs */
    struct value object;
} globals[] = {
#define GLOBAL(name, fn, flags, text) \
    {name, fn, flags, {.type = OBJ_GLOBAL, .n = sizeof(text) - 1, .s = text}}
    GLOBAL("range", global_range, 0, "<class 'range'>"),
    GLOBAL("dict", global_dict, 0, "<class 'dict'>"),
    GLOBAL("namespace", global_namespace, 0, "<class 'jinja2.utils.Namespace'>"),
    GLOBAL("cycler", global_cycler, 0, "<class 'jinja2.utils.Cycler'>"),
    GLOBAL("joiner", global_joiner, 0, "<class 'jinja2.utils.Joiner'>"),
    GLOBAL("raise_exception", global_raise, TEMPLATE_CHAT, "<function raise_exception>"),
    GLOBAL("strftime_now", global_strftime, TEMPLATE_CHAT, "<function strftime_now>"),
#undef GLOBAL
};

const struct value *template_global(uint32_t flags, struct pystr name)
{
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++)
        if (strlen(globals[i].name) == name.n && memcmp(globals[i].name, name.s, name.n) == 0 &&
            (globals[i].flags & flags) == globals[i].flags)
            return &globals[i].object;
    return NULL;
}

const struct value *template_global_call(struct render *r, const struct value *f, const struct call *c)
{
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++)
        if (f == &globals[i].object)
            return globals[i].fn(r, c);
    return render_fail(r, "'%s' object is not callable", render_type(f));
}
