/* Values: Python's equality, dictionary order, look-up; and the field tables built on them. */
#include "tests/testing.h"

#include <math.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/field.h"
#include "harness/base/json.h"
#include "harness/base/value.h"
#include "harness/base/yaml.h"

static struct arena arena;

static const struct value *yaml(const char *text)
{
    const struct value *v;
    struct assay_err e = {0};
    assert_ok(yaml_parse(text, strlen(text), "f", &arena, &v, &e), e);
    return v;
}

static void equality_is_pythons(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"1", "1.0", true},
        {"1", "1.5", false},
        {"1", "true", true},
        {"0", "false", true},
        {"1", "'1'", false},
        {"~", "0", false},
        {"[1, 2]", "[1, 2.0]", true},
        {"[1, 2]", "[2, 1]", false},
        {"{a: 1, b: 2}", "{b: 2, a: 1}", true},
        {"{a: 1}", "{a: 1, b: 2}", false},
        {"{1: x}", "{1.0: x}", true},
        {"9007199254740993", "9007199254740992.0", false},
        {"9007199254740992", "9007199254740992.0", true},
        {".nan", ".nan", false},
        {"-.inf", "-.inf", true},
        {"''", "~", false},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        assert_int_equal(value_equal(yaml(cases[i].a), yaml(cases[i].b)), cases[i].equal);
        assert_int_equal(value_equal(yaml(cases[i].b), yaml(cases[i].a)), cases[i].equal);
    }
}

static void dicts_keep_order_and_are_not_changed_by_with(void **state)
{
    (void)state;
    const struct value *d = yaml("{b: 1, a: 2}");
    const struct value *more = value_with(&arena, d, "c", &value_true);
    const struct value *other = value_with(&arena, d, "b", &value_null);
    struct buf b;
    buf_init(&b, 0);
    json_write(&b, d, 0);
    json_write(&b, more, 0);
    json_write(&b, other, 0);
    assert_string_equal(b.v, "{\"b\":1,\"a\":2}{\"b\":1,\"a\":2,\"c\":true}{\"b\":null,\"a\":2}");
    buf_release(&b);
    assert_null(value_get(d, "c"));
    assert_null(value_get(NULL, "c"));
    assert_null(value_get(yaml("[1]"), "c"));
    assert_string_equal(value_type_name(d), "dict");
    assert_string_equal(value_type_name(&value_null), "NoneType");
}

static void equal_keys_of_different_types_are_one_key(void **state)
{
    (void)state;
    struct value_entry e[40];
    for (int i = 0; i < 40; i++) {
        const struct value *k = i % 2 ? value_float(&arena, i / 2) : value_int(&arena, i / 2);
        e[i] = (struct value_entry){k, value_int(&arena, i)};
    }
    const struct value *d = value_dict(&arena, e, 40);
    assert_int_equal(d->n, 20);
    assert_int_equal(d->entries[19].value->i, 39);
}

/* -- fields ------------------------------------------------------------------------------------ */

struct settings {
    const char *model, *mode;
    int64_t threads;
    double temperature;
    int32_t fast;
};
static const struct assay_field table[] = {
    {"model", ASSAY_STR, offsetof(struct settings, model), NULL, NULL, "file"},
    {"mode", ASSAY_ENUM, offsetof(struct settings, mode), "off", "off|slow|fastest", "how"},
    {"threads", ASSAY_INT, offsetof(struct settings, threads), "2", "1..64", "threads"},
    {"temperature", ASSAY_NUM, offsetof(struct settings, temperature), "0.5", "0..", "heat"},
    {"fast", ASSAY_BOOL, offsetof(struct settings, fast), NULL, NULL, "speed"},
    {NULL, 0, 0, NULL, NULL, NULL},
};

