/* show_task.c - one task: its configuration and where each key stands, its functions, its data, and
 * what a model would be asked. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "harness/cli/command.h"
#include "harness/cli/task_code.h"
#include "harness/cli/task_views.h"
#include "harness/run/chats.h"
#include "harness/run/docs.h"
#include "harness/run/paths.h"
#include "harness/run/prepare.h"
#include "harness/run/suite.h"
#include "tasks/chat.h"
#include "tasks/refusal.h"
#include "tasks/task.h"

enum { PROMPTS = 3, MAX_NAMES = 30, MAX_CHOICES = 12 };
struct shown {
    struct buf b;
    struct arena *a;
    struct task_index *index;
    const struct show_task *ask;
    struct chats_choice chat;
    struct docs_paths paths;           /* where rows are */
    struct taskcode *code;             /* NULL: not allowed */
    size_t n_dir;                      /* bytes of the task file's folder, slash included */
};

static void put(struct shown *s, const char *text)
{
    text_safe(&s->b, text, strlen(text));
}

static void row(struct shown *s, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    buf_printf(&s->b, "%-10s ", name);
    put(s, text);
    buf_addc(&s->b, '\n');
}

/* Text as it is, line by line behind a bar; the end is marked, for blanks matter. */
static void block(struct shown *s, const char *text, size_t n)
{
    for (size_t at = 0; at <= n;) {
        const char *line = memchr(text + at, '\n', n - at);
        size_t k = line ? (size_t)(line - text) - at : n - at;
        buf_adds(&s->b, "  | ");
        text_safe(&s->b, text + at, k);
        buf_adds(&s->b, line ? "\n" : "|\n");
        at += k + 1;
    }
}

static void names(struct shown *s, const char *what, const char *const *list, size_t n)
{
    if (n == 0)
        return;
    buf_printf(&s->b, "%-10s ", what);
    for (size_t i = 0; i < n && i < MAX_NAMES; i++) {
        buf_adds(&s->b, i ? ", " : "");
        put(s, list[i]);
    }
    if (n > MAX_NAMES)
        buf_printf(&s->b, ", and %zu more", n - MAX_NAMES);
    buf_addc(&s->b, '\n');
}

/* -- the configuration ------------------------------------------------------------------------- */

/* "_base:3:7", beside its value where there is room; files in the task's own folder by name. */
static void put_place(struct shown *s, const char *dir, const struct value *key, const struct value *v)
{
    char place[TASK_PLACE];
    const char *line = memrchr(s->b.v, '\n', s->b.n);
    if (!*task_where(s->index, v, place))
        task_where(s->index, key, place);
    if (!*place)
        return;
    const char *p = strncmp(place, dir, s->n_dir) == 0 ? place + s->n_dir : place;
    size_t used = s->b.n - (line ? (size_t)(line + 1 - s->b.v) : 0);
    buf_adds(&s->b, used + strlen(p) + 4 > (size_t)say_columns(STDOUT_FILENO) ? "\n      # " : "  # ");
    put(s, p);
}

static void put_config(struct shown *s, const char *path, const struct value *config)
{
    const char *slash = strrchr(path, '/');
    s->n_dir = slash ? (size_t)(slash + 1 - path) : 0;
    buf_adds(&s->b, "\nconfiguration\n");
    for (uint32_t i = 0; i < config->n; i++) {
        const struct value *key = config->entries[i].key, *v = config->entries[i].value;
        struct buf text;
        if (key->type != VALUE_STR || strcmp(key->s, "include") == 0)
            continue;
        buf_init(&text, 0);
        if (v->type == VALUE_FUNC)
            buf_printf(&text, "!function %s", v->s);
        else
            json_write(&text, v, JSON_PYTHON);
        buf_adds(&s->b, "  ");
        put(s, key->s);
        buf_adds(&s->b, ": ");
        put(s, text.v);
        put_place(s, path, key, v);
        buf_addc(&s->b, '\n');
        buf_release(&text);
    }
}

