/* calibrate.c - do the tests reject as often as they say, do the intervals hold what they claim, and
 * does the nightly detector alarm and detect as it should?  Monte Carlo over known truths.
 *
 *   calibrate [SIMULATIONS]          2000 unless said; a fifth of it for the detector
 *
 * Prints a table; a rate outside its bounds (nominal, sampling error of three standard errors, and
 * the discreteness a method is known for) is marked and makes the exit status 1. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/rng.h"
#include "harness/stats/adjust.h"
#include "harness/stats/betting.h"
#include "harness/stats/boot.h"
#include "harness/stats/cluster.h"
#include "harness/stats/diverge.h"
#include "harness/stats/nightly.h"
#include "harness/stats/paired.h"
#include "harness/stats/proportion.h"
#include "harness/stats/quantile.h"
#include "harness/stats/rank.h"
#include "harness/stats/rounds.h"
#include "harness/stats/welch.h"

static struct rng rng = {20250101};
static int n_outside;

static double normal(void)
{
    double u = 1 - rng_double(&rng), v = rng_double(&rng);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static void fill(double *x, int n, double mean, double sd)
{
    for (int i = 0; i < n; i++)
        x[i] = mean + sd * normal();
}

/* Items that flip with probability psi, towards a loss with probability (psi - delta) / 2. */
static void draw_flips(int n, double psi, double delta, int64_t *losses, int64_t *gains)
{
    *losses = *gains = 0;
    for (int i = 0; i < n; i++) {
        double u = rng_double(&rng);
        *losses += u < (psi - delta) / 2;
        *gains += u >= (psi - delta) / 2 && u < psi;
    }
}

/* -- one simulation each: true when it rejected, or when the interval held the truth ----------------- */

