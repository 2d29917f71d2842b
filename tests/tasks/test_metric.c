/* test_metric.c - scores, aggregates and standard errors.  The numbers were printed by CPython's own
 * random, math and repr over lm-eval's formulas (sum() compensated as since 3.12). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/pool.h"
#include "tasks/metric.h"

static const struct value *parse(struct arena *a, const char *json)
{
    const struct value *v = NULL;
    assert_int_equal(json_parse(json, strlen(json), "test", 1, a, &v, NULL), 0);
    return v;
}

static struct metric_use use(struct arena *a, const char *entry, enum task_output output)
{
    struct metric_use u;
    struct assay_err e = {0};
    if (metric_use_parse(parse(a, entry), "t.yaml", output, a, &u, &e) < 0)
        fail_msg("%s", e.msg);
    return u;
}

/* -- aggregates ------------------------------------------------------------------------------------ */

enum { N = 40 };

static double ll(int i)
{
    return -0.1 * (i * 7 % 13) - 1.3e-3 * i * i - 0.7;
}

struct scores {
    const struct task_score *x;
    size_t n;
};

static struct task_aggregate aggregate_of(const char *entry, enum task_output output, struct scores scores,
                                          int iters, struct pool *pool)
{
    struct arena a = {0};
    struct metric_use u = use(&a, entry, output);
    struct task_aggregate out;
    struct assay_err e = {0};
    u.pool = pool;
    if (metric_aggregate(&u, scores.x, scores.n, iters, &out, &e) < 0)
        fail_msg("%s", e.msg);
    metric_use_release(&u);
    arena_release(&a);
    return out;
}

static struct task_aggregate aggregate(const char *entry, enum task_output output,
                                       const struct task_score *scores, int iters, struct pool *pool)
{
    return aggregate_of(entry, output, (struct scores){scores, N}, iters, pool);
}

#define SAME(x, y) assert_memory_equal(&(double){x}, &(double){y}, sizeof(double))

static void test_numbers(void **state)
{
    struct task_score acc[N], lls[N];
    (void)state;
    for (int i = 0; i < N; i++) {
        acc[i] = (struct task_score){.value = i % 3 ? 1.0 : 0.0, .weight = NAN};
        lls[i] = (struct task_score){.value = ll(i), .weight = 10 + i % 5};
    }
    struct task_aggregate g = aggregate("\"acc\"", TASK_MULTIPLE_CHOICE, acc, 100000, NULL);
    SAME(g.value, 0.65);
    SAME(g.stderr_, 0.07637626158259733);
    assert_int_equal(g.n, N);
    assert_true(isnan(aggregate("\"acc\"", TASK_MULTIPLE_CHOICE, acc, 0, NULL).stderr_));
    g = aggregate("{\"metric\":\"perplexity\",\"aggregation\":\"mean\"}", TASK_LOGLIKELIHOOD, lls, 1, NULL);
    SAME(g.value, -1.95255);
    SAME(g.stderr_, 0.1174643726128622);
    g = aggregate("\"perplexity\"", TASK_LOGLIKELIHOOD, lls, 2000, NULL);
    SAME(g.value, 7.046633605376899);
    SAME(g.stderr_, 0.830442334210702);
    g = aggregate("{\"metric\":\"perplexity\",\"aggregation\":\"median\"}", TASK_LOGLIKELIHOOD, lls, 2000, NULL);
    SAME(g.value, -1.8328);
    SAME(g.stderr_, 0.14892893528590304);
    g = aggregate("\"word_perplexity\"", TASK_ROLLING, lls, 100, NULL);
    SAME(g.value, 1.1766983402802396);
    assert_true(isnan(g.stderr_));
    SAME(aggregate("\"bits_per_byte\"", TASK_ROLLING, lls, 100, NULL).value, 0.23474451684064548);
    SAME(aggregate("\"bypass\"", TASK_GENERATE, lls, 100, NULL).value, 999);
}

static void test_pairs(void **state)
{
    struct task_score binary[N], three[N], brier[N];
    char text[3][N][24];
    (void)state;
    for (int i = 0; i < N; i++) {
        snprintf(text[0][i], 24, "[%d, %d]", i % 2 ? 1 : 0, i % 3 == 0);
        snprintf(text[1][i], 24, "[%d, %d]", i % 3, i * i % 3);
        snprintf(text[2][i], 24, "[%d, [0.25, 0.75]]", i % 2);
        binary[i] = (struct task_score){.value = NAN, .weight = NAN, .detail = text[0][i]};
        three[i] = (struct task_score){.value = NAN, .weight = NAN, .detail = text[1][i]};
        brier[i] = (struct task_score){.value = NAN, .weight = NAN, .detail = text[2][i]};
    }
    struct task_aggregate g = aggregate("\"f1\"", TASK_MULTIPLE_CHOICE, binary, 1000, NULL);
    SAME(g.value, 0.4117647058823529);
    SAME(g.stderr_, 0.10789141815514265);
    g = aggregate("\"mcc\"", TASK_MULTIPLE_CHOICE, three, 1000, NULL);
    SAME(g.value, 0.619795402906003);
    SAME(g.stderr_, 0.05583971124772899); /* of Python floats, as scikit-learn returns them now */
    assert_float_equal(aggregate("\"brier_score\"", TASK_MULTIPLE_CHOICE, brier, 0, NULL).value, 0.625, 1e-12);

    struct arena a = {0};
    struct metric_use u = use(&a, "\"f1\"", TASK_MULTIPLE_CHOICE);
    struct assay_err e = {0};
    assert_int_equal(metric_aggregate(&u, three, N, 0, &g, &e), ASSAY_EFORMAT);
    assert_string_equal(e.msg, "metric 'f1': f1 is binary, but 3 labels occur");
    arena_release(&a);
}

