/* test_regex.c - Python's re over PCRE2.  Expected values were printed by CPython 3.11. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/value.h"
#include "tasks/regex.h"

static struct pystr str(const char *s)
{
    return pystr(s, strlen(s));
}

static char *findall(struct arena *a, const char *pattern, const char *text)
{
    struct regex *re;
    struct assay_err e = {0};
    const struct value *v;
    struct buf b;
    if (regex_compile(str(pattern), 0, &re, &e) < 0)
        return arena_strdup(a, e.msg);
    int rc = regex_findall(re, str(text), a, &v, &e);
    regex_free(re);
    if (rc < 0)
        return arena_strdup(a, e.msg);
    buf_init(&b, 0);
    pyrepr_value(&b, v);
    char *out = arena_strdup(a, b.v);
    buf_release(&b);
    return out;
}

static void test_findall(void **state)
{
    static const char *const cases[][3] = {
        {"#### (\\-?[0-9\\.\\,]+)", "x #### -1,234.5 y", "['-1,234.5']"},
        {"(-?[$0-9.,]{2,})|(-?[0-9]+)", "costs $12.50 or 7", "[('$12.50', ''), ('', '7')]"},
        {"x*", "axb", "['', 'x', '', '']"},
        {"a|", "ba", "['', 'a', '']"},
        {"\\w+", "h\xc3\xa9llo w\xc3\xb6rld_1 \xe6\x97\xa5", "['h\xc3\xa9llo', 'w\xc3\xb6rld_1', '\xe6\x97\xa5']"},
        {"\\s", "a\x1c" "b\xc2\xa0" "c\xe3\x80\x80" "d\xe2\x80\x8b", "['\\x1c', '\\xa0', '\\u3000']"},
        {"[\\s,]+", "a, \x1f b", "[', \\x1f ']"},
        {"\\d+", "\xd9\xa3 12 \xc2\xb2", "['\xd9\xa3', '12']"},
        {"a{,2}", "aaa", "['aa', 'a', '']"},
        {"end\\Z", "end", "['end']"},
        {"\\u0041\\x42", "AB", "['AB']"},
        {"[[:a]+", "[:ab", "['[:a']"},
        {"(?P<q>['\"])(.*?)(?P=q)", "say \"hi\" 'x'", "[('\"', 'hi'), (\"'\", 'x')]"},
        {"(?i)the ANSWER", "The answer", "['The answer']"},
        {"^a$", "a\n", "['a']"},
        {"(?<=a)b(?!c)", "ab abc", "['b']"},
        {"([A-Z])\\1", "AABCC", "['A', 'C']"},
        {"\\v", "\x0b\n", "['\\x0b']"},
    };
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(findall(&a, cases[i][0], cases[i][1]), cases[i][2]);
    arena_release(&a);
}

static void test_refused(void **state)
{
    static const char *const patterns[] = {"\\h", "\\K", "(?R)", "(?1)", "(*UTF)", "(?|a)", "\\Qa\\E", "[a",
                                           "(", "\\p{L}", "\\xZ", "a**", "(?a)x", "\\"};
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        assert_int_equal(strncmp(findall(&a, patterns[i], "x"), "regular expression '", 20), 0);
    arena_release(&a);
}

static void test_backtracking_ends(void **state)
{
    struct arena a = {0};
    (void)state;
    const char *got = findall(&a, "(x+x+)+(y|z)", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    assert_non_null(strstr(got, "backtracks too much"));
    arena_release(&a);
}

static void check_sub(const char *pattern, const char *repl, size_t count, const char *text, const char *want)
{
    struct regex *re;
    struct assay_err e = {0};
    struct regex_sub sub = {str(repl), count};
    struct buf b;
    assert_int_equal(regex_compile(str(pattern), 0, &re, &e), 0);
    buf_init(&b, 0);
    int rc = regex_replace(re, &sub, str(text), &b, &e);
    if (want)
        assert_string_equal(b.v, want);
    else
        assert_int_equal(rc, ASSAY_EFORMAT);
    buf_release(&b);
    regex_free(re);
}

static void test_sub(void **state)
{
    (void)state;
    check_sub("x*", "-", 0, "abxd", "-a-b--d-");
    check_sub("(\\w)(\\w)", "\\2\\1", 0, "abcd", "badc");
    check_sub("(?P<n>\\d+)", "<\\g<n>|\\g<1>|\\g<0>>", 1, "a1b2", "a<1|1|1>b2");
    check_sub("b", "\\n\\\\", 0, "abc", "a\n\\c");
    check_sub("(a)|(b)", "[\\1\\2]", 0, "ab", "[a][b]");
    check_sub("a", "\\9", 0, "zzz", NULL);
    check_sub("a", "\\q", 0, "zzz", NULL);
}

static void test_split_and_escape(void **state)
{
    struct arena a = {0};
    struct regex *re;
    const struct value *v;
    struct buf b;
    (void)state;
    assert_int_equal(regex_compile(str("(,)|\\s+"), 0, &re, NULL), 0);
    assert_int_equal(regex_split(re, str(" a,b  c"), &a, &v, NULL), 0);
    buf_init(&b, 0);
    pyrepr_value(&b, v);
    assert_string_equal(b.v, "['', None, 'a', ',', 'b', None, 'c']");
    buf_clear(&b);
    regex_escape(&b, str("a.b*c d-e_f"));
    assert_string_equal(b.v, "a\\.b\\*c\\ d\\-e_f");
    buf_release(&b);
    regex_free(re);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findall), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_backtracking_ends), cmocka_unit_test(test_sub),
        cmocka_unit_test(test_split_and_escape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
