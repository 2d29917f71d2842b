/* group.c - members and overrides of groups.
 *
 * Precedence: task file < keys of its group < keys of an outer group; the keys an item of `task:`
 * writes beside a name win over all of them.  An override replaces a whole top-level key.
 *
 * Invariant: a plan has one node per name.  A task that is reached twice with different overrides
 * keeps the last ones, as upstream, with a warning.
 *
 * Departures: `{task: <group or tag>, ...}` does not rename the members (upstream gives all of them
 * one name and loses all but one), and an inline task may `include` (upstream fails to load it). */
#include "tasks/group.h"

#include <stdio.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/log.h"
#include "tasks/task_keys.h"

enum { NODE_FRESH, NODE_BUILDING, NODE_BUILT };
enum { PLAN_STEPS = 1000000 };

static const char *const group_keys[] = {"group",    "group_alias", "task", "aggregate_metric_list",
                                         "metadata", NULL};

struct group_def { /* a group to be planned */
    const char *name, *path;
    const struct value *config;
    const struct value *overrides; /* from outside; NULL: none */
    const char *alias;             /* NULL: as the config says */
};

static int plan_group(struct plan_build *, const struct group_def *, size_t *at);

/* -- dictionaries ------------------------------------------------------------------------------ */

static bool in_list(const char *const *list, const struct value *key)
{
    for (; *list; list++)
        if (value_is_str(key, *list))
            return true;
    return false;
}

/* {k: v for k, v in d if k not in keys}, NULL when nothing is left. */
static const struct value *dict_without(struct arena *a, const struct value *d,
                                        const char *const *keys)
{
    if (!d)
        return NULL;
    struct value_entry *some = ARENA_ARRAY(a, struct value_entry, d->n ? d->n : 1);
    size_t n = 0;
    for (uint32_t i = 0; i < d->n; i++)
        if (!in_list(keys, d->entries[i].key))
            some[n++] = d->entries[i];
    return n ? value_dict(a, some, n) : NULL;
}

/* {**lo, **hi}; either may be NULL. */
static const struct value *dict_over(struct arena *a, const struct value *lo,
                                     const struct value *hi)
{
    if (!lo || !hi)
        return lo ? lo : hi;
    struct value_entry *all = ARENA_ARRAY(a, struct value_entry, (size_t)lo->n + hi->n);
    memcpy(all, lo->entries, lo->n * sizeof *all);
    memcpy(all + lo->n, hi->entries, hi->n * sizeof *all);
    return value_dict(a, all, (size_t)lo->n + hi->n);
}

static bool dict_same(const struct value *a, const struct value *b)
{
    return a == b || (a && b && value_equal(a, b));
}

static const char *dict_text(const struct value *d, const char *key)
{
    const struct value *v = d ? value_get(d, key) : NULL;
    return v && v->type == VALUE_STR ? v->s : NULL;
}

/* -- nodes ------------------------------------------------------------------------------------- */

void plan_list_add(struct plan_list *l, struct arena *a, size_t at)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i] == at)
            return;
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        size_t *wide = ARENA_ARRAY(a, size_t, l->cap);
        if (l->n)
            memcpy(wide, l->v, l->n * sizeof *wide);
        l->v = wide;
    }
    l->v[l->n++] = at;
}

static size_t node_at(struct plan_build *b, const char *name, bool *is_new)
{
    uint32_t known = task_names_get(&b->names, name);
    *is_new = known == TASK_NAMES_NONE;
    if (!*is_new)
        return known;
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 64;
        struct task_node *nodes = ARENA_ARRAY(b->arena, struct task_node, b->cap);
        uint8_t *states = ARENA_ARRAY(b->arena, uint8_t, b->cap);
        if (b->n) {
            memcpy(nodes, b->nodes, b->n * sizeof *nodes);
            memcpy(states, b->states, b->n * sizeof *states);
        }
        b->nodes = nodes;
        b->states = states;
    }
    b->nodes[b->n].name = arena_strdup(b->arena, name);
    task_names_set(&b->names, b->nodes[b->n].name, (uint32_t)b->n);
    return b->n++;
}