/* Functions anywhere below a key. */
static void put_functions(struct shown *s, const char *key, const struct value *v, size_t *n)
{
    struct assay_err e = {0};
    if (v->type == VALUE_FUNC) {
        if ((*n)++ == 0)
            buf_adds(&s->b, "\nfunctions\n");
        int rc = task_function(s->index, v, key, s->a, &e);
        bool is_code = rc < 0 && (refusal_of(&e) == REFUSAL_FUNCTION || refusal_of(&e) == REFUSAL_VERSION);
        buf_printf(&s->b, "  %-10s ", rc == 0 ? "built in" : is_code ? "needs code" : "refused");
        put(s, arena_printf(s->a, "%s: %s", key, v->s));
        if (rc < 0) {
            buf_adds(&s->b, "\n             ");
            put(s, e.msg);
        }
        buf_addc(&s->b, '\n');
    } else if (v->type == VALUE_LIST || v->type == VALUE_TUPLE) {
        for (uint32_t i = 0; i < v->n; i++)
            put_functions(s, key, v->items[i], n);
    } else if (v->type == VALUE_DICT) {
        for (uint32_t i = 0; i < v->n; i++)
            if (v->entries[i].key->type == VALUE_STR)
                put_functions(s, v->entries[i].key->s, v->entries[i].value, n);
    }
}

/* -- prompts ----------------------------------------------------------------------------------- */

static void put_item(struct shown *s, const struct task_item *x)
{
    struct buf target;
    buf_init(&target, 0);
    json_write(&target, x->target ? x->target : &value_null, JSON_PYTHON);
    buf_printf(&s->b, "\nitem %zu, target ", x->idx);
    text_safe(&s->b, target.v, target.n);
    buf_adds(&s->b, x->shows_own ? ", the document is among its own examples\n" : "\n");
    buf_release(&target);
    for (size_t i = 0; i < x->n_requests; i++) {
        const struct task_request *r = &x->requests[i];
        bool is_new = i == 0 || r->context_n != r[-1].context_n ||
                      memcmp(r->context, r[-1].context, r->context_n) != 0;
        if (i >= MAX_CHOICES) {
            buf_printf(&s->b, "  and %zu more requests\n", x->n_requests - i);
            break;
        }
        if (r->kind != TASK_REQ_ROLLING && is_new)
            block(s, r->context, r->context_n);
        if (r->kind == TASK_REQ_GENERATE || r->repeat)
            continue;
        buf_adds(&s->b, r->kind == TASK_REQ_ROLLING ? "" : "  ->\n");
        block(s, r->continuation, r->continuation_n);
    }
}

/* Up to three documents, as a run would ask them. */
static int put_prompts(struct shown *s, struct task *t, struct assay_err *e)
{
    struct suite suite;
    struct docs *docs = NULL;
    struct task_item item;
    bool has = true;
    suite_init(&suite, s->a);
    TRY(docs_open(t, &suite, &s->paths, &docs, e));
    buf_addc(&s->b, '\n');
    row(s, "rows", docs_origin(docs));
    docs_expect(docs, PROMPTS, PROMPTS);
    int rc = 0;
    for (size_t i = 0; i < PROMPTS && rc == 0 && has; i++) {
        rc = docs_next(docs, s->a, &item, &has, e);
        if (rc == 0 && has)
            put_item(s, &item);
        if (rc < 0 && i > 0 && strstr(e->msg, "' ended after "))
            rc = has = 0; /* a data set of one or two rows */
    }
    docs_close(docs);
    return rc;
}

/* -- the whole --------------------------------------------------------------------------------- */

static const char *settings_said(struct shown *s, const struct task *t)
{
    return arena_printf(s->a, "%d of split %s%s", t->n_fewshot,
                        t->fewshot_split ? t->fewshot_split : "(the task's own)",
                        t->excludes_self ? ", never the document itself" : "");
}

static void put_loaded(struct shown *s, struct task *t)
{
    static const char *const types[] = {"multiple_choice", "loglikelihood", "loglikelihood_rolling",
                                        "generate_until"};
    struct assay_err e = {0};
    size_t n;
    const struct task_measure *m = task_measures(t, &n);
    const char *list = "";
    for (size_t i = 0; i < n; i++)
        list = arena_printf(s->a, "%s%s%s%s%s by %s", list, i ? ", " : "", m[i].metric,
                            strcmp(m[i].filter, "none") ? "," : "", strcmp(m[i].filter, "none") ? m[i].filter : "",
                            m[i].aggregation);
    buf_addc(&s->b, '\n');
    row(s, "type", types[t->output]);
    row(s, "scores", list);
    row(s, "examples", t->n_fewshot ? settings_said(s, t) : "none");
    row(s, "evaluated", t->eval_split);
    if (put_prompts(s, t, &e) < 0)
        row(s, "no prompts", e.msg);
}

