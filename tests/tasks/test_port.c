/* test_port.c - built-in functions against what upstream's Python gave for the same made-up rows
 * (ports.jsonl, by tests/interop/port_goldens.py), and what happens to functions that are not built in. */
#include <math.h>

#include "harness/base/buf.h"
#include "tasks/filter.h"
#include "tasks/metric.h"
#include "tasks/port.h"
#include "tasks/template.h"
#include "tests/tasks/task_test.h"

static const char *text_of(const struct value *v)
{
    struct buf b;
    buf_init(&b, 0);
    json_write(&b, v, JSON_PYTHON);
    const char *s = arena_strndup(&test_arena, b.v, b.n);
    buf_release(&b);
    return s;
}

/* Binds a golden's function: the module is there with the piece of text that it is known by. */
static int open_port(const struct value *line, enum port_kind kind, struct port_use **out)
{
    const char *path = value_get(line, "path")->s;
    const char *module = test_file(path, value_get(line, "has")->s);
    const char *dir = fs_dirname(&test_arena, module);
    struct value func = *value_get(line, "function");
    func.type = VALUE_FUNC;
    struct port_ask ask = {kind, value_strn(&test_arena, func.s, func.n), "doc_to_text",
                           fs_join(&test_arena, dir, "t.yaml"), "t.yaml:1:1", NULL};
    return port_open(&ask, &test_arena, out, &test_err);
}

static void same(const struct value *line, size_t n, const struct value *want, const struct value *got)
{
    if (!value_equal(want, got))
        fail_msg("line %zu, %s of %s:\n%s\nwant %s", n, value_get(line, "function")->s,
                 value_get(line, "path")->s, text_of(got), text_of(want));
}

static void check_rows(const struct port_use *u, const struct value *line, size_t n)
{
    const struct value *docs = value_get(line, "docs"), *out = value_get(line, "out"), *got;
    uint32_t k = 0;
    for (uint32_t i = 0; i < docs->n; i++) {
        struct port_doc d = {docs->items[i], i};
        if (port_row(u, &d, &test_arena, &got, &test_err) < 0)
            fail_msg("line %zu: %s", n, test_err.msg);
        bool is_many = got && got->type == VALUE_LIST;
        for (uint32_t m = 0; got && m < (is_many ? got->n : 1); m++) {
            assert_true(k < out->n);
            same(line, n, out->items[k++], is_many ? got->items[m] : got);
        }
    }
    assert_int_equal(k, out->n);
}

/* Numbers to 1e-12: numpy's exp is not libm's in the last place.  NaN is NaN. */
static bool same_score(const struct value *want, const struct value *got)
{
    if (want->type == VALUE_LIST) {
        bool same = (got->type == VALUE_TUPLE || got->type == VALUE_LIST) && want->n == got->n;
        for (uint32_t i = 0; same && i < want->n; i++)
            same = same_score(want->items[i], got->items[i]);
        return same;
    }
    if (want->type == VALUE_DICT) {
        bool same = got->type == VALUE_DICT && want->n == got->n;
        for (uint32_t i = 0; same && i < want->n; i++)
            same = value_equal(want->entries[i].key, got->entries[i].key) &&
                   same_score(want->entries[i].value, got->entries[i].value);
        return same;
    }
    if (want->type == VALUE_STR)
        return value_equal(want, got);
    double x[2];
    for (int k = 0; k < 2; k++) {
        const struct value *v = k ? got : want;
        if (v->type < VALUE_BOOL || v->type > VALUE_FLOAT)
            return false;
        x[k] = v->type == VALUE_FLOAT ? v->f : v->type == VALUE_BOOL ? v->b : (double)v->i;
    }
    return (isnan(x[0]) && isnan(x[1])) || fabs(x[0] - x[1]) <= 1e-12;
}