/* A leaf: from its file (config NULL) or inline. */
static int plan_task(struct plan_build *b, const struct group_def *d, size_t *at)
{
    bool is_new;
    *at = node_at(b, d->name, &is_new);
    struct task_node *node = &b->nodes[*at];
    if (!is_new && node->is_group)
        return err_set(b->e, ASSAY_EFORMAT, "%s: task '%s' has the name of a group", d->path,
                       d->name);
    if (!is_new && !dict_same(node->overrides, d->overrides))
        log_warn("task '%s' is reached twice with different settings; the last ones are used",
                 d->name);
    node->path = arena_strdup(b->arena, d->path);
    node->config = d->config;
    node->overrides = d->overrides;
    node->alias = dict_text(d->overrides, "task_alias");
    if (!node->alias)
        node->alias = dict_text(d->config, "task_alias");
    return 0;
}

int plan_unknown(struct plan_build *b, const char *where, const char *name, int code)
{
    size_t n;
    const struct task_entry *all = task_index_entries(b->index, &n);
    const char **names = ARENA_ARRAY(b->arena, const char *, n ? n : 1);
    for (size_t i = 0; i < n; i++)
        names[i] = all[i].name;
    const char *near = field_nearest(name, names, n);
    char also[300] = "";
    if (b->index->n_broken)
        snprintf(also, sizeof also, "; %zu task files could not be read, the first: %s",
                 b->index->n_broken, b->index->broken);
    if (near)
        return err_set(b->e, code, "%sunknown task '%s', did you mean '%s'?%s", where, name, near,
                       also);
    return err_set(b->e, code, "%sunknown task '%s'%s", where, name, also);
}

int plan_entry(struct plan_build *b, const struct index_entry *entry, const struct value *overrides,
               struct plan_list *into)
{
    static const char *const dropped[] = {"task", "group", NULL};
    const char *const *names =
        entry->pub.kind == TASK_ENTRY_TAG ? entry->members : &entry->pub.name;
    size_t n = entry->pub.kind == TASK_ENTRY_TAG ? entry->n_members : 1, at;
    overrides = dict_without(b->arena, overrides, dropped);
    for (size_t i = 0; i < n; i++) {
        const struct index_entry *one = index_find(b->index, names[i]);
        struct group_def d = {.name = one->pub.name, .path = one->pub.path, .overrides = overrides};
        if (one->pub.kind == TASK_ENTRY_GROUP) {
            TRY(task_files_load(&b->index->files, d.path, false, b->arena, &d.config, b->e));
            TRY(plan_group(b, &d, &at));
        } else {
            TRY(plan_task(b, &d, &at));
        }
        plan_list_add(into, b->arena, at);
    }
    return 0;
}

int plan_file(struct plan_build *b, const char *path, enum plan_pass pass, struct plan_list *into)
{
    const struct value *config;
    TRY(task_files_load(&b->index->files, path, false, b->arena, &config, b->e));
    enum index_shape shape = index_shape(config);
    if (shape == INDEX_NEITHER)
        return err_set(b->e, ASSAY_EFORMAT, "%s:1:1: no task: it has neither 'task' nor 'group'",
                       path);
    const struct value *name = value_get(config, shape == INDEX_GROUP ? "group" : "task");
    char where[TASK_WHERE];
    if (!name || name->type != VALUE_STR)
        return err_set(b->e, ASSAY_EFORMAT, "%s: the name of a %s must be text",
                       task_files_where(&b->index->files, name ? name : config, where),
                       shape == INDEX_GROUP ? "group" : "task");
    if (pass == (shape == INDEX_GROUP ? PLAN_TASKS : PLAN_GROUPS))
        return 0;
    struct group_def d = {.name = name->s, .path = path};
    size_t at = task_names_get(&b->names, d.name);
    if (pass == PLAN_TASKS && at != TASK_NAMES_NONE) {
        plan_list_add(into, b->arena, at);
        return 0;
    }
    if (shape == INDEX_GROUP) {
        d.config = config;
        TRY(plan_group(b, &d, &at));
    } else {
        TRY(plan_task(b, &d, &at));
    }
    plan_list_add(into, b->arena, at);
    return 0;
}

/* -- members ----------------------------------------------------------------------------------- */

/* A name nobody has may stand beside the group's file, in a folder that was not read yet. */
static int member_find(struct plan_build *b, const struct group_def *g, const char *name,
                       const struct index_entry **out)
{
    *out = index_find(b->index, name);
    if (*out)
        return 0;
    struct arena_mark mark = arena_mark(b->arena);
    const char *slash = strrchr(g->path, '/');
    const char *dir = slash ? arena_strndup(b->arena, g->path, (size_t)(slash - g->path)) : ".";
    int rc = index_add(b->index, *dir ? dir : "/", true, b->e);
    arena_rewind(b->arena, mark);
    *out = index_find(b->index, name);
    return rc;
}

