/* JSON: strictness with line and column, exact numbers, Python's way of writing, hostile input. */
#include "tests/testing.h"

#include <math.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/json.h"

static struct arena arena;

static const struct value *parse(const char *text)
{
    const struct value *v = NULL;
    struct assay_err e = {0};
    assert_ok(json_parse(text, strlen(text), "f", 1, &arena, &v, &e), e);
    return v;
}

static void assert_written(const char *text, int flags, const char *want)
{
    struct buf b;
    buf_init(&b, 0);
    json_write(&b, parse(text), flags);
    assert_string_equal(b.v, want);
    buf_release(&b);
}

static void errors_say_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *msg;
    } cases[] = {
        {"", "f:7:1: expected a value, found the end of the text"},
        {"{\"a\":1,}", "f:7:8: expected a key in double quotes, found '}'"},
        {"{\n \"a\" 1}", "f:8:6: expected ':' after a key, found '1'"},
        {"[1 2]", "f:7:4: expected ',' or ']' in a list, found '2'"},
        {"[1,2", "f:7:5: expected ',' or ']' in a list, found the end of the text"},
        {"{} x", "f:7:4: expected the end of the text, found 'x'"},
        {"\"\xc3\xa9\xc3\xa9\" x", "f:7:6: expected the end of the text, found 'x'"},
        {"\"a\tb\"", "f:7:3: raw control character 0x09 in a string, expected an escape"},
        {"\"abc", "f:7:5: unfinished string"},
        {"\"\\x\"", "f:7:3: expected one of \"\\/bfnrtu after a backslash, found 'x'"},
        {"\"\\u12g4\"", "f:7:6: expected four hexadecimal digits after \\u, found 'g'"},
        {"\"a\xff\"", "f:7:3: byte 0xff is not UTF-8"},
        {"\"\xed\xa0\x80\"", "f:7:2: byte 0xed is not UTF-8"},
        {"01", "f:7:1: a number may not begin with 0"},
        {"1.", "f:7:3: expected a digit after the decimal point, found the end of the text"},
        {"1e+", "f:7:4: expected a digit in the exponent, found the end of the text"},
        {"-", "f:7:2: expected a digit, found the end of the text"},
        {"+1", "f:7:1: expected a value, found '+'"},
        {".5", "f:7:1: expected a value, found '.'"},
        {"tRue", "f:7:1: expected a value, found 't'"},
        {"nan", "f:7:1: expected a value, found 'n'"},
        {"'x'", "f:7:1: expected a value, found '''"},
        {"/* c */ 1", "f:7:1: expected a value, found '/'"},
        {"\xef\xbb\xbf{}", "f:7:1: expected a value, found '\\u{FEFF}'"},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        const struct value *v;
        struct assay_err e = {0};
        assert_int_equal(json_parse(cases[i].text, strlen(cases[i].text), "f", 7, &arena, &v, &e),
                         ASSAY_EFORMAT);
        assert_string_equal(e.msg, cases[i].msg);
    }
}

static void numbers_are_exact(void **state)
{
    (void)state;
    assert_int_equal(parse("-0")->type, VALUE_INT);
    assert_int_equal(parse("9223372036854775807")->i, INT64_MAX);
    assert_int_equal(parse("-9223372036854775808")->i, INT64_MIN);
    assert_int_equal(parse("999999999999999999")->i, INT64_C(999999999999999999));
    const struct value *big = parse("9223372036854775808");
    assert_int_equal(big->type, VALUE_FLOAT);
    assert_true(big->f == 0x1p63);
    assert_true(parse("1e5")->type == VALUE_FLOAT && parse("1e5")->f == 100000.0);
    assert_true(parse("0.1")->f == 0.1);
    assert_true(parse("-1.5E-3")->f == -0.0015);
    assert_true(isnan(parse("NaN")->f));
    assert_true(parse("-Infinity")->f < 0 && isinf(parse("-Infinity")->f));
}

static void strings_hold_anything(void **state)
{
    (void)state;
    const struct value *v = parse("\"a\\u0000b\\n\\/\\u00e9\\ud83d\\ude00\\ud800x\"");
    assert_int_equal(v->n, 15);
    assert_memory_equal(v->s, "a\0b\n/\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbdx", 16);
    v = parse("{\"k\\u0000a\": 1, \"k\": 2}");
    assert_int_equal(v->n, 2);
    assert_int_equal(value_getn(v, "k\0a", 3)->i, 1);
    assert_int_equal(value_get(v, "k")->i, 2);
}

