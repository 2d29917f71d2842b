/* speed.c - rates and latencies from raw samples; see the header for definitions. */
#include "reports/speed.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/rng.h"
#include "harness/stats/quantile.h"
#include "harness/stats/rank.h"
#include "harness/stats/rounds.h"

enum { LEAST_CLEAN = 3 };
static const struct compare_value unknown = {NAN, NAN, NAN};
const struct compare_speed speed_unknown = {.rate = {NAN, NAN, NAN},
                                            .ratio = {NAN, NAN, NAN},
                                            .ttft_ms = {NAN, NAN, NAN},
                                            .itl_median_ms = NAN,
                                            .itl_p90_ms = NAN,
                                            .itl_p99_ms = NAN,
                                            .cpu_share = NAN};

static bool has_stamps(const struct view_sample *s)
{
    return s->n_token_ns >= 2 && s->token_ns[s->n_token_ns - 1] > s->token_ns[0];
}

/* Tokens per second of one repetition; NAN when it cannot be told. */
static double rate_of(const struct view_sample *s, bool is_prefill)
{
    double ns = is_prefill && s->ttft_ns > 0 ? (double)s->ttft_ns : (double)s->wall_ns;
    double tokens = is_prefill ? (double)s->n_prompt : (double)s->n_generated;
    if (!is_prefill && has_stamps(s)) {
        ns = (double)(s->token_ns[s->n_token_ns - 1] - s->token_ns[0]);
        tokens = (double)(s->n_token_ns - 1);
    }
    return ns > 0 && tokens > 0 ? tokens * 1e9 / ns : NAN;
}

/* Median of v (sorted in place) with its rank interval. */
static struct compare_value median_of(double *v, size_t n, double alpha)
{
    size_t lo, hi;
    if (n == 0)
        return unknown;
    quantile_sort(v, n);
    struct compare_value m = {quantile_sorted(v, n, 0.5), NAN, NAN};
    if (quantile_ranks(n, 0.5, alpha, &lo, &hi)) {
        m.lo = v[lo - 1];
        m.hi = v[hi - 1];
    }
    return m;
}

/* NAN when n is too small for the percentile to have an interval. */
static double percentile(const double *sorted, size_t n, double p, double alpha)
{
    size_t lo, hi;
    return quantile_ranks(n, p, alpha, &lo, &hi) ? quantile_sorted(sorted, n, p) : NAN;
}

static bool is_used(const struct view_sample *s, const struct compare_speed *out)
{
    return !s->is_warmup && (!s->is_dirty || out->is_disturbed);
}

/* ms[n] of units of[n] in ascending order, kept. */
static struct compare_times times_of(const double *ms, const uint32_t *of, size_t n,
                                     struct arena *keep)
{
    struct arena scratch = {0};
    double *sorted = ARENA_ARRAY(keep, double, n + 1);
    uint32_t *unit = ARENA_ARRAY(keep, uint32_t, n + 1);
    struct quantile_ref *order = ARENA_ARRAY(&scratch, struct quantile_ref, n + 1);
    quantile_order(ms, n, order);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = order[i].v;
        unit[i] = of[order[i].at];
    }
    arena_release(&scratch);
    return (struct compare_times){.ms = sorted, .unit = unit, .n = n};
}

/* What the used repetitions came to, in the order they ran. */
struct used {
    double *rate, *ttft;           /* tokens/s; ms, NAN: not stamped */
    const struct view_sample **of;
    size_t n;
};

/* The unit of repetition i: rounds where there are several, which is whose spread a speed can be
 * trusted by; else repetitions. */
static void find_units(const struct used *u, struct compare_speed *out, uint32_t *unit,
                       struct arena *keep)
{
    int64_t *rounds = ARENA_ARRAY(keep, int64_t, u->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < u->n; i++) {
        if (n == 0 || rounds[n - 1] != u->of[i]->round)
            rounds[n++] = u->of[i]->round;
        unit[i] = (uint32_t)(n - 1);
    }
    out->rounds = n > 1 ? rounds : NULL;
    out->n_units = n > 1 ? n : u->n;
    for (size_t i = 0; i < u->n && n <= 1; i++)
        unit[i] = (uint32_t)i;
}

/* Medians of v by unit, without NAN: how many, in order. */
static size_t unit_medians(const double *v, const uint32_t *unit, size_t n, double *out)
{
    struct arena a = {0};
    double *one = ARENA_ARRAY(&a, double, n + 1);
    size_t k = 0;
    for (size_t i = 0, j; i < n; i = j) {
        size_t m = 0;
        for (j = i; j < n && unit[j] == unit[i]; j++)
            if (!isnan(v[j]))
                one[m++] = v[j];
        quantile_sort(one, m);
        if (m)
            out[k++] = quantile_sorted(one, m, 0.5);
    }
    arena_release(&a);
    return k;
}

