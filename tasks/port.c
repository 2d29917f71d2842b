/* port.c - finding the port of a function and running its program.  The rows: port_table.h. */
#include "tasks/port.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "tasks/code.h"
#include "tasks/port_table.h"
#include "tasks/template.h"

enum { MODULE_BYTES = 4 << 20 };

/* -- finding --------------------------------------------------------------------------------------- */

static const struct port *const families[] = {port_mmlu, port_africa, port_arabic, port_choice, port_score,
                                             port_classes};

const struct port *port_at(size_t i)
{
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const struct port *p = families[f]; p->name; p++)
            if (i-- == 0)
                return p;
    return NULL;
}

/* Path of "a.b.name" beside the YAML file, as upstream looks for it, and the name behind the last dot.
 * A module that is not there is taken as an installed one: its path is its name. */
static const char *module_path(const struct port_ask *ask, struct arena *a, const char **name, bool *here)
{
    const char *dot = strrchr(ask->func->s, '.');
    *name = dot ? dot + 1 : ask->func->s;
    if (!dot)
        return NULL;
    char *path = arena_printf(a, "%.*s.py", (int)(dot - ask->func->s), ask->func->s);
    for (char *p = path; p < path + (dot - ask->func->s); p++)
        if (*p == '.')
            *p = '/';
    char real[PATH_MAX]; /* an include's folder may hold ".." */
    *here = realpath(fs_join(a, fs_dirname(a, ask->yaml), path), real) != NULL;
    return *here ? arena_strdup(a, real) : arena_printf(a, "/%s", path);
}

/* The part of `name` that the '*' of `pattern` stands for; NULL: no match. */
static const char *star(const char *pattern, const char *name, struct arena *a)
{
    const char *at = strchr(pattern, '*');
    size_t n = strlen(name);
    if (!at)
        return strcmp(pattern, name) == 0 ? "" : NULL;
    size_t front = (size_t)(at - pattern), back = strlen(at + 1);
    if (n <= front + back || strncmp(pattern, name, front) != 0 ||
        strcmp(at + 1, name + n - back) != 0)
        return NULL;
    return arena_strndup(a, name + front, n - front - back);
}

static bool module_matches(const struct port *p, const char *path)
{
    return fnmatch(p->module, path, 0) == 0;
}

static int bind(const struct port *p, const struct port_ask *ask, const char *path, const char *arg,
                struct arena *a, struct port_use **out, struct assay_err *e)
{
    struct port_use *u = ARENA_NEW(a, struct port_use);
    const char *folder = fs_basename(fs_dirname(a, path));
    u->port = p;
    u->where = arena_strdup(a, ask->where);
    u->arg = value_str(a, arg);
    u->folder = value_str(a, folder);
    for (const struct port_texts *t = p->texts; t && t->folder; t++)
        if (strcmp(t->folder, folder) == 0) {
            const struct value *v[4];
            for (size_t i = 0; i < 4; i++)
                v[i] = value_str(a, t->v[i]);
            u->texts = value_list(a, v, 4);
        }
    if (p->texts && !u->texts)
        return err_set(e, ASSAY_EUNSUPPORTED, "%s: '%s' can't be used: !function %s knows no '%s'",
                       ask->where, ask->key, ask->func->s, folder);
    *out = u;
    if (p->kind == PORT_AGGREGATE || p->kind == PORT_FILTER || p->kind == PORT_CLASS)
        return 0; /* the text names a row of another table, or is no program */
    const char *name = arena_printf(a, "built-in %s", p->name);
    struct template_source src = {.text = p->text, .n = strlen(p->text), .where = name, .flags = TEMPLATE_PORT};
    return template_compile(&src, a, &u->tpl, e);
}

/* Whether `real` lies below the folder of the YAML file, links followed or not. */
static bool is_beside(const char *real, const char *yaml, struct arena *a)
{
    char folder[PATH_MAX], file[PATH_MAX];
    const char *dirs[2] = {NULL, NULL};
    if (realpath(fs_dirname(a, yaml), folder))
        dirs[0] = folder;
    if (realpath(yaml, file))
        dirs[1] = fs_dirname(a, file);
    for (size_t i = 0; i < 2; i++) {
        size_t n = dirs[i] ? strlen(dirs[i]) : 0;
        if (n && strncmp(real, dirs[i], n) == 0 && (real[n] == '/' || dirs[i][n - 1] == '/'))
            return true;
    }
    return false;
}

