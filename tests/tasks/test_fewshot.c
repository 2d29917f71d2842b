/* Examples: which rows CPython's random draws, who is left out, and what the prompt looks like.
 *
 * Expected draws are CPython's own (3.11), expected prompts are what lm-eval 0.4.13 builds from the
 * same rows and settings. */
#include "tests/tasks/task_test.h"
#include "tasks/task_impl.h"

static const struct value **pool_of(size_t n)
{
    const struct value **pool = ARENA_ARRAY(&test_arena, const struct value *, n);
    for (size_t i = 0; i < n; i++) {
        struct value_entry e = {value_str(&test_arena, "q"), value_int(&test_arena, (int64_t)i)};
        pool[i] = value_dict(&test_arena, &e, 1);
    }
    return pool;
}

static void draw(struct fewshot *s, const size_t *want)
{
    static const struct value none = {.type = VALUE_DICT};
    if (fewshot_pick(s, &none, "t", &test_err) < 0)
        fail_msg("%s", test_err.msg);
    for (size_t i = 0; i < s->n; i++)
        assert_int_equal(s->picked[i], want[i]);
}

static struct fewshot sampler(size_t n_pool, size_t n)
{
    struct fewshot s = {.pool = pool_of(n_pool), .n_pool = n_pool, .n = n, .seed = 1234};
    fewshot_begin(&s, &test_arena);
    return s;
}

static void test_draws(void **state)
{
    (void)state;
    struct fewshot s = sampler(10, 5);
    draw(&s, (const size_t[]){7, 1, 0, 9, 4});
    draw(&s, (const size_t[]){0, 1, 8, 6, 2});
    s = sampler(1000, 5);
    draw(&s, (const size_t[]){989, 796, 451, 119, 7});
    s = sampler(86, 6);
    draw(&s, (const size_t[]){56, 14, 0, 11, 74, 4});
    draw(&s, (const size_t[]){85, 10, 12, 45, 30, 2});
    s = sampler(5000, 8);
    draw(&s, (const size_t[]){3610, 957, 61, 742, 4769, 286, 687, 806});
    s = sampler(3, 0);
    struct pyrandom before = s.rng;
    draw(&s, NULL);
    assert_memory_equal(&before, &s.rng, sizeof before); /* nothing drawn, nothing consumed */
}

static void test_pool_too_small(void **state)
{
    (void)state;
    struct fewshot s = sampler(3, 3);
    draw(&s, (const size_t[]){1, 0, 2});
    s.excludes_self = true;
    assert_int_equal(fewshot_pick(&s, s.pool[0], "t", &test_err), ASSAY_EUSAGE);
    assert_contains(test_err.msg, "3 few-shot examples asked for, the pool has 2 usable rows");
    s.is_first_n = true;
    assert_int_equal(fewshot_pick(&s, s.pool[0], "t", &test_err), ASSAY_EUSAGE);
    s.excludes_self = false;
    assert_int_equal(fewshot_pick(&s, s.pool[0], "t", &test_err), 0);
}

/* -- prompts ----------------------------------------------------------------------------------- */

static struct test_rows numbered(int n, int every)
{
    char *text = arena_alloc(&test_arena, (size_t)n * 40 + 1), *p = text;
    for (int i = 0; i < n; i++)
        p += sprintf(p, "{\"q\": \"q%d\", \"label\": %d}\n", i % every, i % every % 2);
    return test_rows(text);
}

struct prompts {
    const char *yaml;
    struct test_rows rows, pool;
    const char *want[4]; /* contexts of the first rows */
};

static void check_prompts(const struct prompts *p)
{
    test_file("t.yaml", p->yaml);
    struct task_index *x = test_index(test_tmp());
    struct task *t = test_load(x, "t", NULL);
    if (!t || test_begin(t, &p->rows, &p->pool) < 0)
        fail_msg("%s", test_err.msg);
    for (size_t i = 0; i < 4 && p->want[i]; i++) {
        struct task_item item;
        if (task_ask(t, i, p->rows.v[i], &test_arena, &item, &test_err) < 0)
            fail_msg("%s", test_err.msg);
        assert_string_equal(item.requests[0].context, p->want[i]);
        assert_int_equal(item.requests[0].context_n, strlen(p->want[i]));
    }
    task_release(t);
    task_index_close(x);
}

