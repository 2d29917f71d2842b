/* Distribution functions, proportions and power against reference values (scipy, R). */
#include "tests/stats/stats_test.h"

#include "harness/stats/cluster.h"
#include "harness/stats/dist.h"
#include "harness/stats/power.h"
#include "harness/stats/proportion.h"

static void normal(void **state)
{
    (void)state;
    near(dist_norm_quantile(0.975), DIST_Z975, 1e-14);
    near(dist_norm_quantile(0.95), DIST_Z95, 1e-14);
    near(dist_norm_quantile(0.8), DIST_Z80, 1e-14);
    near(dist_norm_quantile(0.5), 0, 1e-15);
    near_rel(dist_norm_quantile(1e-12), -7.034483825301131, 1e-13);
    near_rel(dist_norm_sf(10), 7.619853024160527e-24, 1e-13);
    assert_true(isinf(dist_norm_quantile(0)) && isinf(dist_norm_quantile(1)));
    assert_true(isnan(dist_norm_quantile(1.5)) && isnan(dist_norm_quantile(NAN)));
    for (double p = 0.001; p < 1; p += 0.013)
        near(dist_norm_cdf(dist_norm_quantile(p)), p, 1e-15);
}

static void student(void **state)
{
    (void)state;
    near(dist_t_two_sided(2, 5), 0.10193947883, 5e-12);
    near(dist_t_two_sided(2.5, 17.3), 0.0227475001758, 5e-14);
    near(dist_t_quantile(0.975, 9), 2.262157162798, 5e-13); /* closed form of odd df */
    near(dist_t_quantile(0.025, 9), -2.262157162798, 5e-13);
    near(dist_t_cdf(2, 5), 1 - 0.10193947883 / 2, 5e-12);
    near(dist_t_cdf(-2, 5), 0.10193947883 / 2, 5e-12);
    near(dist_t_quantile(0.975, 1e7), DIST_Z975 + 2.3724e-7, 1e-8); /* z + (z^3 + z) / 4 df */
    near(dist_lnbeta(1e6, 2e6), -1909548.29096853, 1e-7);
    for (double x = 9.5; x < 11; x += 0.25) /* both forms of ln B meet */
        near(dist_lnbeta(x, 3), lgamma(x) + lgamma(3) - lgamma(x + 3), 1e-13);
    assert_true(isnan(dist_t_quantile(0.5, 0)) && isnan(dist_t_two_sided(NAN, 3)));
}

static void beta_and_binomial(void **state)
{
    (void)state;
    near(dist_beta_cdf(0.5, 2, 3), 0.6875, 1e-14);
    near(dist_beta_cdf(0.3, 1, 1), 0.3, 1e-14);
    near(dist_beta_quantile(0.6875, 2, 3), 0.5, 1e-13);
    near(dist_binom_cdf(3, 10, 0.5), 176.0 / 1024, 1e-14);
    near(dist_binom_cdf(10, 10, 0.5), 1, 0);
    near(dist_binom_cdf(-1, 10, 0.5), 0, 0);
    double sum = 0, p = 0.03; /* against the sum of terms, n large */
    for (int k = 0; k <= 400; k++)
        sum += exp(dist_lnchoose(14042, k) + k * log(p) + (14042 - k) * log1p(-p));
    near(dist_binom_cdf(400, 14042, p), sum, 1e-10);
    assert_true(isnan(dist_beta_cdf(0.5, 0, 1)) && isnan(dist_beta_cdf(NAN, 1, 1)));
}

static void proportions(void **state)
{
    (void)state;
    static const struct {
        int64_t k, n;
        double lo, hi;
    } wilson[] = {
        {8, 10, 0.4901624715, 0.9433178485},
        {45, 50, 0.7863976856, 0.9565242351},
        {700, 1000, 0.6708761391, 0.7275931575},
        {1000, 1000, 0.9961732415, 1},
    };
    double lo, hi;
    for (size_t i = 0; i < N_OF(wilson); i++) {
        assert_true(proportion_wilson(wilson[i].k, wilson[i].n, 0.05, &lo, &hi));
        near(lo, wilson[i].lo, 5.1e-11);
        near(hi, wilson[i].hi, 5.1e-11);
    }
    assert_true(proportion_exact(45, 50, 0.05, &lo, &hi));
    near(lo, 0.7818646336, 5.1e-11);
    near(hi, 0.9667249064, 5.1e-11);
    assert_true(proportion_exact(0, 5, 0.05, &lo, &hi));
    near(lo, 0, 0);
    near(hi, 1 - pow(0.025, 0.2), 1e-12);
    assert_true(proportion_wilson(0, 10, 0.05, &lo, &hi));
    near(lo, 0, 0);
    assert_false(proportion_wilson(0, 0, 0.05, &lo, &hi));
    assert_true(isnan(lo) && isnan(hi));
    assert_false(proportion_exact(3, 2, 0.05, &lo, &hi));
}

static void sample_sizes(void **state)
{
    (void)state;
    static const struct {
        double psi, delta, n;
    } connor[] = {
        {0.06, 0.01, 4707}, {0.05, 0.005, 15696}, {0.10, 0.02, 1960}, {0.02, 0.005, 6277}};
    for (size_t i = 0; i < N_OF(connor); i++)
        near(power_paired_n(connor[i].psi, connor[i].delta, 0.05, 0.8), connor[i].n, 1);
    near(power_noninferior_n(0.05, 0.01, 0.05, 0.8), 3092, 1);
    near(power_noninferior_n(0.05, 0.005, 0.05, 0.8), 12366, 1);
    static const double n[] = {200, 1000, 1319, 10042, 14042}, psi[] = {0.02, 0.05, 0.10, 0.20};
    static const double mde[][5] = {{2.802, 4.430, 6.265, 8.859, 12.838},
                                    {1.253, 1.981, 2.802, 3.962, 5.742},
                                    {1.091, 1.725, 2.439, 3.450, 4.999},
                                    {0.395, 0.625, 0.884, 1.250, 1.812},
                                    {0.334, 0.529, 0.748, 1.057, 1.532}};
    for (size_t i = 0; i < N_OF(n); i++) {
        for (size_t j = 0; j < N_OF(psi); j++)
            near(100 * power_paired_mde(psi[j], n[i], 0.05, 0.8), mde[i][j], 5.1e-4);
        near(100 * power_unpaired_mde(0.7, n[i], 0.05, 0.8), mde[i][4], 5.1e-4);
    }
    near(cluster_deff(10, 0.7), 7.3, 1e-12);
    assert_true(isnan(power_paired_n(0.05, 0, 0.05, 0.8)));
    assert_true(isnan(power_paired_mde(0.05, 0, 0.05, 0.8)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal), cmocka_unit_test(student), cmocka_unit_test(beta_and_binomial),
        cmocka_unit_test(proportions), cmocka_unit_test(sample_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
