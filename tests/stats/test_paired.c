/* Paired comparisons: McNemar, Tango, clustering, multiplicity, divergence, betting. */
#include "tests/stats/stats_test.h"

#include "harness/base/rng.h"
#include "harness/stats/adjust.h"
#include "harness/stats/betting.h"
#include "harness/stats/cluster.h"
#include "harness/stats/dist.h"
#include "harness/stats/diverge.h"
#include "harness/stats/paired.h"

static void mcnemar(void **state)
{
    (void)state;
    static const struct {
        int64_t b, c;
        double exact, mid, chi, edwards;
    } v[] = {
        {0, 0, 1, 1, 1, 1},
        {0, 6, 0.03125, 0.015625, 0.0143058784354, 0.0412268333372},
        {5, 1, 0.21875, 0.125, 0.10247043486, 0.22067136192},
        {10, 3, 0.09228515625, 0.057373046875, 0.0522036353413, 0.0960923294557},
        {25, 10, 0.0166738478001, 0.0113309841836, 0.0112298866529, 0.0179604775261},
        {7, 7, 1, 1, 1, 1},
        {120, 90, 0.0451140878648, 0.0386433487822, 0.0384339302368, 0.0453719050658},
        {1500, 1400, 0.0659873496652, 0.0633447591785, 0.06331778683, 0.0660058634975},
    };
    for (size_t i = 0; i < N_OF(v); i++) {
        near(paired_mcnemar_exact(v[i].b, v[i].c), v[i].exact, 6e-13);
        near(paired_mcnemar_mid(v[i].b, v[i].c), v[i].mid, 6e-13);
        near(paired_mcnemar_mid(v[i].c, v[i].b), v[i].mid, 6e-13);
        near(paired_mcnemar_chi(v[i].b, v[i].c, false), v[i].chi, 6e-12);
        near(paired_mcnemar_chi(v[i].b, v[i].c, true), v[i].edwards, 6e-12);
    }
    assert_true(isnan(paired_mcnemar_exact(-1, 3)) && isnan(paired_mcnemar_mid(3, -1)));
}

static void tango(void **state)
{
    (void)state;
    static const struct {
        int64_t b, c, n;
        double wald[2], score[2], t, p, eps;
    } v[] = {
        {10,
         3,
         100,
         {-0.1393229038, -0.0006770962},
         {-0.1498640522, 0.0007655004},
         -1.42894641,
         0.92349018,
         6e-9},
        {40,
         20,
         160,
         {-0.2178885173, -0.0321114827},
         {-0.2180642442, -0.0308645331},
         -2.18040636,
         0.98538632,
         6e-9},
        {30,
         25,
         500,
         {-0.0390577468, 0.0190577468},
         {-0.0400353413, 0.0196105158},
         0.67055863,
         0.25125087,
         6e-9},
        {0, 0, 100, {0, 0}, {-0.0369934982, 0.0369934982}, 1.42857143, 0.076563726, 6e-9},
        {350,
         320,
         14042,
         {-0.0057491798, 0.0014762842},
         {-0.0057637320, 0.0014804085},
         9.14175149,
         3.07e-20,
         6e-9},
    };
    for (size_t i = 0; i < N_OF(v); i++) {
        double lim[2], d = (double)(v[i].c - v[i].b) / (double)v[i].n;
        double half = 1.959963984540054 * paired_wald_se(v[i].b, v[i].c, v[i].n);
        near(d - half, v[i].wald[0], 6e-11);
        near(d + half, v[i].wald[1], 6e-11);
        assert_true(paired_interval(v[i].b, v[i].c, v[i].n, 0.05, lim));
        near(lim[0], v[i].score[0], 6e-11);
        near(lim[1], v[i].score[1], 6e-11);
        near(paired_score(v[i].b, v[i].c, v[i].n, -0.02), v[i].t, v[i].eps);
        near(paired_noninferior(v[i].b, v[i].c, v[i].n, 0.02), v[i].p, v[i].eps);
    }
    near_rel(paired_noninferior(350, 320, 14042, 0.02), 3.07e-20, 2e-3);
    double lim[2];
    assert_true(paired_interval(45, 40, 5000, 0.10, lim));
    near(lim[0], -0.00409360, 6e-9);
    near(lim[1], 0.00206437, 6e-9);
    near(paired_score(45, 40, 5000, -0.005), 2.104549, 6e-7);
    near(paired_noninferior(45, 40, 5000, 0.005), 0.0176653, 6e-8);
    /* equivalence is the harder of the two sides */
    near(paired_equivalent(45, 40, 5000, 0.005), 0.0176653, 6e-8);
    near(paired_equivalent(40, 45, 5000, 0.005), paired_noninferior(45, 40, 5000, 0.005), 1e-12);
    assert_false(paired_interval(0, 0, 0, 0.05, lim));
    assert_true(isnan(lim[0]) && isnan(paired_score(3, 3, 5, 0)));
    assert_true(paired_interval(5, 0, 5, 0.05, lim)); /* everything lost */
    near(lim[0], -1, 1e-9);
    near(paired_score(5, 0, 5, lim[1]), -1.959963984540054, 1e-9);
}

