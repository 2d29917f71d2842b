/* What makes scores doubtful is counted, once and right, and said where results are said. */
#include "tests/run/run_test.h"

#include "reports/notice.h"

enum { N = 40 };

/* Rows: every fourth target is out of range, every fifth has equal choices. */
static void write_rows(struct fixture *f)
{
    char path[300];
    snprintf(path, sizeof path, "%s/rows.jsonl", f->dir);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    for (int i = 0; i < N; i++)
        fprintf(out, "{\"q\": \"question <%d>\", \"a\": \"yes %d\", \"b\": \"%s %d\", \"gold\": %d}\n", i, i,
                i % 5 ? "no" : "yes", i, i % 4 ? i % 2 : 7);
    assert_int_equal(fclose(out), 0);
}

static void write_tasks(struct fixture *f)
{
    static const struct {
        const char *name, *text;
    } files[] = {
        {"choose.yaml",
         "task: choose\ndataset_path: json\ndataset_kwargs: {data_files: {test: rows.jsonl}}\n"
         "test_split: test\noutput_type: multiple_choice\nnum_fewshot: 2\ndoc_to_text: \"{{q}}\"\n"
         "doc_to_target: gold\ndoc_to_choice: \"{{[a, b]}}\"\nfewshot_config: {doc_to_target: \"{{a}}\"}\n"
         "metric_list:\n  - {metric: acc}\n"},
        {"write.yaml",
         "task: write\ndataset_path: json\ndataset_kwargs: {data_files: {test: rows.jsonl}}\n"
         "test_split: test\noutput_type: generate_until\ndoc_to_text: \"{{q}}\"\ndoc_to_target: a\n"
         "generation_kwargs: {until: [], max_gen_toks: 2}\nmetric_list:\n  - {metric: exact_match}\n"
         "filter_list:\n  - name: strict\n    filter:\n"
         "      - {function: regex, regex_pattern: 'never (said)'}\n      - {function: take_first}\n"
         "  - name: loose\n    filter:\n      - {function: regex, regex_pattern: '(.*)'}\n"
         "      - {function: take_first}\n"},
    };
    char path[300];
    for (size_t i = 0; i < N_OF(files); i++) {
        snprintf(path, sizeof path, "%s/%s", f->dir, files[i].name);
        temp_write(path, files[i].text, strlen(files[i].text));
    }
    write_rows(f);
}

static void ask_for(struct fixture *f, const char *tasks, const char *more)
{
    char path[300];
    new_suite(f);
    snprintf(path, sizeof path, "%s/%s", f->dir, tasks);
    set(f, "backend", "mock", "model", "demo", "tasks", path, "scenario", "none", "kl-docs", "0", NULL);
    set(f, "precision", "fp32", "precision", "int8", NULL);
    if (more)
        set(f, "strict-fewshot", more, NULL);
}

static int64_t number(struct fixture *f, const char *sql)
{
    return count(f->db, sql);
}

static int64_t counted(struct fixture *f, const char *kind, const char *variant)
{
    char sql[400];
    snprintf(sql, sizeof sql,
             "SELECT coalesce(sum(n.n), -1) FROM notice n JOIN job j ON j.id = n.job_id JOIN run_variant v ON "
             "v.id = j.run_variant_id WHERE n.kind = '%s' AND v.name = '%s' AND v.run_id = (SELECT max(id) "
             "FROM run)", kind, variant);
    return number(f, sql);
}

/* The prompt of item i holds its own question: once as asked, once more when it was an example. */
static int64_t shown(struct fixture *f)
{
    return number(f, "SELECT count(*) FROM item WHERE task_id = (SELECT max(id) FROM task) AND "
                     "(length(prompt) - length(replace(prompt, 'question <' || idx || '>', ''))) / "
                     "length('question <' || idx || '>') > 1");
}

static void test_choices(void **state)
{
    struct fixture *f = *state;
    write_tasks(f);
    ask_for(f, "choose.yaml", NULL);
    run(f);
    int64_t leaks = shown(f);
    assert_true(leaks > 0 && leaks < N);
    for (int i = 0; i < 2; i++) {
        const char *v = i ? "int8" : "fp32";
        assert_int_equal(counted(f, "own_answer", v), leaks);
        assert_int_equal(counted(f, "gold", v), N / 4);
        assert_int_equal(counted(f, "equal", v), N / 5);
        assert_int_equal(counted(f, "tied", v), N / 5); /* the same text has the same likelihood */
        assert_int_equal(counted(f, "cut", v), 0);
        assert_int_equal(counted(f, "limit", v), -1); /* not asked of choices */
        assert_int_equal(counted(f, "no_answer", v), -1);
    }
    assert_int_equal(number(f, "SELECT min(n_of) || max(n_of) FROM notice"), 4040);
}

static void test_strict(void **state)
{
    struct fixture *f = *state;
    write_tasks(f);
    ask_for(f, "choose.yaml", "true");
    run(f);
    assert_int_equal(shown(f), 0);
    assert_int_equal(counted(f, "own_answer", "fp32"), 0);
    assert_int_equal(counted(f, "gold", "fp32"), N / 4);
}

static void test_texts(void **state)
{
    struct fixture *f = *state;
    write_tasks(f);
    ask_for(f, "write.yaml", NULL);
    run(f);
    int64_t at_limit = number(f, "SELECT count(*) FROM response WHERE finish = 'length' AND variant_id = 1");
    assert_true(at_limit > 0);
    assert_int_equal(counted(f, "limit", "fp32"), at_limit);
    assert_int_equal(number(f, "SELECT n FROM notice WHERE kind = 'no_answer' AND detail = 'strict'"), N);
    assert_int_equal(number(f, "SELECT n FROM notice WHERE kind = 'no_answer' AND detail = 'loose'"), 0);
    assert_int_equal(counted(f, "own_answer", "fp32"), -1); /* no examples: not asked */
}

/* A context of a few tokens cuts every prompt; answers from the store count as those asked. */
static void test_cut_and_again(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        write_tasks(f);
        ask_for(f, "choose.yaml", NULL);
        set(f, "option", "n-ctx=12", NULL);
        run(f);
        assert_int_equal(counted(f, "cut", "fp32"), N);
        assert_int_equal(number(f, "SELECT count(*) FROM response WHERE is_cut = 1") > 0, 1);
        assert_int_equal(number(f, "SELECT n_cut FROM job WHERE id = (SELECT max(id) FROM job)") > 0, 1);
    }
    assert_int_equal(f->summary.n_asked, 0); /* the second time nothing was asked */
}

static void test_said(void **state)
{
    struct fixture *f = *state;
    struct view *view;
    const struct view_set *set_;
    const struct view_variant *v[2];
    struct arena a = {0};
    size_t n;
    write_tasks(f);
    ask_for(f, "choose.yaml", NULL);
    run(f);
    assert_ok(view_open(f->db, &view, &f->e), f->e);
    assert_ok(view_load(view, NULL, 0, &set_, &f->e), f->e);
    assert_int_equal(set_->n_variants, 2);
    v[0] = &set_->variants[0];
    v[1] = &set_->variants[1];
    const char *const *lines = notice_lines(v, 2, &a, &n);
    assert_int_equal(n, 4);
    assert_contains(lines[0], "among its own examples");
    assert_contains(lines[0], " of 40 items; in choose");
    assert_string_equal(lines[1], "the target is none of the choices: 10 of 40 items; in choose");
    assert_contains(lines[3], "first counts: fp32 8 of 40, int8 8 of 40 items; in choose");
    view_close(view);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_choices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_and_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_said, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
