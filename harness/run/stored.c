/* stored.c - a stored run's suite and plan, made again. */
#include "harness/run/stored.h"
#include <string.h>
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/value.h"
#include "harness/run/chats.h"
#include "harness/run/record.h"

static void replace(struct suite_list *l, const char *const *v)
{
    if (!v)
        return;
    l->v = (const char **)v;
    for (l->n = 0; v[l->n]; l->n++)
        ;
}

int stored_open(struct stored *s, struct store *store, const struct stored_ask *ask,
                struct assay_err *e)
{
    *s = (struct stored){.plan = NULL};
    TRY(store_get_run(store, ask->run, &s->arena, &s->run, e));
    TRY(suite_from_json(&s->suite, s->run.suite, &s->arena, e));
    if (!s->suite.tasks.n)
        return err_set(e, ASSAY_EUSAGE, "run '%s' has no tasks", s->run.uid);
    replace(&s->suite.data, ask->data_dirs);
    replace(&s->suite.task_dirs, ask->task_dirs);
    s->suite.allow_task_code = ask->allow_task_code;
    if (ask->allow_task_code) {
        s->suite.task_code_python = ask->task_code_python;
        s->suite.task_code_timeout_s = ask->task_code_timeout_s;
        TRY(suite_parse_size(ask->task_code_memory, "task-code-memory", &s->suite.task_code_memory, e));
    }
    if (ask->bootstrap >= 0)
        s->suite.bootstrap = ask->bootstrap;
    return plan_make(&s->suite, false, &s->plan, e);
}

int stored_use_chat(struct stored *s, struct store *store, const struct store_run_variant *v,
                    struct assay_err *e)
{
    const struct value *info = NULL;
    const char *text;
    struct chats_choice choice;
    if (!s->suite.applies_chat)
        return 0;
    TRY(store_get_variant_info(store, v->variant_id, &s->arena, &text, e));
    TRY(json_parse(text, strlen(text), "info", 1, &s->arena, &info, e));
    TRY(chats_choose(&s->suite, value_get(info, RECORD_CHAT), v->name, &s->arena, &choice, e));
    plan_use_chat(s->plan, choice.chat, choice.source);
    return 0;
}

void stored_release(struct stored *s)
{
    plan_free(s->plan);
    arena_release(&s->arena);
}

const struct plan_task *stored_task(const struct stored *s, const char *name)
{
    for (size_t i = 0; i < s->plan->n_tasks; i++)
        if (strcmp(s->plan->tasks[i].task->name, name) == 0)
            return &s->plan->tasks[i];
    return NULL;
}
