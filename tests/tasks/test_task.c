/* One task: what its file may say, how a field meets a row, what is asked. */
#include <sys/stat.h>

#include "tests/tasks/task_test.h"

static struct task_index *index_here;
static struct task *task_here;

static int setup(void **state)
{
    (void)state;
    index_here = NULL;
    task_here = NULL;
    return 0;
}

static void drop(void)
{
    task_release(task_here);
    task_index_close(index_here);
    task_here = NULL;
    index_here = NULL;
}

static int teardown(void **state)
{
    drop();
    return test_teardown(state);
}

static const char *load_with(const char *yaml, const struct task_settings *s)
{
    drop();
    test_file("t.yaml", yaml);
    index_here = test_index(test_tmp());
    task_here = test_load(index_here, fs_join(&test_arena, test_tmp(), "t.yaml"), s);
    return task_here ? NULL : test_err.msg;
}

static struct task *load(const char *yaml)
{
    const char *why = load_with(yaml, NULL);
    if (why)
        fail_msg("%s", why);
    return task_here;
}

static void refuse(const char *yaml, const char *said)
{
    const char *why = load_with(yaml, NULL);
    if (!why)
        fail_msg("taken: %s", yaml);
    assert_contains(why, said);
}

/* Begins with the rows and asks about row `at`; NULL: test_err says why not. */
static struct task_item *ask(const char *rows_text, size_t at)
{
    struct test_rows rows = test_rows(rows_text);
    struct task_item *item = ARENA_NEW(&test_arena, struct task_item);
    test_err.msg[0] = 0;
    if (test_begin(task_here, &rows, &rows) < 0 ||
        task_ask(task_here, at, rows.v[at], &test_arena, item, &test_err) < 0)
        return NULL;
    return item;
}

static struct task_item *ask_ok(const char *rows_text, size_t at)
{
    struct task_item *item = ask(rows_text, at);
    if (!item)
        fail_msg("%s", test_err.msg);
    return item;
}

static void is_request(const struct task_item *item, size_t i, const char *context,
                       const char *continuation)
{
    assert_true(i < item->n_requests);
    assert_string_equal(item->requests[i].context, context);
    assert_string_equal(item->requests[i].continuation, continuation);
    assert_int_equal(item->requests[i].context_n, strlen(context));
    assert_int_equal(item->requests[i].continuation_n, strlen(continuation));
}

#define HEAD "task: t\ndataset_path: json\ntest_split: test\n"
#define MC   HEAD "output_type: multiple_choice\ndoc_to_text: '{{q}}'\n"
#define GEN  HEAD "doc_to_text: '{{q}}'\n"

/* -- the file ---------------------------------------------------------------------------------- */

