/* Latency and other continuous samples: ranks, quantiles, bootstrap, change points. */
#include "tests/stats/stats_test.h"

#include <stdlib.h>
#include <string.h>
#include "harness/base/rng.h"
#include "harness/stats/boot.h"
#include "harness/stats/change.h"
#include "harness/stats/dist.h"
#include "harness/stats/quantile.h"
#include "harness/stats/rank.h"
#include "harness/stats/rounds.h"
#include "harness/stats/welch.h"

#define X sample_x, N_OF(sample_x)
#define Y sample_y, N_OF(sample_y)

static const double tied_x[] = {1, 2, 2, 3, 3, 3, 4, 5, 5, 6};
static const double tied_y[] = {2, 3, 4, 4, 5, 5, 6, 7, 7, 8};

static void mann_whitney(void **state)
{
    (void)state;
    struct rank_u r;
    assert_true(rank_mann_whitney(X, Y, &r));
    near(r.u, 4, 0);
    near(r.p_exact, 0.000129901058694, 6e-16);
    near(r.p_normal_cc, 0.000582839943179, 6e-16);
    near(r.p_normal, 0.000506541484692, 6e-16);
    near(r.p_above, 0.96, 1e-15);
    assert_true(rank_mann_whitney(tied_x, 10, tied_y, 10, &r));
    near(r.u, 25, 0);
    near(r.p_normal_cc, 0.0610306184304, 6e-14);
    near(r.p_normal, 0.0559398898706, 6e-14);
    assert_true(isnan(r.p_exact));
    double same[] = {1, 1, 1}, bad[] = {1, NAN};
    assert_true(rank_mann_whitney(same, 3, same, 3, &r));
    near(r.p_normal_cc, 1, 0);
    assert_false(rank_mann_whitney(same, 0, same, 3, &r));
    assert_false(rank_mann_whitney(same, 3, bad, 2, &r));
}

static void hodges_lehmann(void **state)
{
    (void)state;
    struct rank_shift r;
    assert_true(rank_hodges_lehmann(X, Y, 0.05, &r));
    near(r.shift, 3.95, 1e-12);
    near(r.lo, 2.3, 1e-12);
    near(r.hi, 5.7, 1e-12);
    double lx[10], ly[10];
    for (int i = 0; i < 10; i++) {
        lx[i] = log(sample_x[i]);
        ly[i] = log(sample_y[i]);
    }
    assert_true(rank_hodges_lehmann(lx, 10, ly, 10, 0.05, &r));
    near(exp(r.shift), 1.03904971, 6e-9);
    near(exp(r.lo), 1.02239533, 6e-9);
    near(exp(r.hi), 1.05637982, 6e-9);
    assert_true(rank_hodges_lehmann(lx, 2, ly, 2, 0.05, &r)); /* too few for 95 % */
    assert_true(isfinite(r.shift) && isnan(r.lo) && isnan(r.hi));
    assert_false(rank_hodges_lehmann(lx, 0, ly, 2, 0.05, &r));
}

static void two_samples(void **state)
{
    (void)state;
    struct welch w;
    assert_true(welch_test(X, Y, &w));
    near(w.t, -5.321625496333, 6e-13);
    near(w.df, 17.965135873250, 6e-12);
    near_rel(w.p, 4.682959773254e-05, 1e-11);
    struct rank_bm b;
    assert_true(rank_brunner_munzel(X, Y, &b));
    near(b.statistic, 46 / sqrt(128.0 / 9), 1e-14); /* the ranks give exact fractions */
    near_rel(b.p, 1.2104e-09, 1e-4);
    assert_true(rank_brunner_munzel(tied_x, 10, tied_y, 10, &b));
    near(b.statistic, 2.256213140986, 6e-13);
    near(b.p, 0.037106917162, 6e-13);
    struct welch_ks k;
    assert_true(welch_kolmogorov(X, Y, &k));
    near(k.d, 0.8, 1e-15);
    near(k.p, 0.002056766763, 6e-13);
    double low[] = {1, 1, 1}, high[] = {2, 2, 2}, bad[] = {1, NAN};
    assert_true(welch_test(low, 3, high, 3, &w));
    assert_true(isinf(w.t) && w.p == 0);
    assert_true(welch_test(low, 3, low, 3, &w));
    near(w.p, 1, 0);
    assert_true(rank_brunner_munzel(low, 3, high, 3, &b));
    assert_true(isinf(b.statistic) && b.p == 0);
    assert_true(welch_kolmogorov(low, 3, high, 3, &k));
    near(k.p, 0.1, 1e-12); /* 2 of the C(6,3) orders */
    assert_false(welch_test(low, 1, high, 3, &w));
    assert_false(welch_test(bad, 2, high, 3, &w));
    assert_false(welch_kolmogorov(low, 0, high, 3, &k));
    assert_false(welch_kolmogorov(bad, 2, high, 3, &k));
}