static void put_task(struct shown *s, const struct task_node *node)
{
    const struct suite *how = s->ask->suite;
    struct task_settings settings = {.n_fewshot = s->ask->fewshot,
                                     .fewshot_seed = 1234,
                                     .system_instruction = how->system_instruction,
                                     .gen_prefix = how->gen_prefix,
                                     .applies_chat = how->applies_chat,
                                     .shots_as_turns = how->shots_as_turns,
                                     .host = taskcode_host(s->code)};
    struct task *t;
    struct assay_err e = {0};
    const struct value *config;
    size_t n = 0;
    if (task_config(s->index, node, s->a, &config, &e) < 0) {
        row(s, "refused", e.msg);
        return;
    }
    put_config(s, node->path, config);
    for (uint32_t i = 0; i < config->n; i++)
        if (config->entries[i].key->type == VALUE_STR)
            put_functions(s, config->entries[i].key->s, config->entries[i].value, &n);
    if (task_load(s->index, node, &settings, s->a, &t, &e) < 0) {
        buf_addc(&s->b, '\n');
        row(s, "refused", e.msg);
        return;
    }
    if (s->chat.chat) {
        task_set_chat(t, s->chat.chat);
        buf_addc(&s->b, '\n');
        row(s, "chat",
            arena_printf(s->a, "template %s (%s)", chat_template_uid(s->chat.chat),
                         s->chat.source));
    }
    put_loaded(s, t);
    task_release(t);
}

static void put_group(struct shown *s, const struct task_plan *plan, size_t at)
{
    const struct task_node *node = &plan->nodes[at];
    const char **list = ARENA_ARRAY(s->a, const char *, node->n_children + 1);
    size_t n;
    task_plan_leaves(plan, at, s->a, &n);
    for (size_t i = 0; i < node->n_children; i++)
        list[i] = plan->nodes[node->children[i]].name;
    names(s, "holds", list, node->n_children);
    row(s, "tasks", arena_printf(s->a, "%zu", n));
    if (node->config)
        put_config(s, node->path, node->config);
}

static int put_all(struct shown *s, struct assay_err *e)
{
    struct task_plan plan;
    size_t n;
    const char *name = s->ask->name;
    const struct task_entry *entry = task_index_find(s->index, name);
    if (entry && entry->kind == TASK_ENTRY_TAG) {
        row(s, "tag", name);
        const char *const *members = task_index_members(s->index, name, &n);
        names(s, "holds", members, n);
        return 0;
    }
    TRY(task_select(s->index, name, s->a, &plan, e));
    if (plan.n_roots != 1)
        return err_set(e, ASSAY_EUSAGE, "'%s' names %zu tasks; give one, or see 'assay list tasks'", name,
                       plan.n_roots);
    const struct task_node *node = &plan.nodes[plan.roots[0]];
    row(s, node->is_group ? "group" : "task", node->name);
    row(s, "alias", node->alias);
    row(s, "file", node->path);
    const char *const *holders = task_index_holders(s->index, node->name, s->a, &n);
    names(s, "part of", holders, n);
    node->is_group ? put_group(s, &plan, plan.roots[0]) : put_task(s, node);
    return 0;
}

int show_task(struct options *o, const struct show_task *ask, struct assay_err *e)
{
    const char *said[] = {ask->task_dir, NULL}, *data[] = {ask->data_dir, NULL};
    size_t n;
    struct shown s = {.a = &o->arena, .ask = ask};
    const char *const *roots = paths_tasks(&o->arena, said, &n);
    s.paths = (struct docs_paths){.data = paths_data(s.a, data), .recipes = paths_recipes(s.a, NULL),
                                  .cache = paths_cache(s.a)};
    TRY(chats_for(ask->suite, &o->arena, &s.chat, e));
    TRY(task_index_open(roots, n, paths_cache(&o->arena), &s.index, e));
    buf_init(&s.b, 0);
    int rc = task_code_open(ask->code, &s.paths, &s.code, e);
    s.paths.prepare = s.code ? prepare_new() : NULL;
    if (rc == 0)
        rc = put_all(&s, e);
    if (rc == 0)
        say_buf(&s.b);
    buf_release(&s.b);
    prepare_free(s.paths.prepare);
    taskcode_free(s.code);
    task_index_close(s.index);
    chat_release(s.chat.chat);
    return rc;
}
