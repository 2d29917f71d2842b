/* Grading: repeats, pipelines of filters, and what a right answer is compared as. */
#include "tests/tasks/task_test.h"

static struct task_index *index_here;
static struct task *task_here;
static struct task_score scores[8];

static int setup(void **state)
{
    (void)state;
    index_here = NULL;
    task_here = NULL;
    return 0;
}

static int teardown(void **state)
{
    task_release(task_here);
    task_index_close(index_here);
    return test_teardown(state);
}

static void load(const char *yaml)
{
    task_release(task_here);
    task_index_close(index_here);
    test_file("t.yaml", yaml);
    index_here = test_index(test_tmp());
    task_here = test_load(index_here, "t", NULL);
    if (!task_here)
        fail_msg("%s", test_err.msg);
}

/* Grades the one row with the responses; returns task_grade's code. */
static int grade(const char *row, const struct task_response *resps, size_t n)
{
    struct test_rows rows = test_rows(row);
    struct task_item item;
    if (test_begin(task_here, &rows, NULL) < 0 ||
        task_ask(task_here, 0, rows.v[0], &test_arena, &item, &test_err) < 0)
        fail_msg("%s", test_err.msg);
    assert_int_equal(item.n_requests, n);
    return task_grade(task_here, &item, resps, &test_arena, scores, &test_err);
}

static void grade_ok(const char *row, const struct task_response *resps, size_t n)
{
    if (grade(row, resps, n) < 0)
        fail_msg("%s", test_err.msg);
}

#define HEAD "task: t\ndataset_path: json\ntest_split: test\ndoc_to_text: q\ndoc_to_target: t\n"
#define MC   HEAD "output_type: multiple_choice\ndoc_to_choice: ['a', 'bb']\n"
#define LP(x)          \
    {                  \
        .logprob = (x) \
    }
#define SAID(s)                              \
    {                                        \
        .text = (s), .text_n = sizeof(s) - 1 \
    }

static void test_first_of_repeats(void **state)
{
    (void)state;
    const struct task_response r[] = {LP(-3), LP(-0.1), LP(-5), LP(-9)};
    load(MC "repeats: 2\nmetric_list: [{metric: acc}]\n");
    grade_ok("{\"q\": \"x\", \"t\": 0}", r, 4);
    assert_true(scores[0].value == 1); /* -3 against -5 */
    load(MC "repeats: 2\nmetric_list: [{metric: acc}]\nfilter_list:\n  - name: k\n    filter: "
            "[{function: take_first_k, k: 2}, {function: take_first}]\n");
    grade_ok("{\"q\": \"x\", \"t\": 0}", r, 4);
    assert_true(scores[0].value == 1); /* the same through a real pipeline */
    load(MC "repeats: 2\nmetric_list: [{metric: acc}]\nfilter_list:\n  - name: k\n    filter: "
            "[{function: take_first_k, k: 2}]\n");
    assert_int_equal(grade("{\"q\": \"x\", \"t\": 0}", r, 4), ASSAY_EFORMAT);
    assert_contains(test_err.msg, "filter 'k'");
}

static void test_mutual_information(void **state)
{
    (void)state;
    const struct task_response r[] = {LP(-1), LP(-2), LP(-0.1), LP(-5)};
    load(MC "metric_list: [{metric: acc}, {metric: acc_mutual_info}]\n");
    grade_ok("{\"q\": \"x\", \"t\": 1}", r, 4);
    assert_true(scores[0].value == 0); /* -1 > -2 */
    assert_true(scores[1].value == 1); /* -0.9 < 3 */
}

static void test_lengths_leave_the_delimiter_out(void **state)
{
    (void)state;
    const struct task_response r[] = {LP(-2), LP(-3)};
    load(MC "metric_list: [{metric: acc}, {metric: acc_norm}]\n");
    grade_ok("{\"q\": \"x\", \"t\": 1}", r, 2);
    assert_true(scores[0].value == 0);
    assert_true(scores[1].value == 1); /* -2/1 < -3/2; with " " it would be -1 = -1 */
}

static void test_majority(void **state)
{
    (void)state;
    const struct task_response r[] = {SAID("a"), SAID("b"), SAID("b")};
    load(HEAD "repeats: 3\nfilter_list:\n"
              "  - {name: first, filter: [{function: take_first}]}\n"
              "  - {name: most, filter: [{function: majority_vote}, {function: take_first}]}\n");
    size_t n;
    const struct task_measure *m = task_measures(task_here, &n);
    assert_int_equal(n, 2);
    assert_string_equal(m[0].filter, "first");
    assert_string_equal(m[1].filter, "most");
    grade_ok("{\"q\": \"x\", \"t\": \"b\"}", r, 3);
    assert_true(scores[0].value == 0);
    assert_true(scores[1].value == 1);
}

/* str(target), when the response is text: Python's way of printing. */
static void test_target_becomes_text(void **state)
{
    (void)state;
    load(HEAD);
    grade_ok("{\"q\": \"x\", \"t\": 4}", &(struct task_response)SAID("4"), 1);
    assert_true(scores[0].value == 1);
    grade_ok("{\"q\": \"x\", \"t\": 1e16}", &(struct task_response)SAID("1e+16"), 1);
    assert_true(scores[0].value == 1);
    grade_ok("{\"q\": \"x\", \"t\": true}", &(struct task_response)SAID("True"), 1);
    assert_true(scores[0].value == 1);
}

static void test_any_of_several_targets(void **state)
{
    (void)state;
    load(HEAD);
    const char *row = "{\"q\": \"x\", \"t\": [\"Rome\", \"Roma\"]}";
    grade_ok(row, &(struct task_response)SAID("Roma"), 1);
    assert_true(scores[0].value == 1);
    grade_ok(row, &(struct task_response)SAID("Paris"), 1);
    assert_true(scores[0].value == 0);
}

static void test_a_metric_named_twice(void **state)
{
    (void)state;
    load(MC "metric_list: [{metric: acc}, {metric: acc_norm}, {metric: acc, higher_is_better: "
            "false}]\n");
    size_t n;
    const struct task_measure *m = task_measures(task_here, &n);
    assert_int_equal(n, 2);
    assert_string_equal(m[0].metric, "acc");
    assert_int_equal(m[0].higher_is_better, 0); /* the last entry, in the first one's place */
}

static void test_mistakes_in_metrics_and_filters(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *said;
    } rows[] = {
        {"metric_list: [{metric: exat_match}]\n", "t.yaml:6:24: unknown metric 'exat_match'"},
        {"metric_list: []\n", "t.yaml:6:14: 'metric_list' is empty"},
        {"filter_list: [{name: a, filter: [{function: regx}]}]\n", "t.yaml:6:"},
        {"filter_list: [{name: a, filter: [{function: take_first}]}, "
         "{name: a, filter: [{function: lowercase}]}]\n",
         "the same name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char yaml[500];
        snprintf(yaml, sizeof yaml, HEAD "%s", rows[i].keys);
        test_file("t.yaml", yaml);
        struct task_index *x = test_index(test_tmp());
        assert_null(test_load(x, "t", NULL));
        assert_contains(test_err.msg, rows[i].said);
        task_index_close(x);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_first_of_repeats),
        T(test_mutual_information),
        T(test_lengths_leave_the_delimiter_out),
        T(test_majority),
        T(test_target_becomes_text),
        T(test_any_of_several_targets),
        T(test_a_metric_named_twice),
        T(test_mistakes_in_metrics_and_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