static void paired_rounds(void **state)
{
    (void)state;
    double d[10];
    for (int i = 0; i < 10; i++)
        d[i] = sample_x[i] - sample_y[i];
    near(rounds_wilcoxon(d, 10), 0.001953125, 1e-15);
    near(rounds_sign_flip(d, 10, 0, 0), 0.001953125, 1e-15);
    static const double e[] = {.3, -.1, .5, .2, -.4, .6, .1, .25};
    near(rounds_sign_flip(e, 8, 0, 0), 0.171875, 1e-15);
    near(rounds_sign(e, 8), 0.2890625, 1e-14);
    /* by counting all 2^n signs: the 4th mean of pairs from both ends, the 1st, none */
    struct rank_shift s;
    assert_true(rounds_shift(e, 8, 0.05, &s));
    near(s.shift, 0.2, 1e-15);
    near(s.lo, -0.1, 1e-15);
    near(s.hi, 0.45, 1e-15);
    static const double six[] = {.01, .02, -.005, .04, .03, .015};
    assert_true(rounds_shift(six, 6, 0.05, &s));
    near(s.shift, 0.0175, 1e-15);
    near(s.lo, -0.005, 1e-15);
    near(s.hi, 0.04, 1e-15);
    assert_true(rounds_shift(six, 5, 0.05, &s));
    near(s.shift, 0.02, 1e-15);
    assert_true(isnan(s.lo) && isnan(s.hi));
    double long_[300], zero[] = {0, 0}, bad[] = {1, NAN};
    struct rng rng = {1};
    for (int i = 0; i < 300; i++)
        long_[i] = rng_double(&rng) - 0.45;
    double mean = 0, squares = 0; /* for so many, near the t test */
    for (int i = 0; i < 300; i++)
        mean += long_[i] / 300;
    for (int i = 0; i < 300; i++)
        squares += (long_[i] - mean) * (long_[i] - mean);
    double t = mean / sqrt(squares / (300.0 * 299));
    near(rounds_sign_flip(long_, 300, 9999, 7), dist_t_two_sided(t, 299), 0.01);
    assert_true(rounds_wilcoxon(long_, 300) > 0.02 && rounds_wilcoxon(long_, 300) < 0.3);
    /* exact and normal forms meet: 200 differences are exact, 201 are not */
    near(rounds_wilcoxon(long_, 201), rounds_wilcoxon(long_, 200), 0.03);
    near(rounds_wilcoxon(zero, 2), 1, 0);
    near(rounds_sign(zero, 2), 1, 0);
    near(rounds_sign_flip(zero, 2, 0, 0), 1, 0);
    assert_true(isnan(rounds_wilcoxon(bad, 2)) && isnan(rounds_sign(bad, 2)));
    assert_false(rounds_shift(bad, 2, 0.05, &s) || rounds_shift(zero, 0, 0.05, &s) ||
                 rounds_shift(long_, 201, 0.05, &s) || rounds_shift(zero, 2, 1, &s));
    assert_true(isnan(rounds_wilcoxon(zero, 0)) && isnan(rounds_sign_flip(zero, 0, 9, 9)));
}