static bool mcnemar_mid(void)
{
    int64_t b, c;
    draw_flips(1000, 0.09, 0, &b, &c);
    return paired_mcnemar_mid(b, c) <= 0.05;
}
static bool mcnemar_exact(void)
{
    int64_t b, c;
    draw_flips(1000, 0.09, 0, &b, &c);
    return paired_mcnemar_exact(b, c) <= 0.05;
}
static bool tango(void)
{
    int64_t b, c;
    double lim[2];
    draw_flips(500, 0.10, -0.02, &b, &c);
    paired_interval(b, c, 500, 0.05, lim);
    return lim[0] <= -0.02 && -0.02 <= lim[1];
}
static bool noninferior(void)
{
    int64_t b, c;
    draw_flips(2000, 0.08, -0.01, &b, &c);
    return paired_noninferior(b, c, 2000, 0.01) < 0.05;
}
static bool equivalent(void)
{
    int64_t b, c;
    draw_flips(4000, 0.08, -0.02, &b, &c);
    return paired_equivalent(b, c, 4000, 0.02) < 0.05;
}
static int successes(int n, double p)
{
    int k = 0;
    for (int i = 0; i < n; i++)
        k += rng_double(&rng) < p;
    return k;
}
static bool wilson(void)
{
    double lo, hi, p = 0.5 + 0.45 * rng_double(&rng);
    proportion_wilson(successes(200, p), 200, 0.05, &lo, &hi);
    return lo <= p && p <= hi;
}
static bool clopper_pearson(void)
{
    double lo, hi, p = 0.5 + 0.45 * rng_double(&rng);
    proportion_exact(successes(200, p), 200, 0.05, &lo, &hi);
    return lo <= p && p <= hi;
}
static bool mann_whitney(void)
{
    double x[12], y[12];
    struct rank_u u;
    fill(x, 12, 0, 1);
    fill(y, 12, 0, 1);
    return rank_mann_whitney(x, 12, y, 12, &u) && u.p_exact <= 0.05;
}
static bool mann_whitney_normal(void)
{
    double x[60], y[60];
    struct rank_u u;
    fill(x, 60, 0, 1);
    fill(y, 60, 0, 1);
    return rank_mann_whitney(x, 60, y, 60, &u) && u.p_normal <= 0.05;
}
static bool hodges_lehmann(void)
{
    double x[15], y[15];
    struct rank_shift s;
    fill(x, 15, 0, 1);
    fill(y, 15, 0.7, 1);
    return rank_hodges_lehmann(x, 15, y, 15, 0.05, &s) && s.lo <= 0.7 && 0.7 <= s.hi;
}
static bool brunner_munzel(void)
{
    double x[25], y[25];
    struct rank_bm b;
    fill(x, 25, 0, 1);
    fill(y, 25, 0, 3);
    return rank_brunner_munzel(x, 25, y, 25, &b) && b.p <= 0.05;
}
static bool welch(void)
{
    double x[12], y[20];
    struct welch w;
    fill(x, 12, 0, 3);
    fill(y, 20, 0, 1);
    return welch_test(x, 12, y, 20, &w) && w.p <= 0.05;
}
static bool kolmogorov(void)
{
    double x[40], y[40];
    struct welch_ks k;
    fill(x, 40, 0, 1);
    fill(y, 40, 0, 1);
    return welch_kolmogorov(x, 40, y, 40, &k) && k.p <= 0.05;
}
static bool wilcoxon(void)
{
    double d[20];
    fill(d, 20, 0, 1);
    return rounds_wilcoxon(d, 20) <= 0.05;
}
static bool sign_flip(void)
{
    double d[12];
    fill(d, 12, 0, 1);
    return rounds_sign_flip(d, 12, 0, 1) <= 0.05;
}
static bool median_ranks(void)
{
    double x[61];
    size_t lo, hi;
    for (int i = 0; i < 61; i++)
        x[i] = exp(normal());
    quantile_sort(x, 61);
    return quantile_ranks(61, 0.5, 0.05, &lo, &hi) && x[lo - 1] <= 1 && 1 <= x[hi - 1];
}
static bool bootstrap(void)
{
    double x[60];
    struct boot_result r;
    fill(x, 60, 1, 1);
    struct boot_spec s = {.x = x,
                          .nx = 60,
                          .fn = boot_mean,
                          .n_resamples = 400,
                          .seed = rng_next(&rng),
                          .alpha = 0.05};
    return boot_run(&s, NULL, &r) && r.lo <= 1 && 1 <= r.hi;
}
static bool clusters(void)
{
    double s[150];
    int32_t ids[150];
    struct cluster_error c;
    double level = 0;
    for (int i = 0; i < 150; i++) {
        if (i % 5 == 0)
            level = normal();
        s[i] = level + 0.7 * normal();
        ids[i] = i / 5;
    }
    cluster_mean(s, ids, 150, &c);
    return fabs(c.mean) <= cluster_half_width(c.cr1, c.n_clusters, 0.05);
}
/* Flips of `n_texts` texts with ten items each: in one text they lean to one side. */
static bool mcnemar_texts(int n_texts, bool is_adjusted)
{
    double d[1000];
    int32_t ids[1000];
    int64_t b = 0, c = 0;
    struct cluster_error e;
    for (int i = 0; i < 10 * n_texts; i++) {
        static double lean;
        if (i % 10 == 0)
            lean = rng_double(&rng) < 0.5 ? 0.85 : 0.15;
        bool is_flip = rng_double(&rng) < 0.15, is_loss = rng_double(&rng) < lean;
        d[i] = !is_flip ? 0 : is_loss ? -1 : 1;
        ids[i] = i / 10;
        b += is_flip && is_loss;
        c += is_flip && !is_loss;
    }
    cluster_mean(d, ids, (size_t)(10 * n_texts), &e);
    double deff = e.cr1 * e.cr1 / (e.clt * e.clt);
    struct cluster_design x = {deff > 1 ? deff : 1, is_adjusted ? (size_t)n_texts : 0};
    return cluster_two_sided(&x, paired_mcnemar_mid(b, c)) <= 0.05;
}
static bool mcnemar_100_texts(void)
{
    return mcnemar_texts(100, true);
}
static bool mcnemar_15_texts(void)
{
    return mcnemar_texts(15, true);
}
static bool mcnemar_chi(void)
{
    int64_t b, c;
    draw_flips(1000, 0.09, 0, &b, &c);
    return paired_mcnemar_chi(b, c, false) <= 0.05;
}
static bool mcnemar_chi_corrected(void)
{
    int64_t b, c;
    draw_flips(1000, 0.09, 0, &b, &c);
    return paired_mcnemar_chi(b, c, true) <= 0.05;
}
static bool signs(void)
{
    double d[40];
    fill(d, 40, 0, 1);
    return rounds_sign(d, 40) <= 0.05;
}
static bool few_clusters(void)
{
    double s[48];
    int32_t ids[48];
    struct cluster_error c;
    double level = 0;
    for (int i = 0; i < 48; i++) {
        if (i % 6 == 0)
            level = normal();
        s[i] = level + 0.7 * normal();
        ids[i] = i / 6;
    }
    cluster_mean(s, ids, 48, &c);
    return fabs(c.mean) <= cluster_half_width(c.cr1, c.n_clusters, 0.05);
}
static bool ppl_ratio(void)
{
    double b[200], q[200];
    struct diverge_ratio r;
    for (int i = 0; i < 200; i++) {
        b[i] = -log(1 - rng_double(&rng));
        q[i] = b[i] + 0.02 + 0.1 * normal();
    }
    return diverge_ppl(b, q, 200, &r) && fabs(r.mean - 0.02) <= 1.96 * r.se;
}
static bool median_ratio(void)
{
    double x[60], y[60], half = 0.5;
    struct boot_result r;
    fill(x, 60, 100, 2);
    fill(y, 60, 104, 2);
    struct boot_spec s = {.x = x,
                          .y = y,
                          .nx = 60,
                          .ny = 60,
                          .fn = boot_quantile_ratio,
                          .user = &half,
                          .n_resamples = 400,
                          .seed = rng_next(&rng),
                          .alpha = 0.05};
    return boot_run(&s, NULL, &r) && r.lo <= 1.04 && 1.04 <= r.hi;
}
/* Thirty comparisons of which none differs: any rejection at all. */
static bool holm(void)
{
    double p[30];
    for (int i = 0; i < 30; i++)
        p[i] = rng_double(&rng);
    adjust_holm(p, 30, p);
    for (int i = 0; i < 30; i++)
        if (p[i] <= 0.05)
            return true;
    return false;
}
/* Thirty of which ten differ: the share of false ones among the rejected, drawn once. */
static bool benjamini_hochberg(void)
{
    double p[30];
    int n = 0, n_false = 0;
    for (int i = 0; i < 30; i++)
        p[i] = i < 10 ? 1e-4 * rng_double(&rng) : rng_double(&rng);
    adjust_bh(p, 30, p);
    for (int i = 0; i < 30; i++) {
        n += p[i] <= 0.05;
        n_false += i >= 10 && p[i] <= 0.05;
    }
    return n && rng_double(&rng) * n < n_false;
}
/* The limit is broken by 10 % of the requests, and LoadGen's rule looks once at 500 of them. */
static bool loadgen(void)
{
    int t = successes(500, 0.1);
    return 500 - t >= quantile_early_stop(t, 0.9, 0.05);
}
static bool upper_quantile(void)
{
    double x[200];
    size_t lo, hi;
    fill(x, 200, 0, 1);
    quantile_sort(x, 200);
    return quantile_ranks(200, 0.9, 0.05, &lo, &hi) && x[lo - 1] <= 1.2815515655446 &&
           1.2815515655446 <= x[hi - 1];
}
/* Whether one of the limits ever leaves the truth outside, looked at as a run looks. */
static bool sequence_fails(void)
{
    int64_t b = 0, c = 0, n = 0;
    while (n < 3000) {
        for (int64_t to = betting_next_look(n); n < to; n++) {
            double u = rng_double(&rng);
            b += u < 0.06;
            c += u >= 0.06 && u < 0.10;
        }
        double lim[2];
        if (!betting_interval(b, c, n, 0.05, lim) || lim[0] > -0.02 || lim[1] < -0.02)
            return true;
    }
    return false;
}
static bool betting_flags(void)
{
    int64_t b = 0, c = 0;
    for (int i = 0; i < 3000; i++) {
        double u = rng_double(&rng);
        b += u < 0.03;
        c += u >= 0.03 && u < 0.06;
        if (u < 0.06 && betting_differs(b, c) >= 20)
            return true;
    }
    return false;
}
static bool betting_fails_inside(void)
{
    int64_t b = 0, c = 0;
    for (int i = 1; i <= 3000; i++) {
        double u = rng_double(&rng);
        b += u < 0.05; /* true loss: exactly the margin of 2 points */
        c += u >= 0.05 && u < 0.08;
        if (i % 5 == 0 && betting_inferior(b, c, i, 0.02) >= 20)
            return true;
    }
    return false;
}
/* Looked at after every item, as early stopping does. */
static bool betting_fails(void)
{
    int64_t b = 0, c = 0;
    for (int i = 0; i < 3000; i++) {
        double u = rng_double(&rng);
        b += u < 0.03;
        c += u >= 0.03 && u < 0.06;
        if (u < 0.06 && betting_worse(b, c) >= 20)
            return true;
    }
    return false;
}
static bool betting_passes(void)
{
    int64_t b = 0, c = 0;
    for (int i = 1; i <= 3000; i++) {
        double u = rng_double(&rng);
        b += u < 0.05; /* true loss: exactly the margin of 2 points */
        c += u >= 0.05 && u < 0.08;
        if (i % 5 == 0 && betting_noninferior(b, c, i, 0.02) >= 20)
            return true;
    }
    return false;
}
static bool prediction(void)
{
    double x[20], sum = 0, squares = 0;
    fill(x, 20, 100, 1);
    for (int i = 0; i < 20; i++)
        sum += x[i];
    for (int i = 0; i < 20; i++)
        squares += (x[i] - sum / 20) * (x[i] - sum / 20);
    return 100 + normal() <= change_limit(sum / 20, sqrt(squares / 19), 20, 0.95);
}
static bool energy_steps(void)
{
    double x[30];
    fill(x, 30, 100, 1);
    return change_p(x, 30, 199, rng_next(&rng)) <= 0.05;
}

