/* test_class.c - tasks that are Python classes upstream: what is asked and graded in their place. */
#include <math.h>

#include "tasks/task_impl.h"
#include "tests/tasks/task_test.h"

#define EXTRACTION "re.compile(re.escape(label), re.IGNORECASE)"
#define SQUAD2 "evaluate.load(\"squad_v2\")"

static struct task *load(const char *folder, const char *class, const char *module, const struct task_settings *s,
                         struct task_index **x)
{
    test_file(arena_printf(&test_arena, "%s/task.py", folder), module);
    test_file(arena_printf(&test_arena, "%s/t.yaml", folder),
              arena_printf(&test_arena, "task: %s\nclass: !function task.%s\n", folder, class));
    *x = test_index(fs_join(&test_arena, test_tmp(), folder));
    return test_load(*x, folder, s);
}

static void begin(struct task *t, const char *row, struct task_item *item)
{
    struct test_rows rows = test_rows(row);
    if (test_begin(t, &rows, NULL) < 0 || task_ask(t, 0, rows.v[0], &test_arena, item, &test_err) < 0)
        fail_msg("%s", test_err.msg);
}

static void test_extraction(void **state)
{
    struct task_index *x;
    struct task_item item;
    struct task_score score;
    size_t n;
    (void)state;
    struct task *t = load("fda", "FDA", EXTRACTION, NULL, &x);
    if (!t)
        fail_msg("%s", test_err.msg);
    assert_string_equal(t->dataset_path, "hazyresearch/based-fda");
    assert_string_equal(t->dataset_name, "default");
    assert_string_equal(t->eval_split, "validation");
    assert_string_equal(t->version, "1");
    begin(t, "{\"text\": \" A page. \", \"value\": \" 12 \"}", &item);
    assert_int_equal(item.n_requests, 1);
    assert_string_equal(item.requests[0].context, "A page.");
    assert_int_equal(item.requests[0].generation->max_tokens, 48);
    assert_int_equal(item.requests[0].generation->n_until, 1);
    assert_string_equal(item.requests[0].generation->until[0], "\n");
    assert_string_equal(task_measures(t, &n)[0].metric, "contains");
    assert_int_equal(n, 1);
    const struct {
        const char *said;
        double score;
    } cases[] = {{"it is 12.", 1}, {"it is 1 2", 0}, {"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct task_response r = {.text = cases[i].said, .text_n = strlen(cases[i].said)};
        assert_int_equal(task_grade(t, &item, &r, &test_arena, &score, &test_err), 0);
        assert_true(score.value == cases[i].score);
    }
    task_release(t);
    task_index_close(x);
}

/* squad_completion copies the defaults of a task without settings: 256 tokens, up to an empty line. */
static void test_own_defaults(void **state)
{
    struct task_index *x;
    struct task_item item;
    (void)state;
    struct task *t = load("squad_completion", "SQUADCompletion", EXTRACTION, NULL, &x);
    if (!t)
        fail_msg("%s", test_err.msg);
    begin(t, "{\"text\": \"A page.\", \"value\": \"12\"}", &item);
    assert_int_equal(item.requests[0].generation->max_tokens, 256);
    assert_string_equal(item.requests[0].generation->until[0], "\n\n");
    task_release(t);
    task_index_close(x);
}

/* One answer is generated, and " unanswerable" is scored behind the same prompt. */
static void test_squad2(void **state)
{
    struct task_index *x;
    struct task_item item;
    struct task_score scores[8];
    struct task_aggregate got;
    size_t n;
    (void)state;
    struct task *t = load("squadv2", "SQuAD2", SQUAD2, NULL, &x);
    if (!t)
        fail_msg("%s", test_err.msg);
    begin(t, "{\"id\": \"q1\", \"title\": \"T\", \"context\": \"C\", \"question\": \"Q\", "
             "\"answers\": {\"text\": [\"the cat\", \"dog\"], \"answer_start\": [0, 1]}}", &item);
    assert_int_equal(item.n_requests, 2);
    assert_int_equal(item.requests[0].kind, TASK_REQ_GENERATE);
    assert_string_equal(item.requests[0].context, "Title: T\n\nBackground: C\n\nQuestion: Q\n\nAnswer:");
    assert_string_equal(item.requests[0].generation->until[0], "\n");
    assert_int_equal(item.requests[0].generation->max_tokens, 256);
    assert_int_equal(item.requests[1].kind, TASK_REQ_LOGLIKELIHOOD);
    assert_null(item.requests[1].generation);
    assert_string_equal(item.requests[1].context, item.requests[0].context);
    assert_string_equal(item.requests[1].continuation, " unanswerable");
    const struct task_measure *m = task_measures(t, &n);
    assert_int_equal(n, 8);
    struct task_response r[2] = {{.text = "A cat!", .text_n = 6}, {.logprob = -2}};
    if (task_grade(t, &item, r, &test_arena, scores, &test_err) < 0)
        fail_msg("%s", test_err.msg);
    for (size_t i = 0; i < n; i++) {
        bool of_none = strncmp(m[i].metric, "NoAns", 5) == 0;
        assert_contains(scores[i].detail, "\"no_answer_probability\": 0.1353352832366127");
        if (task_aggregate(t, i, &scores[i], 1, &got, &test_err) < 0)
            fail_msg("%s", test_err.msg);
        assert_true(got.value == (of_none ? 0 : 100));
        assert_true(isnan(got.stderr_));
    }
    task_release(t);
    task_index_close(x);
}

static void test_refusals(void **state)
{
    struct task_index *x;
    (void)state;
    assert_null(load("swde", "SWDE", EXTRACTION "\n# and more", NULL, &x));
    assert_int_equal(test_err.code, ASSAY_EUNSUPPORTED);
    assert_contains(test_err.msg, "swde/t.yaml:2:8: 'class' can't be used: !function task.SWDE: its module is another "
                                  "version of one that is built in");
    task_index_close(x);
    assert_null(load("mine", "Mine", "class Mine: pass", NULL, &x));
    assert_contains(test_err.msg, "mine/t.yaml:2:8: 'class' can't be used: !function task.Mine: the task is a Python class");
    task_index_close(x);
}

/* Upstream's methods take no examples, and two of them set their generation themselves. */
static void test_user_settings(void **state)
{
    struct task_index *x;
    struct task_item item;
    struct task_settings s = test_settings();
    (void)state;
    s.n_fewshot = 5;
    s.gen_kwargs = test_rows("{\"max_gen_toks\": 7}").v[0];
    struct task *t = load("fda", "FDA", EXTRACTION, &s, &x);
    if (!t)
        fail_msg("%s", test_err.msg);
    assert_int_equal(t->n_fewshot, 0);
    assert_null(t->fewshot_split);
    begin(t, "{\"text\": \"t\", \"value\": \"1\"}", &item);
    assert_int_equal(item.requests[0].generation->max_tokens, 48);
    task_release(t);
    task_index_close(x);
    t = load("squad_completion", "SQUADCompletion", EXTRACTION, &s, &x);
    assert_non_null(t);
    begin(t, "{\"text\": \"t\", \"value\": \"1\"}", &item);
    assert_int_equal(item.requests[0].generation->max_tokens, 7);
    task_release(t);
    task_index_close(x);
}

/* custom_dataset says which data set it is; its arguments are its own. */
static void test_own_data(void **state)
{
    (void)state;
    test_file("babilong/common_utils.py", "config_name = kwargs.get(\"max_seq_lengths\", \"0k\")");
    const char *with[] = {"", "  max_seq_lengths: 16k\n"}, *names[] = {"0k", "16k"};
    for (int i = 0; i < 2; i++) {
        test_file("babilong/t.yaml",
                  arena_printf(&test_arena, "task: b\ncustom_dataset: !function common_utils.load_dataset\n"
                               "dataset_kwargs:\n  qa_split: qa1\ntest_split: qa1\ndoc_to_text: x\ndoc_to_target: y\n"
                               "metadata:\n  version: 0\n%s", with[i]));
        struct task_index *x = test_index(fs_join(&test_arena, test_tmp(), "babilong"));
        struct task *t = test_load(x, "b", NULL);
        if (!t)
            fail_msg("%s", test_err.msg);
        assert_string_equal(t->dataset_path, "RMT-team/babilong-1k-samples");
        assert_string_equal(t->dataset_name, names[i]);
        assert_null(t->dataset_kwargs);
        assert_false(task_has_own_data(t));
        task_release(t);
        task_index_close(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extraction), cmocka_unit_test(test_own_defaults), cmocka_unit_test(test_squad2),
        cmocka_unit_test(test_refusals),   cmocka_unit_test(test_user_settings),     cmocka_unit_test(test_own_data),
    };
    return cmocka_run_group_tests(tests, NULL, test_teardown);
}
