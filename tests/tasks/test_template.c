/* test_template.c - the template engine against jinja2's recorded answers, its errors and its bounds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/json.h"
#include "harness/base/value.h"
#include "tasks/template.h"

static int render(struct arena *a, const char *text, const struct value *doc, const struct value **out,
                  struct assay_err *e)
{
    struct template_source src = {.text = text, .n = strlen(text), .where = "task.yaml", .line = 3, .col = 14};
    struct template *t = NULL;
    int rc = template_compile(&src, a, &t, e);
    if (rc == 0)
        rc = template_render(t, doc, a, out, e);
    template_release(t);
    return rc;
}

static const struct value *parse(struct arena *a, const char *json)
{
    const struct value *v = NULL;
    assert_int_equal(json_parse(json, strlen(json), "doc", 1, a, &v, NULL), 0);
    return v;
}

enum { JULY_26 = 1721952000 };  /* the day strftime_now() tells in the goldens: 2024-07-26 */

/* One golden line: {"t": template, "d": index of its document, "out": text} or "error": 1; without "t" it
 * means the template above. */
static int check_golden(struct arena *a, const struct value *row, const struct value *doc, int line,
                        struct template_source src)
{
    const struct value *want = value_get(row, "out"), *got = NULL;
    struct assay_err e = {0};
    struct template *tpl = NULL;
    int rc = template_compile(&src, a, &tpl, &e);
    if (rc == 0)
        rc = template_render(tpl, doc, a, &got, &e);
    template_release(tpl);
    bool same = want ? rc == 0 && got->n == want->n && memcmp(got->s, want->s, got->n) == 0 : rc < 0;
    if (!same)
        print_message("golden line %d: %s\n  want %s\n  got  %s\n", line, src.text,
                      want ? want->s : "an error", rc < 0 ? e.msg : got->s);
    return same ? 0 : 1;
}

static void check_goldens(const char *path, uint32_t flags, int at_least)
{
    struct arena docs = {0}, a = {0}, texts = {0};
    struct template_source src = {.where = "t", .flags = flags, .now = JULY_26};
    const struct value *doc[64] = {NULL};
    const char *text;
    size_t n;
    int line = 0, cases = 0, bad = 0;
    assert_int_equal(fs_read(path, 64 << 20, &docs, &text, &n, NULL), 0);
    for (const char *p = text, *end; p < text + n; p = end + 1) {
        const struct value *row;
        end = strchr(p, '\n');
        line++;
        struct arena *keep = strncmp(p, "{\"doc\"", 6) == 0 ? &docs : &a;
        assert_int_equal(json_parse(p, (size_t)(end - p), "golden", 1, keep, &row, NULL), 0);
        if (keep == &docs) {
            doc[value_get(row, "doc")->i] = value_get(row, "value");
            continue;
        }
        const struct value *t = value_get(row, "t");
        if (t) {
            src.text = arena_strndup(&texts, t->s, t->n);
            src.n = t->n;
        }
        bad += check_golden(&a, row, doc[value_get(row, "d")->i], line, src);
        cases++;
        arena_reset(&a);
    }
    assert_true(cases > at_least);
    assert_int_equal(bad, 0);
    arena_release(&a);
    arena_release(&texts);
    arena_release(&docs);
}

static void test_goldens(void **state)
{
    (void)state;
    check_goldens("tests/tasks/templates.jsonl", 0, 2000);
}

static void test_chat_goldens(void **state)
{
    (void)state;
    check_goldens("tests/tasks/chat.jsonl", TEMPLATE_CHAT_PROFILE, 200);
}

static void test_errors(void **state)
{
    static const char *const cases[][2] = {
        {"{{ nope }}", "task.yaml:3:17: 'nope' is undefined"},
        {"a\nb {{ d.x }}", "task.yaml:4:7: 'dict object' has no attribute 'x'"},
        {"{{ l[7] }}", "task.yaml:3:18: list object has no element 7"},
        {"{{ s | uper }}", "task.yaml:3:21: unknown filter 'uper', did you mean 'upper'?"},
        {"{{ s is odd }}", "task.yaml:3:19: not all arguments converted during string formatting"},
        {"{% if s %}x", "task.yaml:3:22: block is not closed, expected 'endif'"},
        {"{{ 1 + }}", "task.yaml:3:21: unexpected the end of the tag, expected an expression"},
        {"{{ 9223372036854775807 + 1 }}", "task.yaml:3:37: integer result does not fit 64 bits"},
        {"{{ 1 // 0 }}", "task.yaml:3:19: integer division or modulo by zero"},
        {"{% break %}", "task.yaml:3:17: unknown or unsupported statement 'break'"},
        {"{{ l.append(1) }}", "task.yaml:3:18: 'append' would change a list in place; build a new one instead"},
    };
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct assay_err e = {0};
        const struct value *out;
        assert_int_equal(render(&a, cases[i][0], parse(&a, "{\"s\":\"x\",\"d\":{},\"l\":[1]}"), &out, &e),
                         ASSAY_EFORMAT);
        assert_string_equal(e.msg, cases[i][1]);
    }
    arena_release(&a);
}