/* A number of items that no block of counters divides; ties; a value that is none. */
static void test_resamples(void **state)
{
    enum { ODD = 37 };
    static const char median[] = "{\"metric\":\"perplexity\",\"aggregation\":\"median\"}";
    struct task_score pair[ODD], tie[ODD];
    char text[ODD][16];
    (void)state;
    for (int i = 0; i < ODD; i++) {
        snprintf(text[i], sizeof text[i], "[%d, %d]", i % 5, i * i % 5);
        pair[i] = (struct task_score){.value = NAN, .weight = NAN, .detail = text[i]};
        tie[i] = (struct task_score){.value = -0.25 * (i * 7 % 5), .weight = NAN};
    }
    struct task_aggregate g = aggregate_of("\"mcc\"", TASK_MULTIPLE_CHOICE, (struct scores){pair, ODD}, 2000, NULL);
    SAME(g.value, 0.31522953425809125);
    SAME(g.stderr_, 0.09678080381703108);
    g = aggregate_of(median, TASK_LOGLIKELIHOOD, (struct scores){tie, ODD}, 2000, NULL);
    SAME(g.value, -0.5);
    SAME(g.stderr_, 0.10924727677952376);
    tie[3].value = NAN;
    g = aggregate_of(median, TASK_LOGLIKELIHOOD, (struct scores){tie, ODD}, 100, NULL);
    assert_int_equal(g.n, ODD);
}

static void test_threads_do_not_matter(void **state)
{
    struct task_score lls[N];
    (void)state;
    for (int i = 0; i < N; i++)
        lls[i] = (struct task_score){.value = ll(i), .weight = NAN};
    struct pool *pool = pool_new(2);
    struct task_aggregate one = aggregate("\"perplexity\"", TASK_LOGLIKELIHOOD, lls, 5000, NULL);
    struct task_aggregate two = aggregate("\"perplexity\"", TASK_LOGLIKELIHOOD, lls, 5000, pool);
    SAME(one.stderr_, two.stderr_);
    pool_free(pool);
}

static void test_sums(void **state)
{
    const double x[] = {1e16, 1, -1e16, 1, 0.1};
    (void)state;
    SAME(metric_sum(x, 5, METRIC_SUM_COMPENSATED), 2.1);
    SAME(metric_sum(x, 5, METRIC_SUM_NAIVE), 1.1);
    assert_true(isinf(metric_sum((double[]){INFINITY, 1}, 2, METRIC_SUM_COMPENSATED)));
}

/* -- scores ---------------------------------------------------------------------------------------- */

static struct task_score score(struct arena *a, const char *entry, const struct metric_doc *d)
{
    struct metric_use u = use(a, entry, d->output);
    struct task_score s;
    struct assay_err e = {0};
    if (metric_score(&u, d, a, &s, &e) < 0)
        fail_msg("%s", e.msg);
    metric_use_release(&u);
    return s;
}

static void test_choices(void **state)
{
    struct arena a = {0};
    const double lls[] = {-4.0, -3.0, -6.0}, alone[] = {-9.0, -1.0, -6.0};
    const bool greedy[] = {false, true, false};
    struct metric_doc d = {.output = TASK_MULTIPLE_CHOICE, .logprobs = lls, .greedy = greedy,
                           .unconditional = alone, .n_choices = 3, .gold = parse(&a, "1"),
                           .choices = parse(&a, "[\"\xc3\xa9\xc3\xa9\xc3\xa9\", \"no\", \"abcdefg\"]")};
    (void)state;
    SAME(score(&a, "\"acc\"", &d).value, 1);
    SAME(score(&a, "\"acc_norm\"", &d).value, 0);          /* -4/3, -3/2, -6/7: the third */
    d.gold = parse(&a, "\"abcdefg\"");
    SAME(score(&a, "\"acc_norm\"", &d).value, 1);
    SAME(score(&a, "\"acc\"", &d).value, 0);
    d.gold = parse(&a, "0");
    SAME(score(&a, "\"acc_bytes\"", &d).value, 1);         /* -4/6, -3/2, -6/7: the first */
    SAME(score(&a, "\"acc_mutual_info\"", &d).value, 1);
    SAME(score(&a, "\"exact_match\"", &d).value, 0);
    d.gold = parse(&a, "7");
    SAME(score(&a, "\"acc\"", &d).value, 0);
    d.gold = parse(&a, "[0, 1]");
    d.multiple_target = true;
    SAME(score(&a, "\"acc\"", &d).value, 1);
    SAME(score(&a, "\"exact_match\"", &d).value, 1);
    d.gold = parse(&a, "2");
    assert_string_equal(score(&a, "\"f1\"", &d).detail, "[2, 1]");
    const double nan_lls[] = {-1, NAN, -0.5};
    d.logprobs = nan_lls;
    d.gold = parse(&a, "1");
    SAME(score(&a, "\"acc\"", &d).value, 1);               /* numpy's argmax stops at the first NaN */
    arena_release(&a);
}

