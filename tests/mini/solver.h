/* solver.h - answers items from their text alone, and holds the generators to it.
 *
 * A solver is a second implementation of a task's rules: it shares no words and no code with the
 * generator, reads only what a model reads, and also says which combination of entities it saw. */
#ifndef SOLVER_H
#define SOLVER_H
#include "tests/testing.h"

#include "datasets/mini/mini.h"

enum { SOLVER_WORDS = 4096, SOLVER_WORD = 48, SOLVER_COMBO = 512, SOLVER_TRAIN = 12000,
       SOLVER_TEST = 1500, SOLVER_SEEDS = 2 };

/* Fills the answer, and the combination ('|' between several) from the same text. */
typedef void solver_fn(const char *context, const char *prompt, char *answer, char *combo);

struct words {
    char v[SOLVER_WORDS][SOLVER_WORD];
    int n;
};

/* Words without the punctuation behind them; `ends` are bytes that end a word and are dropped. */
static inline void words_of(const char *text, const char *ends, struct words *w)
{
    w->n = 0;
    while (*text) {
        size_t gap = strspn(text, ends), n = strcspn(text += gap, ends);
        if (!n)
            break;
        assert_true(n < SOLVER_WORD && w->n < SOLVER_WORDS);
        memcpy(w->v[w->n], text, n);
        w->v[w->n++][n] = 0;
        text += n;
    }
}

/* Whether a word stands in a list with a blank before and behind each. */
static inline int one_of(const char *word, const char *list)
{
    size_t n = strlen(word);
    for (const char *at = list; n && (at = strstr(at, word)) != NULL; at++)
        if (at > list && at[-1] == ' ' && at[n] == ' ')
            return 1;
    return 0;
}

static inline void sort_words(char (*v)[SOLVER_WORD], int n)
{
    qsort(v, (size_t)n, sizeof *v, (int (*)(const void *, const void *))strcmp);
}

/* -- combinations of one side ------------------------------------------------------------------ */

struct combos {
    char **v;
    size_t n, cap;
};

static inline void combos_add(struct combos *c, const char *text)
{
    for (size_t n; *text; text += n + (text[n] == '|')) {
        n = strcspn(text, "|");
        if (c->n == c->cap) {
            c->cap = c->cap ? 2 * c->cap : 1024;
            c->v = realloc(c->v, c->cap * sizeof *c->v);
            assert_non_null(c->v);
        }
        c->v[c->n++] = strndup(text, n);
    }
}

static inline int combos_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void combos_release(struct combos *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->v[i]);
    free(c->v);
}

static inline void assert_disjoint(struct combos *a, struct combos *b)
{
    assert_true(a->n && b->n);
    qsort(a->v, a->n, sizeof *a->v, combos_order);
    for (size_t i = 0; i < b->n; i++)
        if (bsearch(&b->v[i], a->v, a->n, sizeof *a->v, combos_order))
            fail_msg("'%s' is in training and test", b->v[i]);
}

/* -- the run ----------------------------------------------------------------------------------- */

static inline void check_ask(const struct mini_doc *d, int at, solver_fn *solve, char *combo)
{
    const struct mini_ask *q = &d->ask[at];
    char answer[SOLVER_COMBO] = "", mine[SOLVER_COMBO] = "";
    solve(d->context, q->prompt, answer, mine);
    if (strcmp(answer, q->answer) != 0)
        fail_msg("%s%s: '%s', and the solver says '%s'", d->context, q->prompt, q->answer, answer);
    int right = 0;
    for (int i = 0; i < q->n_choices; i++)
        right += strcmp(q->choices[i], answer) == 0;
    assert_int_equal(right, 1);
    assert_string_equal(q->choices[q->label], answer);
    if (at == 0)
        strcpy(combo, mine);
}

static inline void check_side(const struct mini_task *t, solver_fn *solve, enum mini_side side,
                              bool prose, struct combos *combos)
{
    static struct mini_doc d;
    d.prose = prose;
    for (uint64_t seed = 1; seed <= SOLVER_SEEDS; seed++) {
        struct rng r = mini_rng(seed, t->name);
        int n = side == MINI_TEST ? SOLVER_TEST : SOLVER_TRAIN;
        for (int i = 0; i < (t->eval_only ? n / 10 : n); i++) {
            char combo[SOLVER_COMBO] = "";
            mini_draw(t, &r, side, -1, t->n_asks, &d);
            for (int j = 0; j < d.n; j++)
                check_ask(&d, j, solve, combo);
            combos_add(combos, combo);
        }
    }
}

static inline void check_wording(const char *name, solver_fn *solve, bool prose)
{
    int at = mini_find(name);
    struct combos train = {0}, test = {0};
    assert_true(at >= 0);
    check_side(&mini_tasks[at], solve, MINI_TRAIN, prose, &train);
    check_side(&mini_tasks[at], solve, MINI_TEST, prose, &test);
    assert_disjoint(&train, &test);
    combos_release(&train);
    combos_release(&test);
}

/* Every question of both sides is solved, and the sides share no combination. */
static inline void check_task(const char *name, solver_fn *solve)
{
    check_wording(name, solve, false);
}
#endif
