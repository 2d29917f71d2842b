/* plan.c - a suite resolved against plugins, tasks and datasets. */
#include "harness/run/plan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "datasets/hub.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/hash.h"
#include "harness/base/log.h"
#include "harness/base/text.h"
#include "datasets/data.h"
#include "harness/base/value.h"
#include "harness/run/chats.h"
#include "harness/run/need.h"
#include "harness/run/paths.h"
#include "harness/run/prepare.h"
#include "harness/run/taskcode.h"
#include "tasks/chat.h"

/* What load_dataset() of task code may have in one answer. */

const char *plan_output_name(const struct task *t)
{
    static const char *const names[] = {"multiple_choice", "loglikelihood", "loglikelihood_rolling",
                                        "generate_until"};
    return names[t->output];
}

/* -- tasks ------------------------------------------------------------------------------------- */

static struct task_settings settings_of(const struct plan *p)
{
    const struct suite *s = p->suite;
    return (struct task_settings){
        .host = taskcode_host(p->code),
        .n_fewshot = (int)s->fewshot,
        .fewshot_seed = (uint64_t)s->fewshot_seed,
        .bootstrap_iters = (int)s->bootstrap,
        .system_instruction = s->system_instruction,
        .gen_prefix = s->gen_prefix,
        .applies_chat = s->applies_chat,
        .shots_as_turns = s->shots_as_turns,
        .strict_fewshot = s->strict_fewshot != 0,
        .gen_kwargs = s->gen_kwargs,
        .naive_sum = strcmp(s->float_sum, "naive") == 0,
    };
}

static void task_uid(struct plan_task *t)
{
    struct hash h = {0};
    uint8_t digest[HASH_BYTES];
    hash_init(&h);
    hash_add_str(&h, t->task->name, strlen(t->task->name));
    hash_add_str(&h, t->task->config_uid, 64);
    hash_add_str(&h, t->dataset_uid, 64);
    hash_end(&h, digest);
    hash_release(&h);
    hash_hex(digest, t->uid);
}

static int resolve_task(struct plan *p, struct plan_task *t, struct assay_err *e)
{
    struct task_settings settings = settings_of(p);
    struct docs *docs = NULL;
    TRY(task_load(p->index, t->node, &settings, &p->arena, &t->task, e));
    if (p->chat)
        task_set_chat(t->task, p->chat);
    int rc = docs_open(t->task, p->suite, &p->paths, &docs, e);
    if (rc >= 0)
        rc = docs_uid(docs, t->dataset_uid, e);
    if (rc >= 0)
        rc = docs_check(docs, &t->n_docs, e);
    if (rc >= 0) {
        t->n_rows = docs_rows(docs);
        t->dataset = arena_strdup(&p->arena, docs_origin(docs));
        task_uid(t);
    }
    docs_close(docs);
    return rc;
}

/* A task named twice (by two groups) is one job, unless the two are not the same. */
static int find_task(struct plan *p, size_t node, size_t *at, struct assay_err *e)
{
    const struct task_node *x = &p->selected.nodes[node];
    for (size_t i = 0; i < p->n_tasks; i++) {
        const struct task_node *y = p->tasks[i].node;
        if (y == x) {
            *at = i;
            return 0;
        }
        if (strcmp(y->name, x->name) == 0) {
            if (y->overrides != x->overrides &&
                !(y->overrides && x->overrides && value_equal(y->overrides, x->overrides)))
                return err_set(e, ASSAY_EUSAGE,
                               "task '%s' is asked for twice with different settings", x->name);
            *at = i;
            return 0;
        }
    }
    *at = p->n_tasks;
    p->tasks[p->n_tasks++].node = x;
    return 0;
}

/* Leaves below a node, each once, in order. */
static int collect_leaves(struct plan *p, size_t node, struct plan_group *g, int depth,
                          struct assay_err *e)
{
    const struct task_node *x = &p->selected.nodes[node];
    if (depth > 32)
        return err_set(e, ASSAY_EFORMAT, "group '%s' is nested too deep", x->name);
    if (x->is_group) {
        for (size_t i = 0; i < x->n_children; i++)
            TRY(collect_leaves(p, x->children[i], g, depth + 1, e));
        return 0;
    }
    size_t at = 0;
    TRY(find_task(p, node, &at, e));
    for (size_t i = 0; g && i < g->n_leaves; i++)
        if (g->leaves[i] == at)
            return 0;
    if (g)
        g->leaves[g->n_leaves++] = at;
    return 0;
}

static int add_groups(struct plan *p, size_t node, int depth, struct assay_err *e)
{
    const struct task_node *x = &p->selected.nodes[node];
    if (!x->is_group)
        return collect_leaves(p, node, NULL, 0, e);
    for (size_t i = 0; i < p->n_groups; i++)
        if (strcmp(p->groups[i].node->name, x->name) == 0)
            return 0;
    struct plan_group *g = &p->groups[p->n_groups++];
    g->node = x;
    g->leaves = ARENA_ARRAY(&p->arena, size_t, p->selected.n + 1);
    TRY(collect_leaves(p, node, g, 0, e));
    for (size_t i = 0; i < x->n_children && depth < 32; i++)
        TRY(add_groups(p, x->children[i], depth + 1, e));
    return 0;
}