/* "lm_eval.tasks.x.y" of a YAML file inside such a tree, as upstream finds it installed; NULL: none. */
static const char *tree_module(const char *path, const char *yaml, struct arena *a)
{
    static const char tree[] = "/lm_eval/tasks/";
    char real[PATH_MAX], module[PATH_MAX];
    if (strncmp(path, tree, strlen(tree)) != 0 || !realpath(yaml, real))
        return NULL;
    char *at = strstr(real, tree);
    if (!at)
        return NULL;
    *at = 0;
    return realpath(arena_printf(a, "%s%s", real, path), module) ? arena_strdup(a, module) : NULL;
}

/* The files that upstream's answers were taken from, and nothing else: a helper or a constant elsewhere
 * in a module can change what a function does.  A file that is nothing but the piece of text the row
 * names has no function at all: tests use it. */
static bool is_known(const struct port *p, const char *text, size_t n)
{
    static const uint64_t known[] = {
#include "tasks/port_known_body.h"
    };
    uint8_t h[HASH_BYTES];
    uint64_t d = 0;
    size_t lo = 0, hi = sizeof known / sizeof *known;
    if (strcmp(text, p->evidence) == 0)
        return true;
    hash_bytes(text, n, h);
    for (int i = 0; i < 8; i++)
        d = d << 8 | h[i];
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (known[mid] == d)
            return true;
        *(known[mid] < d ? &lo : &hi) = known[mid] < d ? mid + 1 : mid;
    }
    return false;
}

static int open_code(const struct port_ask *ask, const char *path, bool here, struct arena *a,
                     struct port_use **out, struct assay_err *e)
{
    const char *name = strrchr(ask->func->s, '.') + 1;
    if (here && !is_beside(path, ask->yaml, a))
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "%s: '%s' can't be used: !function %s: its module is a link that leads out of "
                       "the task's folder, to '%s'",
                       ask->where, ask->key, ask->func->s, path);
    const char *inside = here ? path : tree_module(path, ask->yaml, a);
    const char *module =
        inside ? inside : arena_strndup(a, ask->func->s, (size_t)(name - 1 - ask->func->s));
    struct port_use *u = ARENA_NEW(a, struct port_use);
    u->where = arena_strdup(a, ask->where);
    TRY(code_open(ask, module, name, a, &u->code, e));
    *out = u;
    return 0;
}

struct module {                        /* where a function would be */
    const char *path, *name;
    bool is_here;                      /* beside the YAML file */
    bool is_known;                     /* a row is for another version of it */
};

/* Binds the function to the first row that fits; *out NULL: none does. */
static int find(const struct port_ask *ask, struct module *m, struct arena *a, struct port_use **out,
                struct assay_err *e)
{
    const char *text = NULL;
    const struct port *p;
    size_t n;
    m->path = module_path(ask, a, &m->name, &m->is_here);
    *out = NULL;
    for (size_t i = 0; m->path && (p = port_at(i)); i++) {
        const char *arg = p->kind == ask->kind ? star(p->name, m->name, a) : NULL;
        if (!arg || !module_matches(p, m->path))
            continue;
        m->is_known = true;
        if (m->is_here && !text)
            TRY(fs_read(m->path, MODULE_BYTES, a, &text, &n, e));
        if (m->is_here && (!strstr(text, p->evidence) || !is_known(p, text, n)))
            continue;
        int rc = bind(p, ask, m->path, arg, a, out, e);
        if (rc != ASSAY_EUNSUPPORTED || !ask->host)
            return rc;
    }
    return 0;
}

int port_open(const struct port_ask *ask, struct arena *a, struct port_use **out, struct assay_err *e)
{
    struct module m = {0};
    TRY(find(ask, &m, a, out, e));
    if (*out)
        return 0;
    if (m.path && ask->host)
        return open_code(ask, m.path, m.is_here, a, out, e);
    return err_set(e, ASSAY_EUNSUPPORTED, "%s: '%s' can't be used: !function %s: it is a Python function that is "
                   "not built in; --allow-task-code would load it, which runs code of that folder%s",
                   ask->where, ask->key, ask->func->s,
                   m.is_known ? " (its module is another version of one that is built in)" : "");
}