static void quantiles(void **state)
{
    (void)state;
    double v[10], big[5001];
    memcpy(v, sample_x, sizeof v);
    quantile_sort(v, 10);
    near(quantile_sorted(v, 10, .5), 101.3, 1e-12);
    near(quantile_sorted(v, 10, .9), 103.14, 1e-12);
    near(quantile_sorted(v, 10, .99), 104.274, 1e-12);
    near(quantile_sorted(v, 10, 0), 98.9, 0);
    near(quantile_sorted(v, 10, 1), 104.4, 0);
    assert_true(isnan(quantile_sorted(v, 0, .5)) && isnan(quantile_sorted(v, 3, 1.1)));
    struct rng rng = {9};
    for (int kind = 0; kind < 4; kind++) /* selection = sorting, ties and orders included */
        for (size_t n = 1; n <= N_OF(big); n = n * 3 + 1)
            for (double p = 0; p <= 1; p += 0.125) {
                for (size_t i = 0; i < n; i++)
                    big[i] = kind == 0   ? rng_double(&rng)
                             : kind == 1 ? (double)rng_below(&rng, 3)
                             : kind == 2 ? (double)i
                                         : (double)(n - i);
                double got = quantile_select(big, n, p);
                quantile_sort(big, n);
                near(got, quantile_sorted(big, n, p), 0);
            }
}

static void quantile_intervals(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        double p;
        size_t lo, hi;
    } v[] = {{100, .5, 40, 61}, {100, .9, 84, 96}, {200, .95, 184, 197}, {1000, .99, 983, 997}};
    size_t lo, hi;
    for (size_t i = 0; i < N_OF(v); i++) {
        assert_true(quantile_ranks(v[i].n, v[i].p, 0.05, &lo, &hi));
        assert_int_equal(lo, v[i].lo);
        assert_int_equal(hi, v[i].hi);
    }
    assert_false(quantile_ranks(367, .99, 0.05, &lo, &hi));
    assert_true(quantile_ranks(368, .99, 0.05, &lo, &hi));
    assert_int_equal(quantile_least_n(.99, 0.05), 368);
    assert_int_equal(quantile_least_n(.5, 0.05), 6);
    assert_int_equal(quantile_least_n(.9, 0.05), 36);
    assert_false(quantile_ranks(0, .5, 0.05, &lo, &hi));
}

static void early_stopping(void **state)
{
    (void)state;
    static const int64_t t[] = {0, 1, 2, 5, 10};
    static const int64_t h99[] = {459, 661, 836, 1302, 2000}, h90[] = {44, 63, 79, 122, 187},
                         h95[] = {90, 129, 163, 254, 388};
    for (size_t i = 0; i < N_OF(t); i++) {
        assert_int_equal(quantile_early_stop(t[i], .99, .01), h99[i]);
        assert_int_equal(quantile_early_stop(t[i], .90, .01), h90[i]);
        assert_int_equal(quantile_early_stop(t[i], .95, .01), h95[i]);
    }
    assert_int_equal(quantile_early_stop(-1, .9, .01), -1);
    assert_int_equal(quantile_early_stop(0, NAN, .01), -1);
}

static void bootstrap(void **state)
{
    (void)state;
    struct rng rng = {42};
    assert_true(rng_next(&rng) == 0xbdd732262feb6e95 && rng_next(&rng) == 0x28efe333b266f103 &&
                rng_next(&rng) == 0x47526757130f9f52);
    double p = 0.5;
    struct boot_spec s = {.x = sample_x,
                          .nx = 10,
                          .y = sample_y,
                          .ny = 10,
                          .fn = boot_quantile_ratio,
                          .user = &p,
                          .n_resamples = 2000,
                          .seed = 42,
                          .alpha = 0.05};
    struct boot_result r;
    assert_true(boot_run(&s, NULL, &r));
    near(r.estimate, 1.0380059230, 6e-11);
    near(r.lo, 1.0204479065, 6e-11);
    near(r.hi, 1.0579567780, 6e-11);
    p = 0.9;
    assert_true(boot_run(&s, NULL, &r));
    near(r.estimate, 1.0446965290, 6e-11);
    near(r.lo, 1.0178160920, 6e-11);
    near(r.hi, 1.0598352194, 6e-11);
    double d[100] = {0}, all[2000];
    for (int i = 0; i < 13; i++)
        d[i] = i < 10 ? -1 : 1;
    struct boot_spec one = {
        .x = d, .nx = 100, .fn = boot_mean, .n_resamples = 2000, .seed = 42, .alpha = 0.05};
    assert_true(boot_run(&one, all, &r));
    near(r.lo, -0.14, 1e-12);
    near(r.hi, 0.00, 1e-12);
    int at_least_0 = 0;
    for (int i = 0; i < 2000; i++)
        at_least_0 += all[i] >= 0;
    assert_int_equal(at_least_0, 63); /* 3.15 % */
    one.nx = 0;
    assert_false(boot_run(&one, NULL, &r));
    d[3] = NAN;
    one.nx = 100;
    assert_false(boot_run(&one, NULL, &r));
}

