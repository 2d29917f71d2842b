/* describe.c - what a person may ask about a task without running it. */
#include <string.h>

#include "harness/base/err.h"
#include "tasks/index.h"
#include "tasks/port.h"
#include "tasks/task_impl.h"

int task_config(struct task_index *x, const struct task_node *node, struct arena *a,
                const struct value **out, struct assay_err *e)
{
    const struct value *config = node->config;
    if (!config)
        TRY(task_files_load(&x->files, node->path, false, a, &config, e));
    for (uint32_t i = 0; node->overrides && i < node->overrides->n; i++) {
        const struct value_entry *o = &node->overrides->entries[i];
        if (o->key->type == VALUE_STR)
            config = value_with(a, config, o->key->s, o->value);
    }
    *out = config;
    return 0;
}

const char *task_where(const struct task_index *x, const struct value *v, char out[TASK_PLACE])
{
    out[0] = 0;
    return v && v->line && *task_files_path(&x->files, v) ? task_files_where(&x->files, v, out) : out;
}

int task_function(struct task_index *x, const struct value *func, const char *key, struct arena *a,
                  struct assay_err *e)
{
    static const struct {
        const char *key;
        enum port_kind kind;
    } kinds[] = {{"process_docs", PORT_ROWS},      {"doc_to_text", PORT_VALUE},   {"doc_to_target", PORT_VALUE},
                 {"doc_to_choice", PORT_VALUE},    {"gen_prefix", PORT_VALUE},    {"process_results", PORT_RESULTS},
                 {"aggregation", PORT_AGGREGATE}, {"samples", PORT_SAMPLES}};
    char where[TASK_WHERE];
    struct port_use *use = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].key, key) != 0)
            continue;
        struct port_ask ask = {.kind = kinds[i].kind,
                               .func = func,
                               .key = key,
                               .yaml = task_files_path(&x->files, func),
                               .where = task_files_where(&x->files, func, where)};
        int rc = port_open(&ask, a, &use, e);
        port_release(use);
        return rc;
    }
    return err_set(e, ASSAY_EUNSUPPORTED, "no function for '%s' is built in", key);
}

const char *const *task_index_members(struct task_index *x, const char *tag, size_t *n)
{
    const struct index_entry *t = index_find(x, tag);
    *n = t && t->pub.kind == TASK_ENTRY_TAG ? t->n_members : 0;
    return *n ? t->members : NULL;
}

const struct task_entry *task_index_find(struct task_index *x, const char *name)
{
    const struct index_entry *found = index_find(x, name);
    return found ? &found->pub : NULL;
}

static bool list_has(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

/* Whether a group's file names one of `names` among its members. */
static bool group_holds(struct task_index *x, const struct task_entry *group, const char *const *names,
                        size_t n, struct arena *a)
{
    const struct value *config;
    struct assay_err e;
    if (task_files_load(&x->files, group->path, true, a, &config, &e) < 0)
        return false;
    const struct value *list = value_get(config, "task");
    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++) {
        const struct value *m = list->items[i];
        if (m->type == VALUE_DICT)
            m = value_get(m, "group") ? value_get(m, "group") : value_get(m, "task");
        if (m && m->type == VALUE_STR && list_has(names, n, m->s))
            return true;
    }
    return false;
}

const char *const *task_index_holders(struct task_index *x, const char *name, struct arena *a, size_t *n)
{
    size_t n_all, n_names = 1;
    const struct task_entry *all = task_index_entries(x, &n_all);
    const char **out = ARENA_ARRAY(a, const char *, n_all + 1), **names = ARENA_ARRAY(a, const char *, n_all + 1);
    struct arena scratch = {0};
    *n = 0;
    names[0] = name;
    for (size_t i = 0; i < n_all; i++) {
        size_t n_members;
        const char *const *members = task_index_members(x, all[i].name, &n_members);
        if (list_has(members, n_members, name))
            names[n_names++] = out[(*n)++] = all[i].name;
    }
    for (size_t i = 0; i < n_all; i++) {
        if (all[i].kind == TASK_ENTRY_GROUP && group_holds(x, &all[i], names, n_names, &scratch))
            out[(*n)++] = all[i].name;
        arena_reset(&scratch);
    }
    arena_release(&scratch);
    return out;
}
