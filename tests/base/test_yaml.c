/* YAML 1.1 as PyYAML's SafeLoader reads it: the scalar table, tags, merges, aliases, errors. */
#include "tests/testing.h"

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/json.h"
#include "harness/base/yaml.h"

static struct arena arena;

static void assert_yaml(const char *text, const char *json)
{
    const struct value *v;
    struct assay_err e = {0};
    struct buf b;
    buf_init(&b, 0);
    assert_ok(yaml_parse(text, strlen(text), "f", &arena, &v, &e), e);
    json_write(&b, v, JSON_COMPACT);
    assert_string_equal(b.v, json);
    buf_release(&b);
}

static void assert_refused(const char *text, const char *msg)
{
    const struct value *v;
    struct assay_err e = {0};
    assert_int_equal(yaml_parse(text, strlen(text), "f", &arena, &v, &e), ASSAY_EFORMAT);
    assert_contains(e.msg, msg);
}

static void plain_scalars_resolve_as_yaml_1_1(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"~", "null"},
        {"null", "null"},
        {"Null", "null"},
        {"NULL", "null"},
        {"nUll", "\"nUll\""},
        {"yes", "true"},
        {"Yes", "true"},
        {"YES", "true"},
        {"yEs", "\"yEs\""},
        {"on", "true"},
        {"off", "false"},
        {"No", "false"},
        {"FALSE", "false"},
        {"y", "\"y\""},
        {"n", "\"n\""},
        {"0", "0"},
        {"-12", "-12"},
        {"+12", "12"},
        {"1_000", "1000"},
        {"0x1F", "31"},
        {"0b101", "5"},
        {"010", "8"},
        {"08", "\"08\""},
        {"0o7", "\"0o7\""},
        {"1:30", "90"},
        {"-1:30:15", "-5415"},
        {"0:30", "\"0:30\""},
        {"1:60", "\"1:60\""},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"1.", "1.0"},
        {"1.5", "1.5"},
        {"-.5", "\"-.5\""},
        {".5", "0.5"},
        {"._5", "\"._5\""},
        {"1e5", "\"1e5\""},
        {"1e-5", "\"1e-5\""},
        {"1.0e5", "\"1.0e5\""},
        {"1.0e-5", "1e-05"},
        {"1.0E+5", "100000.0"},
        {"1_0.2_5", "10.25"},
        {"1:30.5", "90.5"},
        {".inf", "Infinity"},
        {"-.Inf", "-Infinity"},
        {".NaN", "NaN"},
        {".iNf", "\".iNf\""},
        {"2001-12-14", "\"2001-12-14\""},
        {"2001-12-14 21:59:43.10 -5", "\"2001-12-14 21:59:43.10 -5\""},
        {"\"1\"", "\"1\""},
        {"'yes'", "\"yes\""},
        {"=", "\"=\""},
        {"a b", "\"a b\""},
    };
    for (size_t i = 0; i < N_OF(cases); i++)
        assert_yaml(cases[i].yaml, cases[i].json);
}

static void documents_of_any_shape(void **state)
{
    (void)state;
    assert_yaml("", "null");
    assert_yaml("# only a comment\n", "null");
    assert_yaml("a: 1\nb: [x, {c: }]\n", "{\"a\":1,\"b\":[\"x\",{\"c\":null}]}");
    assert_yaml("a: |\n  x\n   y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\n y\\n\",\"b\":\"x y\"}");
    assert_yaml("a: 1\nb: 2\na: 3\n", "{\"a\":3,\"b\":2}");
    assert_yaml("1: a\nno: b\n~: c\n", "{\"1\":\"a\",\"false\":\"b\",\"null\":\"c\"}");
    assert_yaml("\xef\xbb\xbf"
                "a: 1\n",
                "{\"a\":1}");
}