/* `slack_lo`, `slack_hi`: how far a method is known to stray (discreteness, percentile bootstrap). */
static const struct check {
    const char *name;
    bool (*once)(void);
    double nominal, slack_lo, slack_hi;
} checks[] = {
    {"McNemar mid-p, type I", mcnemar_mid, 0.05, 0.012, 0.005},
    {"McNemar exact, type I (conservative)", mcnemar_exact, 0.05, 0.05, 0},
    {"Tango interval, coverage", tango, 0.95, 0.01, 0.01},
    {"non-inferiority at the margin, type I", noninferior, 0.05, 0.012, 0.005},
    {"equivalence at the margin, type I", equivalent, 0.05, 0.012, 0.005},
    {"Wilson interval, coverage", wilson, 0.95, 0.01, 0.01},
    {"Clopper-Pearson interval, coverage (>=)", clopper_pearson, 0.95, 0, 0.05},
    {"Mann-Whitney exact 12 x 12, type I", mann_whitney, 0.05, 0.01, 0},
    {"Mann-Whitney normal 60 x 60, type I", mann_whitney_normal, 0.05, 0.005, 0.005},
    {"Hodges-Lehmann interval, coverage", hodges_lehmann, 0.95, 0, 0.01},
    {"Brunner-Munzel, unequal spread, type I", brunner_munzel, 0.05, 0.005, 0.01},
    {"Welch, unequal spread and n, type I", welch, 0.05, 0.005, 0.005},
    {"Kolmogorov-Smirnov 40 x 40, type I (<=)", kolmogorov, 0.05, 0.03, 0},
    {"Wilcoxon signed ranks n 20, type I", wilcoxon, 0.05, 0.005, 0},
    {"sign flips n 12, type I", sign_flip, 0.05, 0.005, 0},
    {"median by ranks n 61, coverage (>=)", median_ranks, 0.95, 0, 0.02},
    {"bootstrap of a mean n 60, coverage", bootstrap, 0.95, 0.02, 0.005},
    {"clustered mean, 30 clusters, coverage", clusters, 0.95, 0.015, 0.01},
    {"early stop to fail, false (<=)", betting_fails, 0.05, 0.05, 0},
    {"early stop to pass at the margin, false (<=)", betting_passes, 0.05, 0.05, 0},
    {"early stop to fail at the margin, false (<=)", betting_fails_inside, 0.05, 0.05, 0},
    {"e-value, any difference, false (<=)", betting_flags, 0.05, 0.05, 0},
    {"confidence sequence, ever wrong (<=)", sequence_fails, 0.05, 0.05, 0},
    {"McNemar chi-square, type I", mcnemar_chi, 0.05, 0.012, 0.005},
    {"McNemar chi-square corrected, type I (<=)", mcnemar_chi_corrected, 0.05, 0.05, 0},
    {"sign test n 40, type I (<=)", signs, 0.05, 0.03, 0},
    {"McNemar of 100 texts, 10 items each, type I", mcnemar_100_texts, 0.05, 0.012, 0.012},
    {"McNemar of 15 texts, 10 items each, type I", mcnemar_15_texts, 0.05, 0.02, 0.015},
    {"clustered mean, 8 clusters, coverage", few_clusters, 0.95, 0.015, 0.015},
    {"perplexity ratio n 200, coverage", ppl_ratio, 0.95, 0.01, 0.005},
    {"bootstrap of a median ratio, coverage", median_ratio, 0.95, 0.02, 0.03},
    {"Holm over 30, any false", holm, 0.05, 0.005, 0.005},
    {"Benjamini-Hochberg over 30, false share (<=)", benjamini_hochberg, 0.05, 0.05, 0},
    {"LoadGen's rule, quantile broken, false (<=)", loadgen, 0.05, 0.04, 0},
    {"90 % quantile by ranks n 200, coverage (>=)", upper_quantile, 0.95, 0, 0.03},
    {"prediction limit 95 %, coverage", prediction, 0.95, 0, 0},
    {"E-divisive permutation, type I", energy_steps, 0.05, 0.005, 0.005},
};

