/* agree.c - rankings, tau-b and its spread; see the header.
 *
 * A ranking is kept as the sign of every pair of rows (1: the first is better), so that tau-b is an
 * inner product: sum(a b) / sqrt(untied pairs of a x untied pairs of b). */
#include "reports/agree.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/rng.h"
#include "reports/cell.h"
#include "reports/fmt.h"

enum { BLOCKS = 128, RESAMPLES = 400, LEAST_DEFINED = 380, SEED = 42 };

struct block { /* of items */
    double sum, weight;
};
struct agree_sums {
    size_t n_tasks, n_rows;
    struct arena *a;
    struct block **blocks; /* [n_tasks][n_rows] -> [BLOCKS]; NULL: not ranked */
};

/* Up to three names, and how many more. */
static const char *listed(const char *text, const char *name, size_t n, struct arena *a)
{
    if (n > 3)
        return text;
    return arena_printf(a, "%s%s'%s'", text, *text ? ", " : "", name);
}

const char *agree_parting(const struct compare *c, const struct compare_row *r, struct arena *a)
{
    const struct compare_cell *worst = NULL;
    const char *name = "", *safe = "";
    size_t n_fail = 0, n_safe = 0;
    double margin = 0;
    for (size_t t = 0; t < c->n_tasks; t++) {
        const struct compare_cell *x = &r->tasks[t];
        if (x->kind != COMPARE_BINARY || !x->n)
            continue;
        if (x->verdict == COMPARE_PASS) {
            safe = listed(safe, c->tasks[t].name, ++n_safe, a);
            margin = x->margin;
        }
        if (x->verdict != COMPARE_FAIL)
            continue;
        n_fail++;
        if (!worst || x->delta.v < worst->delta.v) {
            worst = x;
            name = c->tasks[t].name;
        }
    }
    if (r->verdict != COMPARE_FAIL || !n_fail || !n_safe)
        return NULL;
    const char *others = n_fail > 1 ? arena_printf(a, " and %zu more fail", n_fail - 1) : " fails";
    const char *more = n_safe > 3 ? arena_printf(a, " and %zu more", n_safe - 3) : "";
    return arena_printf(a, "'%s' (%s pp)%s, %s%s %s out a loss of %g pp", name,
                        fmt_pp(worst->delta.v).s, others, safe, more, n_safe > 1 ? "rule" : "rules",
                        100 * margin);
}

struct agree_sums *agree_new(size_t n_tasks, size_t n_rows, struct arena *a)
{
    struct agree_sums *s = ARENA_NEW(a, struct agree_sums);
    *s = (struct agree_sums){n_tasks, n_rows, a, NULL};
    s->blocks = ARENA_ARRAY(a, struct block *, n_tasks * n_rows + 1);
    return s;
}

void agree_add(struct agree_sums *s, size_t task, size_t row, const struct view_scores *scores,
               const struct compare_task *t)
{
    bool is_likelihood = cell_is_likelihood(t->aggregation) && scores->weight;
    bool is_mean = strcmp(t->aggregation, "mean") == 0 || strcmp(t->aggregation, "nanmean") == 0 ||
                   strcmp(t->aggregation, "perplexity") == 0;
    if ((!is_mean && !is_likelihood) || scores->n == 0)
        return;
    /* log-likelihoods are better when higher, whatever is said of the perplexity */
    double sign =
        is_likelihood || cell_is_likelihood(t->aggregation) || t->higher_is_better ? 1 : -1;
    struct block *b = ARENA_ARRAY(s->a, struct block, BLOCKS);
    for (size_t i = 0; i < scores->n; i++) {
        if (isnan(scores->value[i]))
            continue;
        struct block *at = &b[(uint32_t)scores->idx[i] % BLOCKS];
        at->sum += sign * scores->value[i];
        at->weight += is_likelihood ? scores->weight[i] : 1;
    }
    s->blocks[task * s->n_rows + row] = b;
}

/* -- who is ranked ----------------------------------------------------------------------------- */

struct ranking {
    const struct agree_sums *s;
    const struct compare *c;
    struct arena *a;
    size_t *rows, n_rows, *tasks, n_tasks, n_pairs;
};

static bool has(const struct agree_sums *s, size_t task, size_t row)
{
    return s->blocks[task * s->n_rows + row] != NULL;
}

static void choose_rows(struct ranking *r)
{
    size_t most = 0;
    size_t *n = ARENA_ARRAY(r->a, size_t, r->s->n_rows + 1);
    for (size_t row = 0; row < r->s->n_rows; row++) {
        for (size_t t = 0; t < r->s->n_tasks; t++)
            n[row] += has(r->s, t, row);
        most = n[row] > most ? n[row] : most;
    }
    for (size_t row = 0; row < r->s->n_rows; row++)
        if (most > 0 && 2 * n[row] >= most)
            r->rows[r->n_rows++] = row;
}