static const double clustered[] = {1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1};
static const double against[] = {1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 1, 1};
static const int32_t ids[] = {0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3};

/* A variance four times as large halves z; few clusters ask Student. */
static void designs(void **state)
{
    (void)state;
    const struct cluster_design none = {9, 0}, four = {4, 500}, few = {1, 12};
    double lim[2] = {-0.02, 0.03}, same[2] = {-0.02, 0.03};
    cluster_stretch(&none, 0.01, 0.05, same);
    near(same[0], -0.02, 0);
    near(same[1], 0.03, 0);
    near(cluster_two_sided(&none, 0.04), 0.04, 0);
    cluster_stretch(&four, 0.01, 0.05, lim);
    near(lim[0], -0.05, 1e-12);
    near(lim[1], 0.05, 1e-12);
    near(cluster_two_sided(&four, 2 * dist_norm_sf(3)), 2 * dist_norm_sf(1.5), 1e-12);
    near(cluster_one_sided(&four, dist_norm_sf(5)), dist_norm_sf(2.5), 1e-12);
    near(cluster_one_sided(&four, dist_norm_sf(-2)), dist_norm_sf(-1), 1e-12);
    near(cluster_two_sided(&few, 2 * dist_norm_sf(2)), dist_t_two_sided(2, 11), 1e-12);
    near(cluster_one_sided(&few, dist_norm_sf(-2)), dist_t_cdf(2, 11), 1e-12);
    lim[0] = -1, lim[1] = 1;
    cluster_stretch(&few, 0, 0.05, lim);
    near(lim[1], dist_t_quantile(0.975, 11) / dist_norm_quantile(0.975), 1e-9);
    near(lim[0], -lim[1], 0);
    near(cluster_two_sided(&four, 1), 1, 0);
    near(cluster_two_sided(&four, 0), 0, 0);
    assert_true(cluster_two_sided(&four, 1e-320) < 1e-50 && cluster_one_sided(&four, 1e-320) > 0);
    assert_true(isnan(cluster_two_sided(&four, NAN)));
}

static void clusters(void **state)
{
    (void)state;
    struct cluster_error e, f, paired;
    assert_true(cluster_mean(clustered, ids, 12, &e));
    near(e.mean, 0.5, 1e-15);
    near(e.clt, 0.1507556723, 6e-11);
    near(e.miller, 0.2002208377, 6e-11);
    near(e.cr0, 0.1954339900, 6e-11);
    near(e.cr1, 0.2256677335, 6e-11);
    assert_int_equal(e.n_clusters, 4);
    double d[12];
    for (int i = 0; i < 12; i++)
        d[i] = clustered[i] - against[i];
    assert_true(cluster_mean(against, NULL, 12, &f));
    assert_true(cluster_mean(d, ids, 12, &paired));
    near(paired.mean, -0.1666666667, 6e-11);
    near(paired.clt, 0.1123666437, 6e-11);
    near(hypot(e.clt, f.clt), 0.2071938535, 6e-11);
    near(paired.cr0, 0.0708197155, 6e-11);
    assert_true(cluster_mean(clustered, NULL, 12, &e)); /* own clusters: CR1 = CLT */
    near(e.cr1, e.clt, 1e-15);
    assert_false(cluster_mean(clustered, NULL, 0, &e));
    double bad[] = {1, NAN};
    assert_false(cluster_mean(bad, NULL, 2, &e));
    double same[] = {0.3, 0.3, 0.3};
    assert_true(cluster_mean(same, NULL, 3, &e));
    near(e.clt, 0, 1e-16);
    assert_true(cluster_mean(same, NULL, 1, &e));
    assert_true(isnan(e.clt) && isnan(e.cr1));
}

