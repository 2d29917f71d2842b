/* speed.c - rates and latencies from raw samples; see the header for definitions. */
#include "reports/speed.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/rng.h"
#include "harness/stats/quantile.h"
#include "harness/stats/rank.h"

enum { LEAST_CLEAN = 3 };
static const struct compare_value unknown = {NAN, NAN, NAN};

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

/* ms[n] of repetitions of[n] in ascending order, kept. */
static struct compare_times times_of(const double *ms, const uint32_t *of, size_t n,
                                     struct arena *keep)
{
    struct arena scratch = {0};
    double *sorted = ARENA_ARRAY(keep, double, n + 1);
    uint32_t *rep = ARENA_ARRAY(keep, uint32_t, n + 1);
    struct quantile_ref *order = ARENA_ARRAY(&scratch, struct quantile_ref, n + 1);
    quantile_order(ms, n, order);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = order[i].v;
        rep[i] = of[order[i].at];
    }
    arena_release(&scratch);
    return (struct compare_times){.ms = sorted, .rep = rep, .n = n};
}

static void measure_gaps(const struct view_sample *s, size_t n, double alpha, struct arena *keep,
                         struct compare_speed *out)
{
    size_t total = 0, k = 0, n_reps = 0;
    for (size_t i = 0; i < n; i++)
        total += s[i].n_token_ns;
    struct arena scratch = {0};
    double *gaps = ARENA_ARRAY(&scratch, double, total + 1);
    uint32_t *of = ARENA_ARRAY(&scratch, uint32_t, total + 1);
    for (size_t i = 0; i < n; i++) {
        size_t before = k;
        for (size_t t = 1; t < s[i].n_token_ns && is_used(&s[i], out); t++) {
            of[k] = (uint32_t)n_reps;
            gaps[k++] = (double)(s[i].token_ns[t] - s[i].token_ns[t - 1]) * 1e-6;
        }
        n_reps += k > before;
    }
    out->itl = times_of(gaps, of, k, keep);
    out->itl.n_reps = n_reps;
    arena_release(&scratch);
    out->itl_median_ms = quantile_sorted(out->itl.ms, k, 0.5);
    out->itl_p90_ms = percentile(out->itl.ms, k, 0.9, alpha);
    out->itl_p99_ms = percentile(out->itl.ms, k, 0.99, alpha);
}

int speed_measure(struct view *view, const struct view_job *job, double alpha, struct arena *keep,
                  struct compare_speed *out, const double **rates_out, struct assay_err *e)
{
    struct arena scratch = {0};
    const struct view_sample *s;
    size_t n, n_ttft = 0;
    *out = (struct compare_speed){.job = job,
                                  .rate = unknown,
                                  .ratio = unknown,
                                  .ttft_ms = unknown,
                                  .cpu_share = NAN,
                                  .itl_median_ms = NAN,
                                  .itl_p90_ms = NAN,
                                  .itl_p99_ms = NAN};
    int rc = view_samples(view, job, &scratch, &s, &n, e);
    if (rc < 0)
        goto out;
    bool is_prefill = job->scenario && strcmp(job->scenario->kind, "prefill") == 0;
    double *rates = ARENA_ARRAY(keep, double, n), *wall = ARENA_ARRAY(keep, double, n);
    double *ttft = ARENA_ARRAY(&scratch, double, n), *cpu = ARENA_ARRAY(&scratch, double, n);
    uint32_t *of = ARENA_ARRAY(&scratch, uint32_t, n);
    for (size_t i = 0; i < n; i++) {
        out->n_warmup += s[i].is_warmup;
        out->n_dirty += s[i].is_dirty && !s[i].is_warmup;
    }
    out->is_disturbed = out->n_dirty > 0 && n - out->n_warmup - out->n_dirty < LEAST_CLEAN;
    for (size_t i = 0; i < n; i++) {
        double rate = rate_of(&s[i], is_prefill);
        if (!is_used(&s[i], out) || isnan(rate))
            continue;
        if (s[i].ttft_ns >= 0) {
            of[n_ttft] = (uint32_t)n_ttft;
            ttft[n_ttft++] = (double)s[i].ttft_ns * 1e-6;
        }
        wall[out->n] = (double)s[i].wall_ns * 1e-6;
        cpu[out->n] = (double)s[i].cpu_ns / (double)s[i].wall_ns;
        rates[out->n++] = rate;
    }
    out->rate = median_of(rates, out->n, alpha);
    out->ttft = times_of(ttft, of, n_ttft, keep);
    out->ttft.n_reps = n_ttft;
    out->ttft_ms = median_of(ttft, n_ttft, alpha);
    out->cpu_share = median_of(cpu, out->n, alpha).v;
    quantile_sort(wall, out->n);
    out->wall_ms = wall;
    measure_gaps(s, n, alpha, keep, out);
    *rates_out = rates;
out:
    arena_release(&scratch);
    return rc;
}

/* -- quantile by quantile ---------------------------------------------------------------------- */

enum { RESAMPLES = 200, SEED = 42, LEAST_REPS = 3 };

/* Quantiles of the times when repetition r counts times[r] times; p ascending. */
static void weighted_quantiles(const struct compare_times *s, const uint32_t *times,
                               const struct speed_ratio *at, size_t n, double *out)
{
    double total = 0, sum = 0;
    size_t k = 0;
    for (size_t i = 0; i < s->n; i++)
        total += times[s->rep[i]];
    for (size_t i = 0; i < s->n && k < n; i++) {
        sum += times[s->rep[i]];
        while (k < n && sum >= at[k].p * total && times[s->rep[i]])
            out[k++] = s->ms[i];
    }
    while (k < n)
        out[k++] = s->ms[s->n - 1];
}

static void draw_reps(struct rng *rng, uint32_t *times, size_t n)
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
    uint32_t *bt = ARENA_ARRAY(&a, uint32_t, b->n_reps), *vt = ARENA_ARRAY(&a, uint32_t, v->n_reps);
    double *ratios = ARENA_ARRAY(&a, double, n *RESAMPLES), x[SPEED_QUANTILES], y[SPEED_QUANTILES];
    for (size_t k = 0; k < RESAMPLES; k++) {
        draw_reps(&rng, bt, b->n_reps);
        draw_reps(&rng, vt, v->n_reps);
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
    if (n && b->n_reps >= LEAST_REPS && v->n_reps >= LEAST_REPS)
        bootstrap_ratios(b, v, out, n);
    return n;
}

static double *logs(const double *v, size_t n, struct arena *a)
{
    double *l = ARENA_ARRAY(a, double, n);
    for (size_t i = 0; i < n; i++)
        l[i] = log(v[i]);
    return l;
}

void speed_compare(const double *base, size_t n_base, const double *rates, size_t n, double alpha,
                   struct compare_value *ratio)
{
    struct arena scratch = {0};
    struct rank_shift s;
    *ratio = unknown;
    if (n_base && n &&
        rank_hodges_lehmann(logs(base, n_base, &scratch), n_base, logs(rates, n, &scratch), n,
                            alpha, &s))
        *ratio = (struct compare_value){exp(s.shift), exp(s.lo), exp(s.hi)};
    arena_release(&scratch);
}