/* Texts "!function x" of a class' configuration become functions "module.Class:x", found where the
 * class is. */
static const struct value *with_functions(const struct value *v, const struct port_ask *ask, struct arena *a)
{
    static const char mark[] = "!function ";
    enum { MARK = sizeof mark - 1 };
    if (v->type == VALUE_STR && strncmp(v->s, mark, MARK) == 0) {
        struct value *f = value_str(a, arena_printf(a, "%s:%s", ask->func->s, v->s + MARK));
        f->type = VALUE_FUNC;
        f->file = ask->func->file;
        f->line = ask->func->line;
        f->col = ask->func->col;
        return f;
    }
    if (v->type == VALUE_LIST) {
        const struct value **items = ARENA_ARRAY(a, const struct value *, v->n + 1);
        for (uint32_t i = 0; i < v->n; i++)
            items[i] = with_functions(v->items[i], ask, a);
        return value_list(a, items, v->n);
    }
    if (v->type != VALUE_DICT)
        return v;
    struct value_entry *entries = ARENA_ARRAY(a, struct value_entry, v->n + 1);
    for (uint32_t i = 0; i < v->n; i++)
        entries[i] = (struct value_entry){v->entries[i].key, with_functions(v->entries[i].value, ask, a)};
    struct value *d = value_dict(a, entries, v->n);
    d->file = ask->func->file;
    return d;
}

int port_class(const struct port_ask *ask, struct arena *a, const struct value **out, bool *is_known,
               struct assay_err *e)
{
    struct module m = {0};
    struct port_use *u;
    const struct value *config;
    *out = NULL;
    TRY(find(ask, &m, a, &u, e));
    *is_known = m.is_known;
    if (!u)
        return 0;
    TRY(json_parse(u->port->text, strlen(u->port->text), "built-in class", 1, a, &config, e));
    *out = with_functions(config, ask, a);
    return 0;
}

void port_release(struct port_use *u)
{
    if (!u || u->code)
        return;
    template_release(u->tpl);
    u->tpl = NULL;
}

/* -- running --------------------------------------------------------------------------------------- */

/* What a program made: the text it printed, the names it set. */
struct made {
    const struct value *text, *names;
};

static int run(const struct port_use *u, const struct value *given, struct arena *a, struct made *out,
               struct assay_err *e)
{
    struct value_entry scope[6];
    size_t n = 0;
    for (; n < given->n; n++)
        scope[n] = given->entries[n];
    scope[n++] = (struct value_entry){value_str(a, "arg"), u->arg};
    scope[n++] = (struct value_entry){value_str(a, "folder"), u->folder};
    if (u->texts)
        scope[n++] = (struct value_entry){value_str(a, "texts"), u->texts};
    int rc = template_evaluate(u->tpl, value_dict(a, scope, n), a, &out->text, &out->names, e);
    return rc < 0 ? err_prefix(e, rc, "%s", u->where) : 0;
}

static bool is_true(const struct value *v)
{
    switch (v->type) {
    case VALUE_NULL:
        return false;
    case VALUE_BOOL:
        return v->b;
    case VALUE_INT:
        return v->i != 0;
    case VALUE_FLOAT:
        return v->f != 0;
    default:
        return v->n != 0;
    }
}

/* `doc` and one thing more, NULL: nothing. */
static const struct value *given(struct arena *a, const struct value *doc, const char *name,
                                 const struct value *more)
{
    struct value_entry e[2] = {{value_str(a, "doc"), doc}, {more ? value_str(a, name) : NULL, more}};
    return value_dict(a, e, more ? 2 : 1);
}