static void ratios(void **state)
{
    (void)state;
    struct cluster_ratio r;
    struct cluster_error e;
    assert_true(cluster_mean(clustered, ids, 12, &e));
    assert_true(cluster_ratio(clustered, NULL, ids, 12, &r)); /* weights 1: the mean */
    near(r.ratio, e.mean, 1e-15);
    near(r.se, e.cr1, 1e-15);
    double d[] = {2, 4, 6, 8}, w[] = {1, 2, 3, 4}; /* exactly proportional */
    assert_true(cluster_ratio(d, w, NULL, 4, &r));
    near(r.ratio, 2, 1e-15);
    near(r.se, 0, 1e-15);
    d[3] = 9; /* by hand: r 2.1, residuals */
    assert_true(cluster_ratio(d, w, NULL, 4, &r));
    near(r.se, sqrt((0.01 + 0.04 + 0.09 + 0.36) * 4 / 3) / 10, 1e-12);
    double zero[] = {0, 0};
    assert_false(cluster_ratio(d, zero, NULL, 2, &r));
    near(cluster_half_width(1, 10, 0.05), 2.262157162798, 1e-11);
    near(cluster_half_width(1, 1000, 0.05), 1.959963984540054, 1e-12);
    assert_true(isnan(cluster_half_width(1, 1, 0.05)));
    near(cluster_p(2, 1, 6), 0.10193947883, 1e-11);
    near(cluster_p(0, 0, 6), 1, 0);
    near(cluster_p(1, 0, 6), 0, 0);
}

static void multiplicity(void **state)
{
    (void)state;
    static const double p[] = {.0001, .004, .019, .095, .201, .278, .298, .344, .459, .001, .03};
    static const double holm[] = {.0011, .036, .152, .57, 1, 1, 1, 1, 1, .01, .21};
    static const double bh[] = {.0011,         .014666666667, .05225,        .174166666667,
                                .315857142857, .364222222222, .364222222222, .3784,
                                .459,          .0055,         .066};
    double out[N_OF(p)];
    adjust_holm(p, N_OF(p), out);
    for (size_t i = 0; i < N_OF(p); i++)
        near(out[i], holm[i], 1e-12);
    adjust_bh(p, N_OF(p), out);
    for (size_t i = 0; i < N_OF(p); i++)
        near(out[i], bh[i], 6e-13);
    double some[] = {0.01, NAN, 0.04}; /* two tests, not three */
    adjust_holm(some, 3, some);
    near(some[0], 0.02, 1e-15);
    assert_true(isnan(some[1]));
    near(some[2], 0.04, 1e-15);
    adjust_holm(NULL, 0, NULL);
}

static void divergence(void **state)
{
    (void)state;
    static const double p[] = {2, 1, .1, -1}, q[] = {1.8, 1.2, 0, -.5};
    struct diverge_row r;
    assert_true(diverge_logits_f64(p, q, 4, 0, &r));
    near(r.kl, 0.020751664812, 6e-13);
    near(r.delta_p, -0.0869106617, 6e-11);
    assert_true(r.same_top);
    near(exp(-r.nll) - exp(-r.nll_base), r.delta_p, 1e-15);
    assert_true(diverge_logits_f64(q, p, 4, 0, &r));
    near(r.kl, 0.022358617707, 6e-13);
    float f[] = {2, 1, .1f, -1}, g[] = {1.8f, 1.2f, 0, -.5f};
    assert_true(diverge_logits(f, g, 4, 0, &r));
    near(r.kl, 0.020751664812, 1e-8);
    assert_true(diverge_logits(f, f, 4, 2, &r));
    near(r.kl, 0, 0);
    float masked[] = {2, 1, -INFINITY, -1}, huge[] = {3e38f, -3e38f, 0, 0};
    assert_true(diverge_logits(masked, f, 4, 0, &r)); /* p = 0 adds nothing */
    assert_true(isfinite(r.kl) && r.kl > 0);
    assert_true(diverge_logits(f, masked, 4, 0, &r)); /* q = 0 where p > 0 */
    assert_true(isinf(r.kl));
    assert_true(diverge_logits(huge, huge, 4, 0, &r));
    near(r.kl, 0, 0);
    float bad[] = {1, NAN, 0, 0}, inf[] = {1, INFINITY, 0, 0};
    assert_false(diverge_logits(bad, f, 4, 0, &r));
    assert_false(diverge_logits(f, inf, 4, 0, &r));
    assert_false(diverge_logits(f, g, 4, 4, &r));
    assert_false(diverge_logits(f, g, 0, 0, &r));
}

