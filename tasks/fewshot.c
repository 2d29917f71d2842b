/* fewshot.c - which rows of the pool become examples: lm-eval's samplers, CPython's random.
 *
 * One stream per task, one draw per document in order; drawing nothing consumes nothing. */
#include <string.h>

#include "harness/base/err.h"
#include "tasks/task_impl.h"

void fewshot_begin(struct fewshot *s, struct arena *a)
{
    pyrandom_seed(&s->rng, s->seed);
    s->picked = ARENA_ARRAY(a, size_t, s->n + 1);
    s->scratch =
        s->excludes_self && !s->is_first_n && s->n ? ARENA_ARRAY(a, size_t, s->n_pool + 1) : NULL;
    s->turns = s->n ? ARENA_ARRAY(a, struct pystr, s->n_pool + 1) : NULL;
    s->messages = s->n ? ARENA_ARRAY(a, struct shot_messages, s->n_pool + 1) : NULL;
}

static int pool_short(const struct fewshot *s, size_t have, const char *task, struct assay_err *e)
{
    return err_set(e, ASSAY_EUSAGE,
                   "task '%s': %zu few-shot examples asked for, the pool has %zu "
                   "usable rows%s",
                   task, s->n, have, s->excludes_self ? " besides the evaluated one" : "");
}

static int pick_first(struct fewshot *s, const struct value *doc, const char *task,
                      struct assay_err *e)
{
    size_t k = 0;
    for (size_t i = 0; i < s->n_pool && k < s->n; i++)
        if (!s->excludes_self || !value_equal(s->pool[i], doc))
            s->picked[k++] = i;
    return k == s->n ? 0 : pool_short(s, k, task, e);
}

/* The pool holds the document more than once and two copies came: draw again without them. */
static int pick_again(struct fewshot *s, const struct value *doc, const char *task,
                      struct assay_err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_pool; i++)
        if (!value_equal(s->pool[i], doc))
            s->scratch[n++] = i;
    if (n < s->n)
        return pool_short(s, n, task, e);
    pyrandom_sample(&s->rng, n, s->n, s->picked);
    for (size_t i = 0; i < s->n; i++)
        s->picked[i] = s->scratch[s->picked[i]];
    return 0;
}

int fewshot_pick(struct fewshot *s, const struct value *doc, const char *task, struct assay_err *e)
{
    if (s->n == 0)
        return 0;
    if (s->is_first_n)
        return pick_first(s, doc, task, e);
    bool excludes = s->excludes_self && doc->n > 0; /* upstream tests the row for truth */
    if (s->n + excludes > s->n_pool)
        return pool_short(s, s->n_pool - (excludes && s->n_pool), task, e);
    pyrandom_sample(&s->rng, s->n_pool, s->n + excludes, s->picked);
    if (!excludes)
        return 0;
    size_t k = 0;
    for (size_t i = 0; i <= s->n && k < s->n; i++)
        if (!value_equal(s->pool[s->picked[i]], doc))
            s->picked[k++] = s->picked[i];
    return k == s->n ? 0 : pick_again(s, doc, task, e);
}