/* {group: name, ...}: a known group with overrides, or a new one defined here. */
static int member_group(struct plan_build *b, const struct group_def *g, const struct value *item,
                        struct plan_list *into)
{
    static const char *const dropped[] = {"group", "group_alias", NULL};
    const struct value *name = value_get(item, "group");
    char where[TASK_WHERE];
    task_files_where(&b->index->files, name, where);
    if (name->type != VALUE_STR)
        return err_set(b->e, ASSAY_EFORMAT, "%s: the name of a group must be text", where);
    const struct index_entry *known;
    struct group_def d = {.alias = dict_text(item, "group_alias")};
    size_t at;
    bool is_whole = value_get(item, "task") != NULL;
    if (is_whole)
        known = index_find(b->index, name->s);
    else
        TRY(member_find(b, g, name->s, &known));
    bool is_group = known && known->pub.kind == TASK_ENTRY_GROUP;
    if (known && !is_group && !is_whole)
        return plan_entry(b, known, dict_over(b->arena, g->overrides, item), into);
    if (!known && !is_whole) {
        char before[TASK_WHERE + 2];
        snprintf(before, sizeof before, "%s: ", where);
        return plan_unknown(b, before, name->s, ASSAY_EFORMAT);
    }
    if (!is_group) {
        d.name = arena_printf(b->arena, "%s::%s", g->name, name->s);
        d.path = g->path;
        d.config = item;
        d.overrides = g->overrides;
    } else {
        if (is_whole || value_get(item, "aggregate_metric_list"))
            return err_set(b->e, ASSAY_EFORMAT,
                           "%s: group '%s' exists already; its members and "
                           "aggregates can't be replaced here, use another name",
                           where, name->s);
        d.name = known->pub.name;
        d.path = known->pub.path;
        d.overrides = dict_over(b->arena, g->overrides, dict_without(b->arena, item, dropped));
        TRY(task_files_load(&b->index->files, d.path, false, b->arena, &d.config, b->e));
    }
    TRY(plan_group(b, &d, &at));
    plan_list_add(into, b->arena, at);
    return 0;
}

/* {task: name, ...}: a known task, group or tag with overrides, or a new task defined here. */
static int member_task(struct plan_build *b, const struct group_def *g, const struct value *item,
                       struct plan_list *into)
{
    static const char *const dropped[] = {"include", NULL};
    const struct value *name = value_get(item, "task");
    char where[TASK_WHERE], before[TASK_WHERE + 2];
    task_files_where(&b->index->files, name ? name : item, where);
    if (!name || name->type != VALUE_STR)
        return err_set(b->e, ASSAY_EFORMAT,
                       "%s: a member of group '%s' needs 'task' or 'group' "
                       "with a name",
                       where, g->name);
    const struct index_entry *known = index_find(b->index, name->s);
    bool is_whole = value_get(item, "doc_to_text") || value_get(item, "dataset_path") ||
                    value_get(item, "include");
    if (!known && !is_whole)
        TRY(member_find(b, g, name->s, &known));
    if (known)
        return plan_entry(b, known, dict_over(b->arena, g->overrides, item), into);
    snprintf(before, sizeof before, "%s: ", where);
    if (!is_whole)
        return plan_unknown(b, before, name->s, ASSAY_EFORMAT);
    const struct value *config;
    TRY(task_files_include(&b->index->files, item, g->path, b->arena, &config, b->e));
    config = dict_over(b->arena, config, g->overrides);
    config = dict_over(b->arena, config, dict_without(b->arena, item, dropped));
    struct group_def d = {.path = g->path};
    d.name = arena_printf(b->arena, "%s::%s", g->name, name->s);
    d.config = value_with(b->arena, config, "task", value_str(b->arena, d.name));
    size_t at;
    TRY(plan_task(b, &d, &at));
    plan_list_add(into, b->arena, at);
    return 0;
}

