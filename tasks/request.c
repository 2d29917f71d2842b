/* request.c - documents to requests: task_begin, task_ask, task_skip. */
#include <string.h>

#include "harness/base/err.h"
#include "tasks/task_impl.h"

static bool is_list(const struct value *v)
{
    return v->type == VALUE_LIST || v->type == VALUE_TUPLE;
}

static bool is_int(const struct value *v)
{
    return v->type == VALUE_INT || v->type == VALUE_BOOL;
}

/* -- beginning --------------------------------------------------------------------------------- */

static int begin_fields(struct task_impl *m, const struct task_columns *columns,
                        struct assay_err *e)
{
    static const struct task_columns none = {NULL, 0};
    struct task_field *by_split[] = {&m->text,      &m->target,      &m->choice,     &m->gen_prefix,
                                     &m->shot_text, &m->shot_target, &m->shot_choice};
    for (size_t i = 0; i < sizeof by_split / sizeof *by_split; i++)
        TRY(task_field_begin(by_split[i], columns, &m->cache, e));
    TRY(task_field_begin(&m->description, &none, &m->cache, e));
    return task_field_begin(&m->shot_prefix, &none, &m->cache, e);
}

/* What document 0 decides for the whole task. */
static int begin_first(struct task *t, const struct value *first, struct assay_err *e)
{
    struct task_impl *m = t->impl;
    struct arena scratch = {0};
    struct task_row row = {.doc = first, .arena = &scratch, .e = e};
    const struct value *text = NULL, *target = NULL, *choices = NULL;
    int rc = task_field_get(&m->text, &row, &text);
    if (rc == 0)
        rc = task_field_get(&m->target, &row, &target);
    if (rc == 0 && m->choice.raw)
        rc = task_field_get(&m->choice, &row, &choices);
    if (rc == 0) {
        m->multiple_input = choices && choices->n && is_int(text);
        m->multiple_target = target->type == VALUE_LIST;
        if (m->multiple_input && t->output != TASK_MULTIPLE_CHOICE)
            rc = task_field_error(&m->text, &row,
                                  "yields an index, which only output_type "
                                  "multiple_choice can ask about");
    }
    arena_release(&scratch);
    return rc;
}

static int begin_samples(struct task_impl *m, struct assay_err *e)
{
    m->shots.pool = m->samples->items;
    m->shots.n_pool = m->samples->n;
    for (uint32_t i = 0; i < m->samples->n; i++)
        if (m->samples->items[i]->type != VALUE_DICT)
            return err_set(e, ASSAY_EFORMAT,
                           "line %u: example %u of 'samples' is %s, expected a "
                           "mapping",
                           m->samples->items[i]->line, i, value_type_name(m->samples->items[i]));
    return 0;
}

int task_begin(struct task *t, const struct value *first, const char *const *columns,
               size_t n_columns, const struct value *const *pool, size_t n_pool,
               struct assay_err *e)
{
    struct task_impl *m = t->impl;
    struct task_columns split = {columns, n_columns};
    arena_reset(&m->cache);
    m->multiple_input = m->multiple_target = false;
    t->n_without_system = 0;
    TRY(begin_fields(m, &split, e));
    m->shots.pool = pool;
    m->shots.n_pool = n_pool;
    if (m->samples && !t->fewshot_split)
        TRY(begin_samples(m, e));
    fewshot_begin(&m->shots, &m->cache);
    return first ? begin_first(t, first, e) : 0;
}

void task_skip(struct task *t, const struct value *doc)
{
    fewshot_pick(&t->impl->shots, doc, t->name, NULL);
}

/* -- asking ------------------------------------------------------------------------------------ */

struct asking {
    struct task *task;
    struct task_impl *m;
    struct task_row row;
    struct task_item *item;
};

/* Request `at` and its repeats. */
static void ask_put(struct asking *a, size_t at, struct pystr context, struct pystr continuation)
{
    enum task_output output = a->task->output;
    if (at && a->m->also_scored.n)
        output = TASK_LOGLIKELIHOOD;
    static const enum task_request_kind kinds[] = {[TASK_MULTIPLE_CHOICE] = TASK_REQ_LOGLIKELIHOOD,
                                                   [TASK_LOGLIKELIHOOD] = TASK_REQ_LOGLIKELIHOOD,
                                                   [TASK_ROLLING] = TASK_REQ_ROLLING,
                                                   [TASK_GENERATE] = TASK_REQ_GENERATE};
    size_t k = (size_t)a->task->repeats;
    for (size_t i = 0; i < k; i++) {
        struct task_request *r = &a->item->requests[at * k + i];
        r->kind = kinds[output];
        r->context = context.s;
        r->context_n = context.n;
        r->continuation = continuation.s;
        r->continuation_n = continuation.n;
        r->generation = output == TASK_GENERATE ? &a->m->generation : NULL;
        r->repeat = (uint32_t)i;
    }
}

static void ask_room(struct asking *a, size_t n)
{
    a->item->n_requests = n * (size_t)a->task->repeats;
    a->item->requests = ARENA_ARRAY(a->row.arena, struct task_request,
                                    a->item->n_requests ? a->item->n_requests : 1);
}