static void test_keys(void **state)
{
    (void)state;
    refuse(GEN "doc_to_target: t\nnum_fewshots: 2\n",
           "t.yaml:6:1: unknown key 'num_fewshots' in a task, did you mean 'num_fewshot'?");
    refuse(GEN "doc_to_target: t\nxyzzy: 2\n", "t.yaml:6:1: unknown key 'xyzzy' in a task");
    refuse(GEN "doc_to_target: t\nnum_fewshot: five\n",
           "t.yaml:6:14: 'num_fewshot' is str, expected an integer");
    refuse(GEN "doc_to_target: t\nnum_fewshot: -1\n", "t.yaml:6:14: 'num_fewshot' is -1");
    refuse(GEN "doc_to_target: t\nrepeats: 0\n", "t.yaml:6:10: 'repeats' is 0, expected 1 to");
    refuse(GEN "doc_to_target: t\nfewshot_config: {samplr: first_n}\n",
           "t.yaml:6:18: unknown key 'samplr' in 'fewshot_config', did you mean 'sampler'?");
    refuse(GEN "doc_to_target: t\nfewshot_config: {sampler: second}\n",
           "t.yaml:6:27: unknown sampler 'second'");
    refuse(GEN "doc_to_target: t\ngeneration_kwargs: {max_gen_tok: 3}\n",
           "t.yaml:6:21: unknown key 'max_gen_tok' in 'generation_kwargs', did you mean");
    refuse(GEN "doc_to_target: t\noutput_type: multiple_choise\n",
           "t.yaml:6:14: unknown output_type 'multiple_choise', did you mean 'multiple_choice'?");
    refuse(GEN "doc_to_target: t\nmetric_list: [exact_match]\n",
           "t.yaml:6:15: an entry of 'metric_list' must be a mapping");
    refuse("task: t\ndoc_to_text: a\ndoc_to_target: b\ntest_split: e\n", "has no 'dataset_path'");
    refuse("task: t\ndataset_path: json\ndoc_to_text: a\ndoc_to_target: b\n",
           "neither 'test_split' nor 'validation_split'");
    refuse(HEAD "doc_to_target: b\n", "has no 'doc_to_text'");
    refuse(HEAD "doc_to_text: b\n", "has no 'doc_to_target'");
    refuse(MC "doc_to_target: 0\n", "is multiple_choice and has no 'doc_to_choice'");
    refuse(HEAD "doc_to_text: '{{ q'\ndoc_to_target: t\n", "t.yaml:4:");
    refuse("task: t\n- x\n", "t.yaml:2:1:");
    load(GEN "doc_to_target: t\nnum_fewshot: null\ndescription:\n");
    assert_int_equal(task_here->output, TASK_GENERATE);
}

static void test_python_is_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {"process_docs", "doc_to_text", "process_results",
                                       "doc_to_choice", "custom_dataset"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char yaml[300], said[200];
        snprintf(yaml, sizeof yaml, HEAD "doc_to_target: t\n%s: !function utils.f\n", keys[i]);
        snprintf(said, sizeof said,
                 "t.yaml:5:%zu: '%s' can't be used: !function utils.f: it is a "
                 "Python function that is not built in; --allow-task-code would load it",
                 strlen(keys[i]) + 3, keys[i]);
        refuse(yaml, said);
        assert_int_equal(test_err.code, ASSAY_EUNSUPPORTED);
    }
    refuse(GEN "doc_to_target: t\nunsafe_code: true\n", "runs code that a model wrote");
    refuse("task: t\nclass: !function task.Task\n", "t.yaml:2:8: 'class' can't be used");
}

static void test_include(void **state)
{
    (void)state;
    test_file("sub/base", "dataset_path: json\ntest_split: test\ndoc_to_target: t\n"
                          "metadata: {version: 2, more: 1}\ntask_list: [x]\ninclude: deep\n");
    test_file("sub/deep", "doc_to_text: deep\nnum_fewshot: 4\ndescription: deep\n");
    test_file("other", "description: other\nrepeats: 2\n");
    load("include: [sub/base, other]\ntask: t\nmetadata: {version: 1.5}\n");
    assert_string_equal(task_here->version, "1.5");
    assert_int_equal(task_here->n_fewshot, 4);
    assert_int_equal(task_here->repeats, 2);
    assert_string_equal(value_get(task_here->config, "description")->s, "other");
    assert_null(value_get(value_get(task_here->config, "metadata"), "more")); /* whole keys */
    assert_null(value_get(task_here->config, "task_list"));
    assert_null(value_get(task_here->config, "include"));

    test_file("sub/deep", "doc_to_text: deep\n\nnum_fewshoot: 4\n");
    refuse("include: sub/base\ntask: t\n", "sub/deep:3:1: unknown key 'num_fewshoot'");
    test_file("sub/deep", "doc_to_text: '{{ 1 + }}'\n");
    refuse("include: sub/base\ntask: t\n", "sub/deep:1:");
    refuse("include: nowhere\ntask: t\n", "t.yaml:1:10: included file 'nowhere' does not exist");
    test_file("sub/deep", "include: base\n");
    refuse("include: sub/base\ntask: t\n", "include cycle");
    /* a file that two includes share counts as met twice */
    test_file("left", "include: shared\n");
    test_file("right", "include: shared\n");
    test_file("shared", "repeats: 2\n");
    refuse("include: [left, right]\ntask: t\n", "include cycle");
    refuse("include: t.yaml\ntask: t\n", "include cycle");
    refuse("include: 3\ntask: t\n", "t.yaml:1:10: 'include' must be a path or a list of paths, not int");
    refuse("include: sub\ntask: t\n", "included file 'sub' is no regular file");
    assert_int_equal(mkfifo(fs_join(&test_arena, test_tmp(), "pipe"), 0600), 0);
    refuse("include: pipe\ntask: t\n", "included file 'pipe' is no regular file"); /* and no waiting for it */
    refuse("include: /dev/zero\ntask: t\n", "outside this file's folder");
    test_file("sub/deep", "[1]\n");
    refuse("include: sub/base\ntask: t\n", "sub/deep:1:1: a task file must be a mapping");
}