static void run_checks(int n)
{
    printf("%-46s %8s %8s   bounds\n", "test or interval", "nominal", "measured");
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        const struct check *c = &checks[i];
        int hits = 0;
        for (int k = 0; k < n; k++)
            hits += c->once();
        double rate = (double)hits / n, se = sqrt(c->nominal * (1 - c->nominal) / n);
        double lo = c->nominal - c->slack_lo - 3 * se, hi = c->nominal + c->slack_hi + 3 * se;
        bool is_outside = rate < lo || rate > hi;
        n_outside += is_outside;
        printf("%-46s %8.3f %8.4f   %.4f .. %.4f%s\n", c->name, c->nominal, rate, fmax(lo, 0),
               fmin(hi, 1), is_outside ? "   OUTSIDE" : "");
        fflush(stdout);
    }
}

/* -- the nightly detector -------------------------------------------------------------------------- */

enum { NIGHTS = 60 };

struct cell {
    const char *name;
    double rho, effect;
    int k;
    double reference; /* E-divisive alone; false alarms: at most, detections: at least */
};

/* Sixty nights of latency, CV 1 %, a step of `effect` in the last k; AR: rho 0.6. */
static void draw_nights(double *x, double rho, double effect, int k)
{
    double level = normal();
    for (int i = 0; i < NIGHTS; i++) {
        level = rho * level + sqrt(1 - rho * rho) * normal();
        x[i] = 100 * (1 + 0.01 * level) * (i >= NIGHTS - k ? 1 + effect : 1);
    }
}