static void test_brier(void **state)
{
    struct arena a = {0};
    const double lls[] = {-1.0, -2.5, -0.25};
    struct metric_doc d = {.output = TASK_MULTIPLE_CHOICE, .logprobs = lls, .n_choices = 3};
    struct task_score s[2];
    struct task_aggregate g;
    struct metric_use u = use(&a, "\"brier_score\"", TASK_MULTIPLE_CHOICE);
    (void)state;
    for (int i = 0; i < 2; i++) {
        d.gold = parse(&a, i ? "0" : "2");
        assert_int_equal(metric_score(&u, &d, &a, &s[i], NULL), 0);
    }
    assert_int_equal(metric_aggregate(&u, s, 2, 0, &g, NULL), 0);
    assert_float_equal(g.value, 0.5626116635724552, 1e-12);
    arena_release(&a);
}

static double exact(struct arena *a, const char *options, const char *gold, const char *response)
{
    struct metric_doc d = {.output = TASK_GENERATE, .gold = parse(a, gold), .response = parse(a, response)};
    char entry[256];
    d.multiple_target = d.gold->type == VALUE_LIST;
    snprintf(entry, sizeof entry, "{\"metric\":\"exact_match\"%s}", options);
    return score(a, entry, &d).value;
}

static void test_exact_match(void **state)
{
    struct arena a = {0};
    (void)state;
    SAME(exact(&a, "", "\"a\"", "\"a\""), 1);
    SAME(exact(&a, "", "\"a\"", "\"a \""), 0);
    SAME(exact(&a, "", "\"a\"", "\"a\\u0000\""), 1);
    SAME(exact(&a, "", "\"A\"", "\"a\""), 0);
    SAME(exact(&a, ",\"ignore_case\":true", "\"\xc3\x84\"", "\"\xc3\xa4\""), 1);
    SAME(exact(&a, ",\"ignore_punctuation\":true", "\"a.b\"", "\"(ab)!\""), 1);
    SAME(exact(&a, ",\"ignore_numbers\":true", "\"a1\"", "\"a23\""), 1);
    SAME(exact(&a, ",\"regexes_to_ignore\":[\",\", \"\\\\$\"]", "\"1000\"", "\"$1,000\""), 1);
    SAME(exact(&a, "", "[\"x\", \"y\"]", "\"y\""), 1);
    SAME(exact(&a, "", "\"y\"", "[\"y\", \"n\", \"n\", \"y\"]"), 0.5);
    arena_release(&a);
}

static void test_words(void **state)
{
    (void)state;
    assert_int_equal(metric_words("one two", 7), 2);
    assert_int_equal(metric_words(" one  two\n", 10), 4);       /* empty pieces at both ends count */
    assert_int_equal(metric_words("", 0), 1);
    assert_int_equal(metric_words("a\xc2\xa0" "b", 4), 2);
}

static void test_refused(void **state)
{
    static const char *const cases[][2] = {
        {"{\"metric\":\"exat_match\"}", "unknown metric 'exat_match', did you mean 'exact_match'?"},
        {"{\"metric\":\"acc_norm\"}", "metric 'acc_norm' cannot be computed for output_type 'generate_until'"},
        {"{\"metric\":\"exact_match\",\"agregation\":\"mean\"}",
         "unknown option of a metric 'agregation', did you mean 'aggregation'?"},
        {"{\"metric\":\"exact_match\",\"aggregation\":\"maen\"}", "unknown aggregation 'maen', did you mean 'mean'?"},
        {"{\"metric\":\"exact_match\",\"ignore_case\":[1]}", "expected true or false"},
        {"{\"metric\":\"exact_match\",\"regexes_to_ignore\":[\"(\"]}", "regular expression '('"},
    };
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct metric_use u;
        struct assay_err e = {0};
        assert_true(metric_use_parse(parse(&a, cases[i][0]), "t.yaml", TASK_GENERATE, &a, &u, &e) < 0);
        if (!strstr(e.msg, cases[i][1]) || strncmp(e.msg, "t.yaml:", 7) != 0)
            fail_msg("%s", e.msg);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_pairs), cmocka_unit_test(test_resamples),
        cmocka_unit_test(test_threads_do_not_matter), cmocka_unit_test(test_sums),
        cmocka_unit_test(test_choices), cmocka_unit_test(test_brier), cmocka_unit_test(test_exact_match),
        cmocka_unit_test(test_words), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
