/* test_suite.c - suites from YAML and from flags: what they become, what is wrong with them. */
#include "tests/run/run_test.h"
#include "harness/base/value.h"

static const char *finish_fails(struct fixture *f)
{
    f->e.msg[0] = 0;
    assert_true(suite_finish(&f->suite, &f->e) < 0);
    return f->e.msg;
}

static void load_fails(struct fixture *f, const char *yaml, const char *part)
{
    char path[300];
    snprintf(path, sizeof path, "%s/suite.yaml", f->dir);
    temp_write(path, yaml, strlen(yaml));
    new_suite(f);
    f->e.msg[0] = 0;
    int rc = suite_load(&f->suite, path, &f->e);
    if (rc >= 0)
        rc = suite_finish(&f->suite, &f->e);
    assert_true(rc < 0);
    assert_contains(f->e.msg, part);
}

static void test_variants(void **state)
{
    struct fixture *f = *state;
    load(f, "models:\n"
            "  - model: a.gguf\n    options: {kv: f16}\n    variants:\n"
            "      - fp32\n      - {name: hybrid, precision: int4, keep: {fp16: [output]}}\n"
            "  - {model: b.gguf, name: qat, backend: mock, variants: [int4]}\n"
            "tasks: [blimp, gsm8k]\nscenarios:\n  - prefill:64\n"
            "  - {kind: decode, prompt: 8, generate: 16, repetitions: 4, name: chat}\n"
            "limit: 10\nseed: 7\nreference: hybrid\nmemory-limit: 1G\n");
    struct suite *s = &f->suite;
    assert_ok(suite_finish(s, &f->e), f->e);
    assert_int_equal(s->n_variants, 3);
    assert_string_equal(s->variants[0].name, "a/fp32");
    assert_string_equal(s->variants[1].name, "hybrid");
    assert_true(s->variants[1].is_reference);
    assert_string_equal(s->variants[2].name, "qat/int4");
    assert_string_equal(s->variants[2].backend, "mock");
    assert_true(value_is_str(value_get(s->variants[0].options, "kv"), "f16"));
    assert_true(value_is_str(value_get(s->variants[1].options, "precision"), "int4"));
    assert_null(value_get(s->variants[1].options, "name"));
    assert_int_equal(s->n_scenarios, 2);
    assert_string_equal(s->scenarios[0].name, "prefill:64");
    assert_int_equal(s->scenarios[0].repetitions, 6);
    assert_int_equal(s->scenarios[0].rounds, 6);
    assert_string_equal(s->scenarios[1].name, "chat");
    assert_int_equal(s->scenarios[1].repetitions, 4);
    assert_int_equal(s->scenarios[1].rounds, 4);
    assert_int_equal(s->memory_limit, 1 << 30);
    assert_int_equal(s->tasks.n, 2);
}

static void test_flags(void **state)
{
    struct fixture *f = *state;
    struct suite *s = &f->suite;
    set(f, "model", "dir/m.gguf", "precision", "int8, fp32", "precision", "int4", "tasks", "a,b",
        NULL);
    assert_ok(suite_finish(s, &f->e), f->e);
    assert_int_equal(s->n_variants, 3);
    assert_string_equal(s->variants[0].name, "int8");
    assert_true(s->variants[1].is_reference); /* fp32 unless said */
    assert_true(s->n_scenarios > 0);
    assert_true(s->scenarios[0].is_default);
    /* a flag replaces the file's list, and adds to its own */
    load(f, "model: x\nprecision: [fp32]\ntasks: [one, two]\nseed: 3\n");
    set(f, "tasks", "three", "tasks", "four", "seed", "9", NULL);
    assert_ok(suite_finish(s, &f->e), f->e);
    assert_int_equal(s->tasks.n, 2);
    assert_string_equal(s->tasks.v[0], "three");
    assert_int_equal(s->seed, 9);
}