static void measure_gaps(const struct used *u, const uint32_t *unit, double alpha,
                         struct arena *keep, struct compare_speed *out)
{
    size_t total = 0, k = 0;
    for (size_t i = 0; i < u->n; i++)
        total += u->of[i]->n_token_ns;
    struct arena scratch = {0};
    double *gaps = ARENA_ARRAY(&scratch, double, total + 1);
    uint32_t *of = ARENA_ARRAY(&scratch, uint32_t, total + 1);
    for (size_t i = 0; i < u->n; i++) {
        const int64_t *stamps = u->of[i]->token_ns;
        for (size_t t = 1; t < u->of[i]->n_token_ns; t++) {
            of[k] = unit[i];
            gaps[k++] = (double)(stamps[t] - stamps[t - 1]) * 1e-6;
        }
    }
    out->itl = times_of(gaps, of, k, keep);
    out->itl.n_units = out->n_units;
    arena_release(&scratch);
    out->itl_median_ms = quantile_sorted(out->itl.ms, k, 0.5);
    out->itl_p90_ms = percentile(out->itl.ms, k, 0.9, alpha);
    out->itl_p99_ms = percentile(out->itl.ms, k, 0.99, alpha);
}

static void measure_ttft(const struct used *u, const uint32_t *unit, double alpha,
                         struct arena *keep, struct compare_speed *out)
{
    struct arena scratch = {0};
    double *ms = ARENA_ARRAY(&scratch, double, u->n + 1);
    double *medians = ARENA_ARRAY(&scratch, double, u->n + 1);
    uint32_t *of = ARENA_ARRAY(&scratch, uint32_t, u->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < u->n; i++)
        if (!isnan(u->ttft[i])) {
            of[n] = unit[i];
            ms[n++] = u->ttft[i];
        }
    out->ttft = times_of(ms, of, n, keep);
    out->ttft.n_units = out->n_units;
    out->ttft_ms = median_of(medians, unit_medians(u->ttft, unit, u->n, medians), alpha);
    arena_release(&scratch);
}

static void measure_rate(const struct used *u, const uint32_t *unit, double alpha,
                         struct arena *keep, struct compare_speed *out)
{
    double *medians = ARENA_ARRAY(keep, double, u->n + 1);
    double *units = ARENA_ARRAY(keep, double, u->n + 1);
    size_t n = unit_medians(u->rate, unit, u->n, medians);
    for (size_t i = 0; i < n; i++)
        units[i] = log(medians[i]);
    out->units = units;
    out->rate = median_of(medians, n, alpha);
}

static void choose(const struct view_sample *s, size_t n, bool is_prefill, struct used *u,
                   struct compare_speed *out)
{
    for (size_t i = 0; i < n; i++) {
        out->n_warmup += s[i].is_warmup;
        out->n_dirty += s[i].is_dirty && !s[i].is_warmup;
    }
    out->is_disturbed = out->n_dirty > 0 && n - out->n_warmup - out->n_dirty < LEAST_CLEAN;
    for (size_t i = 0; i < n; i++) {
        double rate = rate_of(&s[i], is_prefill);
        if (!is_used(&s[i], out) || isnan(rate))
            continue;
        u->of[u->n] = &s[i];
        u->ttft[u->n] = s[i].ttft_ns >= 0 ? (double)s[i].ttft_ns * 1e-6 : NAN;
        u->rate[u->n++] = rate;
    }
    out->n = u->n;
}

int speed_measure(struct view *view, const struct view_job *job, double alpha, struct arena *keep,
                  struct compare_speed *out, struct assay_err *e)
{
    struct arena scratch = {0};
    const struct view_sample *s;
    size_t n;
    *out = speed_unknown;
    out->job = job;
    int rc = view_samples(view, job, &scratch, &s, &n, e);
    if (rc < 0)
        goto out;
    bool is_prefill = job->scenario && strcmp(job->scenario->kind, "prefill") == 0;
    struct used u = {.rate = ARENA_ARRAY(&scratch, double, n + 1),
                     .ttft = ARENA_ARRAY(&scratch, double, n + 1),
                     .of = ARENA_ARRAY(&scratch, const struct view_sample *, n + 1)};
    double *wall = ARENA_ARRAY(keep, double, n + 1), *cpu = ARENA_ARRAY(&scratch, double, n + 1);
    uint32_t *unit = ARENA_ARRAY(&scratch, uint32_t, n + 1);
    choose(s, n, is_prefill, &u, out);
    find_units(&u, out, unit, keep);
    for (size_t i = 0; i < u.n; i++) {
        wall[i] = (double)u.of[i]->wall_ns * 1e-6;
        cpu[i] = (double)u.of[i]->cpu_ns / (double)u.of[i]->wall_ns;
    }
    measure_rate(&u, unit, alpha, keep, out);
    measure_ttft(&u, unit, alpha, keep, out);
    out->cpu_share = median_of(cpu, u.n, alpha).v;
    quantile_sort(wall, u.n);
    out->wall_ms = wall;
    measure_gaps(&u, unit, alpha, keep, out);
out:
    arena_release(&scratch);
    return rc;
}