static void repeated_keys_keep_place_and_last_value(void **state)
{
    (void)state;
    assert_written("{\"a\":1,\"b\":2,\"a\":3}", JSON_COMPACT, "{\"a\":3,\"b\":2}");
    struct buf b;
    buf_init(&b, 0);
    buf_addc(&b, '{');
    for (int i = 0; i < 3000; i++)
        buf_printf(&b, "%s\"k%d\":%d", i ? "," : "", i % 1000, i);
    buf_addc(&b, '}');
    const struct value *v = parse(b.v);
    assert_int_equal(v->n, 1000);
    assert_int_equal(v->entries[999].value->i, 2999);
    assert_true(value_is_str(v->entries[0].key, "k0"));
    buf_release(&b);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[200001];
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = 0;
    parse(text);
    memset(text, '[', 200000);
    text[200000] = 0;
    const struct value *v;
    struct assay_err e = {0};
    assert_int_equal(json_parse(text, 200000, "f", 1, &arena, &v, &e), ASSAY_EFORMAT);
    assert_string_equal(e.msg, "f:1:65: nested deeper than 64 levels");
}

static void writes_as_python_does(void **state)
{
    (void)state;
    const char *t =
        "{\"b\": [1, 2.0, null, true], \"a\": {}, \"\\u00e9\": \"x\\u001f\\\"\\\\\\n\"}";
    assert_written(t, JSON_COMPACT,
                   "{\"b\":[1,2.0,null,true],\"a\":{},\"\xc3\xa9\":\"x\\u001f\\\"\\\\\\n\"}");
    assert_written(
        t, JSON_PYTHON | JSON_ASCII,
        "{\"b\": [1, 2.0, null, true], \"a\": {}, \"\\u00e9\": \"x\\u001f\\\"\\\\\\n\"}");
    assert_written(t, JSON_SORTED,
                   "{\"a\":{},\"b\":[1,2.0,null,true],\"\xc3\xa9\":\"x\\u001f\\\"\\\\\\n\"}");
    assert_written("{\"a\":[1,{\"b\":[]}]}", JSON_INDENT,
                   "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ]\n}");
    assert_written("[NaN,-Infinity]", JSON_COMPACT, "[NaN,-Infinity]");
    assert_written("\"\\ud83d\\ude00\"", JSON_ASCII, "\"\\ud83d\\ude00\"");
    struct buf b;
    buf_init(&b, 0);
    json_write_str(&b, "a\xff\x7f", 3);
    assert_string_equal(b.v, "\"a\xef\xbf\xbd\x7f\"");
    buf_release(&b);
}

static void floats_print_as_repr(void **state)
{
    (void)state;
    static const struct {
        double f;
        const char *repr;
    } cases[] = {
        {0.1, "0.1"},
        {5, "5.0"},
        {1e16, "1e+16"},
        {1e15, "1000000000000000.0"},
        {-0.0, "-0.0"},
        {1e-5, "1e-05"},
        {0.0001, "0.0001"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {0x1p-44, "5.684341886080802e-14"},
        {1.0 / 3, "0.3333333333333333"},
        {9007199254740993.0, "9007199254740992.0"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {0.30000000000000004, "0.30000000000000004"},
        {1234.5, "1234.5"},
        {(double)NAN, "nan"},
        {-(double)INFINITY, "-inf"},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        struct buf b;
        buf_init(&b, 0);
        json_write_float(&b, cases[i].f);
        assert_string_equal(b.v, cases[i].repr);
        buf_release(&b);
    }
}

static void a_row_knows_its_line(void **state)
{
    (void)state;
    const struct value *v;
    struct assay_err e = {0};
    assert_ok(json_parse("{\"a\":1}", 7, "f", 42, &arena, &v, &e), e);
    assert_int_equal(v->line, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_say_line_and_column),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(strings_hold_anything),
        cmocka_unit_test(repeated_keys_keep_place_and_last_value),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(writes_as_python_does),
        cmocka_unit_test(floats_print_as_repr),
        cmocka_unit_test(a_row_knows_its_line),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return rc;
}
