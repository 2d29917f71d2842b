/* Groups: members, overrides and who wins, inline tasks, and the numbers of a group. */
#include <math.h>

#include "tests/tasks/task_test.h"

static struct task_index *index_here;
static struct task_plan plan;

static int setup(void **state)
{
    (void)state;
    index_here = NULL;
    return 0;
}

static int teardown(void **state)
{
    task_index_close(index_here);
    return test_teardown(state);
}

static int select_it(const char *selector)
{
    if (!index_here)
        index_here = test_index(test_tmp());
    test_err.msg[0] = 0;
    return task_select(index_here, selector, &test_arena, &plan, &test_err);
}

static void select_ok(const char *selector)
{
    if (select_it(selector) < 0)
        fail_msg("%s: %s", selector, test_err.msg);
}

static const struct task_node *node(const char *name)
{
    for (size_t i = 0; i < plan.n; i++)
        if (strcmp(plan.nodes[i].name, name) == 0)
            return &plan.nodes[i];
    fail_msg("no node '%s'", name);
    return NULL;
}

/* The override `key` of a node as a number; -1 when it has none. */
static int64_t over(const char *name, const char *key)
{
    const struct value *v = value_get(node(name)->overrides, key);
    return v ? v->i : -1;
}

static void tasks_abc(void)
{
    test_file("a.yaml", "task: a\ntag: t\n");
    test_file("b.yaml", "task: b\ntag: t\n");
    test_file("c.yaml", "task: c\n");
}

static void test_members(void **state)
{
    (void)state;
    tasks_abc();
    test_file("g.yaml", "group: g\ngroup_alias: Gee\ntask: [c, inner, t]\n");
    test_file("inner.yaml", "group: inner\ntask: [a]\n");
    select_ok("g");
    const struct task_node *g = node("g");
    assert_true(g->is_group);
    assert_string_equal(g->alias, "Gee");
    assert_int_equal(g->n_children, 4); /* c, inner, and the tag's a and b */
    assert_string_equal(plan.nodes[g->children[0]].name, "c");
    assert_string_equal(plan.nodes[g->children[1]].name, "inner");
    size_t n;
    const size_t *leaves = task_plan_leaves(&plan, plan.roots[0], &test_arena, &n);
    assert_int_equal(n, 3);
    assert_string_equal(plan.nodes[leaves[0]].name, "c");
    assert_string_equal(plan.nodes[leaves[1]].name, "a");
    assert_string_equal(plan.nodes[leaves[2]].name, "b");
}

static void test_overrides_and_their_order(void **state)
{
    (void)state;
    tasks_abc();
    test_file("outer.yaml", "group: outer\nnum_fewshot: 1\nrepeats: 7\n"
                            "task:\n  - {group: inner, repeats: 9}\n  - c\n");
    test_file("inner.yaml", "group: inner\nnum_fewshot: 2\ndescription: x\nmetadata: {version: 3}\n"
                            "task:\n  - a\n  - {task: b, num_fewshot: 3, task_alias: Bee}\n");
    select_ok("outer");
    assert_int_equal(over("c", "num_fewshot"), 1);
    assert_int_equal(over("a", "num_fewshot"), 1); /* outer group over inner group */
    assert_int_equal(over("a", "repeats"), 9);     /* item over group */
    assert_int_equal(over("b", "num_fewshot"), 3); /* item over everything */
    assert_string_equal(node("b")->alias, "Bee");
    assert_non_null(value_get(node("a")->overrides, "description"));
    assert_null(value_get(node("a")->overrides, "metadata")); /* the group's own */
    assert_null(value_get(node("b")->overrides, "task"));
}

static void test_override_of_a_tag_keeps_the_members_apart(void **state)
{
    (void)state;
    tasks_abc();
    test_file("inner.yaml", "group: inner\ntask: [c]\n");
    test_file("g.yaml", "group: g\ntask:\n  - {task: t, num_fewshot: 2}\n"
                        "  - {task: inner, num_fewshot: 4}\n");
    select_ok("g");
    assert_int_equal(node("g")->n_children, 3);
    assert_int_equal(over("a", "num_fewshot"), 2);
    assert_int_equal(over("b", "num_fewshot"), 2);
    assert_int_equal(over("c", "num_fewshot"), 4);
}

static void test_inline(void **state)
{
    (void)state;
    tasks_abc();
    test_file("part", "doc_to_target: y\nnum_fewshot: 8\nrepeats: 5\n");
    test_file("g.yaml", "group: g\nrepeats: 6\ntask:\n"
                        "  - task: new\n    include: part\n    doc_to_text: x\n"
                        "  - group: sub\n    group_alias: Sub\n    task: [a]\n    num_fewshot: 2\n"
                        "  - {group: c, task: [c]}\n  - {group: b, num_fewshot: 3}\n");
    select_ok("g");
    const struct task_node *t = node("g::new");
    assert_non_null(t->config);
    assert_string_equal(value_get(t->config, "task")->s, "g::new");
    assert_string_equal(value_get(t->config, "doc_to_target")->s, "y");
    assert_int_equal(value_get(t->config, "num_fewshot")->i, 8);
    assert_int_equal(value_get(t->config, "repeats")->i, 6); /* group over what it includes */
    assert_null(value_get(t->config, "include"));
    assert_string_equal(node("g::sub")->alias, "Sub");
    assert_int_equal(over("a", "num_fewshot"), 2);
    assert_int_equal(over("a", "repeats"), 6);
    assert_true(node("g::c")->is_group);           /* the name of a task: still a new group */
    assert_int_equal(over("b", "num_fewshot"), 3); /* `group:` may name a task */
}