int port_row(const struct port_use *u, const struct port_doc *d, struct arena *a, const struct value **out,
             struct assay_err *e)
{
    struct made m;
    TRY(run(u, given(a, d->doc, "row", value_int(a, (int64_t)d->idx)), a, &m, e));
    *out = NULL;
    const struct value *keep = value_get(m.names, "_keep");
    if (keep && !is_true(keep))
        return 0;
    *out = value_get(m.names, "_rows");
    if (*out)
        return 0;
    *out = d->doc;
    for (uint32_t i = 0; i < m.names->n; i++)
        if (m.names->entries[i].key->s[0] != '_')
            *out = value_with(a, *out, m.names->entries[i].key->s, m.names->entries[i].value);
    return 0;
}

int port_field(const struct port_use *u, const struct port_row *row, struct arena *a,
               const struct value **out, struct assay_err *e)
{
    if (!u->code)
        return port_value(u, row->doc, a, out, e);
    const struct code_memo *m = u->memo;
    const struct value *fields = NULL;
    if (m && row->is_shot)
        fields = row->idx < m->n_pool ? m->pool[row->idx] : NULL;
    else if (m && m->doc == row->doc)
        fields = m->fields;
    if (!fields || fields->type != VALUE_LIST || fields->n <= u->slot)
        return code_field(u->code, row->idx, row->doc, a, out, e);
    const struct value *said = fields->items[u->slot];
    bool is_pair = said->type == VALUE_TUPLE && said->n == 2 && said->items[0]->type == VALUE_BOOL;
    if (is_pair && said->items[0]->b) {
        *out = said->items[1];
        return 0;
    }
    return err_set(e, ASSAY_EFORMAT, "%s: '%s' (!function %s): %.400s", u->where, u->code->key, u->code->spec,
                   is_pair && said->items[1]->type == VALUE_STR ? said->items[1]->s
                                                                : "the answer has no sense");
}

int port_value(const struct port_use *u, const struct value *doc, struct arena *a,
               const struct value **out, struct assay_err *e)
{
    struct made m;
    if (u->code)
        return code_samples(u->code, a, out, e);
    TRY(run(u, given(a, doc, NULL, NULL), a, &m, e));
    const struct value *v = value_get(m.names, "out");
    *out = v ? v : m.text;
    return 0;
}

int port_data(const struct port_use *u, const struct value *kwargs, struct arena *a, const char **path,
              const char **name, struct assay_err *e)
{
    const struct value_entry all = {value_str(a, "kwargs"), kwargs};
    struct made m;
    TRY(run(u, value_dict(a, &all, 1), a, &m, e));
    const struct value *v[2] = {value_get(m.names, "path"), value_get(m.names, "name")};
    if (!v[0] || v[0]->type != VALUE_STR || (v[1] && v[1]->type != VALUE_STR && v[1]->type != VALUE_NULL))
        return err_set(e, ASSAY_EFORMAT, "%s: 'custom_dataset' is called with arguments that name no data set",
                       u->where);
    *path = v[0]->s;
    *name = v[1] && v[1]->type == VALUE_STR ? v[1]->s : NULL;
    return 0;
}

/* Names are Python's, scores are called as they like: "r_at_1" is "r@1". */
static const char *score_name(struct arena *a, const char *name)
{
    const char *at = strstr(name, "_at_");
    return at ? arena_printf(a, "%.*s@%s", (int)(at - name), name, at + 4) : name;
}

int port_results(const struct port_use *u, const struct value *doc, const struct value *results,
                 struct arena *a, const struct value **out, struct assay_err *e)
{
    struct made m;
    TRY(run(u, given(a, doc, "results", results), a, &m, e));
    size_t n = 0;
    struct value_entry *all = ARENA_ARRAY(a, struct value_entry, m.names->n + 1);
    for (uint32_t i = 0; i < m.names->n; i++) {
        const struct value_entry *x = &m.names->entries[i];
        if (x->key->s[0] != '_')
            all[n++] = (struct value_entry){value_str(a, score_name(a, x->key->s)), x->value};
    }
    *out = value_dict(a, all, n);
    return 0;
}

const char *const *port_scores(const struct port_use *u, struct arena *a, size_t *n)
{
    size_t all;
    const char *const *names = template_sets(u->tpl, a, &all);
    const char **public = ARENA_ARRAY(a, const char *, all + 1);
    *n = 0;
    for (size_t i = 0; i < all; i++)
        if (names[i][0] != '_')
            public[(*n)++] = score_name(a, names[i]);
    return public;
}
