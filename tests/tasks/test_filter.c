/* test_filter.c - answer extraction; expected values follow lm-eval's filters run in Python. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/value.h"
#include "harness/base/yaml.h"
#include "tasks/filter.h"
#include "tasks/pytext.h"

static const struct value *yaml(struct arena *a, const char *text)
{
    const struct value *v = NULL;
    struct assay_err e = {0};
    if (yaml_parse(text, strlen(text), "t.yaml", a, &v, &e) < 0)
        fail_msg("%s", e.msg);
    return v;
}

/* Python's repr of what the pipeline `steps` makes of one request's responses; or the error. */
static char *run(struct arena *a, const char *steps, const char *resps, const char *doc)
{
    char *spec = arena_printf(a, "{name: x, filter: %s}", steps);
    struct filter f = {0};
    struct assay_err e = {0};
    if (filter_compile(yaml(a, spec), "t.yaml", a, &f, &e) < 0)
        return arena_strdup(a, e.msg);
    const struct value *in = yaml(a, resps), *out = NULL;
    struct filter_call call = {yaml(a, doc), &in, 1, &out, NULL};
    int rc = filter_apply(&f, &call, a, &e);
    filter_release(&f);
    if (rc < 0)
        return arena_strdup(a, e.msg);
    struct buf b;
    buf_init(&b, 0);
    pyrepr_value(&b, out);
    char *text = arena_strdup(a, b.v);
    buf_release(&b);
    return text;
}

static void test_steps(void **state)
{
    static const char *const cases[][3] = {
        {"[{function: take_first}]", "[a, b]", "'a'"},
        {"[{function: take_first_k, k: 2}]", "[a, b, c]", "['a', 'b']"},
        {"[{function: take_first_k, k: 4}]", "[a]",
         "filter 'take_first_k': there are fewer responses than k; raise 'repeats'"},
        {"[{function: majority_vote}]", "[x, y, y, x, z]", "['x']"},
        {"[{function: regex}]", "['so #### 1,000.5 ok', none]", "['1,000.5', '[invalid]']"},
        {"[{function: regex, regex_pattern: '(-?\\d+)', group_select: -1}, {function: take_first}]",
         "['1 then 2 then -3']", "'-3'"},
        {"[{function: regex, regex_pattern: 'x', group_select: 5}]", "[x]",
         "filter 'regex': 'group_select' is out of range of the matches"},
        {"[{function: regex, regex_pattern: '(a)|(b)', fallback: none}]", "['b', 'c']", "['b', 'none']"},
        {"[{function: regex, regex_pattern: ' (\\w*) '}]", "['  ', 'x  y']", "['', '']"},
        {"[{function: take_first}, {function: regex, regex_pattern: '[AB]'}]", "['AB']", "['A', 'B']"},
        {"[{function: remove_whitespace}, {function: uppercase}]", "[' a b ', \"\\u3000\xc3\x9f\"]",
         "['A B', 'SS']"},
        {"[{function: lowercase}]", "['A\xce\xa3']", "['a\xcf\x82']"},
        {"[{function: map, mapping_dict: {A: 1, B: two}, default_value: -1}]", "[A, B, C]", "[1, 'two', -1]"},
        {"[{function: map, mapping_dict: {A: 1}}]", "[Z]", "[None]"},
        {"[{function: regex_pos}]", "[\"[('the', 'DET'), ('cat', 'NOUN')]\", none]",
         "[['DET', 'NOUN'], ['invalid']]"},
        {"[{function: format_span}]", "['Person: Ann, none $$ Location: Oslo']", "['per: ann $ loc: oslo']"},
    };
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(run(&a, cases[i][0], cases[i][1], "{}"), cases[i][2]);
    arena_release(&a);
}

static void test_multi_choice(void **state)
{
    static const char steps[] = "[{function: multi_choice_regex, regex_pattern: '(\\([A-Z]\\))', "
                                "ignore_case: true, ignore_punctuation: true, regexes_to_ignore: ['the ']}]";
    static const char doc[] = "{choices: ['The red one.', 'green', ' Blue! ']}";
    struct arena a = {0};
    (void)state;
    assert_string_equal(run(&a, steps, "['it is (B)', 'I say THE RED ONE!', 'blue', 'answer: C', 'huh']", doc),
                        "['(B)', '(A)', '(C)', '(C)', '[invalid]']");
    assert_string_equal(run(&a, steps, "[x]", "{}"),
                        "filter 'multi_choice_regex': the document needs a list 'choices'");
    /* A choice that begins another can't shadow it. */
    assert_string_equal(run(&a, steps, "['guilty of romance', 'Guilty']", "{choices: ['Guilty', 'Guilty of Romance']}"),
                        "['(B)', '(A)']");
    arena_release(&a);
}