static void perplexity(void **state)
{
    (void)state;
    static const double b[] = {2.1, .5, 1.7, 3.3, .9, 2.8}, q[] = {2.2, .55, 1.65, 3.6, .95, 2.9};
    struct diverge_ratio r;
    assert_true(diverge_ppl(b, q, 6, &r));
    near(r.mean, 0.0916666667, 6e-11);
    near(r.se, 0.0472875365, 6e-11);
    near(r.ratio, 1.0959994280, 6e-11);
    near(r.ratio_se, 0.0518271130, 6e-11);
    near(r.corr, 0.99736999, 6e-9);
    assert_true(diverge_ppl(b, b, 6, &r));
    near(r.se, 0, 0);
    assert_false(diverge_ppl(b, q, 1, &r));
    double bad[] = {1, NAN};
    assert_false(diverge_ppl(b, bad, 2, &r));
}

static void betting(void **state)
{
    (void)state;
    static const struct {
        int64_t b, c;
        double one, two;
    } v[] = {{6, 0, 18.142857, 9.1428571},
             {10, 3, 3.9745255, 2.045954},
             {25, 10, 10.339176, 5.199043},
             {40, 20, 8.9732506, 4.5088391},
             {120, 90, 1.4365483, 0.73242584}};
    for (size_t i = 0; i < N_OF(v); i++) {
        near(betting_worse(v[i].b, v[i].c), v[i].one, 6e-7);
        near(betting_differs(v[i].b, v[i].c), v[i].two, 6e-7);
    }
    near(betting_noninferior(1, 1, 10, 0.02), 0.8963932826, 6e-11);
    near(betting_noninferior(0, 0, 100, 0.02), 1.9944795833, 6e-11);
    near(betting_noninferior(12, 13, 500, 0.02), 3.44097832, 6e-9);
    near(betting_noninferior(0, 0, 0, 0.02), 1, 1e-15);
    assert_true(isnan(betting_worse(-1, 0)) && isnan(betting_noninferior(3, 3, 5, 0.02)));
}

/* Limits: where the bettor's capital passes 2 / alpha, and nowhere else. */
static void sequences(void **state)
{
    (void)state;
    double lim[2], mirror[2];
    near(betting_inferior(13, 12, 500, 0), betting_noninferior(12, 13, 500, 0), 1e-9);
    /* (losses, gains, n, margin) = (30, 5, 200, .02) by hand: bets / 1.02 */
    double sum = 0;
    for (int i = 0; i < 6; i++) {
        static const double bets[] = {0.02, 0.05, 0.1, 0.2, 0.4, 0.8};
        double b = bets[i] / 1.02;
        sum += pow(1 + b * 0.98, 30) * pow(1 - b * 1.02, 5) * pow(1 - b * 0.02, 165);
    }
    near(betting_inferior(30, 5, 200, 0.02) / (sum / 6), 1, 1e-12);
    assert_true(betting_interval(40, 20, 1000, 0.05, lim));
    near(betting_noninferior(40, 20, 1000, -lim[0]), 40, 1e-6);
    assert_true(lim[1] > 0);
    near(betting_noninferior(20, 40, 1000, lim[1]), 40, 1e-6);
    assert_true(lim[0] < -0.02 && lim[1] > -0.02 && lim[0] > -0.1 && lim[1] < 0.06);
    assert_true(betting_interval(20, 40, 1000, 0.05, mirror));
    near(mirror[0], -lim[1], 1e-12);
    near(mirror[1], -lim[0], 1e-12);
    double fixed[2];
    assert_true(paired_interval(40, 20, 1000, 0.05, fixed));
    assert_true(lim[0] < fixed[0] && lim[1] > fixed[1]);
    assert_true(betting_interval(0, 0, 0, 0.05, lim));
    near(lim[0], -1, 1e-12);
    near(lim[1], 1, 1e-12);
    assert_true(betting_interval(0, 50, 50, 0.05, lim) && lim[0] > 0.5 && lim[1] > 0.999);
    assert_false(betting_interval(-1, 0, 5, 0.05, lim));
    assert_true(isnan(lim[0]));
}

