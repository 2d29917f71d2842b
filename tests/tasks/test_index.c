/* Index and selectors: what files define, which of equal names wins, what a selector asks for. */
#include "tests/tasks/task_test.h"

static const struct task_entry *find(struct task_index *x, const char *name)
{
    size_t n;
    const struct task_entry *e = task_index_entries(x, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(e[i].name, name) == 0)
            return &e[i];
    return NULL;
}

static void test_kinds_and_order(void **state)
{
    (void)state;
    test_file("b/two.yaml", "task: same\ntag: [fruit, round]\n");
    test_file("a/one.yaml", "task: same\ntag: fruit\n");
    test_file("c.yaml", "group: all\ntask: [same]\ntag: nothing\n");
    test_file("d.yaml", "include: _base\ntask: child\n");
    test_file("_base", "tag: fruit\ntask: never\n");
    test_file("template.yaml", "output_type: multiple_choice\n");
    test_file("e.yml", "task: not_yaml_suffix\n");
    test_file("__pycache__/f.yaml", "task: hidden\n");
    struct task_index *x = test_index(test_tmp());
    size_t n;
    const struct task_entry *e = task_index_entries(x, &n);
    assert_int_equal(n, 4);
    const char *names[] = {"all", "child", "fruit", "same"};
    const int kinds[] = {TASK_ENTRY_GROUP, TASK_ENTRY_TASK, TASK_ENTRY_TAG, TASK_ENTRY_TASK};
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(e[i].name, names[i]);
        assert_int_equal(e[i].kind, kinds[i]);
    }
    /* a/one.yaml comes first: it wins, and b/two.yaml's tags are not read */
    assert_contains(find(x, "same")->path, "a/one.yaml");
    assert_null(find(x, "fruit")->path);
    assert_null(find(x, "round"));
    task_index_close(x);
}

static void test_tag_before_task_takes_the_name(void **state)
{
    (void)state;
    test_file("a.yaml", "task: one\ntag: two\n");
    test_file("b.yaml", "task: two\n");
    struct task_index *x = test_index(test_tmp());
    assert_int_equal(find(x, "two")->kind, TASK_ENTRY_TAG);
    task_index_close(x);
}

/* A tag adds to the set of its name; a task that has the name keeps it. */
static void test_task_before_tag_keeps_the_name(void **state)
{
    (void)state;
    test_file("a.yaml", "task: two\n");
    test_file("b.yaml", "task: one\ntag: [two, three]\n");
    struct task_index *x = test_index(test_tmp());
    assert_int_equal(find(x, "two")->kind, TASK_ENTRY_TASK);
    assert_int_equal(find(x, "three")->kind, TASK_ENTRY_TAG);
    task_index_close(x);
}

/* What a file says through what it includes counts as its own; functions are not looked for. */
static void test_what_is_inherited(void **state)
{
    (void)state;
    char gone[300];
    test_file("sub/_class", "class: !function nowhere.Task\n");
    test_file("sub/_group", "include: _deep\ngroup: g\n");
    test_file("sub/_deep", "task: [a, b]\nnum_fewshot: 4\n");
    test_file("sub/a.yaml", "include: _class\ntask: a\n");
    test_file("sub/b.yaml", "include: ../_data\ntask: b\nprocess_docs: !function nowhere.f\nnum_fewshot: 2\n");
    test_file("sub/c.yaml", "include: _group\n");
    test_file("_data", "dataset_path: org/x\ndataset_name: 2013\noutput_type: loglikelihood\nnum_fewshot: 9\n");
    snprintf(gone, sizeof gone, "include: %s/_data\ntask: absolute\n", test_tmp());
    test_file("d.yaml", gone);
    test_file(".ipynb_checkpoints/e.yaml", "task: hidden\n");
    struct task_index *x = test_index(test_tmp());
    size_t n;
    task_index_entries(x, &n);
    assert_int_equal(n, 4);
    assert_true(find(x, "a")->is_class);
    assert_int_equal(find(x, "b")->n_fewshot, 2);
    assert_string_equal(find(x, "b")->dataset, "org/x");
    assert_string_equal(find(x, "b")->dataset_name, "2013");
    assert_string_equal(find(x, "b")->output, "loglikelihood");
    assert_int_equal(find(x, "absolute")->n_fewshot, 9);
    assert_int_equal(find(x, "g")->kind, TASK_ENTRY_GROUP);
    assert_null(task_index_broken(x, &n));
    task_index_close(x);
}

static void test_later_root_wins(void **state)
{
    (void)state;
    test_file("r1/a.yaml", "task: one\n");
    test_file("r2/z.yaml", "task: one\n");
    const char *roots[] = {fs_join(&test_arena, test_tmp(), "r1"),
                           fs_join(&test_arena, test_tmp(), "r2")};
    struct task_index *x;
    assert_int_equal(task_index_open(roots, 2, NULL, &x, &test_err), 0);
    assert_contains(find(x, "one")->path, "r2/z.yaml");
    task_index_close(x);
}

static void test_broken_file_is_said_when_a_name_is_missing(void **state)
{
    (void)state;
    test_file("a.yaml", "task: [one\n");
    test_file("b.yaml", "task: banana\n");
    struct task_index *x = test_index(test_tmp());
    size_t n;
    assert_contains(task_index_broken(x, &n), "a.yaml:");
    assert_int_equal(n, 1);
    struct task_plan plan;
    assert_int_equal(task_select(x, "bananna", &test_arena, &plan, &test_err), ASSAY_EUSAGE);
    assert_contains(test_err.msg, "unknown task 'bananna', did you mean 'banana'?");
    assert_contains(test_err.msg, "a.yaml:");
    task_index_close(x);
}