static void check_results(const struct port_use *u, const struct value *line, size_t n)
{
    const struct value *results = value_get(line, "results"), *out = value_get(line, "out"), *got;
    const struct value **tuples = ARENA_ARRAY(&test_arena, const struct value *, results->n);
    for (uint32_t i = 0; i < results->n; i++) {
        tuples[i] = results->items[i];
        if (tuples[i]->type == VALUE_LIST) {
            struct value *t = value_list(&test_arena, tuples[i]->items, tuples[i]->n);
            t->type = VALUE_TUPLE;
            tuples[i] = t;
        }
    }
    if (port_results(u, value_get(line, "doc"), value_list(&test_arena, tuples, results->n), &test_arena,
                     &got, &test_err) < 0)
        fail_msg("line %zu: %s", n, test_err.msg);
    size_t n_scores;
    const char *const *scores = port_scores(u, &test_arena, &n_scores);
    assert_int_equal(n_scores, out->n);
    for (size_t i = 0; i < n_scores; i++) {
        const struct value *want = value_get(out, scores[i]), *v = value_get(got, scores[i]);
        if (!want || !v || !same_score(want, v))
            fail_msg("line %zu, %s of %s: %s, want %s", n, scores[i], value_get(line, "path")->s,
                     v ? text_of(v) : "nothing", want ? text_of(want) : "nothing");
    }
}

/* A class of filter_list, as a task names it. */
static void check_filter(const struct value *line, size_t n)
{
    const struct value *resps = value_get(line, "resps"), *docs = value_get(line, "docs");
    const char *dir = fs_dirname(&test_arena, test_file(value_get(line, "path")->s, value_get(line, "has")->s));
    struct value func = *value_get(line, "function");
    func.type = VALUE_FUNC;
    const struct value *step = value_with(&test_arena, value_get(line, "kwargs"), "function", &func);
    const struct value_entry e[2] = {{value_str(&test_arena, "name"), value_str(&test_arena, "x")},
                                     {value_str(&test_arena, "filter"), value_list(&test_arena, &step, 1)}};
    struct filter f = {0};
    if (filter_compile(value_dict(&test_arena, e, 2), fs_join(&test_arena, dir, "t.yaml"), &test_arena, &f,
                       &test_err) < 0)
        fail_msg("line %zu: %s", n, test_err.msg);
    for (uint32_t i = 0; i < resps->n; i++) {
        const struct value *got;
        struct filter_call call = {.doc = docs->items[i], .resps = &resps->items[i], .n = 1, .out = &got};
        if (filter_apply(&f, &call, &test_arena, &test_err) < 0)
            fail_msg("line %zu: %s", n, test_err.msg);
        same(line, n, value_get(line, "out")->items[i], got);
    }
    filter_release(&f);
}

static void check_aggregate(const struct port_use *u, const struct value *line, size_t n)
{
    const struct value *items = value_get(line, "items");
    struct metric_use use = {.metric = metric_find("f1"), .name = "f1", .aggregation = u->port->text};
    struct task_score *scores = ARENA_ARRAY(&test_arena, struct task_score, items->n);
    struct task_aggregate got;
    for (uint32_t i = 0; i < items->n; i++)
        scores[i] = (struct task_score){.value = NAN, .weight = NAN, .detail = text_of(items->items[i])};
    assert_int_equal(metric_aggregate(&use, scores, items->n, 1000, &got, &test_err), 0);
    double want = value_get(line, "out")->f;
    if (!(isnan(want) && isnan(got.value)) && memcmp(&want, &got.value, sizeof want) != 0)
        fail_msg("line %zu, %s: %.17g, want %.17g", n, u->port->text, got.value, want);
    assert_true(isnan(got.stderr_));
    assert_false(metric_aggregation_known(u->port->text));
}

/* The data set that a function loads. */
static void check_data(const struct port_use *u, const struct value *line, size_t n)
{
    const struct value *want = value_get(line, "out");
    const char *path, *name;
    if (port_data(u, value_get(line, "kwargs"), &test_arena, &path, &name, &test_err) < 0)
        fail_msg("line %zu: %s", n, test_err.msg);
    assert_string_equal(path, want->items[0]->s);
    assert_string_equal(name, want->items[1]->s);
}

static bool used[1024]; /* rows of the tables that a golden reached */

static void mark_used(const struct port *p)
{
    size_t i = 0;
    while (port_at(i) != p)
        i++;
    used[i] = true;
}