static void kendall(void **state)
{
    (void)state;
    static const double a[] = {12, 2, 1, 12, 2}, b[] = {1, 4, 7, 1, 0}; /* scipy's example */
    near(rank_kendall(a, b, 5), -0.47140452079103173, 1e-15);
    near(rank_kendall(sample_x, sample_x, 10), 1, 1e-15);
    double flat[] = {1, 1, 1};
    assert_true(isnan(rank_kendall(flat, sample_x, 3)) && isnan(rank_kendall(a, b, 1)));
}

static const double steps[] = {
    99.559,  98.067,  101.603, 100.332, 99.81,   98.998,  99.872,  99.312,  98.537,  99.653,
    98.414,  101.839, 101.672, 101.485, 101.456, 100.193, 101.518, 99.305,  100.476, 101.029,
    100.698, 98.427,  99.378,  99.695,  101.61,  107.952, 104.205, 105.606, 107.704, 105.64,
    107.998, 104.11,  105.505, 105.078, 106.244, 106.453, 104.201, 107.845, 104.772, 104.626};

static void change_points(void **state)
{
    (void)state;
    size_t tau;
    double t;
    assert_true(change_best(steps, 40, &tau, &t));
    assert_int_equal(tau, 25);
    near(t, 80.751430, 6e-7);
    near(change_p(steps, 40, 999, 42), 0.001, 1e-15);
    assert_true(change_best(steps, 25, &tau, &t));
    assert_int_equal(tau, 11);
    near(t, 5.390702, 6e-7);
    near(change_p(steps, 25, 999, 42), 0.119, 1e-15);
    struct change_point c[4];
    struct change_options o = {.seed = 42, .min_effect = 0.02};
    assert_int_equal(change_find(steps, 40, &o, c, 4), 1);
    assert_int_equal(c[0].at, 25);
    assert_true(c[0].lo <= 25 && c[0].hi >= 25 && c[0].lo >= 22 && c[0].hi <= 28);
    near(c[0].after / c[0].before, 1.056, 0.005);
    o.min_effect = 0.10; /* real, but too small to matter */
    assert_int_equal(change_find(steps, 40, &o, c, 4), 0);
    double two[40]; /* two steps, found in order */
    struct rng rng = {5};
    for (int i = 0; i < 40; i++)
        two[i] = 100 + rng_double(&rng) + (i >= 30 ? 20 : i >= 15 ? 10 : 0);
    o.min_effect = 0.02;
    assert_int_equal(change_find(two, 40, &o, c, 1), 2); /* cap is kept */
    assert_int_equal(change_find(two, 40, &o, c, 4), 2);
    assert_int_equal(c[0].at, 15);
    assert_int_equal(c[1].at, 30);
    double flat[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    assert_int_equal(change_find(flat, 8, &o, c, 4), 0);
    assert_int_equal(change_find(steps, 3, &o, c, 4), 0);
    flat[2] = NAN;
    assert_false(change_best(flat, 8, &tau, &t));
}

static void prediction(void **state)
{
    (void)state;
    near(change_limit(100, 2, 20, .98), 104.518293239, 6e-10);
    assert_true(isnan(change_limit(100, 2, 1, .98)));
    double sd = 0, mean = 0;
    for (int i = 0; i < 10; i++)
        mean += sample_x[i] / 10;
    for (int i = 0; i < 10; i++)
        sd += (sample_x[i] - mean) * (sample_x[i] - mean) / 9;
    double limit = change_limit(mean, sqrt(sd), 10, .98); /* the two agree */
    near(change_suspect(sample_x, 10, limit), 0.02, 1e-10);
    double flat[] = {1, 1, 1};
    assert_true(isnan(change_suspect(flat, 3, 2)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mann_whitney),   cmocka_unit_test(hodges_lehmann),
        cmocka_unit_test(two_samples),    cmocka_unit_test(paired_rounds),
        cmocka_unit_test(quantiles),      cmocka_unit_test(quantile_intervals),
        cmocka_unit_test(early_stopping), cmocka_unit_test(bootstrap),
        cmocka_unit_test(kendall),        cmocka_unit_test(change_points),
        cmocka_unit_test(prediction)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