static int plan_member(struct plan_build *b, const struct group_def *g, const struct value *item,
                       struct plan_list *into)
{
    char where[TASK_WHERE];
    if (item->type == VALUE_STR) {
        const struct index_entry *known;
        TRY(member_find(b, g, item->s, &known));
        if (known)
            return plan_entry(b, known, g->overrides, into);
        char before[TASK_WHERE + 2];
        snprintf(before, sizeof before, "%s: ", task_files_where(&b->index->files, item, where));
        return plan_unknown(b, before, item->s, ASSAY_EFORMAT);
    }
    if (item->type != VALUE_DICT)
        return err_set(b->e, ASSAY_EFORMAT,
                       "%s: a member of group '%s' is %s, expected a name or a "
                       "mapping",
                       task_files_where(&b->index->files, item, where), g->name,
                       value_type_name(item));
    return value_get(item, "group") ? member_group(b, g, item, into)
                                    : member_task(b, g, item, into);
}

/* Checks the aggregates now, while the places of their keys are known. */
static int group_check(struct plan_build *b, const struct group_def *g)
{
    const struct task_files *f = &b->index->files;
    TRY(task_keys_check(f, g->config, TASK_KEYS_GROUP, b->e));
    const struct value *list = value_get(g->config, "aggregate_metric_list");
    const struct value *const *items = list && list->type == VALUE_LIST ? list->items : &list;
    size_t n = !list || list->type == VALUE_NULL ? 0 : list->type == VALUE_LIST ? list->n : 1;
    char where[TASK_WHERE];
    for (size_t i = 0; i < n; i++) {
        task_files_where(f, items[i], where);
        if (items[i]->type != VALUE_DICT)
            return err_set(b->e, ASSAY_EFORMAT,
                           "%s: an entry of 'aggregate_metric_list' must be a "
                           "mapping",
                           where);
        TRY(task_keys_check(f, items[i], TASK_KEYS_AGGREGATE, b->e));
        const char *agg = dict_text(items[i], "aggregation");
        if (agg && strcmp(agg, "mean") != 0)
            return err_set(b->e, ASSAY_EFORMAT, "%s: a group aggregates by 'mean', not by '%s'",
                           task_files_where(f, value_get(items[i], "aggregation"), where), agg);
        if (!dict_text(items[i], "metric"))
            return err_set(b->e, ASSAY_EFORMAT,
                           "%s: an entry of 'aggregate_metric_list' needs "
                           "'metric'",
                           where);
        const struct value *filters = value_get(items[i], "filter_list");
        for (uint32_t k = 0; filters && filters->type == VALUE_LIST && k < filters->n; k++)
            if (filters->items[k]->type != VALUE_STR)
                return err_set(b->e, ASSAY_EFORMAT, "%s: a filter's name must be text",
                               task_files_where(f, filters->items[k], where));
    }
    return 0;
}

static int plan_group(struct plan_build *b, const struct group_def *d, size_t *at)
{
    bool is_new;
    *at = node_at(b, d->name, &is_new);
    if (++b->n_steps > PLAN_STEPS)
        return err_set(b->e, ASSAY_ELIMIT, "%s: group '%s' unfolds into too many tasks", d->path,
                       d->name);
    if (b->states[*at] == NODE_BUILDING)
        return err_set(b->e, ASSAY_EFORMAT, "%s: group '%s' contains itself", d->path, d->name);
    struct task_node *node = &b->nodes[*at];
    if (!is_new && !node->is_group)
        return err_set(b->e, ASSAY_EFORMAT, "%s: group '%s' has the name of a task", d->path,
                       d->name);
    if (!is_new && dict_same(node->overrides, d->overrides))
        return 0;
    TRY(group_check(b, d));
    node->is_group = true;
    node->path = arena_strdup(b->arena, d->path);
    node->config = d->config;
    node->overrides = d->overrides;
    node->alias = d->alias ? d->alias : dict_text(d->config, "group_alias");
    b->states[*at] = NODE_BUILDING;

    struct group_def g = *d;
    g.overrides = dict_over(b->arena, dict_without(b->arena, d->config, group_keys), d->overrides);
    const struct value *members = value_get(d->config, "task");
    struct plan_list children = {0};
    for (uint32_t i = 0; members && members->type == VALUE_LIST && i < members->n; i++)
        TRY(plan_member(b, &g, members->items[i], &children));
    b->nodes[*at].children = children.v;
    b->nodes[*at].n_children = children.n;
    b->states[*at] = NODE_BUILT;
    return 0;
}