/* What the gate would have said in each of the last nights.  A false alarm may lie anywhere, a
 * detection must be near the step. */
static void watch(const double *x, const struct cell *c, bool *suspected, bool *confirmed)
{
    size_t first = 0;
    *suspected = *confirmed = false;
    for (int night = NIGHTS - c->k; night < NIGHTS; night++) {
        struct nightly_series s = {x, (size_t)night + 1, false, 0.02, 99, 0};
        struct nightly_night o;
        double p, effect;
        nightly_judge(&s, 1, 0, &o);
        bool is_now = o.state == NIGHTLY_SUSPECT && o.is_worse;
        *suspected |= is_now;
        *confirmed = false;
        for (size_t i = 0; i < o.n_steps; i++)
            *confirmed |= o.steps[i].after > o.steps[i].before &&
                          (c->effect <= 0 || (int)o.steps[i].at >= night - 12);
        if (!first) {
            first = is_now ? (size_t)night : 0;
            continue;
        }
        bool is_again = nightly_again(&s, first, true, &p, &effect);
        *confirmed |= is_again;
        if (!is_again && !(p <= 0.05 && effect >= 0.02))
            first = 0;
    }
}

static const struct cell cells[] = {
    {"false alarm, independent nights", 0, 0, 3, 0.000},
    {"false alarm, AR(1) rho 0.6", 0.6, 0, 3, 0.033},
    {"3 %, three nights", 0, 0.03, 3, 0.83},
    {"3 %, five nights", 0, 0.03, 5, 0.95},
    {"5 %, the first night", 0, 0.05, 1, 0.04},
    {"5 %, two nights", 0, 0.05, 2, 0.99},
    {"5 %, three nights", 0, 0.05, 3, 1.00},
    {"10 %, three nights", 0, 0.10, 3, 1.00},
};