static struct pystr delimited(struct asking *a, const char *s, size_t n)
{
    struct pystr d = a->m->choice_delimiter;
    if (d.n == 0)
        return pystr(s, n);
    char *text = arena_alloc(a->row.arena, d.n + n + 1);
    memcpy(text, d.s, d.n);
    memcpy(text + d.n, s, n);
    text[d.n + n] = 0;
    return pystr(text, d.n + n);
}

static int ask_choices(struct asking *a, const struct value *question, const struct value *target)
{
    const struct value *choices = a->item->choices;
    size_t n = choices->n;
    if (n == 0)
        return task_field_error(&a->m->choice, &a->row, "yields no choices");
    bool many = a->m->multiple_input;
    struct pystr one, *contexts = many ? ARENA_ARRAY(a->row.arena, struct pystr, n) : &one;
    struct context_ask ask = {.question = question, .choices = choices, .out = contexts,
                              .shows_own = &a->item->shows_own};
    TRY(context_build(a->task, &a->row, &ask));
    ask_room(a, a->m->wants_unconditional ? 2 * n : n);
    struct pystr same = {0};
    if (many) {
        struct pystr text = pystr_of(a->row.arena, target);
        if (!text.s)
            return task_field_error(&a->m->target, &a->row, "is too deep to print");
        same = delimited(a, text.s, text.n);
    }
    for (size_t i = 0; i < n; i++) {
        const struct value *c = choices->items[i];
        struct pystr cont = many && !a->m->wants_unconditional ? same : delimited(a, c->s, c->n);
        ask_put(a, i, contexts[many ? i : 0], many ? same : cont);
        if (a->m->wants_unconditional)
            ask_put(a, n + i, PYSTR(""), cont);
    }
    return 0;
}

static int ask_text(struct asking *a, const struct value *question, const struct value *target)
{
    struct pystr context = PYSTR(""), continuation = PYSTR("");
    if (a->task->output != TASK_ROLLING) {
        struct context_ask ask = {
            .question = question, .out = &context, .shows_own = &a->item->shows_own};
        TRY(context_build(a->task, &a->row, &ask));
    }
    if (a->task->output != TASK_GENERATE) {
        if (target->type != VALUE_STR)
            return task_field_error(&a->m->target, &a->row, "yields %s, expected text to score",
                                    value_type_name(target));
        continuation = pystr(target->s, target->n);
    }
    ask_room(a, a->m->also_scored.n ? 2 : 1);
    ask_put(a, 0, context, continuation);
    if (a->m->also_scored.n)
        ask_put(a, 1, context, a->m->also_scored);
    return 0;
}

/* The right answer of a generated one, before it is compared: choices[target], or all targets.
 * A text where document 0 had a list falls into its characters, as Python's list() does. */
static int gold_generate(struct asking *a, const struct value *target, const struct value **out)
{
    const struct value *choices = a->item->choices;
    *out = target;
    if (choices) {
        int64_t i = !is_int(target) ? -1 : target->type == VALUE_BOOL ? target->b : target->i;
        if (is_int(target) && i < 0)
            i += choices->n;
        if (i < 0 || i >= choices->n)
            return task_field_error(&a->m->target, &a->row, "yields no index into the %u choices",
                                    choices->n);
        *out = choices->items[i];
    } else if (a->m->multiple_target && target->type == VALUE_STR) {
        struct pystr s = pystr(target->s, target->n);
        size_t n = pytext_len(s);
        const struct value **items = ARENA_ARRAY(a->row.arena, const struct value *, n ? n : 1);
        for (size_t i = 0; i < n; i++) {
            struct pystr c = pytext_part(s, i, i + 1);
            items[i] = value_strn(a->row.arena, c.s, c.n);
        }
        *out = value_list(a->row.arena, items, n);
    } else if (a->m->multiple_target && !is_list(target)) {
        return task_field_error(&a->m->target, &a->row, "yields %s, where row 0 had a list",
                                value_type_name(target));
    }
    return 0;
}

int task_ask(struct task *t, size_t idx, const struct value *doc, struct arena *arena,
             struct task_item *item, struct assay_err *e)
{
    struct task_impl *m = t->impl;
    struct asking a = {
        .task = t, .m = m, .item = item, .row = {.doc = doc, .idx = idx, .arena = arena, .e = e}};
    const struct value *question = NULL, *target;
    *item = (struct task_item){.idx = idx, .doc = doc};
    if (task_awaits_chat(t))
        return err_set(e, ASSAY_ESTATE, "task '%s' was not given the chat template it applies", t->name);
    if (t->output != TASK_ROLLING)
        TRY(task_field_get(&m->text, &a.row, &question));
    TRY(task_field_get(&m->target, &a.row, &target));
    if (m->choice.raw)
        TRY(task_field_get(&m->choice, &a.row, &item->choices));
    item->target = target;
    if (t->output != TASK_MULTIPLE_CHOICE) {
        if (t->output == TASK_GENERATE)
            TRY(gold_generate(&a, target, &item->target));
        return ask_text(&a, question, target);
    }
    if (m->multiple_input)
        item->target = question;
    return ask_choices(&a, question, target);
}