static void test_refused(void **state)
{
    static const char *const cases[][2] = {
        {"[{function: regx}]", "t.yaml:1:31: unknown filter function 'regx', did you mean 'regex'?"},
        {"[{function: regex, regex_patern: x}]",
         "t.yaml:1:38: filter 'regex' has no option 'regex_patern'; it takes regex_pattern,group_select,fallback"},
        {"[{function: take_first, k: 1}]", "t.yaml:1:43: filter 'take_first' has no option 'k'"},
        {"[{function: regex, regex_pattern: '('}]",
         "t.yaml:1:53: regular expression '(': missing closing parenthesis near offset 1"},
        {"[{function: regex, group_select: a}]", "t.yaml:1:52: 'group_select' must be an integer"},
        {"[{function: take_first_k}]", "t.yaml:1:20: take_first_k needs the option 'k'"},
        {"[{}]", "t.yaml:1:20: a filter step needs the key 'function'"},
        {"[{function: custom}]", "t.yaml:1:20: filter 'custom' needs the option 'filter_fn'"},
        {"[{function: custom, filter_fn: !function utils.f}]",
         "t.yaml:1:50: 'filter_list' can't be used: !function utils.f: it is a Python function that is not "
         "built in; --allow-task-code would load it, which runs code of that folder"},
        {"[{function: !function utils.F}]",
         "t.yaml:1:31: 'filter_list' can't be used: !function utils.F: it is a Python function that is not "
         "built in; --allow-task-code would load it, which runs code of that folder"},
    };
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(run(&a, cases[i][0], "[x]", "{}"), cases[i][1]);
    arena_release(&a);
}

/* An answer is missed when some step that looks for one finds none in any repeat. */
static void test_missed(void **state)
{
    struct arena arena = {0}, *a = &arena;
    (void)state;
    static const struct {
        const char *spec, *in;
        bool searches, missed;
    } cases[] = {
        {"{name: x, filter: [{function: take_first}]}", "[b]", false, false},
        {"{name: x, filter: [{function: regex, regex_pattern: 'a(.)'}, {function: take_first}]}", "[ab]", true, false},
        {"{name: x, filter: [{function: regex, regex_pattern: 'a(.)'}, {function: take_first}]}", "[b]", true, true},
        {"{name: x, filter: [{function: regex, regex_pattern: 'a(.)'}, {function: take_first}]}", "[b, ab]", true, false},
        {"{name: x, filter: [{function: regex, regex_pattern: 'a(.)'}, {function: regex, regex_pattern: 'z'}]}",
         "[ab]", true, true},
        {"{name: x, filter: [{function: regex, regex_pattern: 'q'}, {function: regex, regex_pattern: 'i'}]}",
         "[ab]", true, true}, /* the second finds the fallback's own letters */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct filter f = {0};
        struct assay_err e = {0};
        const struct value *in = yaml(a, cases[i].in), *out;
        bool missed = !cases[i].missed;
        assert_int_equal(filter_compile(yaml(a, cases[i].spec), "t.yaml", a, &f, &e), 0);
        assert_int_equal(filter_searches(&f), cases[i].searches);
        struct filter_call call = {NULL, &in, 1, &out, &missed};
        assert_int_equal(filter_apply(&f, &call, a, &e), 0);
        if (missed != cases[i].missed)
            fail_msg("case %zu: missed is %d", i, missed);
        filter_release(&f);
    }
    arena_release(a);
}

static void test_default_pipeline(void **state)
{
    struct arena a = {0};
    struct filter f = {0};
    const struct value *in = yaml(&a, "[one, two]"), *out;
    struct filter_call call = {NULL, &in, 1, &out, NULL};
    (void)state;
    assert_int_equal(filter_compile(NULL, "t.yaml", &a, &f, NULL), 0);
    assert_string_equal(f.name, "none");
    assert_int_equal(filter_apply(&f, &call, &a, NULL), 0);
    assert_ptr_equal(out, in->items[0]);
    filter_release(&f);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps), cmocka_unit_test(test_multi_choice), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_missed),
        cmocka_unit_test(test_default_pipeline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
