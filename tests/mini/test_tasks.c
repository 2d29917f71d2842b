/* The task files over the shipped rows: what is asked, word for word, and that right answers
 * count. */
#include "tests/tasks/task_test.h"

#include "datasets/data.h"
#include "datasets/mini/mini.h"

enum { N_ROWS = 40 };
static const char *const data_dirs[] = {"datasets", NULL};
static const char *const recipes[] = {"datasets/recipes", NULL};

static struct data *open_rows(const struct task *t)
{
    struct data *d = NULL;
    struct data_source src = {.path = t->dataset_path,
                              .name = t->dataset_name,
                              .split = t->eval_split,
                              .base_dir = t->base_dir,
                              .data_dirs = data_dirs,
                              .recipe_dirs = recipes};
    assert_string_equal(t->dataset_path, "assay/mini");
    if (data_open(&src, &d, &test_err) < 0)
        fail_msg("%s", test_err.msg);
    return d;
}

static const char *str(const struct value *row, const char *key)
{
    return value_get(row, key)->s;
}

/* One request per choice, " CHOICE" after the prompt; or the prompt, up to the line's end. */
static void check_requests(const struct task *t, const struct task_item *item)
{
    const struct value *row = item->doc, *choices = value_get(row, "choices");
    const char *prompt =
        arena_printf(&test_arena, "%s%s", str(row, "context"), str(row, "question"));
    if (t->output == TASK_MULTIPLE_CHOICE)
        assert_int_equal(item->n_requests, choices->n);
    else
        assert_int_equal(item->n_requests, 1);
    for (size_t i = 0; i < item->n_requests; i++) {
        const struct task_request *q = &item->requests[i];
        assert_string_equal(q->context, prompt);
        if (t->output == TASK_MULTIPLE_CHOICE) {
            assert_string_equal(q->continuation,
                                arena_printf(&test_arena, " %s", choices->items[i]->s));
        } else {
            assert_int_equal(q->generation->n_until, 1);
            assert_string_equal(q->generation->until[0], "\n");
        }
    }
}

/* The score of an answer: right as the generated text begins (a blank first), or wrong. */
static double score(struct task *t, const struct task_item *item, bool right)
{
    struct task_response r[MINI_CHOICES] = {{0}};
    struct task_score s[4];
    int64_t label = value_get(item->doc, "label")->i;
    for (size_t i = 0; i < item->n_requests; i++) {
        bool first = t->output == TASK_GENERATE || (i == (size_t)label) == right;
        const char *answer = right ? str(item->doc, "answer") : "wrong";
        r[i].logprob = first ? -1 : -2;
        r[i].is_greedy = first && right;
        r[i].text = arena_printf(&test_arena, " %s", answer);
        r[i].text_n = strlen(r[i].text);
    }
    assert_int_equal(task_grade(t, item, r, &test_arena, s, &test_err), 0);
    size_t n;
    const struct task_measure *m = task_measures(t, &n);
    assert_int_equal(n, t->output == TASK_GENERATE ? 1 : 2);
    assert_string_equal(m[n - 1].metric, "exact_match");
    assert_string_equal(m[n - 1].filter, "none");
    if (n == 2) {
        assert_string_equal(m[0].metric, "acc");
        assert_true(s[0].value == (right ? 1 : 0));
    }
    return s[n - 1].value;
}

static void check_task(struct task_index *x, const char *name)
{
    struct task *t = test_load(x, name, NULL);
    if (!t)
        fail_msg("%s", test_err.msg);
    struct data *d = open_rows(t);
    size_t n_columns;
    const struct value *row;
    const char *const *columns = data_columns(d, &n_columns);
    for (size_t i = 0; i < N_ROWS; i++) {
        struct task_item item;
        assert_int_equal(data_next(d, &test_arena, &row, &test_err), 0);
        if (i == 0)
            assert_int_equal(task_begin(t, row, columns, n_columns, NULL, 0, &test_err), 0);
        if (task_ask(t, i, row, &test_arena, &item, &test_err) < 0)
            fail_msg("%s", test_err.msg);
        check_requests(t, &item);
        assert_true(score(t, &item, true) == 1.0);
        assert_true(score(t, &item, false) == 0.0);
    }
    data_close(d);
    task_release(t);
}

static void both_forms(void **state)
{
    (void)state;
    struct task_index *x = test_index("tasks/library/mini");
    size_t n_broken;
    if (task_index_broken(x, &n_broken))
        fail_msg("%s", task_index_broken(x, &n_broken));
    size_t n, n_forms = 0;
    const struct task_entry *entries = task_index_entries(x, &n);
    for (size_t i = 0; i < n; i++)
        if (entries[i].kind == TASK_ENTRY_TASK && strcmp(entries[i].name, "mini_text") != 0) {
            check_task(x, arena_strdup(&test_arena, entries[i].name));
            entries = task_index_entries(x, &n);
            n_forms++;
        }
    assert_int_equal(n_forms, 2 * MINI_N_TASKS);
    task_index_close(x);
}

static size_t leaves_of(struct task_index *x, const char *selector)
{
    struct task_plan plan;
    size_t sum = 0, n;
    if (task_select(x, selector, &test_arena, &plan, &test_err) < 0)
        fail_msg("%s", test_err.msg);
    for (size_t i = 0; i < plan.n_roots; i++) {
        task_plan_leaves(&plan, plan.roots[i], &test_arena, &n);
        sum += n;
    }
    return sum;
}

static void group_and_tags(void **state)
{
    (void)state;
    struct task_index *x = test_index("tasks/library/mini");
    assert_int_equal(leaves_of(x, "mini"), MINI_N_TASKS - 1);
    assert_int_equal(leaves_of(x, "mini_choice"), MINI_N_TASKS - 1);
    assert_int_equal(leaves_of(x, "mini_gen"), MINI_N_TASKS - 1);
    assert_int_equal(leaves_of(x, "assistant"), 3);
    assert_int_equal(leaves_of(x, "health"), 2);
    assert_int_equal(leaves_of(x, "school"), 3);
    assert_int_equal(leaves_of(x, "indic"), 2);
    task_index_close(x);
}

static void rolling(void **state)
{
    (void)state;
    struct task_index *x = test_index("tasks/library/mini");
    struct task *t = test_load(x, "mini_text", NULL);
    assert_non_null(t);
    assert_int_equal(t->output, TASK_ROLLING);
    struct data *d = open_rows(t);
    const struct value *row;
    struct task_item item;
    size_t n_columns;
    const char *const *columns = data_columns(d, &n_columns);
    assert_int_equal(data_next(d, &test_arena, &row, &test_err), 0);
    assert_int_equal(task_begin(t, row, columns, n_columns, NULL, 0, &test_err), 0);
    assert_int_equal(task_ask(t, 0, row, &test_arena, &item, &test_err), 0);
    assert_string_equal(item.requests[0].continuation, str(row, "text"));
    data_close(d);
    task_release(t);
    task_index_close(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms),
        cmocka_unit_test(group_and_tags),
        cmocka_unit_test(rolling),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&test_arena);
    return rc;
}