/* -- quantile by quantile ---------------------------------------------------------------------- */

enum { RESAMPLES = 200, SEED = 42, LEAST_UNITS = 3 };

/* Quantiles of the times when unit r counts times[r] times; p ascending. */
static void weighted_quantiles(const struct compare_times *s, const uint32_t *times,
                               const struct speed_ratio *at, size_t n, double *out)
{
    double total = 0, sum = 0;
    size_t k = 0;
    for (size_t i = 0; i < s->n; i++)
        total += times[s->unit[i]];
    for (size_t i = 0; i < s->n && k < n; i++) {
        sum += times[s->unit[i]];
        while (k < n && sum >= at[k].p * total && times[s->unit[i]])
            out[k++] = s->ms[i];
    }
    while (k < n)
        out[k++] = s->ms[s->n - 1];
}

static void draw_units(struct rng *rng, uint32_t *times, size_t n)
{
    memset(times, 0, n * sizeof *times);
    for (size_t i = 0; i < n; i++)
        times[rng_below(rng, n)]++;
}

static void bootstrap_ratios(const struct compare_times *b, const struct compare_times *v,
                             struct speed_ratio *r, size_t n)
{
    struct arena a = {0};
    struct rng rng = {SEED};
    uint32_t *bt = ARENA_ARRAY(&a, uint32_t, b->n_units), *vt = ARENA_ARRAY(&a, uint32_t, v->n_units);
    double *ratios = ARENA_ARRAY(&a, double, n *RESAMPLES), x[SPEED_QUANTILES], y[SPEED_QUANTILES];
    for (size_t k = 0; k < RESAMPLES; k++) {
        draw_units(&rng, bt, b->n_units);
        draw_units(&rng, vt, v->n_units);
        weighted_quantiles(b, bt, r, n, x);
        weighted_quantiles(v, vt, r, n, y);
        for (size_t i = 0; i < n; i++)
            ratios[i * RESAMPLES + k] = y[i] / x[i];
    }
    for (size_t i = 0; i < n; i++) {
        quantile_sort(ratios + i * RESAMPLES, RESAMPLES);
        r[i].lo = quantile_sorted(ratios + i * RESAMPLES, RESAMPLES, 0.025);
        r[i].hi = quantile_sorted(ratios + i * RESAMPLES, RESAMPLES, 0.975);
    }
    arena_release(&a);
}

size_t speed_ratios(const struct compare_times *b, const struct compare_times *v,
                    struct speed_ratio out[SPEED_QUANTILES])
{
    size_t n = 0;
    for (int k = 1; k <= SPEED_QUANTILES; k++) {
        double p = k < SPEED_QUANTILES ? 0.05 * k : 0.99;
        double x = percentile(b->ms, b->n, p, 0.05), y = percentile(v->ms, v->n, p, 0.05);
        if (x > 0 && y > 0)
            out[n++] = (struct speed_ratio){p, y / x, NAN, NAN};
    }
    if (n && b->n_units >= LEAST_UNITS && v->n_units >= LEAST_UNITS)
        bootstrap_ratios(b, v, out, n);
    return n;
}

void speed_compare(const double *base, size_t n_base, const double *v, size_t n, double alpha,
                   struct compare_value *ratio)
{
    struct rank_shift s;
    *ratio = unknown;
    if (n_base && n && rank_hodges_lehmann(base, n_base, v, n, alpha, &s))
        *ratio = (struct compare_value){exp(s.shift), exp(s.lo), exp(s.hi)};
}

/* Differences of the rounds both have. */
static size_t in_both(const struct compare_speed *base, const struct compare_speed *v, double *d)
{
    size_t n = 0;
    for (size_t i = 0, j = 0; i < base->n_units && j < v->n_units;) {
        if (base->rounds[i] == v->rounds[j])
            d[n++] = v->units[j++] - base->units[i++];
        else if (base->rounds[i] < v->rounds[j])
            i++;
        else
            j++;
    }
    return n;
}

void speed_ratio(const struct compare_speed *base, const struct compare_speed *v, bool is_same_run,
                 double alpha, struct compare_value *ratio)
{
    struct arena scratch = {0};
    struct rank_shift s;
    double *d = ARENA_ARRAY(&scratch, double, base->n_units + 1);
    size_t n = is_same_run && base->rounds && v->rounds ? in_both(base, v, d) : 0;
    if (n && rounds_shift(d, n, alpha, &s))
        *ratio = (struct compare_value){exp(s.shift), exp(s.lo), exp(s.hi)};
    else
        speed_compare(base->units, base->n_units, v->units, v->n_units, alpha, ratio);
    arena_release(&scratch);
}