static void choose_tasks(struct ranking *r)
{
    for (size_t t = 0; t < r->s->n_tasks && r->n_tasks < AGREE_MOST_TASKS; t++) {
        size_t n = 0;
        for (size_t i = 0; i < r->n_rows; i++)
            n += has(r->s, t, r->rows[i]);
        if (n == r->n_rows)
            r->tasks[r->n_tasks++] = t;
    }
}

/* -- signs ------------------------------------------------------------------------------------- */

static void signs_of(const double *v, size_t n, int8_t *out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            *out++ = (int8_t)((v[i] > v[j]) - (v[i] < v[j])); /* 0 with NAN */
}

static double tau_b(const int8_t *a, const int8_t *b, size_t n)
{
    int32_t dot = 0, na = 0, nb = 0;
    for (size_t i = 0; i < n; i++) {
        dot += a[i] * b[i];
        na += a[i] != 0;
        nb += b[i] != 0;
    }
    return na && nb ? dot / sqrt((double)na * nb) : NAN;
}

/* The score of every ranked row on one task, from blocks drawn `times` each. */
static void score_rows(const struct ranking *r, size_t task, const uint8_t *times, double *out)
{
    for (size_t i = 0; i < r->n_rows; i++) {
        const struct block *b = r->s->blocks[task * r->s->n_rows + r->rows[i]];
        double sum = 0, weight = 0;
        for (size_t g = 0; g < BLOCKS; g++) {
            sum += times[g] * b[g].sum;
            weight += times[g] * b[g].weight;
        }
        out[i] = weight > 0 ? sum / weight : NAN;
    }
}

/* As many draws, with replacement, as there are blocks with items. */
static void draw(const struct ranking *r, size_t task, struct rng *rng, uint8_t *times)
{
    const struct block *b = r->s->blocks[task * r->s->n_rows + r->rows[0]];
    size_t used[BLOCKS], n = 0;
    for (size_t g = 0; g < BLOCKS; g++)
        if (b[g].weight > 0)
            used[n++] = g;
    memset(times, 0, BLOCKS);
    for (size_t k = 0; k < n; k++)
        times[used[rng_below(rng, n)]]++;
}

/* -- tau and its spread ------------------------------------------------------------------------ */

struct spread { /* of one statistic over the resamples */
    double sum, squares;
    size_t n;
};

static void spread_add(struct spread *s, double v)
{
    if (isnan(v))
        return;
    s->sum += v;
    s->squares += v * v;
    s->n++;
}

static struct compare_value with_limits(double v, const struct spread *s)
{
    if (isnan(v) || s->n < LEAST_DEFINED)
        return (struct compare_value){v, NAN, NAN};
    double n = (double)s->n, mean = s->sum / n, var = (s->squares - n * mean * mean) / (n - 1);
    double half = 1.959963984540054 * sqrt(var > 0 ? var : 0);
    return (struct compare_value){v, fmax(-1, v - half), fmin(1, v + half)};
}

static double mean_of(const double *v, size_t n)
{
    double sum = 0;
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(v[i]))
            sum += v[i], k++;
    return k ? sum / (double)k : NAN;
}

struct taus {       /* everything that is estimated, in one row so that resamples are added alike */
    double *pair;   /* [n_tasks][n_tasks] */
    double *others; /* [n_tasks] */
    double *kl;     /* [n_tasks] */
    double mean, mean_kl;
};

static struct taus taus_new(const struct ranking *r)
{
    size_t n = r->n_tasks;
    return (struct taus){ARENA_ARRAY(r->a, double, n *n), ARENA_ARRAY(r->a, double, n),
                         ARENA_ARRAY(r->a, double, n), NAN, NAN};
}

/* signs [n_tasks][n_pairs]; kl_signs [n_pairs]. */
static void estimate(const struct ranking *r, const int8_t *signs, const int8_t *kl_signs,
                     struct taus *t)
{
    size_t n = r->n_tasks, p = r->n_pairs, k = 0;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        t->pair[i * n + i] = NAN;
        for (size_t j = i + 1; j < n; j++) {
            double v = tau_b(signs + i * p, signs + j * p, p);
            t->pair[i * n + j] = t->pair[j * n + i] = v;
            sum += isnan(v) ? 0 : v;
            k += !isnan(v);
        }
        t->kl[i] = tau_b(signs + i * p, kl_signs, p);
    }
    for (size_t i = 0; i < n; i++)
        t->others[i] = mean_of(t->pair + i * n, n);
    t->mean = k ? sum / (double)k : NAN;
    t->mean_kl = mean_of(t->kl, n);
}

struct spreads {
    struct spread *pair, *others, *kl, mean, mean_kl;
};