static void test_one_node_per_name(void **state)
{
    (void)state;
    tasks_abc();
    test_file("g.yaml", "group: g\ntask: [a, a, h, {task: a, num_fewshot: 5}]\n");
    test_file("h.yaml", "group: h\ntask: [a, b]\n");
    select_ok("g");
    size_t n;
    task_plan_leaves(&plan, plan.roots[0], &test_arena, &n);
    assert_int_equal(n, 2);
    assert_int_equal(over("a", "num_fewshot"), 5);
}

static void refuse(const char *text, const char *said)
{
    if (index_here)
        task_index_close(index_here);
    index_here = NULL;
    test_file("g.yaml", text);
    if (select_it("g") >= 0)
        fail_msg("taken: %s", text);
    assert_contains(test_err.msg, said);
}

static void test_mistakes(void **state)
{
    (void)state;
    tasks_abc();
    test_file("banana.yaml", "task: banana\n");
    test_file("h.yaml", "group: h\ntask: [g]\n");
    refuse("group: g\ntask:\n  - a\n  - bananna\n",
           "g.yaml:4:5: unknown task 'bananna', did you mean 'banana'?");
    refuse("group: g\ntask:\n  - {task: bananna, num_fewshot: 1}\n", "g.yaml:3:12: unknown task");
    refuse("group: g\ntask: [h]\n", "contains itself");
    refuse("group: g\ntask: a\n", "g.yaml:2:7: 'task' is str, expected a list");
    refuse("group: g\ntask: [3]\n", "g.yaml:2:8: a member of group 'g' is int");
    refuse("group: g\ntask: [{num_fewshot: 2}]\n", "needs 'task' or 'group'");
    refuse("group: g\ntask: [{group: nosuch}]\n", "unknown task 'nosuch'");
    test_file("k.yaml", "group: k\ntask: [a]\n");
    refuse("group: g\ntask: [{group: k, task: [b]}]\n", "group 'k' exists already");
    refuse("group: g\ntask: [a]\naggregate_metric_list:\n  - {metric: acc, wieght_by_size: true}\n",
           "g.yaml:4:19: unknown key 'wieght_by_size' in 'aggregate_metric_list', did you mean "
           "'weight_by_size'?");
    refuse("group: g\ntask: [a]\naggregate_metric_list: [{metric: acc, aggregation: median}]\n",
           "not by 'median'");
    refuse("group: g\ntask: [a]\naggregate_metric_list: [{filter_list: none}]\n", "needs 'metric'");
}

static void test_aggregate_list(void **state)
{
    (void)state;
    tasks_abc();
    test_file("g.yaml", "group: g\ntask: [a]\naggregate_metric_list:\n  - metric: acc\n"
                        "  - {metric: f1, filter_list: one, weight_by_size: false}\n"
                        "  - {metric: em, filter_list: [x, y]}\n"
                        "  - {metric: p, weight_by_size: truez}\n  - {metric: q, weight_by_size: ''}\n");
    select_ok("g");
    const struct task_group_metric *m;
    size_t n;
    assert_int_equal(task_group_metrics(node("g"), &test_arena, &m, &n, &test_err), 0);
    assert_int_equal(n, 5);
    assert_true(m[3].weight_by_size); /* a text is true in Python, whatever it says */
    assert_false(m[4].weight_by_size);
    assert_string_equal(m[0].metric, "acc");
    assert_null(m[0].filters);
    assert_true(m[0].weight_by_size);
    assert_int_equal(m[1].n_filters, 1);
    assert_string_equal(m[1].filters[0], "one");
    assert_false(m[1].weight_by_size);
    assert_string_equal(m[2].filters[1], "y");
}

/* Values: lm_eval.api.metrics.aggregate_subtask_metrics, pooled_sample_stderr and
 * unweighted_mean_stderr on the same numbers, Python 3.11. */
static void test_numbers(void **state)
{
    (void)state;
    const struct task_aggregate leaves[] = {{.value = 0.537, .stderr_ = 0.0497, .n = 101},
                                            {.value = 0.8125, .stderr_ = 0.0276, .n = 200},
                                            {.value = 0.31, .stderr_ = 0.0654, .n = 51}};
    const struct task_group_way by_size = {.weight_by_size = true}, by_task = {.weight_by_size = false};
    struct task_aggregate a = task_group_aggregate(leaves, 3, &by_size);
    assert_true(a.value == 0.6606448863636364);
    assert_true(a.stderr_ == 0.02320894672452835);
    assert_int_equal(a.n, 352);
    a = task_group_aggregate(leaves, 3, &by_task);
    assert_true(a.value == 0.5531666666666667);
    assert_true(a.stderr_ == 0.028884848007985856);
    struct task_aggregate lacking[] = {leaves[0], {.value = 1, .stderr_ = NAN, .n = 3}};
    assert_true(isnan(task_group_aggregate(lacking, 2, &by_size).stderr_));
    assert_true(isnan(task_group_aggregate(NULL, 0, &by_size).value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_members, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overrides_and_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_override_of_a_tag_keeps_the_members_apart, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_inline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_node_per_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_aggregate_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