static void decisions(void **state)
{
    (void)state;
    assert_int_equal(betting_decide(0, 0, 100, 0.02, 0.05), BETTING_OPEN);
    assert_int_equal(betting_decide(0, 0, 300, 0.02, 0.05), BETTING_PASS);
    assert_int_equal(betting_decide(0, 0, 300, 0.02, 1e-6), BETTING_OPEN);
    assert_int_equal(betting_decide(60, 5, 300, 0.02, 0.05), BETTING_FAIL);
    assert_int_equal(betting_decide(60, 5, 300, 0.30, 0.05), BETTING_PASS);
    assert_int_equal(betting_decide(12, 6, 300, 0.02, 0.05), BETTING_OPEN);
    assert_int_equal(betting_decide(9, 9, 5, 0.02, 0.05), BETTING_OPEN);
    double pass = betting_noninferior(3, 2, 400, 0.02), fail = betting_inferior(30, 5, 200, 0.02);
    assert_int_equal(betting_decide(3, 2, 400, 0.02, 1.0001 / pass), BETTING_PASS);
    assert_int_equal(betting_decide(3, 2, 400, 0.02, 0.9999 / pass), BETTING_OPEN);
    assert_int_equal(betting_decide(30, 5, 200, 0.02, 1.0001 / fail), BETTING_FAIL);
    assert_int_equal(betting_decide(30, 5, 200, 0.02, 0.9999 / fail), BETTING_OPEN);
    assert_int_equal(betting_next_look(0), 128);
    assert_int_equal(betting_next_look(128), 144);
    assert_int_equal(betting_next_look(1000), 1125);
    assert_int_equal(betting_next_look(INT64_MAX), INT64_MAX);
}

/* A run of n items that flip with probability psi towards delta, looked at as a run looks. */
static enum betting_verdict simulate(struct rng *rng, int64_t n, double psi, double delta,
                                     int64_t *seen)
{
    enum betting_verdict v = BETTING_OPEN;
    int64_t losses = 0, gains = 0;
    for (*seen = 0; *seen < n && v == BETTING_OPEN;) {
        int64_t to = betting_next_look(*seen);
        for (to = to < n ? to : n; *seen < to; ++*seen) {
            double u = rng_double(rng);
            losses += u < (psi - delta) / 2;
            gains += u >= (psi - delta) / 2 && u < psi;
        }
        v = betting_decide(losses, gains, *seen, 0.02, 0.05);
    }
    return v;
}

/* `make calibrate` does the same at more places with more simulations. */
static void stopping_errs_seldom(void **state)
{
    (void)state;
    enum { TRIALS = 800 };
    struct rng rng = {7};
    int false_pass = 0, false_fail = 0, passed = 0, failed = 0;
    int64_t seen, n_pass = 0, n_fail = 0;
    for (int i = 0; i < TRIALS; i++) {
        false_pass += simulate(&rng, 5000, 0.08, -0.02, &seen) == BETTING_PASS;
        false_fail += simulate(&rng, 5000, 0.08, -0.0199, &seen) == BETTING_FAIL;
        passed += simulate(&rng, 14042, 0.05, 0, &seen) == BETTING_PASS;
        n_pass += seen;
        failed += simulate(&rng, 14042, 0.12, -0.06, &seen) == BETTING_FAIL;
        n_fail += seen;
    }
    print_message("at the margin: %d false pass, %d false fail of %d; mean items %d and %d\n",
                  false_pass, false_fail, TRIALS, (int)(n_pass / TRIALS), (int)(n_fail / TRIALS));
    assert_in_range(false_pass, 4, TRIALS * 5 / 100);
    assert_in_range(false_fail, 4, TRIALS * 5 / 100);
    assert_in_range(passed, TRIALS * 99 / 100, TRIALS);
    assert_in_range(failed, TRIALS * 99 / 100, TRIALS);
    assert_in_range(n_pass / TRIALS, 700, 1500);
    assert_in_range(n_fail / TRIALS, 300, 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mcnemar),      cmocka_unit_test(tango),
                                       cmocka_unit_test(clusters),
        cmocka_unit_test(designs),     cmocka_unit_test(ratios),
                                       cmocka_unit_test(multiplicity), cmocka_unit_test(divergence),
                                       cmocka_unit_test(perplexity),   cmocka_unit_test(betting),
                                       cmocka_unit_test(sequences),    cmocka_unit_test(decisions),
                                       cmocka_unit_test(stopping_errs_seldom)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
