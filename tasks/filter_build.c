/* filter_build.c - an entry of filter_list to a pipeline: names looked up, options checked, patterns compiled. */
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/value.h"
#include "tasks/filter_impl.h"
#include "tasks/port.h"
#include "tasks/regex.h"

struct builder {
    const char *path;
    struct arena *a;
    struct assay_err *err;
    const struct task_host *host;
};

static int refuse(const struct builder *b, const struct value *at, const char *what, const char *name)
{
    return err_set(b->err, ASSAY_EFORMAT, "%s:%u:%u: %s '%s'", b->path, at->line, at->col, what, name);
}

static int want(const struct builder *b, const struct value *v, enum value_type type, const char *name)
{
    static const char *const what[] = {[VALUE_BOOL] = "true or false", [VALUE_INT] = "an integer",
                                       [VALUE_STR] = "text", [VALUE_LIST] = "a list",
                                       [VALUE_DICT] = "a mapping"};
    if (v->type == type)
        return 0;
    return err_set(b->err, ASSAY_EFORMAT, "%s:%u:%u: '%s' must be %s", b->path, v->line, v->col, name,
                   what[type]);
}

static int compile_regex(const struct builder *b, const struct value *v, struct regex **out)
{
    TRY(want(b, v, VALUE_STR, "a regular expression"));
    int rc = regex_compile(pystr(v->s, v->n), 0, out, b->err);
    return rc < 0 ? err_prefix(b->err, rc, "%s:%u:%u", b->path, v->line, v->col) : 0;
}

static int set_ignore(const struct builder *b, const struct value *v, struct filter_step *s)
{
    if (v->type == VALUE_NULL)
        return 0;
    TRY(want(b, v, VALUE_LIST, "regexes_to_ignore"));
    s->ignore = ARENA_ARRAY(b->a, struct regex *, v->n + 1);
    for (uint32_t i = 0; i < v->n; i++) {
        TRY(compile_regex(b, v->items[i], &s->ignore[i]));
        s->n_ignore++;
    }
    return 0;
}

static int set_kwarg(const struct builder *b, const struct value *key, const struct value *v,
                     struct filter_step *s)
{
    if (value_is_str(key, "regex_pattern")) {
        regex_free(s->regex);
        s->regex = NULL;
        return compile_regex(b, v, &s->regex);
    }
    if (value_is_str(key, "regexes_to_ignore"))
        return set_ignore(b, v, s);
    if (value_is_str(key, "group_select") || value_is_str(key, "k")) {
        TRY(want(b, v, VALUE_INT, key->s));
        if (key->n == 1 && (v->i < 1 || v->i > 100000))
            return refuse(b, v, "must be 1..100000:", "k");
        *(key->n == 1 ? &s->k : &s->group_select) = v->i;
        return 0;
    }
    if (value_is_str(key, "fallback")) {
        TRY(want(b, v, VALUE_STR, "fallback"));
        s->fallback = pystr(v->s, v->n);
        return 0;
    }
    if (value_is_str(key, "mapping_dict")) {
        TRY(want(b, v, VALUE_DICT, "mapping_dict"));
        s->mapping = v;
        return 0;
    }
    if (value_is_str(key, "default_value")) {
        s->absent = v;
        return 0;
    }
    TRY(want(b, v, VALUE_BOOL, key->s));
    *(value_is_str(key, "ignore_case") ? &s->ignore_case : &s->ignore_punctuation) = v->b;
    return 0;
}