static void fields_take_defaults_text_and_values(void **state)
{
    (void)state;
    struct settings s;
    struct assay_err e = {0};
    memset(&s, 0xa5, sizeof s);
    field_defaults(table, &s);
    assert_null(s.model);
    assert_string_equal(s.mode, "off");
    assert_int_equal(s.threads, 2);
    assert_true(s.temperature == 0.5);
    assert_int_equal(s.fast, 0);
    assert_ok(field_set(&table[2], &s, "64", "--threads", &arena, &e), e);
    assert_ok(field_set(&table[3], &s, "1e-3", NULL, &arena, &e), e);
    assert_ok(field_set(&table[4], &s, "On", NULL, &arena, &e), e);
    assert_ok(field_set_value(&table[0], &s, yaml("m.gguf"), "f:1:1", &arena, &e), e);
    assert_ok(field_set_value(&table[1], &s, yaml("off"), "f:1:1", &arena, &e), e);
    assert_true(s.threads == 64 && s.temperature == 1e-3 && s.fast == 1);
    assert_string_equal(s.model, "m.gguf");
    struct buf b;
    buf_init(&b, 0);
    json_write(&b, field_record(table, &s, &arena), 0);
    assert_string_equal(b.v, "{\"model\":\"m.gguf\",\"mode\":\"off\",\"threads\":64,"
                             "\"temperature\":0.001,\"fast\":true}");
    buf_clear(&b);
    field_print(&table[3], &s, &b);
    assert_string_equal(b.v, "0.001");
    buf_release(&b);
    assert_ok(field_set_value(&table[2], &s, yaml("~"), "f:1:1", &arena, &e), e);
    assert_int_equal(s.threads, 2);
    assert_ok(field_set_value(&table[3], &s, yaml("1e-5"), "f:1:1", &arena, &e), e);
    assert_true(s.temperature == 1e-5);
}

static void fields_refuse_with_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        int row;
        const char *text, *where, *msg;
    } cases[] = {
        {2, "0", "--threads", "--threads: expected a whole number from 1 to 64, got '0'"},
        {2, "65", "s.yaml:3:5",
         "s.yaml:3:5: 'threads': expected a whole number from 1 to 64, got '65'"},
        {2, "1.5", NULL, "'threads': expected a whole number from 1 to 64, got '1.5'"},
        {2, "", NULL, "got ''"},
        {2, "1x", NULL, "got '1x'"},
        {2, " 1", NULL, "got ' 1'"},
        {2, "99999999999999999999", NULL, "expected a whole number"},
        {3, "-1", NULL, "expected a number of at least 0, got '-1'"},
        {3, "nan", NULL, "got 'nan'"},
        {3, "inf", NULL, "got 'inf'"},
        {3, "0x1", NULL, "got '0x1'"},
        {4, "maybe", NULL, "expected true or false, got 'maybe'"},
        {1, "fastst", NULL,
         "expected one of off, slow, fastest, got 'fastst' (did you mean 'fastest'?)"},
        {1, "off|slow", NULL, "expected one of"},
        {2, "\x1b[31m", NULL, "got '\\x1b[31m'"},
    };
    struct settings s;
    field_defaults(table, &s);
    for (size_t i = 0; i < N_OF(cases); i++) {
        struct assay_err e = {0};
        assert_int_equal(
            field_set(&table[cases[i].row], &s, cases[i].text, cases[i].where, &arena, &e),
            ASSAY_EUSAGE);
        assert_contains(e.msg, cases[i].msg);
    }
    static const char *const wrong[][2] = {
        {"threads", "[1]"}, {"threads", "1.0"},    {"threads", "'3'"},
        {"threads", "0"},   {"fast", "1"},         {"model", "7"},
        {"model", "{}"},    {"temperature", "-1"}, {"temperature", ".nan"}};
    for (size_t i = 0; i < N_OF(wrong); i++) {
        struct assay_err e = {0};
        assert_int_equal(field_set_value(field_find(table, wrong[i][0]), &s, yaml(wrong[i][1]),
                                         "f:1:1", &arena, &e),
                         ASSAY_EUSAGE);
        assert_contains(e.msg, "f:1:1: '");
    }
    assert_true(s.threads == 2 && s.temperature == 0.5);
}

static void nearest_names_are_suggested(void **state)
{
    (void)state;
    static const char *const names[] = {"precision", "tasks", "model", "num-fewshot", "db"};
    assert_string_equal(field_nearest("precison", names, 5), "precision");
    assert_string_equal(field_nearest("mdoel", names, 5), "model");
    assert_string_equal(field_nearest("num_fewshot", names, 5), "num-fewshot");
    assert_string_equal(field_nearest("TASKS", names, 5), "tasks");
    assert_null(field_nearest("zzz", names, 5));
    assert_null(field_nearest("d", names, 5));
    assert_string_equal(field_nearest_row(table, "thread"), "threads");
    assert_null(field_find(table, "thread"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_is_pythons),
        cmocka_unit_test(dicts_keep_order_and_are_not_changed_by_with),
        cmocka_unit_test(equal_keys_of_different_types_are_one_key),
        cmocka_unit_test(fields_take_defaults_text_and_values),
        cmocka_unit_test(fields_refuse_with_what_was_expected),
        cmocka_unit_test(nearest_names_are_suggested),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return rc;
}