static void join(const struct suite_list *l, struct buf *b)
{
    for (size_t i = 0; i < l->n; i++)
        buf_printf(b, "%s%s", i ? "," : "", l->v[i]);
}

/* Groups keep the leaves that stay, by their new places. */
static void renumber_leaves(struct plan *p, const size_t *place)
{
    for (size_t g = 0; g < p->n_groups; g++) {
        size_t n = 0;
        for (size_t i = 0; i < p->groups[g].n_leaves; i++)
            if (place[p->groups[g].leaves[i]] != SIZE_MAX)
                p->groups[g].leaves[n++] = place[p->groups[g].leaves[i]];
        p->groups[g].n_leaves = n;
    }
}

/* What to type must not be cut off: the places that were looked at give way. */
static int fail_missing(const char *reason, const char *hint, struct assay_err *e)
{
    size_t most = sizeof e->msg - 1, n = strlen(reason), h = strlen(hint);
    if (n + h > most && h < most / 2)
        n = text_whole(reason, most - h);
    return err_set(e, ASSAY_ENOTFOUND, "%.*s%s", (int)n, reason, hint);
}

static int resolve_present(struct plan *p, struct assay_err *e)
{
    bool fetches = false;
    size_t n = 0, *place = ARENA_ARRAY(&p->arena, size_t, p->n_tasks + 1);
    struct assay_err why = {0};
    p->missing = ARENA_ARRAY(&p->arena, struct plan_missing, p->n_tasks + 1);
    for (size_t i = 0; i < p->n_tasks; i++) {
        struct plan_task *t = &p->tasks[i];
        int rc = resolve_task(p, t, &why);
        place[i] = rc < 0 ? SIZE_MAX : n;
        if (rc >= 0) {
            p->tasks[n++] = *t;
            continue;
        }
        if (t->task)
            fetches = fetches || hub_can_have(t->task->dataset_path ? t->task->dataset_path : "",
                                              t->task->dataset_kwargs);
        if (t->task)
            task_release(t->task);
        t->task = NULL;
        if (rc != ASSAY_ENOTFOUND) {
            p->n_tasks = n;
            return err_set(e, rc, "%s", why.msg);
        }
        p->missing[p->n_missing++] =
            (struct plan_missing){t->node->name, arena_strdup(&p->arena, why.msg)};
    }
    size_t asked = p->n_tasks;
    p->n_tasks = n;
    const char *hint = fetches ? arena_printf(&p->arena, "; to fetch it: %s",
                                              need_command(p->suite, &p->arena)) : "";
    if (asked && !n)
        return fail_missing(p->missing[0].reason, hint, e);
    renumber_leaves(p, place);
    if (p->n_missing)
        log_warn("%zu of %zu tasks are left out, their data is not here; the first: %s%s",
                 p->n_missing, asked, p->missing[0].reason, hint);
    return 0;
}

static int resolve_tasks(struct plan *p, struct assay_err *e)
{
    const struct suite *s = p->suite;
    size_t n_dirs;
    const char *const *dirs = paths_tasks(&p->arena, s->task_dirs.v, &n_dirs);
    struct buf selector;
    if (!s->tasks.n)
        return 0;
    TRY(task_index_open(dirs, n_dirs, paths_cache(&p->arena), &p->index, e));
    buf_init(&selector, 0);
    join(&s->tasks, &selector);
    int rc = task_select(p->index, selector.v, &p->arena, &p->selected, e);
    buf_release(&selector);
    if (rc < 0)
        return rc;
    p->tasks = ARENA_ARRAY(&p->arena, struct plan_task, p->selected.n + 1);
    p->groups = ARENA_ARRAY(&p->arena, struct plan_group, p->selected.n + 1);
    for (size_t i = 0; i < p->selected.n_roots; i++)
        TRY(add_groups(p, p->selected.roots[i], 0, e));
    return resolve_present(p, e);
}

