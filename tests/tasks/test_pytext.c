/* test_pytext.c - Python's strings, numbers, repr and literals against CPython's recorded answers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/json.h"
#include "harness/base/value.h"
#include "tasks/literal.h"
#include "tasks/pytext.h"

static struct pystr text(const struct value *v)
{
    return pystr(v->s, v->n);
}

static int differs(const char *what, const struct value *row, const struct value *want, const struct buf *got)
{
    if (want ? got->n == want->n && memcmp(got->v, want->s, got->n) == 0 : got->n == 0)
        return 0;
    print_message("%s of '%s': want %s, got %s\n", what, row->entries[0].value->s, want ? want->s : "a refusal",
                  got->n ? got->v : "a refusal");
    return 1;
}

static int check_case(const struct value *row)
{
    static const char *const names[] = {"lower", "upper", "title", "capitalize", "swapcase", "casefold"};
    struct pystr s = text(value_get(row, "case"));
    struct buf b;
    int bad = 0;
    buf_init(&b, 0);
    for (int k = PYTEXT_TO_LOWER; k <= PYTEXT_TO_FOLDED; k++) {
        buf_clear(&b);
        pytext_convert(&b, s, (enum pytext_case)k);
        bad += differs(names[k], row, value_get(row, names[k]), &b);
    }
    buf_clear(&b);
    pyrepr_str(&b, s);
    bad += differs("repr", row, value_get(row, "repr"), &b);
    buf_release(&b);
    return bad;
}

static int check_literal(struct arena *a, const struct value *row)
{
    struct pystr s = text(value_get(row, "literal"));
    const struct value *v;
    struct assay_err e = {0};
    struct buf b;
    buf_init(&b, 0);
    if (literal_eval(s.s, s.n, a, &v, &e) == 0)
        pyrepr_value(&b, v);
    int bad = differs("literal", row, value_get(row, "repr"), &b);
    buf_release(&b);
    return bad;
}

static int check_number(const struct value *row)
{
    struct pystr s = text(value_get(row, "number"));
    struct buf b;
    int64_t i;
    double f;
    buf_init(&b, 0);
    if (pytext_to_int(s, 10, &i))
        buf_printf(&b, "%" PRId64, i);
    int bad = differs("int", row, value_get(row, "int"), &b);
    buf_clear(&b);
    if (pytext_to_float(s, &f))
        json_write_float(&b, f);
    bad += differs("float", row, value_get(row, "float"), &b);
    buf_release(&b);
    return bad;
}

static void test_goldens(void **state)
{
    struct arena a = {0};
    const char *file;
    size_t n;
    int bad = 0, cases = 0;
    (void)state;
    assert_int_equal(fs_read("tests/tasks/pytext.jsonl", 1 << 20, &a, &file, &n, NULL), 0);
    for (const char *p = file, *end; p < file + n; p = end + 1, cases++) {
        const struct value *row;
        end = strchr(p, '\n');
        assert_int_equal(json_parse(p, (size_t)(end - p), "golden", 1, &a, &row, NULL), 0);
        bad += value_get(row, "case")      ? check_case(row)
               : value_get(row, "literal") ? check_literal(&a, row)
                                           : check_number(row);
    }
    assert_true(cases > 300);
    assert_int_equal(bad, 0);
    arena_release(&a);
}

static void test_classes(void **state)
{
    int spaces = 0;
    (void)state;
    for (uint32_t cp = 0; cp < 0x110000; cp++)
        spaces += pytext_is_space(cp);
    assert_int_equal(spaces, 29);
    assert_true(pytext_is_digit(0xB2) && pytext_is_digit(0x1369) && !pytext_is_digit(0xBD));
    assert_int_equal(pytext_decimal(0x1D7D9), 1);
    assert_int_equal(pytext_decimal(0x0669), 9);
    assert_int_equal(pytext_decimal(0xB2), -1);
}

static void check_slice(const char *s, struct pyslice sl, const char *want)
{
    struct buf b;
    buf_init(&b, 0);
    pytext_slice(&b, pystr(s, strlen(s)), &sl);
    assert_string_equal(b.v, want);
    buf_release(&b);
}

static void test_slices(void **state)
{
    static const char s[] = "a\xc3\xa9\xe6\x97\xa5z";      /* 4 code points */
    (void)state;
    check_slice(s, (struct pyslice){.has_start = true, .start = 1, .has_stop = true, .stop = 3},
                "\xc3\xa9\xe6\x97\xa5");
    check_slice(s, (struct pyslice){.has_start = true, .start = -1}, "z");
    check_slice(s, (struct pyslice){.has_step = true, .step = -1}, "z\xe6\x97\xa5\xc3\xa9" "a");
    check_slice(s, (struct pyslice){.has_step = true, .step = 2}, "a\xe6\x97\xa5");
    check_slice(s, (struct pyslice){.has_start = true, .start = 99}, "");
    check_slice(s, (struct pyslice){.has_step = true, .step = INT64_MIN}, "z");
    check_slice(s, (struct pyslice){.has_start = true, .start = INT64_MIN, .has_stop = true, .stop = INT64_MAX}, s);
}

static void test_invalid_bytes(void **state)
{
    static const char s[] = "\xff" "a\xe6\x97" "b";
    struct pystr p = {s, sizeof s - 1};
    struct buf b;
    (void)state;
    assert_int_equal(pytext_len(p), 5);
    assert_int_equal(pytext_strip(p, PYTEXT_BOTH).n, p.n);
    buf_init(&b, 0);
    pytext_convert(&b, p, PYTEXT_TO_UPPER);
    assert_string_equal(b.v, "\xff" "A\xe6\x97" "B");
    buf_clear(&b);
    pyrepr_str(&b, p);
    assert_true(b.n > 0);
    buf_release(&b);
}

static void test_literal_bounds(void **state)
{
    struct arena a = {0};
    char deep[300];
    const struct value *v;
    struct assay_err e = {0};
    (void)state;
    memset(deep, '[', sizeof deep);
    assert_int_equal(literal_eval(deep, sizeof deep, &a, &v, &e), ASSAY_EFORMAT);
    assert_string_equal(e.msg, "1:101: literal is nested too deeply");
    assert_int_equal(literal_eval("[1,\n x]", 7, &a, &v, &e), ASSAY_EFORMAT);
    assert_string_equal(e.msg, "2:2: a name is not a literal");
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens), cmocka_unit_test(test_classes), cmocka_unit_test(test_slices),
        cmocka_unit_test(test_invalid_bytes), cmocka_unit_test(test_literal_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