#define CHOICE                                                                             \
    "task: t\ndataset_path: json\noutput_type: multiple_choice\ndoc_to_text: 'Q: {{q}}'\n" \
    "doc_to_choice: ['0', '1']\ndoc_to_target: label\n"

static void test_description_prefix_and_exclusion(void **state)
{
    (void)state;
    struct test_rows rows = numbered(32, 32);
    check_prompts(&(struct prompts){
        CHOICE "test_split: test\nfewshot_split: test\ndescription: \"Desc.\\n\"\n"
               "gen_prefix: 'The answer:'\nnum_fewshot: 2\n",
        rows,
        rows,
        {"Desc.\nQ: q28 The answer: 0\n\nQ: q7 The answer: 1\n\nQ: q0 The answer:"}});
}

/* Every row stands twice in the pool: the third draw finds two copies and draws again. */
static void test_two_copies_of_the_document(void **state)
{
    (void)state;
    struct test_rows rows = numbered(6, 3);
    check_prompts(&(struct prompts){
        CHOICE "test_split: test\nfewshot_split: test\ngen_prefix: 'The answer:'\nnum_fewshot: 2\n",
        rows,
        rows,
        {"Q: q1 The answer: 1\n\nQ: q1 The answer: 1\n\nQ: q0 The answer:",
         "Q: q0 The answer: 0\n\nQ: q2 The answer: 0\n\nQ: q1 The answer:",
         "Q: q1 The answer: 1\n\nQ: q0 The answer: 0\n\nQ: q2 The answer:",
         "Q: q2 The answer: 0\n\nQ: q2 The answer: 0\n\nQ: q0 The answer:"}});
}

/* No test split: the evaluated row may be its own example, as upstream. */
static void test_validation_split_excludes_nothing(void **state)
{
    (void)state;
    struct test_rows rows = numbered(12, 12);
    check_prompts(&(struct prompts){
        CHOICE "validation_split: test\nfewshot_split: test\ngen_prefix: 'Answer: '\n"
               "num_fewshot: 1\n",
        rows,
        rows,
        {"Q: q7 Answer: 1\n\nQ: q0 Answer: ", "Q: q1 Answer: 1\n\nQ: q1 Answer: ",
         "Q: q0 Answer: 0\n\nQ: q2 Answer: ", "Q: q1 Answer: 1\n\nQ: q3 Answer: "}});
}

static void test_first_n(void **state)
{
    (void)state;
    struct test_rows rows = numbered(6, 6);
    check_prompts(&(struct prompts){
        CHOICE "test_split: test\nfewshot_split: test\nfewshot_config: {sampler: first_n}\n"
               "num_fewshot: 2\n",
        rows,
        rows,
        {"Q: q1 1\n\nQ: q2 0\n\nQ: q0", "Q: q0 0\n\nQ: q2 0\n\nQ: q1",
         "Q: q0 0\n\nQ: q1 1\n\nQ: q2"}});
}

#define TEXT                                                                           \
    "task: t\ndataset_path: json\noutput_type: generate_until\ndoc_to_text: '{{q}}'\n" \
    "doc_to_target: t\nnum_fewshot: 3\ntest_split: test\nfewshot_split: train\n"

