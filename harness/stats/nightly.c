/* nightly.c - suspicion and confirmation over the series of a night; see the header. */
#include "harness/stats/nightly.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/stats/adjust.h"
#include "harness/stats/dist.h"
#include "harness/stats/quantile.h"

static const double OUTLIER = 5 * 1.4826; /* median absolute deviations, as standard deviations */

static double median_of(const double *x, size_t n, double *scratch)
{
    memcpy(scratch, x, n * sizeof *x);
    return quantile_select(scratch, n, 0.5);
}

/* Values of one level relative to its mean, outliers left out: appended to r. */
static size_t keep_residuals(const double *x, size_t n, double *scratch, double *r, double *mean)
{
    double mid = median_of(x, n, scratch), mad = 0, sum = 0;
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        scratch[i] = fabs(x[i] - mid);
    mad = quantile_select(scratch, n, 0.5);
    for (size_t i = 0; i < n; i++)
        if (mad <= 0 || fabs(x[i] - mid) <= OUTLIER * mad) {
            r[k++] = x[i];
            sum += x[i];
        }
    *mean = sum / (double)k;
    for (size_t i = 0; i < k; i++)
        r[i] = r[i] / *mean - 1;
    return k;
}

/* Where levels begin, ascending: steps, and the level that was accepted. */
static size_t list_levels(const struct nightly_series *s, const struct nightly_night *o,
                          size_t out[NIGHTLY_STEPS + 1])
{
    size_t n = 0;
    for (size_t k = 0; k < o->n_steps; k++)
        out[n++] = o->steps[k].at;
    if (s->accepted == 0 || s->accepted >= s->n)
        return n;
    size_t at = n++;
    for (; at > 0 && out[at - 1] > s->accepted; at--)
        out[at] = out[at - 1];
    out[at] = s->accepted;
    return n;
}

/* Student's t of tonight against its level; *df its degrees of freedom.  False: cannot be told. */
static bool predict(const struct nightly_series *s, struct nightly_night *o, double *t, double *df)
{
    double r[NIGHTLY_RECENT], scratch[NIGHTLY_RECENT], mean = NAN, squares = 0;
    size_t past = s->n - 1, from = past > NIGHTLY_RECENT ? past - NIGHTLY_RECENT : 0;
    size_t n = 0, n_levels = 0, current = 0, begins[NIGHTLY_STEPS + 1];
    size_t n_begins = list_levels(s, o, begins);
    for (size_t k = 0; k <= n_begins; k++) {
        size_t lo = k ? begins[k - 1] : 0, hi = k < n_begins ? begins[k] : past;
        lo = lo < from ? from : lo;
        current = 0;
        if (hi <= lo)
            continue;
        if (k == n_begins)
            o->expected = median_of(s->x + lo, hi - lo, scratch);
        current = keep_residuals(s->x + lo, hi - lo, scratch, r + n, &mean);
        n += current;
        n_levels++;
    }
    o->n_history = n;
    if (past - from < NIGHTLY_LEAST) {
        o->state = NIGHTLY_LEARNING;
        return false;
    }
    if (current < 2 || n <= n_levels) {
        o->state = NIGHTLY_SETTLING;
        return false;
    }
    for (size_t i = 0; i < n; i++)
        squares += r[i] * r[i];
    *df = (double)(n - n_levels);
    double sd = sqrt(squares / *df), off = s->x[past] / mean - 1;
    *t = off / (sd * sqrt(1 + 1 / (double)current));
    if (!(sd > 1e-12)) /* never moved yet: any move is a shift */
        *t = fabs(off) <= 1e-12 ? 0 : copysign(INFINITY, off);
    o->state = NIGHTLY_QUIET;
    return true;
}

static void judge_one(const struct nightly_series *s, struct nightly_night *o)
{
    *o = (struct nightly_night){.state = NIGHTLY_LEARNING,
                                .expected = NAN,
                                .effect = NAN,
                                .p_worse = NAN,
                                .p_better = NAN,
                                .q_worse = NAN,
                                .q_better = NAN};
    double t, df;
    if (s->n < 2)
        return;
    size_t skip = s->n > NIGHTLY_WINDOW ? s->n - NIGHTLY_WINDOW : 0;
    struct change_options c = {.min_effect = s->min_effect, .seed = s->seed};
    o->n_steps = change_find(s->x + skip, s->n - skip, &c, o->steps, NIGHTLY_STEPS);
    if (o->n_steps > NIGHTLY_STEPS)
        o->n_steps = NIGHTLY_STEPS;
    for (size_t i = 0; i < o->n_steps; i++) {
        o->steps[i].at += skip;
        o->steps[i].lo += skip;
        o->steps[i].hi += skip;
    }
    if (!predict(s, o, &t, &df))
        return;
    o->effect = s->x[s->n - 1] / o->expected - 1;
    double up = isinf(t) ? (t < 0) : dist_t_cdf(-t, df); /* P(T >= t) */
    double down = isinf(t) ? (t > 0) : dist_t_cdf(t, df);
    o->p_worse = s->higher_is_better ? down : up;
    o->p_better = s->higher_is_better ? up : down;
}

void nightly_judge(const struct nightly_series *s, size_t n, double q, struct nightly_night *out)
{
    struct arena a = {0};
    double *p = ARENA_ARRAY(&a, double, n + 1), *adjusted = ARENA_ARRAY(&a, double, n + 1);
    q = q > 0 ? q : 0.05;
    for (size_t i = 0; i < n; i++)
        judge_one(&s[i], &out[i]);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++)
            p[i] = side ? out[i].p_better : out[i].p_worse;
        adjust_bh(p, n, adjusted);
        for (size_t i = 0; i < n; i++)
            *(side ? &out[i].q_better : &out[i].q_worse) = adjusted[i];
    }
    for (size_t i = 0; i < n; i++) {
        bool is_worse = out[i].q_worse <= q, is_better = out[i].q_better <= q;
        if (out[i].state != NIGHTLY_QUIET || (!is_worse && !is_better) ||
            !(fabs(out[i].effect) >= s[i].min_effect))
            continue;
        out[i].state = NIGHTLY_SUSPECT;
        out[i].is_worse = is_worse;
    }
    arena_release(&a);
}

bool nightly_again(const struct nightly_series *s, size_t first, bool is_worse, double *p,
                   double *effect)
{
    struct arena a = {0};
    struct nightly_night o;
    double *x = ARENA_ARRAY(&a, double, first + 1);
    memcpy(x, s->x, first * sizeof *x);
    x[first] = s->x[s->n - 1];
    struct nightly_series cut = *s;
    cut.x = x;
    cut.n = first + 1;
    cut.accepted = s->accepted < first ? s->accepted : 0;
    judge_one(&cut, &o);
    arena_release(&a);
    *p = is_worse ? o.p_worse : o.p_better;
    *effect = o.effect;
    bool is_towards = (o.effect < 0) == (is_worse == s->higher_is_better);
    return *p <= 0.01 && is_towards && fabs(o.effect) >= s->min_effect;
}