static void run_cells(int n)
{
    printf("\n%-36s %9s %9s   confirmed\n", "nightly detector, CV 1 %, 60 nights", "suspected",
           "confirmed");
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        const struct cell *c = &cells[i];
        int n_suspected = 0, n_confirmed = 0;
        for (int k = 0; k < n; k++) {
            double x[NIGHTS];
            bool suspected, confirmed;
            draw_nights(x, c->rho, c->effect, c->effect > 0 ? c->k : 0);
            watch(x, c, &suspected, &confirmed);
            n_suspected += suspected;
            n_confirmed += confirmed;
        }
        double rate = (double)n_confirmed / n, r = fmin(fmax(c->reference, 0.005), 0.995);
        double slack = 3 * sqrt(r * (1 - r) / n);
        bool is_outside = c->effect > 0 ? rate < c->reference - slack : rate > c->reference + slack;
        n_outside += is_outside;
        printf("%-36s %9.3f %9.3f   %s %.3f%s\n", c->name, (double)n_suspected / n, rate,
               c->effect > 0 ? ">=" : "<=",
               fmax(c->effect > 0 ? c->reference - slack : c->reference + slack, 0),
               is_outside ? "   OUTSIDE" : "");
        fflush(stdout);
    }
}

/* -- early stopping -------------------------------------------------------------------------------- */

enum { POOL = 14042 }; /* items, as MMLU has */

struct course { /* the first two: the truth is the margin, a hair to each side of it */
    double margin, psi, loss;
    bool must_not_pass, must_not_fail;
};
static const struct course courses[] = {
    {0.01, 0.05, 0.01, true, false},   {0.01, 0.05, 0.0099, false, true},
    {0.01, 0.02, 0, false, true},      {0.01, 0.05, 0, false, true},
    {0.01, 0.05, 0.005, false, true},  {0.01, 0.05, -0.005, false, true},
    {0.01, 0.05, 0.02, true, false},   {0.01, 0.10, 0.03, true, false},
    {0.01, 0.15, 0.01, true, false},   {0.02, 0.05, 0, false, true},
    {0.02, 0.10, 0.01, false, true},   {0.02, 0.10, 0.02, true, false},
    {0.02, 0.10, 0.04, true, false},   {0.02, 0.20, 0.08, true, false},
};

static int by_count(const void *x, const void *y)
{
    int64_t p = *(const int64_t *)x, q = *(const int64_t *)y;
    return (p > q) - (p < q);
}

static enum betting_verdict run_course(const struct course *c, int64_t *seen)
{
    enum betting_verdict v = BETTING_OPEN;
    int64_t losses = 0, gains = 0, n = 0;
    while (n < POOL && v == BETTING_OPEN) {
        int64_t to = betting_next_look(n);
        for (to = to < POOL ? to : POOL; n < to; n++) {
            double u = rng_double(&rng);
            losses += u < (c->psi + c->loss) / 2;
            gains += u >= (c->psi + c->loss) / 2 && u < c->psi;
        }
        v = betting_decide(losses, gains, n, c->margin, 0.05);
    }
    *seen = n;
    return v;
}

/* Wrong decisions stay below 5 %; what is saved is a share of the items, on the average. */
static void run_courses(int n)
{
    int64_t *seen = calloc((size_t)n, sizeof *seen);
    printf("\n%-34s %6s %6s %6s %8s %7s\n", "early stopping, 14042 items, level 5 %", "pass", "fail",
           "open", "median n", "saved");
    for (size_t i = 0; seen && i < sizeof courses / sizeof *courses; i++) {
        const struct course *c = &courses[i];
        int count[3] = {0, 0, 0};
        double sum = 0, most = 0.05 + 3 * sqrt(0.05 * 0.95 / n);
        for (int k = 0; k < n; k++) {
            count[run_course(c, &seen[k])]++;
            sum += (double)seen[k];
        }
        qsort(seen, (size_t)n, sizeof *seen, by_count);
        bool is_outside = (c->must_not_pass && count[BETTING_PASS] > most * n) ||
                          (c->must_not_fail && count[BETTING_FAIL] > most * n);
        n_outside += is_outside;
        printf("margin %.0f pp, flips %2.0f %%, loss %5.2f pp %6.3f %6.3f %6.3f %8lld %5.0f %%%s\n",
               100 * c->margin, 100 * c->psi, 100 * c->loss, (double)count[BETTING_PASS] / n,
               (double)count[BETTING_FAIL] / n, (double)count[BETTING_OPEN] / n,
               (long long)seen[n / 2], 100 * (1 - sum / n / POOL), is_outside ? "   OUTSIDE" : "");
        fflush(stdout);
    }
    free(seen);
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 2000;
    if (n < 100) {
        fprintf(stderr, "usage: calibrate [SIMULATIONS], at least 100\n");
        return 2;
    }
    run_checks(n);
    run_courses(n);
    run_cells(n / 5);
    printf("\n%d simulations of each, %d of the detector: %s\n", n, n / 5,
           n_outside ? "NOT calibrated" : "all within bounds");
    return n_outside > 0;
}