static void test_goldens(void **state)
{
    static const char *const kinds[] = {[PORT_ROWS] = "rows", [PORT_VALUE] = "value",
                                        [PORT_RESULTS] = "results", [PORT_AGGREGATE] = "aggregate",
                                        [PORT_FILTER] = "filter",
                                        [PORT_SAMPLES] = "samples",
                                        [PORT_DATA] = "data"};
    struct test_rows rows = test_rows("tests/tasks/ports.jsonl");
    (void)state;
    assert_true(rows.n > 300);
    for (size_t i = 0; i < rows.n; i++) {
        const struct value *line = rows.v[i], *got;
        enum port_kind kind = PORT_ROWS;
        struct port_use *u;
        while (!value_is_str(value_get(line, "kind"), kinds[kind]))
            kind++;
        if (open_port(line, kind, &u) < 0)
            fail_msg("line %zu: %s", i + 1, test_err.msg);
        mark_used(u->port);
        if (kind == PORT_ROWS) {
            check_rows(u, line, i + 1);
        } else if (kind == PORT_RESULTS) {
            check_results(u, line, i + 1);
        } else if (kind == PORT_AGGREGATE) {
            check_aggregate(u, line, i + 1);
        } else if (kind == PORT_FILTER) {
            check_filter(line, i + 1);
        } else if (kind == PORT_DATA) {
            check_data(u, line, i + 1);
        } else {
            if (port_value(u, value_get(line, "doc"), &test_arena, &got, &test_err) < 0)
                fail_msg("line %zu: %s", i + 1, test_err.msg);
            same(line, i + 1, value_get(line, "out"), got);
        }
        port_release(u);
    }
}

/* Every row of the table compiles and has met upstream's answers. */
static void test_table(void **state)
{
    (void)state;
    const struct port *p;
    for (size_t i = 0; (p = port_at(i)); i++) {
        assert_true(i < sizeof used / sizeof *used);
        struct template *t;
        struct template_source src = {
            .text = p->text, .n = strlen(p->text), .where = p->name, .flags = TEMPLATE_PORT};
        bool is_program = p->kind != PORT_AGGREGATE && p->kind != PORT_FILTER && p->kind != PORT_CLASS;
        if (is_program && template_compile(&src, &test_arena, &t, &test_err) < 0)
            fail_msg("row %zu: %s", i, test_err.msg);
        if (is_program)
            template_release(t);
        if (!used[i] && p->kind != PORT_CLASS) /* those are whole tasks: test_classes */
            fail_msg("no golden reaches %s of %s (%s)", p->name, p->module, p->evidence);
    }
}

static void test_refusals(void **state)
{
    struct port_use *u;
    (void)state;
    struct test_rows rows = test_rows(
        "{\"path\": \"hellaswag/utils.py\", \"function\": \"utils.process_docs\", \"has\": \"something else\"}\n"
        "{\"path\": \"mine/utils.py\", \"function\": \"utils.process_docs\", \"has\": \"def process_docs\"}\n"
        "{\"path\": \"winogrande/preprocess_winogrande.py\", \"function\": \"preprocess_winogrande.doc_to_text\", "
        "\"has\": \"x = {\\\"1\\\": 0, \\\"2\\\": 1}\"}\n"
        "{\"path\": \"mmlu_prox/xx/utils.py\", \"function\": \"utils.doc_to_text\", \"has\": \"max_opt_num = 10\"}\n");
    assert_int_equal(open_port(rows.v[0], PORT_ROWS, &u), ASSAY_EUNSUPPORTED);
    assert_contains(test_err.msg, "another version of one that is built in");
    assert_int_equal(open_port(rows.v[1], PORT_ROWS, &u), ASSAY_EUNSUPPORTED);
    assert_contains(test_err.msg, "--allow-task-code would load it");
    assert_null(strstr(test_err.msg, "another version"));
    /* The piece of text is there, but in a file that nobody checked. */
    assert_int_equal(open_port(rows.v[2], PORT_VALUE, &u), ASSAY_EUNSUPPORTED);
    assert_contains(test_err.msg, "another version of one that is built in");
    assert_int_equal(open_port(rows.v[3], PORT_VALUE, &u), ASSAY_EUNSUPPORTED);
    assert_contains(test_err.msg, "knows no 'xx'");
}

