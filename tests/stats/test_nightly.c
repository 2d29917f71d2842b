/* test_nightly.c - suspicion and confirmation: the plain prediction limit, levels, small histories. */
#include "tests/stats/stats_test.h"
#include <string.h>
#include "harness/base/rng.h"
#include "harness/stats/dist.h"
#include "harness/stats/nightly.h"

/* A step of about 6 % after 25 values; with change points and p known from the energy statistic. */
static const double stepped[] = {
    99.559,  98.067,  101.603, 100.332, 99.81,   98.998,  99.872,  99.312,  98.537,  99.653,
    98.414,  101.839, 101.672, 101.485, 101.456, 100.193, 101.518, 99.305,  100.476, 101.029,
    100.698, 98.427,  99.378,  99.695,  101.61,  107.952, 104.205, 105.606, 107.704, 105.64,
    107.998, 104.11,  105.505, 105.078, 106.244, 106.453, 104.201, 107.845, 104.772, 104.626};

static struct nightly_night judge(const double *x, size_t n, bool higher)
{
    struct nightly_series s = {x, n, higher, 0.02, 42, 0};
    struct nightly_night o;
    nightly_judge(&s, 1, 0, &o);
    return o;
}

static void test_step(void **state)
{
    (void)state;
    struct nightly_night o = judge(stepped, N_OF(stepped), false);
    assert_int_equal(o.n_steps, 1);
    assert_int_equal(o.steps[0].at, 25);
    assert_true(fabs(o.steps[0].t - 80.751430) < 1e-6);
    assert_true(o.steps[0].p == 0.001);
    assert_int_equal(o.state, NIGHTLY_QUIET); /* the new level is what tonight is held to */
    assert_true(o.expected > 105 && o.expected < 107);
    assert_int_equal(judge(stepped, 25, false).n_steps, 0);
}

/* Without a step: Student's prediction limit of the plain formula. */
static void test_limit(void **state)
{
    (void)state;
    double x[21], sum = 0, squares = 0;
    for (int i = 0; i < 20; i++)
        sum += x[i] = stepped[i];
    for (int i = 0; i < 20; i++)
        squares += (x[i] - sum / 20) * (x[i] - sum / 20);
    double sd = sqrt(squares / 19);
    x[20] = 106;
    struct nightly_night o = judge(x, 21, false);
    double t = (106 - sum / 20) / (sd * sqrt(1 + 1.0 / 20));
    assert_true(fabs(o.p_worse - (1 - dist_t_cdf(t, 19))) < 1e-9);
    assert_true(fabs(o.p_worse + o.p_better - 1) < 1e-9);
    assert_int_equal(o.state, NIGHTLY_SUSPECT);
    assert_true(o.is_worse);
    assert_false(judge(x, 21, true).is_worse); /* more is better: the same shift is a gain */
    x[20] = 101.5;                             /* small: whatever p says */
    assert_int_equal(judge(x, 21, false).state, NIGHTLY_QUIET);
}

static void test_small(void **state)
{
    (void)state;
    assert_int_equal(judge(stepped, 1, false).state, NIGHTLY_LEARNING);
    assert_int_equal(judge(stepped, 8, false).state, NIGHTLY_LEARNING);
    assert_int_equal(judge(stepped, 9, false).state, NIGHTLY_QUIET);
    double still[12];
    for (int i = 0; i < 12; i++)
        still[i] = 50;
    assert_int_equal(judge(still, 12, false).state, NIGHTLY_QUIET);
    still[11] = 50.5; /* never moved before, but 1 % does not matter */
    assert_int_equal(judge(still, 12, false).state, NIGHTLY_QUIET);
    still[11] = 55;
    assert_int_equal(judge(still, 12, false).state, NIGHTLY_SUSPECT);
}

/* An outlier among the nights is left out; a second night outside confirms; an accepted level counts. */
static void test_levels(void **state)
{
    (void)state;
    double x[30], p, effect;
    memcpy(x, stepped, 20 * sizeof *x);
    x[10] = 180;
    x[20] = 106;
    assert_int_equal(judge(x, 21, false).state, NIGHTLY_SUSPECT);
    x[10] = stepped[10];
    x[21] = 105.5;
    struct nightly_series s = {x, 22, false, 0.02, 42, 0};
    assert_true(nightly_again(&s, 20, true, &p, &effect));
    assert_true(p < 0.001 && effect > 0.04);
    assert_false(nightly_again(&s, 20, false, &p, &effect));
    x[21] = 100;
    assert_false(nightly_again(&s, 20, true, &p, &effect));
    for (int i = 20; i < 23; i++)
        x[i] = 106 + 0.2 * (i - 21);
    struct nightly_night o;
    struct nightly_series accepted = {x, 23, false, 0.5, 42, 20};
    nightly_judge(&accepted, 1, 0, &o);
    assert_int_equal(o.state, NIGHTLY_QUIET);
    assert_true(fabs(o.effect) < 0.01);
    assert_true(o.expected > 105);
}

/* Many quiet series beside a shift: their false alarms are held down together. */
static void test_many(void **state)
{
    (void)state;
    enum { SERIES = 60, N = 21 };
    static double x[SERIES][N];
    struct nightly_series s[SERIES];
    struct nightly_night o[SERIES];
    struct rng rng = {5};
    int n_suspect = 0, n_small = 0;
    for (int k = 0; k < SERIES; k++) {
        for (int i = 0; i < N; i++) {
            double sum = 0;
            for (int j = 0; j < 12; j++)
                sum += rng_double(&rng);
            x[k][i] = 100 * (1 + 0.02 * (sum - 6));
        }
        s[k] = (struct nightly_series){x[k], N, false, 0.001, 1, 0};
    }
    x[7][N - 1] = 125;
    nightly_judge(s, SERIES, 0.05, o);
    for (int k = 0; k < SERIES; k++) {
        n_suspect += o[k].state == NIGHTLY_SUSPECT;
        n_small += o[k].p_worse < 0.05 || o[k].p_better < 0.05;
        assert_true(isnan(o[k].p_worse) || o[k].q_worse >= o[k].p_worse - 1e-12);
    }
    assert_int_equal(o[7].state, NIGHTLY_SUSPECT);
    assert_int_equal(n_suspect, 1);
    assert_true(n_small > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step),   cmocka_unit_test(test_limit), cmocka_unit_test(test_small),
        cmocka_unit_test(test_levels), cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