/* Without metric_list the type decides; metadata may be anything. */
static void test_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *type, *metrics;
    } cases[] = {{"multiple_choice", "acc acc_norm"},
                 {"loglikelihood", "perplexity acc"},
                 {"loglikelihood_rolling", "word_perplexity byte_perplexity bits_per_byte"},
                 {"generate_until", "exact_match"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[400], said[200] = "";
        size_t n;
        snprintf(yaml, sizeof yaml,
                 "task: t\ndataset_path: json\nvalidation_split: v\noutput_type: %s\ndoc_to_text: q\n"
                 "doc_to_target: t\ndoc_to_choice: ['a', 'b']\nmetadata: %d\nfewshot_config: "
                 "{fewshot_indices: [3]}\n", cases[i].type, (int)i);
        load(yaml);
        const struct task_measure *m = task_measures(task_here, &n);
        for (size_t k = 0; k < n; k++)
            snprintf(said + strlen(said), sizeof said - strlen(said), "%s%s", k ? " " : "", m[k].metric);
        assert_string_equal(said, cases[i].metrics);
        assert_string_equal(task_here->eval_split, "v");
        assert_null(task_here->version);
        assert_int_equal(task_here->n_fewshot, 0);
    }
    refuse(GEN "doc_to_target: t\nmetric_list: [{metric: mine}]\n", "unknown metric 'mine'");
    refuse(GEN "doc_to_target: t\nmetric_list: [{metric: exact_match, aggregation: meen}]\n",
           "unknown aggregation 'meen'");
}

static void test_settings_win(void **state)
{
    (void)state;
    struct task_settings s = test_settings();
    s.n_fewshot = 7;
    assert_null(load_with(GEN "doc_to_target: t\nnum_fewshot: 2\n", &s));
    assert_int_equal(task_here->n_fewshot, 7);
    assert_null(load_with(GEN "doc_to_target: t\n", &s));
    assert_int_equal(task_here->n_fewshot, 7);
    assert_null(load_with(GEN "doc_to_target: t\nnum_fewshot: 0\n", &s));
    assert_int_equal(task_here->n_fewshot, 0);
    assert_null(task_here->fewshot_split);
}

static void test_uid(void **state)
{
    (void)state;
    char uid[65];
    struct task_settings s = test_settings();
    load(GEN "doc_to_target: t\n");
    strcpy(uid, task_here->config_uid);
    assert_int_equal(strlen(uid), 64);
    load("doc_to_target: t\n" GEN "# the same\n");
    assert_string_equal(task_here->config_uid, uid);
    s.fewshot_seed = 5;
    s.bootstrap_iters = 9;
    assert_null(load_with(GEN "doc_to_target: t\n", &s));
    assert_string_equal(task_here->config_uid, uid);
    s.n_fewshot = 1;
    assert_null(load_with(GEN "doc_to_target: t\n", &s));
    assert_string_not_equal(task_here->config_uid, uid);
    load(GEN "doc_to_target: 't '\n");
    assert_string_not_equal(task_here->config_uid, uid);
}