static size_t roots_of(struct task_index *x, const char *selector, struct task_plan *plan)
{
    if (task_select(x, selector, &test_arena, plan, &test_err) < 0)
        fail_msg("%s: %s", selector, test_err.msg);
    return plan->n_roots;
}

static void test_selectors(void **state)
{
    (void)state;
    const char *dir = test_tmp();
    test_file("m/g.yaml", "group: g\ntask: [t_a, t_b]\n");
    test_file("m/a.yaml", "task: t_a\ntag: tg\n");
    test_file("m/b.yaml", "task: t_b\ntag: tg\n");
    test_file("n/c.yaml", "task: t_c\n");
    struct task_index *x = test_index(fs_join(&test_arena, dir, "m"));
    struct task_plan p;
    assert_int_equal(roots_of(x, "t_b, t_a", &p), 2);
    assert_string_equal(p.nodes[p.roots[0]].name, "t_b");
    assert_int_equal(roots_of(x, "t_a,t_a", &p), 1);
    assert_int_equal(roots_of(x, "tg", &p), 2); /* a tag: its tasks, sorted */
    assert_string_equal(p.nodes[p.roots[0]].name, "t_a");
    assert_int_equal(roots_of(x, "t_*", &p), 2);
    assert_int_equal(roots_of(x, "*", &p), 1); /* the group holds the rest */
    assert_true(p.nodes[p.roots[0]].is_group);
    assert_int_equal(roots_of(x, "[!g]*", &p), 2);
    assert_int_equal(roots_of(x, fs_join(&test_arena, dir, "m"), &p), 1);
    assert_string_equal(p.nodes[p.roots[0]].name, "g");
    assert_int_equal(roots_of(x, fs_join(&test_arena, dir, "m/*.yaml"), &p), 1);
    assert_int_equal(roots_of(x, fs_join(&test_arena, dir, "m/a.yaml"), &p), 1);
    assert_int_equal(roots_of(x, fs_join(&test_arena, dir, "n"), &p), 1); /* a folder never read */
    assert_string_equal(p.nodes[p.roots[0]].name, "t_c");

    assert_int_equal(task_select(x, "g,t_a", &test_arena, &p, &test_err), ASSAY_EUSAGE);
    assert_contains(test_err.msg, "'t_a' is asked for twice, as part of 'g' and of 't_a'");
    assert_int_equal(task_select(x, "q*", &test_arena, &p, &test_err), ASSAY_EUSAGE);
    assert_int_equal(task_select(x, "", &test_arena, &p, &test_err), ASSAY_EUSAGE);
    assert_int_equal(task_select(x, "no.yaml", &test_arena, &p, &test_err), ASSAY_EIO);
    const char *neither = test_file("x.yaml", "output_type: multiple_choice\n");
    assert_int_equal(task_select(x, neither, &test_arena, &p, &test_err), ASSAY_EFORMAT);
    assert_contains(test_err.msg, "neither 'task' nor 'group'");
    task_index_close(x);
}

/* The members of a group given by its path are looked for beside it, not below. */
static void test_siblings_of_a_file(void **state)
{
    (void)state;
    const char *g = test_file("g.yaml", "group: g\ntask: [beside]\n");
    const char *h = test_file("h.yaml", "group: h\ntask: [below]\n");
    test_file("a.yaml", "task: beside\n");
    test_file("sub/b.yaml", "task: below\n");
    struct task_index *x;
    struct task_plan p;
    assert_int_equal(task_index_open(NULL, 0, NULL, &x, &test_err), 0);
    assert_int_equal(roots_of(x, g, &p), 1);
    assert_int_equal(p.n, 2);
    assert_int_equal(task_select(x, h, &test_arena, &p, &test_err), ASSAY_EFORMAT);
    assert_contains(test_err.msg, "h.yaml:2:8: unknown task 'below'");
    assert_int_equal(roots_of(x, test_tmp(), &p), 2); /* the folder asked for is searched whole */
    assert_int_equal(roots_of(x, h, &p), 1);
    task_index_close(x);
}

static void test_library(void **state)
{
    (void)state;
    struct task_index *x = test_index("tasks/library");
    size_t n;
    assert_null(task_index_broken(x, &n));
    struct task_plan p;
    assert_int_equal(roots_of(x, "tasks/library/blimp", &p), 1);
    task_plan_leaves(&p, p.roots[0], &test_arena, &n);
    assert_int_equal(n, 67);
    assert_true(roots_of(x, "tasks/library", &p) >= 5);
    task_index_close(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_kinds_and_order, test_teardown),
        cmocka_unit_test_teardown(test_tag_before_task_takes_the_name, test_teardown),
        cmocka_unit_test_teardown(test_task_before_tag_keeps_the_name, test_teardown),
        cmocka_unit_test_teardown(test_what_is_inherited, test_teardown),
        cmocka_unit_test_teardown(test_later_root_wins, test_teardown),
        cmocka_unit_test_teardown(test_broken_file_is_said_when_a_name_is_missing, test_teardown),
        cmocka_unit_test_teardown(test_selectors, test_teardown),
        cmocka_unit_test_teardown(test_siblings_of_a_file, test_teardown),
        cmocka_unit_test_teardown(test_library, test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