/* The whole way: a task whose rows, texts and scores come from functions. */
static void test_task_of_functions(void **state)
{
    (void)state;
    test_file("agieval/utils.py", "int(np.argmax(results / completion_len)) in gold");
    test_file("agieval/hellaswag/utils.py", "[preprocess(ending) for ending in doc[\"endings\"]]");
    test_file("agieval/hellaswag/h.yaml",
              "task: of_functions\ndataset_path: json\ntest_split: test\noutput_type: multiple_choice\n"
              "process_docs: !function utils.process_docs\nprocess_results: !function agi.utils.process_results_mcqa\n"
              "doc_to_text: '{{query}}'\ndoc_to_target: '{{gold}}'\ndoc_to_choice: choices\n"
              "metric_list:\n  - metric: acc\n    aggregation: mean\n    higher_is_better: true\n");
    test_file("agieval/hellaswag/agi/utils.py", "");
    struct task_index *x = test_index(fs_join(&test_arena, test_tmp(), "agieval/hellaswag"));
    assert_null(test_load(x, "of_functions", NULL)); /* agi/utils.py is no agieval/utils.py */
    assert_contains(test_err.msg, "h.yaml:6:18: 'process_results' can't be used: !function agi.utils.process");
    task_index_close(x);
    test_file("agieval/hellaswag/agieval/utils.py", "int(np.argmax(results / completion_len)) in gold");
    test_file("agieval/hellaswag/h.yaml",
              "task: of_functions\ndataset_path: json\ntest_split: test\noutput_type: multiple_choice\n"
              "process_docs: !function utils.process_docs\n"
              "process_results: !function agieval.utils.process_results_mcqa\n"
              "doc_to_text: '{{query}}'\ndoc_to_target: '{{gold}}'\ndoc_to_choice: choices\n"
              "metric_list:\n  - metric: acc\n    aggregation: mean\n    higher_is_better: true\n");
    x = test_index(fs_join(&test_arena, test_tmp(), "agieval/hellaswag"));
    struct task *t = test_load(x, "of_functions", NULL);
    if (!t)
        fail_msg("%s", test_err.msg);
    assert_true(task_has_rows(t, false));
    struct test_rows rows = test_rows(
        "{\"activity_label\": \"Roof\", \"ctx_a\": \"a\", \"ctx_b\": \"bEE\", \"label\": \"1\", "
        "\"endings\": [\"one [x]\", \"two\"]}");
    const struct value *row;
    struct task_source_row source = {.row = rows.v[0]};
    assert_int_equal(task_row(t, &source, &test_arena, &row, &test_err), 0);
    rows.v[0] = value_with(&test_arena, row, "gold", value_list(&test_arena, (const struct value *[]){value_int(&test_arena, 1)}, 1));
    const char *columns[] = {"query", "choices", "gold"};
    rows.columns = columns;
    rows.n_columns = 3;
    if (test_begin(t, &rows, NULL) < 0)
        fail_msg("%s", test_err.msg);
    struct task_item item;
    if (task_ask(t, 0, rows.v[0], &test_arena, &item, &test_err) < 0)
        fail_msg("%s", test_err.msg);
    assert_int_equal(item.n_requests, 2);
    assert_string_equal(item.requests[0].context, "Roof: a Bee");
    assert_string_equal(item.requests[0].continuation, " one ");
    size_t n;
    const struct task_measure *m = task_measures(t, &n);
    assert_int_equal(n, 2);
    assert_string_equal(m[0].metric, "acc");
    assert_string_equal(m[1].metric, "acc_norm");
    assert_string_equal(m[1].aggregation, "mean");
    struct task_response answers[2] = {{.logprob = -4}, {.logprob = -3.5}};
    struct task_score scores[2];
    if (task_grade(t, &item, answers, &test_arena, scores, &test_err) < 0)
        fail_msg("%s", test_err.msg);
    assert_true(scores[0].value == 1.0);
    assert_true(scores[1].value == 0.0); /* -4/4 beats -3.5/3 */
    task_release(t);
    task_index_close(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_task_of_functions),
    };
    return cmocka_run_group_tests(tests, NULL, test_teardown);
}