static void test_delimiters(void **state)
{
    (void)state;
    struct test_rows rows = test_rows("{\"q\": \"z\", \"t\": \"y\"}");
    struct test_rows pool = test_rows("{\"q\": \"a\", \"t\": \"\"}\n{\"q\": \"b \", \"t\": \"B\"}\n"
                                      "{\"q\": \"c\", \"t\": \" C\"}");
    check_prompts(&(struct prompts){
        TEXT "fewshot_config: {sampler: first_n}\n", rows, pool, {"ab  B\n\nc  C\n\nz"}});
    check_prompts(&(struct prompts){TEXT "fewshot_config: {sampler: first_n}\ngen_prefix: 'P:'\n",
                                    rows,
                                    pool,
                                    {"a P:b P: B\n\nc P: C\n\nz P:"}});
    check_prompts(&(struct prompts){
        TEXT "fewshot_config: {sampler: first_n, doc_to_text: '<{{q}}>', doc_to_target: '{{t}}!',\n"
             "  gen_prefix: 'G ', target_delimiter: '=', fewshot_delimiter: '|'}\n",
        rows,
        pool,
        {"<a>=G !|<b >=G B!|<c>=G  C!|z"}});
}

static void test_skip_keeps_the_stream(void **state)
{
    (void)state;
    struct test_rows rows = numbered(40, 40);
    test_file("t.yaml", CHOICE "test_split: test\nfewshot_split: test\nnum_fewshot: 3\n");
    struct task_index *x = test_index(test_tmp());
    struct task *t = test_load(x, "t", NULL);
    assert_non_null(t);
    assert_true(t->excludes_self);
    struct task_item all, skipped;
    assert_int_equal(test_begin(t, &rows, &rows), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(task_ask(t, i, rows.v[i], &test_arena, &all, &test_err), 0);
    const char *want = all.requests[0].context;
    assert_int_equal(test_begin(t, &rows, &rows), 0);
    task_skip(t, rows.v[0]);
    task_skip(t, rows.v[1]);
    assert_int_equal(task_ask(t, 2, rows.v[2], &test_arena, &skipped, &test_err), 0);
    assert_string_equal(skipped.requests[0].context, want);
    task_release(t);
    task_index_close(x);
}

static void test_which_split(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *pool;
        bool excludes;
    } rows[] = {
        {"test_split: e\nfewshot_split: f\n", "f", false},
        {"test_split: e\nfewshot_split: e\n", "e", true},
        {"test_split: e\ntraining_split: t\n", "t", false},
        {"validation_split: v\ntraining_split: t\n", "t", true}, /* none == none */
        {"validation_split: v\n", "v", true},
        {"validation_split: v\nfewshot_split: v\n", "v", false},
        {"test_split: e\n", "e", false},
        {"test_split: e\nfewshot_split: f\nfewshot_config: {split: g}\n", "g", false},
        {"test_split: e\nfewshot_config: {samples: [{q: 1, label: 0}, {q: 2, label: 1}]}\n", NULL,
         false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char yaml[600];
        snprintf(yaml, sizeof yaml, CHOICE "num_fewshot: 1\n%s", rows[i].keys);
        test_file("t.yaml", yaml);
        struct task_index *x = test_index(test_tmp());
        struct task *t = test_load(x, "t", NULL);
        assert_non_null(t);
        if (rows[i].pool)
            assert_string_equal(t->fewshot_split, rows[i].pool);
        else
            assert_null(t->fewshot_split);
        assert_int_equal(t->excludes_self, rows[i].excludes);
        task_release(t);
        struct task_settings strict = test_settings();
        strict.strict_fewshot = true;
        t = test_load(x, "t", &strict);
        assert_int_equal(t->excludes_self,
                         rows[i].excludes ||
                             (rows[i].pool && strcmp(rows[i].pool, t->eval_split) == 0));
        task_release(t);
        task_index_close(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_draws, test_teardown),
        cmocka_unit_test_teardown(test_pool_too_small, test_teardown),
        cmocka_unit_test_teardown(test_description_prefix_and_exclusion, test_teardown),
        cmocka_unit_test_teardown(test_two_copies_of_the_document, test_teardown),
        cmocka_unit_test_teardown(test_validation_split_excludes_nothing, test_teardown),
        cmocka_unit_test_teardown(test_first_n, test_teardown),
        cmocka_unit_test_teardown(test_delimiters, test_teardown),
        cmocka_unit_test_teardown(test_skip_keeps_the_stream, test_teardown),
        cmocka_unit_test_teardown(test_which_split, test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