static bool takes(const struct filter_kind *k, const struct value *key)
{
    for (const char *p = k->kwargs; *p;) {
        size_t n = strcspn(p, ",");
        if (key->type == VALUE_STR && n == key->n && memcmp(p, key->s, n) == 0)
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

static int open_function(const struct builder *b, enum port_kind kind, const struct value *func,
                         struct port_use **out)
{
    const char *where = arena_printf(b->a, "%s:%u:%u", b->path, func->line, func->col);
    struct port_ask ask = {kind, func, "filter_list", b->path, where, b->host};
    return port_open(&ask, b->a, out, b->err);
}

/* A class of a task: built in, or Python's. */
static int find_class(const struct builder *b, const struct value *name, struct filter_step *s)
{
    struct port_use *use;
    TRY(open_function(b, PORT_FILTER, name, &use));
    const struct filter_kind *built_in = use->port ? filter_kind_port(use->port->text) : NULL;
    s->kind = built_in ? built_in : &filter_python;
    s->python.code = use->code;
    return 0;
}

static int find_kind(const struct builder *b, const struct value *name, const struct filter_kind **out)
{
    if (value_is_str(name, "custom")) {
        *out = &filter_python;
        return 0;
    }
    TRY(want(b, name, VALUE_STR, "function"));
    *out = filter_kind_find(name);
    if (*out)
        return 0;
    size_t n = 0;
    while (filter_functions()[n])
        n++;
    const char *near = field_nearest(name->s, filter_functions(), n);
    if (!near)
        return refuse(b, name, "unknown filter function", name->s);
    return err_set(b->err, ASSAY_EFORMAT, "%s:%u:%u: unknown filter function '%s', did you mean '%s'?",
                   b->path, name->line, name->col, name->s, near);
}

/* A class or function of Python, or 'custom' with one as its option: what else stands there is its. */
static int build_python(const struct builder *b, const struct value *spec, const struct value *name,
                        struct filter_step *s)
{
    struct value_entry *kwargs = ARENA_ARRAY(b->a, struct value_entry, spec->n + 1);
    size_t n = 0;
    s->python.host = b->host;
    s->python.where = arena_printf(b->a, "%s:%u:%u: filter '%s'", b->path, name->line, name->col, name->s);
    for (uint32_t i = 0; i < spec->n; i++) {
        const struct value_entry *x = &spec->entries[i];
        if (value_is_str(x->key, "function"))
            continue;
        kwargs[n] = *x;
        if (x->value->type == VALUE_FUNC) {
            struct port_use *use;
            TRY(open_function(b, PORT_NONE, x->value, &use));
            s->option = use->code;
            kwargs[n].value = code_option(s->option, b->a);
        }
        n++;
    }
    s->python.kwargs = value_dict(b->a, kwargs, n);
    if (name->type != VALUE_FUNC && !value_get(s->python.kwargs, "filter_fn"))
        return refuse(b, spec, "filter 'custom' needs the option", "filter_fn");
    return 0;
}

static int build_step(const struct builder *b, const struct value *spec, struct filter_step *s)
{
    TRY(want(b, spec, VALUE_DICT, "a step of a filter"));
    const struct value *name = value_get(spec, "function");
    if (!name)
        return refuse(b, spec, "a filter step needs the key", "function");
    TRY(name->type == VALUE_FUNC ? find_class(b, name, s) : find_kind(b, name, &s->kind));
    if (s->kind == &filter_python)
        return build_python(b, spec, name, s);
    s->fallback = PYSTR("[invalid]");
    s->absent = &value_null;
    for (uint32_t i = 0; i < spec->n; i++) {
        const struct value *key = spec->entries[i].key;
        if (value_is_str(key, "function"))
            continue;
        if (!takes(s->kind, key))
            return err_set(b->err, ASSAY_EFORMAT, "%s:%u:%u: filter '%s' has no option '%s'%s%s", b->path,
                           key->line, key->col, s->kind->name, key->type == VALUE_STR ? key->s : "?",
                           *s->kind->kwargs ? "; it takes " : "", s->kind->kwargs);
        TRY(set_kwarg(b, key, spec->entries[i].value, s));
    }
    if (filter_needs_count(s->kind) && s->k == 0)
        return refuse(b, spec, "take_first_k needs the option", "k");
    if (!s->regex && takes(s->kind, &(struct value){.type = VALUE_STR, .s = "regex_pattern", .n = 13}))
        return regex_compile(PYSTR("#### (\\-?[0-9\\.\\,]+)"), 0, &s->regex, b->err);
    return 0;
}

static int build(const struct builder *b, const struct value *spec, struct filter *f)
{
    TRY(want(b, spec, VALUE_DICT, "an entry of filter_list"));
    const struct value *name = value_get(spec, "name"), *steps = value_get(spec, "filter");
    if (!name || !steps)
        return refuse(b, spec, "a pipeline needs the key", name ? "filter" : "name");
    TRY(want(b, name, VALUE_STR, "name"));
    TRY(want(b, steps, VALUE_LIST, "filter"));
    for (uint32_t i = 0; i < spec->n; i++) {
        const struct value *key = spec->entries[i].key;
        if (!value_is_str(key, "name") && !value_is_str(key, "filter"))
            return refuse(b, key, "unknown key of a pipeline", key->type == VALUE_STR ? key->s : "?");
    }
    f->name = name->s;
    f->steps = ARENA_ARRAY(b->a, struct filter_step, steps->n + 1);
    for (uint32_t i = 0; i < steps->n; i++) {
        f->n_steps++;
        TRY(build_step(b, steps->items[i], &f->steps[i]));
    }
    return 0;
}

int filter_compile(const struct value *spec, const char *path, struct arena *a, struct filter *f,
                   struct assay_err *e)
{
    struct builder b = {path, a, e, f->host};
    *f = (struct filter){.host = f->host};
    if (!spec) {
        f->name = "none";
        f->steps = ARENA_ARRAY(a, struct filter_step, 1);
        f->steps[0] = (struct filter_step){.kind = filter_kind_find(value_str(a, "take_first"))};
        f->n_steps = 1;
        return 0;
    }
    int rc = build(&b, spec, f);
    if (rc < 0)
        filter_release(f);
    return rc;
}

void filter_code(const struct filter *f, const struct code **all, size_t most, size_t *n)
{
    for (size_t i = 0; i < 2 * f->n_steps; i++) {
        const struct filter_step *s = &f->steps[i / 2];
        const struct code *c = i % 2 ? s->option : s->python.code;
        if (c && *n < most)
            all[(*n)++] = c;
    }
}

void filter_release(struct filter *f)
{
    for (size_t i = 0; f && i < f->n_steps; i++) {
        struct filter_step *s = &f->steps[i];
        regex_free(s->regex);
        s->regex = NULL;
        for (size_t k = 0; k < s->n_ignore; k++)
            regex_free(s->ignore[k]);
        s->n_ignore = 0;
    }
}