static void tags_say_the_type(void **state)
{
    (void)state;
    assert_yaml("!!null \"null\"", "null");
    assert_yaml("!!str 12", "\"12\"");
    assert_yaml("!!int \"0x1F\"", "31");
    assert_yaml("!!float \"1e5\"", "100000.0");
    assert_yaml("!!float 3", "3.0");
    assert_yaml("!!bool \"YES\"", "true");
    assert_yaml("!!seq [1]", "[1]");
    assert_yaml("f: !function utils.doc_to_text", "{\"f\":\"!function utils.doc_to_text\"}");
    assert_refused("a: !!int x", "f:1:4: 'x' is no int");
    assert_refused("a: !!binary aGk=", "f:1:4: unknown tag 'tag:yaml.org,2002:binary'");
    assert_refused("a: !ruby/object {}", "f:1:4: unknown tag '!ruby/object'");
    assert_refused("a: !!set {x}", "unknown tag");
}

static void values_know_where_they_stand(void **state)
{
    (void)state;
    const struct value *v;
    struct assay_err e = {0};
    const char *t = "a: 1\nb:\n  - x\n  - \"y\"\n";
    assert_ok(yaml_parse(t, strlen(t), "f", &arena, &v, &e), e);
    const struct value *y = value_get(v, "b")->items[1];
    assert_int_equal(y->line, 4);
    assert_int_equal(y->col, 5);
    assert_int_equal(y->plain, 0);
    assert_int_equal(value_get(v, "b")->items[0]->plain, 1);
    assert_int_equal(v->entries[1].key->line, 2);
    assert_int_equal(value_get(v, "a")->col, 4);
}

static void aliases_and_merges(void **state)
{
    (void)state;
    assert_yaml("a: &x [1, 2]\nb: *x\n", "{\"a\":[1,2],\"b\":[1,2]}");
    assert_yaml("- &b {x: 1, y: 2}\n- {y: 3, <<: *b, z: 4}\n",
                "[{\"x\":1,\"y\":2},{\"x\":1,\"y\":3,\"z\":4}]");
    assert_yaml("{<<: [{a: 1}, {a: 2, c: 3}], d: 1}", "{\"a\":1,\"c\":3,\"d\":1}");
    assert_yaml("{'<<': 1}", "{\"<<\":1}");
    assert_refused("a: *nope\n", "f:1:4: unknown alias 'nope'");
    assert_refused("a: &x [*x]\n", "f:1:8: unknown alias 'x'");
    assert_refused("{<<: 3}", "expected a mapping or a list of mappings to merge");
}

static void hostile_documents_end_early(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    buf_adds(&b, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        buf_printf(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            buf_printf(&b, "%s*a%d", k ? ", " : "", i - 1);
        buf_adds(&b, "]\n");
    }
    assert_refused(b.v, "aliases expand to too many values");
    buf_clear(&b);
    for (int i = 0; i < 5000; i++)
        buf_addc(&b, '[');
    assert_refused(b.v, "nested too deeply");
    buf_release(&b);
}

static void errors_say_line_and_column(void **state)
{
    (void)state;
    assert_refused("a: [1\nb: 2\n", "f:2:2: ");
    assert_refused("a: 1\n\tb: 2\n", "f:2:1: ");
    assert_refused("a: b: c\n", "f:1:5: mapping values are not allowed in this context");
    assert_refused("a: \"x\n", "f:2:1: found unexpected end of stream");
    assert_refused("a: 1\n---\nb: 2\n", "f:2:1: expected one document, found a second");
    assert_refused("ok: 1\nb: \xff\n", "f:2:4: invalid leading UTF-8 octet");
    assert_refused("a: \x01\n", "f:1:4: control characters are not allowed");
    assert_refused("a: 99999999999999999999\n",
                   "f:1:4: the whole number '99999999999999999999' does not fit");
    assert_refused("[a, b]: 1\n", "f:1:1: a mapping's key must be a scalar");
    const struct value *v;
    struct assay_err e = {0};
    assert_int_equal(yaml_load("no/such.yaml", &arena, &v, &e), ASSAY_EIO);
    assert_contains(e.msg, "cannot open 'no/such.yaml'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_scalars_resolve_as_yaml_1_1),
        cmocka_unit_test(documents_of_any_shape),
        cmocka_unit_test(tags_say_the_type),
        cmocka_unit_test(values_know_where_they_stand),
        cmocka_unit_test(aliases_and_merges),
        cmocka_unit_test(hostile_documents_end_early),
        cmocka_unit_test(errors_say_line_and_column),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return rc;
}