static void test_generation(void **state)
{
    (void)state;
    load(GEN "doc_to_target: t\nfewshot_delimiter: '##'\n");
    const struct task_generation *g =
        ask_ok("{\"q\": \"x\", \"t\": \"y\"}", 0)->requests->generation;
    assert_int_equal(g->n_until, 1);
    assert_string_equal(g->until[0], "##");
    assert_int_equal(g->max_tokens, 256);
    assert_false(g->do_sample);
    load(GEN "doc_to_target: t\ngeneration_kwargs: {until: x, temperature: 1e-1, top_k: 4, "
             "max_tokens: 9, max_new_tokens: 8, num_beams: 1}\n");
    g = ask_ok("{\"q\": \"x\", \"t\": \"y\"}", 0)->requests->generation;
    assert_string_equal(g->until[0], "x");
    assert_true(g->temperature == 0.1); /* YAML 1.1 reads 1e-1 as text */
    assert_true(g->do_sample);
    assert_int_equal(g->top_k, 4);
    assert_int_equal(g->max_tokens, 8);
    load(GEN "doc_to_target: t\ngeneration_kwargs: {do_sample: false, temperature: 0.7}\n");
    g = ask_ok("{\"q\": \"x\", \"t\": \"y\"}", 0)->requests->generation;
    assert_true(g->temperature == 0);
    assert_string_equal(g->until[0], "\n\n");
    refuse(GEN "doc_to_target: t\ngeneration_kwargs: {num_beams: 4}\n", "beam search");
    refuse(GEN "doc_to_target: t\ngeneration_kwargs: {until: [3]}\n", "t.yaml:6:29: a stop string");
    refuse(GEN "doc_to_target: t\ngeneration_kwargs: {temperature: hot}\n",
           "t.yaml:6:34: not a number");
}

/* -- fields and rows --------------------------------------------------------------------------- */

static void test_missing_column(void **state)
{
    (void)state;
    load(MC "doc_to_choice: ['a', 'b']\ndoc_to_target: label\n");
    assert_null(ask("{\"question\": \"x\", \"label\": 0}", 0));
    assert_contains(test_err.msg, "t.yaml:5:");
    assert_contains(test_err.msg, "'q' is undefined");
    assert_contains(test_err.msg, "template 'doc_to_text' for row 0, which has the columns "
                                  "question, label");
    /* a column of row 0 that a later row lacks */
    assert_null(ask("{\"q\": \"x\", \"label\": 0}\n{\"q\": \"y\", \"lable\": 0}", 1));
    assert_contains(test_err.msg, "t.yaml:7:16: row 1: 'doc_to_target' names the column 'label', "
                                  "the row has the columns q, lable");
}

static void test_choices(void **state)
{
    (void)state;
    load(MC "doc_to_choice: {x: A, y: B}\ndoc_to_target: t\ntarget_delimiter: ':'\n");
    struct task_item *item = ask_ok("{\"q\": \"Q\", \"t\": \"B\"}", 0);
    assert_int_equal(item->n_requests, 2);
    is_request(item, 0, "Q", ":A");
    is_request(item, 1, "Q", ":B");
    load(MC "doc_to_choice: c\ndoc_to_target: t\n");
    is_request(ask_ok("{\"q\": \"x\", \"t\": \"a\", \"c\": [\"u\", \"v\"]}", 0), 1, "x", " v");
    assert_null(ask("{\"q\": \"x\", \"t\": \"a\", \"c\": \"uv\"}", 0));
    assert_contains(test_err.msg, "'doc_to_choice' yields str, expected a list of texts");
    assert_null(ask("{\"q\": \"x\", \"t\": \"a\", \"c\": [\"u\", 3]}", 0));
    assert_contains(test_err.msg, "yields int as choice 1, expected text");
    load(MC "doc_to_choice: \"['{{q}}', 'b' 'c']\"\ndoc_to_target: t\n");
    is_request(ask_ok("{\"q\": \"x\", \"t\": \"a\"}", 0), 1, "x", " bc");
    assert_null(ask("{\"q\": \"it's\", \"t\": \"a\"}", 0));
    assert_contains(test_err.msg, "no Python list");
    load(MC "doc_to_choice: [no, yes]\ndoc_to_target: t\n");
    assert_null(ask("{\"q\": \"x\", \"t\": 0}", 0));
    assert_contains(test_err.msg, "yields bool as choice 0, expected text (put it in quotes)");
}