static void note(const struct ranking *r, const struct taus *t, struct spreads *s)
{
    size_t n = r->n_tasks;
    for (size_t i = 0; i < n * n; i++)
        spread_add(&s->pair[i], t->pair[i]);
    for (size_t i = 0; i < n; i++) {
        spread_add(&s->others[i], t->others[i]);
        spread_add(&s->kl[i], t->kl[i]);
    }
    spread_add(&s->mean, t->mean);
    spread_add(&s->mean_kl, t->mean_kl);
}

/* Lower divergence is better; the reference's own is zero.  Returns how many rows have one: unless
 * all do there is no order by KL. */
static size_t kl_order(const struct ranking *r, double *v)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_rows; i++) {
        const struct compare_row *row = &r->c->rows[r->rows[i]];
        v[i] = row->kl.n ? -row->kl.mean : row->variant->is_reference ? 0 : NAN;
        n += !isnan(v[i]);
    }
    return n;
}

bool agree_ties(const struct agree_task *t, size_t k)
{
    return k > 0 && t->score[k] == t->score[k - 1];
}

static void put_in_order(const struct ranking *r, const double *v, struct agree_task *t)
{
    size_t *order = ARENA_ARRAY(r->a, size_t, r->n_rows);
    double *w = ARENA_ARRAY(r->a, double, r->n_rows);
    for (size_t i = 0; i < r->n_rows; i++) { /* insertion keeps ties in the suite's order */
        size_t k = i;
        for (; k > 0 && w[k - 1] < v[i]; k--) {
            w[k] = w[k - 1];
            order[k] = order[k - 1];
        }
        w[k] = v[i];
        order[k] = r->rows[i];
    }
    t->order = order;
    t->score = w;
}

static const struct agree *conclude(const struct ranking *r, const struct taus *t,
                                    const struct spreads *s, struct agree_task *tasks)
{
    size_t n = r->n_tasks;
    struct agree *g = ARENA_NEW(r->a, struct agree);
    struct compare_value *tau = ARENA_ARRAY(r->a, struct compare_value, n * n);
    for (size_t i = 0; i < n * n; i++)
        tau[i] = with_limits(t->pair[i], &s->pair[i]);
    for (size_t i = 0; i < n; i++) {
        tasks[i].task = r->tasks[i];
        tasks[i].others = with_limits(t->others[i], &s->others[i]);
        tasks[i].kl = with_limits(t->kl[i], &s->kl[i]);
    }
    *g = (struct agree){.n_rows = r->n_rows,
                        .rows = r->rows,
                        .n_tasks = n,
                        .tasks = tasks,
                        .tau = tau,
                        .mean = with_limits(t->mean, &s->mean),
                        .mean_kl = with_limits(t->mean_kl, &s->mean_kl)};
    return g;
}

const struct agree *agree_make(const struct agree_sums *s, const struct compare *c, struct arena *a)
{
    struct ranking r = {.s = s, .c = c, .a = a};
    r.rows = ARENA_ARRAY(a, size_t, s->n_rows + 1);
    r.tasks = ARENA_ARRAY(a, size_t, s->n_tasks + 1);
    choose_rows(&r);
    if (r.n_rows < AGREE_LEAST_ROWS)
        return NULL;
    choose_tasks(&r);
    if (r.n_tasks < AGREE_LEAST_TASKS)
        return NULL;
    size_t n = r.n_tasks;
    r.n_pairs = r.n_rows * (r.n_rows - 1) / 2;
    double *v = ARENA_ARRAY(a, double, r.n_rows);
    int8_t *signs = ARENA_ARRAY(a, int8_t, n * r.n_pairs);
    int8_t *kl_signs = ARENA_ARRAY(a, int8_t, r.n_pairs);
    struct agree_task *tasks = ARENA_ARRAY(a, struct agree_task, n);
    struct taus first = taus_new(&r), again = taus_new(&r);
    struct spreads spreads = {.pair = ARENA_ARRAY(a, struct spread, n * n),
                              .others = ARENA_ARRAY(a, struct spread, n),
                              .kl = ARENA_ARRAY(a, struct spread, n)};
    struct rng rng = {SEED};
    uint8_t times[BLOCKS];
    if (kl_order(&r, v) == r.n_rows)
        signs_of(v, r.n_rows, kl_signs);
    memset(times, 1, sizeof times);
    for (size_t i = 0; i < n; i++) {
        score_rows(&r, r.tasks[i], times, v);
        signs_of(v, r.n_rows, signs + i * r.n_pairs);
        put_in_order(&r, v, &tasks[i]);
    }
    estimate(&r, signs, kl_signs, &first);
    for (size_t k = 0; k < RESAMPLES; k++) {
        for (size_t i = 0; i < n; i++) {
            draw(&r, r.tasks[i], &rng, times);
            score_rows(&r, r.tasks[i], times, v);
            signs_of(v, r.n_rows, signs + i * r.n_pairs);
        }
        estimate(&r, signs, kl_signs, &again);
        note(&r, &again, &spreads);
    }
    return conclude(&r, &first, &spreads, tasks);
}
