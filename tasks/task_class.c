/* task_class.c - tasks that are Python classes: those that are built in, as the configuration that says the
 * same (port_classes.c).
 *
 * Upstream hands such a class nothing of its YAML file but the name, nor what groups override, and its
 * methods do not take the arguments that showing examples needs: there are none. */
#include <string.h>

#include "harness/base/err.h"
#include "harness/base/log.h"
#include "tasks/port.h"
#include "tasks/task_impl.h"
#include "tasks/task_keys.h"

/* The name, and what stands for the class; its second request is no key of a task. */
static const struct value *taken_over(struct task *t, const struct value *config, const struct value *made)
{
    struct arena *a = t->impl->arena;
    struct value_entry *all = ARENA_ARRAY(a, struct value_entry, made->n + 1);
    size_t n = 0;
    const struct value *name = value_get(config, "task");
    if (name)
        all[n++] = (struct value_entry){value_str(a, "task"), name};
    for (uint32_t i = 0; i < made->n; i++)
        if (value_is_str(made->entries[i].key, "also_scored"))
            t->impl->also_scored = pystr(made->entries[i].value->s, made->entries[i].value->n);
        else
            all[n++] = made->entries[i];
    return value_dict(a, all, n);
}

int task_class(const struct task_files *files, const struct task_settings *s, struct task *t,
               const struct value **config, struct assay_err *e)
{
    const struct value *class = value_get(*config, "class"), *made = NULL;
    char where[TASK_WHERE];
    bool is_known = false;
    if (!class || class->type == VALUE_NULL)
        return 0;
    struct port_ask ask = {PORT_CLASS, class, "class", task_files_path(files, class),
                           task_files_where(files, class, where), NULL};
    if (class->type == VALUE_FUNC)
        TRY(port_class(&ask, t->impl->arena, &made, &is_known, e));
    if (!made)
        return is_known ? err_set(e, ASSAY_EUNSUPPORTED,
                                  "%s: 'class' can't be used: !function %s: its module is another version of one "
                                  "that is built in, and this program runs no Python class",
                                  where, class->s)
                        : task_keys_check_value(files, class, "class", TASK_KEYS_TASK, e);
    *config = taken_over(t, *config, made);
    t->impl->is_class = true;
    if (s->n_fewshot > 0)
        log_warn("task '%s' is a Python class upstream, which cannot show examples: it is asked without any",
                 t->path);
    if (s->gen_kwargs && value_get(*config, "generation_kwargs"))
        log_warn("task '%s' sets its generation itself, as upstream: 'gen_kwargs' has no effect on it", t->path);
    return 0;
}