static void test_target_text(void **state)
{
    (void)state;
    load(MC "doc_to_choice: ['a', 'b']\ndoc_to_target: '{{t}}'\n");
    assert_int_equal(ask_ok("{\"q\": \"x\", \"t\": \"1\"}", 0)->target->i, 1);
    assert_int_equal(ask_ok("{\"q\": \"x\", \"t\": \"b\"}", 0)->target->type, VALUE_STR);
    assert_int_equal(ask_ok("{\"q\": \"x\", \"t\": \"[0, 1]\"}", 0)->target->type, VALUE_LIST);
    assert_string_equal(ask_ok("{\"q\": \"x\", \"t\": \"[x]\"}", 0)->target->s, "[x]");
    assert_null(ask("{\"q\": \"x\", \"t\": \"007\"}", 0));
    assert_contains(test_err.msg, "yields '007', which is no Python number");
    assert_null(ask("{\"q\": \"x\", \"t\": \"\u00b2\"}", 0)); /* "²".isdigit() */
    load(GEN "doc_to_target: '{{t}}'\n");                     /* no choices: digits stay text */
    assert_string_equal(ask_ok("{\"q\": \"x\", \"t\": \"007\"}", 0)->target->s, "007");
}

static void test_gold_of_generation(void **state)
{
    (void)state;
    load(GEN "doc_to_target: t\ndoc_to_choice: ['x', ' 4']\n");
    assert_string_equal(ask_ok("{\"q\": \"x\", \"t\": 1}", 0)->target->s, " 4");
    assert_string_equal(ask_ok("{\"q\": \"x\", \"t\": -2}", 0)->target->s, "x");
    assert_null(ask("{\"q\": \"x\", \"t\": 2}", 0));
    assert_contains(test_err.msg, "yields no index into the 2 choices");
    load(GEN "doc_to_target: t\n");
    const char *rows = "{\"q\": \"x\", \"t\": [\"a\"]}\n{\"q\": \"x\", \"t\": \"b\u00e4\"}\n"
                       "{\"q\": \"x\", \"t\": 3}";
    const struct value *chars = ask_ok(rows, 1)->target; /* list("bä") */
    assert_int_equal(chars->n, 2);
    assert_string_equal(chars->items[1]->s, "\u00e4");
    assert_null(ask(rows, 2));
}

/* Contexts are lm-eval's own. */
static void test_multiple_inputs(void **state)
{
    (void)state;
    const char *rows =
        "{\"s\": \"q0\", \"a\": 0}\n{\"s\": \"q1\", \"a\": 1}\n{\"s\": \"q2\", \"a\": 0}\n"
        "{\"s\": \"q3\", \"a\": 1}\n{\"s\": \"q4\", \"a\": 0}";
#define BLANK                                                                 \
    HEAD "output_type: multiple_choice\ndoc_to_text: a\n"                     \
         "doc_to_choice: \"{{[s+' one', s+' two']}}\"\ndoc_to_target: end.\n" \
         "fewshot_split: train\nnum_fewshot: 1\n"
    load(BLANK);
    struct task_item *item = ask_ok(rows, 0);
    assert_int_equal(item->n_requests, 2);
    is_request(item, 0, "q3 two end.\n\nq0 one", " end.");
    is_request(item, 1, "q3 two end.\n\nq0 two", " end.");
    assert_int_equal(item->target->i, 0);
    load(BLANK "gen_prefix: P\ndescription: 'D '\n");
    is_request(ask_ok(rows, 0), 1, "D q3 two P end.\n\nq0 twoP", " end.");
}