/* Nothing a template does may run away: each ends in an error, quickly. */
static void test_bounds(void **state)
{
    static const char *const cases[] = {
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 999999999 }}",
        "{% set x = 'x' * 10000000 %}{{ x ~ x }}",
        "{% for i in range(9000) %}{{ 'x' * 10000 }}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ range(10**15)|list }}",
        "{{ [0] * 10**12 }}",
        "{{ ('' * 10**18) ~ nope }}",
        "{% for i in range(100000) %}{% set a = 'x' * 10000000 %}{% endfor %}",
        "{% for i in range(100000) %}{% set a = 'xy'|replace('x', 'z' * 1000000) %}{% endfor %}",
        "{{ ''.zfill(10**12) }}",
        "{{ '%999999999d' % 1 }}",
        "{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
        "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' | regex_replace('(a+)+$', '') }}",
    };
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct assay_err e = {0};
        const struct value *out;
        int rc = render(&a, cases[i], parse(&a, "{}"), &out, &e);
        if (rc == 0)
            print_message("rendered: %s\n", cases[i]);
        assert_true(rc < 0);
        assert_int_equal(strncmp(e.msg, "task.yaml:3:", 12), 0);
        arena_reset(&a);
    }
    char *deep = malloc(200001);
    memset(deep, '(', 200000);
    deep[0] = deep[1] = '{';
    deep[200000] = 0;
    struct assay_err e = {0};
    const struct value *out;
    assert_true(render(&a, deep, parse(&a, "{}"), &out, &e) < 0);
    free(deep);
    arena_release(&a);
}

static void test_no_copy(void **state)
{
    struct arena a = {0};
    const struct value *doc = parse(&a, "{\"s\": \"text\"}"), *out;
    (void)state;
    assert_int_equal(render(&a, "{{ s }}", doc, &out, NULL), 0);
    assert_ptr_equal(out, value_get(doc, "s"));
    assert_int_equal(render(&a, "plain", doc, &out, NULL), 0);
    assert_string_equal(out->s, "plain");
    arena_release(&a);
}

static void test_names(void **state)
{
    static const char text[] = "{% set x = a %}{{ x }}{% for i in b %}{{ i.c }}{{ loop.index }}{% endfor %}"
                               "{% macro m(p) %}{{ p }}{{ d }}{% endmacro %}{{ m(1) }}{{ range(2) }}{{ a }}";
    static const char *const want[] = {"a", "b", "d"};
    struct arena a = {0};
    struct template_source src = {.text = text, .n = sizeof text - 1, .where = "t"};
    struct template *t;
    size_t n;
    (void)state;
    assert_int_equal(template_compile(&src, &a, &t, NULL), 0);
    const char *const *names = template_names(t, &n);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(names[i], want[i]);
    arena_release(&a);
}

static void test_chat_profile(void **state)
{
    static const char chat[] =
        "{% set ns = namespace(last=-1) %}\n"
        "{% for m in messages %}\n"
        "    {% if m.role == 'stop' %}{% break %}{% endif %}\n"
        "    {% if m['role'] not in ['user', 'assistant'] %}{{ raise_exception('bad role ' ~ m.role) }}{% endif %}\n"
        "<|{{ m.role }}|>{{ m.content | trim }}\n"
        "{% set ns.last = loop.index0 %}\n"
        "{% endfor %}\n"
        "{{ ns.last }} {{ {'b': '<é>', 'a': 1} | tojson }}";
    struct arena a = {0};
    struct template_source src = {.text = chat, .n = sizeof chat - 1, .where = "chat",
                                  .flags = TEMPLATE_CHAT | TEMPLATE_TRIM_BLOCKS | TEMPLATE_LSTRIP_BLOCKS};
    struct template *t;
    const struct value *out;
    struct assay_err e = {0};
    (void)state;
    assert_int_equal(template_compile(&src, &a, &t, &e), 0);
    const struct value *doc = parse(&a, "{\"messages\": [{\"role\": \"user\", \"content\": \" hi \"},"
                                        "{\"role\": \"stop\"}, {\"role\": \"user\", \"content\": \"no\"}]}");
    assert_int_equal(template_render(t, doc, &a, &out, &e), 0);
    assert_string_equal(out->s, "<|user|>hi\n0 {\"b\": \"<é>\", \"a\": 1}");
    doc = parse(&a, "{\"messages\": [{\"role\": \"judge\", \"content\": \"\"}]}");
    assert_int_equal(template_render(t, doc, &a, &out, &e), ASSAY_EFORMAT);
    assert_non_null(strstr(e.msg, "bad role judge"));
    template_release(t);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_chat_goldens), cmocka_unit_test(test_errors), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_no_copy), cmocka_unit_test(test_names), cmocka_unit_test(test_chat_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