static void test_identity(void **state)
{
    struct fixture *f = *state;
    char uid[65];
    struct suite again;
    set(f, "model", "m", "tasks", "a", "timeout", "5", "data", "d", "samples", "{\"a\": [1, 4]}",
        NULL);
    assert_ok(suite_finish(&f->suite, &f->e), f->e);
    memcpy(uid, f->suite.uid, sizeof uid);
    assert_ok(suite_from_json(&again, f->suite.json, &f->arena, &f->e), f->e);
    assert_string_equal(again.tasks.v[0], "a");
    assert_string_equal(again.data.v[0], "d");
    assert_int_equal(again.timeout_s, 5);
    assert_int_equal(value_get(again.samples, "a")->items[1]->i, 4);
    assert_string_equal(again.variants[0].name, f->suite.variants[0].name);
    new_suite(f); /* how long one waits is no part of what is asked */
    set(f, "model", "m", "tasks", "a", "timeout", "6", "data", "d", "samples", "{\"a\": [1, 4]}",
        NULL);
    assert_ok(suite_finish(&f->suite, &f->e), f->e);
    assert_string_equal(uid, f->suite.uid);
    new_suite(f);
    set(f, "model", "m", "tasks", "a", "timeout", "5", "data", "d", "samples", "{\"a\": [1, 5]}",
        NULL);
    assert_ok(suite_finish(&f->suite, &f->e), f->e);
    assert_string_not_equal(uid, f->suite.uid);
}

static void test_bad_files(void **state)
{
    struct fixture *f = *state;
    load_fails(f, "model: m\ntaks: [a]\n",
               "suite.yaml:2:1: unknown key 'taks' in a suite; did you mean 'tasks'?");
    load_fails(f, "model: m\nseed: many\n", "suite.yaml:2:7: ");
    load_fails(f, "- a\n", "suite.yaml:1:1: a suite is a map");
    load_fails(f, "models:\n  - model: m\n    variant: [fp32]\n",
               "suite.yaml:3:5: unknown key 'variant' of a model; did you mean 'variants'?");
    load_fails(f, "models:\n  - model: m\n    variants: [fp32, fp32]\n",
               "suite.yaml:3:22: a variant 'fp32' is there already");
    load_fails(f, "models:\n  - model: m\n    variants: [{keep: x}]\n",
               "suite.yaml:3:16: a variant needs a 'name'");
    load_fails(f, "models: []\n", "no variants");
    load_fails(f, "model: m\nscenarios: [{kind: prefil}]\n",
               "suite.yaml:2:13: 'kind' of a scenario is prefill or decode");
    load_fails(f, "model: m\nscenarios: [{kind: prefill, promt: 3}]\n",
               "unknown key 'promt' of a scenario; did you mean 'prompt'?");
    load_fails(f, "model: m\nscenario: prefil:3\n", "expected prefill:TOKENS");
    load_fails(f, "model: m\nscenario: none\n", "nothing to do");
    load_fails(f, "model: m\nreference: fp23\nprecision: [fp32, int8]\n",
               "suite.yaml:2:12: 'fp23' is not one of the variants; did you mean 'fp32'?");
    load_fails(f, "model: m\nsamples: {a: [-1]}\n", "indices from 0");
    load_fails(f, "model: m\nlimit: 3\nsamples: {a: [1]}\n", "exclude each other");
    load_fails(f, "model: m\nmemory-limit: lots\n", "expected a size");
    load_fails(f, "tasks: [a]\n", "no model");
    load_fails(f, "model: [m\n", "suite.yaml:2:");
}

static void test_bad_flags(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(suite_set(&f->suite, "limt", "3", &f->e), ASSAY_EUSAGE);
    assert_contains(f->e.msg, "did you mean 'limit'");
    assert_int_equal(suite_set(&f->suite, "limit", "x", &f->e), ASSAY_EUSAGE);
    assert_contains(f->e.msg, "--limit: ");
    assert_int_equal(suite_set(&f->suite, "precision", "fp32,,int8", &f->e), ASSAY_EUSAGE);
    set(f, "model", "m", "option", "novalue", NULL);
    assert_contains(finish_fails(f), "KEY=VALUE");
    load(f, "models: [{model: m, variants: [fp32]}]\n");
    set(f, "precision", "int8", NULL);
    assert_contains(finish_fails(f), "--precision and --option go with --model");
}

static void test_sizes(void **state)
{
    struct fixture *f = *state;
    int64_t n;
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {
        {"0", 0},     {"512", 512}, {"2K", 2048}, {"1.5M", 1572864}, {"8GiB", (int64_t)8 << 30},
        {"3kb", 3072}};
    for (size_t i = 0; i < N_OF(good); i++) {
        assert_ok(suite_parse_size(good[i].text, "x", &n, &f->e), f->e);
        assert_int_equal(n, good[i].bytes);
    }
    static const char *const bad[] = {"", "-1", "M", "1X", "1 M", "nan", "1e99"};
    for (size_t i = 0; i < N_OF(bad); i++)
        assert_int_equal(suite_parse_size(bad[i], "x", &n, &f->e), ASSAY_EUSAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_variants, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_identity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