static void test_mutual_information_asks_twice(void **state)
{
    (void)state;
    load(MC
         "doc_to_choice: ['a', 'b']\ndoc_to_target: 0\nmetric_list: [{metric: acc_mutual_info}]\n");
    struct task_item *item = ask_ok("{\"q\": \"x\"}", 0);
    assert_int_equal(item->n_requests, 4);
    is_request(item, 1, "x", " b");
    is_request(item, 2, "", " a");
    is_request(item, 3, "", " b");
}

static void test_repeats(void **state)
{
    (void)state;
    load(MC "doc_to_choice: ['a', 'b']\ndoc_to_target: 0\nrepeats: 3\n");
    struct task_item *item = ask_ok("{\"q\": \"x\"}", 0);
    assert_int_equal(item->n_requests, 6);
    is_request(item, 2, "x", " a");
    is_request(item, 3, "x", " b");
    assert_int_equal(item->requests[2].repeat, 2);
    assert_int_equal(item->requests[3].repeat, 0);
}

static void test_scored_text(void **state)
{
    (void)state;
    load(HEAD "output_type: loglikelihood\ndoc_to_text: 'a {{q}}'\ndoc_to_target: ' {{q}}'\n");
    is_request(ask_ok("{\"q\": \"x\"}", 0), 0, "a x", " x");
    load(HEAD "output_type: loglikelihood\ndoc_to_text: q\ndoc_to_target: n\n");
    assert_null(ask("{\"q\": \"x\", \"n\": 3}", 0));
    assert_contains(test_err.msg, "yields int, expected text to score");
    load(HEAD "output_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: q\n");
    is_request(ask_ok("{\"q\": \"x y\"}", 0), 0, "", "x y");
    load(MC "doc_to_choice: ['a', 'b']\ndoc_to_target: 0\n");
    load(HEAD
         "output_type: multiple_choice\ndoc_to_text: q\ndoc_to_choice: ['a']\ndoc_to_target: 0\n");
    assert_null(ask("{\"q\": null}", 0));
    assert_contains(test_err.msg, "'doc_to_text' yields NoneType, expected text");
}

/* Plain text is the row's own: nothing is copied. */
static void test_no_copies(void **state)
{
    (void)state;
    load(HEAD "output_type: multiple_choice\ndoc_to_text: q\ndoc_to_choice: c\ndoc_to_target: 0\n"
              "target_delimiter: ''\n");
    struct test_rows rows = test_rows("{\"q\": \"x\", \"c\": [\"u\", \"v\"]}");
    struct task_item item;
    assert_int_equal(test_begin(task_here, &rows, NULL), 0);
    assert_int_equal(task_ask(task_here, 0, rows.v[0], &test_arena, &item, &test_err), 0);
    assert_ptr_equal(item.requests[0].context, value_get(rows.v[0], "q")->s);
    assert_ptr_equal(item.requests[1].continuation, value_get(rows.v[0], "c")->items[1]->s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_keys),
        T(test_python_is_refused),
        T(test_include),
        T(test_defaults),
        T(test_settings_win),
        T(test_uid),
        T(test_generation),
        T(test_missing_column),
        T(test_choices),
        T(test_target_text),
        T(test_gold_of_generation),
        T(test_multiple_inputs),
        T(test_mutual_information_asks_twice),
        T(test_repeats),
        T(test_scored_text),
        T(test_no_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