static int check_samples(const struct plan *p, struct assay_err *e)
{
    const struct value *s = p->suite->samples;
    const char **names = calloc(p->n_tasks + 1, sizeof *names);
    int rc = names ? 0 : err_set(e, ASSAY_ENOMEM, "out of memory");
    for (size_t i = 0; i < p->n_tasks && rc >= 0; i++)
        names[i] = p->tasks[i].task->name;
    for (uint32_t i = 0; rc >= 0 && s && i < s->n; i++) {
        const char *key = s->entries[i].key->type == VALUE_STR ? s->entries[i].key->s : "";
        bool found = false;
        for (size_t k = 0; k < p->n_tasks && !found; k++)
            found = strcmp(names[k], key) == 0;
        const char *near = found ? NULL : field_nearest(key, names, p->n_tasks);
        if (!found)
            rc = err_set(e, ASSAY_EUSAGE, "the samples name a task '%s' that is not run%s%s%s", key,
                         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    free(names);
    return rc;
}

/* -- variants ---------------------------------------------------------------------------------- */

static int resolve_variant(struct plan *p, const struct suite_variant *v, struct plan_variant *out,
                           struct assay_err *e)
{
    struct arena *a = &p->arena;
    const struct value *options = v->options;
    out->suite = v;
    TRY(plugin_find(v->backend, a, &out->plugin, e));
    const struct assay_field *threads = field_find(out->plugin->api.options, "threads");
    if (p->suite->threads && threads && threads->kind == ASSAY_INT &&
        !value_get(options, "threads"))
        options = value_with(a, options ? options : value_dict(a, NULL, 0), "threads",
                             value_int(a, p->suite->threads));
    return plugin_options(out->plugin, options, p->suite->path, a, &out->options, &out->record, e);
}

static int resolve_variants(struct plan *p, struct assay_err *e)
{
    const struct suite *s = p->suite;
    p->variants = ARENA_ARRAY(&p->arena, struct plan_variant, s->n_variants);
    for (int want_reference = 1; want_reference >= 0; want_reference--)
        for (size_t i = 0; i < s->n_variants; i++)
            if (s->variants[i].is_reference == want_reference)
                TRY(resolve_variant(p, &s->variants[i], &p->variants[p->n_variants++], e));
    return 0;
}

bool plan_use_chat(struct plan *p, const struct chat *chat, const char *source)
{
    if (!chat || p->chat == chat)
        return false;
    p->chat = chat;
    p->chat_source = source;
    for (size_t i = 0; i < p->n_tasks; i++) {
        task_set_chat(p->tasks[i].task, chat);
        task_uid(&p->tasks[i]);
    }
    return true;
}

/* Tasks are checked with the first variant's template. */
static int resolve_chats(struct plan *p, struct assay_err *e)
{
    TRY(chats_resolve(p, e));
    for (size_t i = 0; i < p->n_variants && !p->chat; i++)
        plan_use_chat(p, p->variants[i].chat, p->variants[i].chat_source);
    return 0;
}

static void allow_code(struct plan *p)
{
    const struct suite *s = p->suite;
    struct taskcode_options o = {.python = s->task_code_python,
                                 .timeout_s = s->task_code_timeout_s,
                                 .memory_bytes = s->task_code_memory,
                                 .load = docs_load,
                                 .user = &p->paths};
    p->code = taskcode_new(&o);
    p->paths.prepare = prepare_new();
}

static int check_first(struct plan *p, const struct plan_task *t, struct assay_err *e)
{
    struct docs *docs = NULL;
    struct arena a = {0};
    struct task_item item;
    bool has;
    int rc = t->n_docs ? docs_open(t->task, p->suite, &p->paths, &docs, e) : 0;
    if (docs) {
        docs_expect(docs, t->n_rows, t->n_docs);
        rc = docs_next(docs, &a, &item, &has, e);
    }
    docs_close(docs);
    arena_release(&a);
    return rc;
}

/* The templates of other models must be able to say each task's first document, too. */
static int check_other_chats(struct plan *p, struct assay_err *e)
{
    const struct chat *first = p->chat;
    const char *source = p->chat_source;
    for (size_t i = 0; i < p->n_variants; i++) {
        bool is_seen = p->variants[i].chat == first;
        for (size_t k = 0; k < i && !is_seen; k++)
            is_seen = p->variants[k].chat == p->variants[i].chat;
        if (is_seen || !plan_use_chat(p, p->variants[i].chat, p->variants[i].chat_source))
            continue;
        for (size_t k = 0; k < p->n_tasks; k++)
            TRY(check_first(p, &p->tasks[k], e));
    }
    plan_use_chat(p, first, source);
    return 0;
}

int plan_make(const struct suite *s, bool with_variants, struct plan **out, struct assay_err *e)
{
    struct plan *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, ASSAY_ENOMEM, "out of memory");
    p->suite = s;
    p->paths.data = paths_data(&p->arena, s->data.v);
    p->paths.recipes = paths_recipes(&p->arena, s->recipe_dirs.v);
    p->paths.cache = paths_cache(&p->arena);
    if (s->allow_task_code)
        allow_code(p);
    int rc = with_variants ? resolve_variants(p, e) : 0;
    if (rc >= 0)
        rc = resolve_chats(p, e);
    if (rc >= 0)
        rc = resolve_tasks(p, e);
    if (rc >= 0)
        rc = check_other_chats(p, e);
    if (rc >= 0)
        rc = check_samples(p, e);
    taskcode_stop(p->code); /* every process that needs one later starts its own */
    if (rc < 0) {
        plan_free(p);
        return rc;
    }
    *out = p;
    return 0;
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_tasks; i++)
        if (p->tasks[i].task)
            task_release(p->tasks[i].task);
    for (size_t i = 0; i < p->n_variants; i++) /* may be shared: releasing twice is harmless */
        chat_release(p->variants[i].chat);
    taskcode_free(p->code);
    prepare_free(p->paths.prepare);
    task_index_close(p->index);
    arena_release(&p->arena);
    free(p);
}
