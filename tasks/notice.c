/* notice.c - looks at an item and its answers once more, for what the scores do not tell. */
#include "tasks/notice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/task_impl.h"

enum { OWN_ANSWER, CUT, LIMIT, GOLD, EQUAL, TIED, N_KINDS, FEW_CHOICES = 16 };

struct task_notice *task_notices_new(const struct task *t, struct arena *a, size_t *n)
{
    static const char *const kinds[] = {[OWN_ANSWER] = "own_answer", [CUT] = "cut",     [LIMIT] = "limit",
                                        [GOLD] = "gold",             [EQUAL] = "equal", [TIED] = "tied"};
    *n = N_KINDS + t->impl->n_filters;
    struct task_notice *all = ARENA_ARRAY(a, struct task_notice, *n);
    for (size_t i = 0; i < *n; i++) {
        all[i].kind = i < N_KINDS ? kinds[i] : "no_answer";
        all[i].detail = i < N_KINDS ? "" : t->impl->filters[i - N_KINDS].name;
    }
    return all;
}

static void count(struct task_notice *x, bool is_true)
{
    x->n_of++;
    x->n += is_true;
}

/* -- choices ----------------------------------------------------------------------------------- */

static bool same_text(const struct value *x, const struct value *y)
{
    return x->type == VALUE_STR && y->type == VALUE_STR && x->n == y->n && memcmp(x->s, y->s, x->n) == 0;
}

static int text_order(const void *a, const void *b)
{
    const struct value *x = *(const struct value *const *)a, *y = *(const struct value *const *)b;
    if (x->type != VALUE_STR || y->type != VALUE_STR || x->n != y->n)
        return x->type != y->type ? (x->type < y->type ? -1 : 1) : (x->n > y->n) - (x->n < y->n);
    return memcmp(x->s, y->s, x->n);
}

static bool any_equal(const struct value *choices, struct arena *a)
{
    uint32_t n = choices->n;
    if (n <= FEW_CHOICES) {
        for (uint32_t i = 1; i < n; i++)
            for (uint32_t k = 0; k < i; k++)
                if (same_text(choices->items[i], choices->items[k]))
                    return true;
        return false;
    }
    const struct value **sorted = ARENA_ARRAY(a, const struct value *, n);
    memcpy(sorted, choices->items, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, text_order);
    for (uint32_t i = 1; i < n; i++)
        if (same_text(sorted[i], sorted[i - 1]))
            return true;
    return false;
}

/* As metrics look for it: a place from 0 on, or one of the texts; a list: each of them. */
static bool gold_is_among(const struct value *gold, const struct value *choices)
{
    switch (gold->type) {
    case VALUE_BOOL:
        return (uint32_t)gold->b < choices->n;
    case VALUE_INT:
        return gold->i >= 0 && gold->i < choices->n;
    case VALUE_STR:
        for (uint32_t i = 0; i < choices->n; i++)
            if (same_text(gold, choices->items[i]))
                return true;
        return false;
    case VALUE_LIST:
    case VALUE_TUPLE:
        for (uint32_t i = 0; i < gold->n; i++)
            if (gold->items[i]->type >= VALUE_LIST || !gold_is_among(gold->items[i], choices))
                return false;
        return gold->n > 0;
    default:
        return false;
    }
}

static bool is_tied(const struct task_response *r, size_t n, size_t step)
{
    double best = -INFINITY;
    size_t n_best = 0;
    for (size_t i = 0; i < n; i++) {
        double x = r[i * step].logprob;
        if (x > best) {
            best = x;
            n_best = 1;
        } else if (x == best) {
            n_best++;
        }
    }
    return n_best > 1 && isfinite(best);
}

/* -- the item ---------------------------------------------------------------------------------- */

void task_notices_add(const struct task *t, const struct task_item *item, const struct task_response *r,
                      struct arena *a, struct task_notice *all)
{
    bool is_cut = false, is_known = true, hit_limit = false;
    for (size_t i = 0; i < item->n_requests; i++) {
        is_cut |= r[i].is_cut > 0;
        is_known &= r[i].is_cut >= 0;
        hit_limit |= r[i].hit_limit;
    }
    if (t->n_fewshot)
        count(&all[OWN_ANSWER], item->shows_own);
    if (is_known || is_cut)
        count(&all[CUT], is_cut);
    if (t->output == TASK_GENERATE) {
        count(&all[LIMIT], hit_limit);
        for (size_t f = 0; f < t->impl->n_filters; f++)
            if (filter_searches(&t->impl->filters[f]))
                count(&all[N_KINDS + f], t->impl->filter_missed[f]);
    }
    if (t->output != TASK_MULTIPLE_CHOICE || !item->choices)
        return;
    if (item->target)
        count(&all[GOLD], !gold_is_among(item->target, item->choices));
    count(&all[EQUAL], any_equal(item->choices, a));
    count(&all[TIED], is_tied(r, item->choices->n, (size_t)t->repeats));
}
