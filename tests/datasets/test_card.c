/* Which files hold which split of a repository: the hub's rules, by its own documentation and checked
 * once against its own code on 1,500 made-up trees. */
#include "tests/testing.h"

#include "datasets/card.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/value.h"
#include "harness/base/yaml.h"

static struct arena arena;

static int clear(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static const struct value *yaml(const char *text)
{
    const struct value *v = NULL;
    struct assay_err e = {0};
    assert_ok(yaml_parse(text, strlen(text), "f", &arena, &v, &e), e);
    return v;
}

/* "a.csv b.csv" -> files; returns "train: a.csv; test: b.csv", or the error. */
static const char *splits(const char *files, const char *front, const char *name, const char *kwargs,
                          struct card *c)
{
    struct card_file f[32];
    struct assay_err e = {0};
    struct buf b;
    size_t n = 0;
    char *text = arena_strdup(&arena, files);
    for (char *p = strtok(text, " "); p; p = strtok(NULL, " "))
        f[n++] = (struct card_file){.path = p, .size = 1};
    const struct value *k = kwargs ? yaml(kwargs) : NULL;
    if (card_read(f, n, front ? yaml(front) : value_dict(&arena, NULL, 0), "o/set", name, k, &arena, c,
                  &e) < 0)
        return arena_strdup(&arena, e.msg);
    buf_init(&b, 0);
    for (size_t i = 0; i < c->n; i++) {
        buf_printf(&b, "%s%s:", i ? "; " : "", c->splits[i].name);
        for (size_t j = 0; j < c->splits[i].n; j++)
            buf_printf(&b, " %s", c->splits[i].files[j]->path);
    }
    const char *out = arena_strndup(&arena, b.v, b.n);
    buf_release(&b);
    return out;
}

static void assert_splits(const char *files, const char *front, const char *name, const char *want)
{
    struct card c;
    assert_string_equal(splits(files, front, name, NULL, &c), want);
}

static void names_tell_splits(void **state)
{
    (void)state;
    assert_splits("a.csv b.csv", NULL, NULL, "train: a.csv b.csv");
    assert_splits("dev.csv x-train.csv my_test.csv", NULL, NULL,
                  "train: x-train.csv; validation: dev.csv; test: my_test.csv");
    /* A keyword is a word: contest, trainer, latest hold none. */
    assert_splits("contest.csv trainer.csv latest.csv", NULL, NULL,
                  "train: contest.csv trainer.csv latest.csv");
    /* Folders go before names of files. */
    assert_splits("train/dev.csv data/eval/x.csv test.csv", NULL, NULL,
                  "train: train/dev.csv; test: data/eval/x.csv");
    /* Shards go before folders, the usual splits before others. */
    assert_splits("data/odd-00000-of-00001.csv data/test-00000-of-00002.csv "
                  "data/test-00001-of-00002.csv train/x.csv",
                  NULL, NULL,
                  "test: data/test-00000-of-00002.csv data/test-00001-of-00002.csv; "
                  "odd: data/odd-00000-of-00001.csv");
    /* One file may be of two splits, but is only once in each. */
    assert_splits("dev-test.csv train-train-1.csv", NULL, NULL,
                  "train: train-train-1.csv; validation: dev-test.csv; test: dev-test.csv");
    assert_splits(".hid/train.csv __cache/train.csv dataset_info.json a.csv README.md", NULL, NULL,
                  "train: a.csv");
    assert_splits("", NULL, NULL, "");
}

static void the_most_frequent_kind_counts(void **state)
{
    struct card c;
    (void)state;
    assert_string_equal(splits("a.jsonl b.json c.csv LICENSE x.py", NULL, NULL, NULL, &c),
                        "train: a.jsonl b.json");
    assert_true(c.is_readable);
    splits("a.parquet b.parquet c.csv", NULL, NULL, NULL, &c);
    assert_false(c.is_readable);
    splits("a.parquet c.csv", NULL, NULL, NULL, &c); /* a draw */
    assert_false(c.is_readable);
    splits("set.py a.csv", NULL, NULL, NULL, &c);
    assert_true(c.is_script);
    splits("set.py a.csv", "configs: [{config_name: x, data_files: a.csv}]", NULL, NULL, &c);
    assert_false(c.is_script);
}

static const char configs[] = "configs:\n"
                              "- config_name: en\n"
                              "  data_files:\n"
                              "  - {split: test, path: 'en/*.csv'}\n"
                              "  - {split: dev, path: [en/b.csv, 'more/**/b.csv']}\n"
                              "- {config_name: de, data_files: de.tsv, default: true, sep: '|'}\n"
                              "- {config_name: dir, data_dir: sub}\n";
static const char tree[] = "de.tsv en/a.csv en/b.csv more/b.csv more/x/y/b.csv sub/test.csv";

static void the_readme_tells_configurations(void **state)
{
    struct card c;
    (void)state;
    assert_splits(tree, configs, "en",
                  "test: en/a.csv en/b.csv; dev: en/b.csv more/b.csv more/x/y/b.csv");
    assert_string_equal(splits(tree, configs, NULL, NULL, &c), "train: de.tsv");
    assert_string_equal(c.config, "de");
    assert_true(value_is_str(value_get(c.options, "sep"), "|"));
    assert_splits(tree, configs, "dir", "test: sub/test.csv");
    assert_contains(splits(tree, configs, "fr", NULL, &c), "has no configuration 'fr'; it has en, de, dir");
    assert_contains(splits(tree, "configs: [{config_name: a}, {config_name: b}]", NULL, NULL, &c),
                    "several configurations, name one of a, b");
    assert_contains(splits(tree, "configs: [{config_name: a, data_files: none.csv}]", NULL, NULL, &c),
                    "the repository has no file 'none.csv'");
    assert_contains(splits(tree, "configs: [{config_name: a, data_dir: ../x}]", NULL, NULL, &c),
                    "leaves the repository");
}

static void the_task_tells_files(void **state)
{
    struct card c;
    (void)state;
    assert_string_equal(splits(tree, configs, NULL, "data_files: {test: en/a.csv, x: 'en/?.csv'}", &c),
                        "test: en/a.csv; x: en/a.csv en/b.csv");
    assert_string_equal(splits(tree, NULL, NULL, "data_dir: sub", &c), "test: sub/test.csv");
}

static void front_matter_ends_where_it_says(void **state)
{
    static const char *const texts[] = {"---\na: 1\n---\n# b: 2\n", "---\r\na: 1\r\n---\r\nx",
                                        "\xef\xbb\xbf---\na: 1\n---"};
    static const char *const none[] = {"# title\n---\na: 1\n---\n", "---\na: 1\n", ""};
    const struct value *v;
    struct assay_err e = {0};
    (void)state;
    for (size_t i = 0; i < N_OF(texts); i++) {
        assert_ok(card_front(texts[i], strlen(texts[i]), &arena, &v, &e), e);
        assert_non_null(value_get(v, "a"));
    }
    for (size_t i = 0; i < N_OF(none); i++) {
        assert_ok(card_front(none[i], strlen(none[i]), &arena, &v, &e), e);
        assert_int_equal(v->n, 0);
    }
    assert_int_equal(card_front("---\na: [\n---\n", 13, &arena, &v, &e), ASSAY_EFORMAT);
}

static void patterns_match_as_paths(void **state)
{
    (void)state;
    assert_true(card_match("**", "a/b/c"));
    assert_true(card_match("**/x", "x"));
    assert_true(card_match("a/**/x", "a/b/c/x"));
    assert_false(card_match("*", "a/b"));
    assert_false(card_match("a/*", "a"));
    assert_false(card_match("a/**", "a"));
    assert_true(card_match("[!a]*", "b1"));
    /* Nothing takes more than its share of time. */
    char path[400], pattern[400];
    for (int i = 0; i < 190; i++)
        memcpy(path + 2 * i, "a/", 2);
    strcpy(path + 380, "b");
    for (int i = 0; i < 60; i++)
        memcpy(pattern + 5 * i, "**/a/", 5);
    strcpy(pattern + 300, "c");
    assert_false(card_match(pattern, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(names_tell_splits, clear),
        cmocka_unit_test_setup(the_most_frequent_kind_counts, clear),
        cmocka_unit_test_setup(the_readme_tells_configurations, clear),
        cmocka_unit_test_setup(the_task_tells_files, clear),
        cmocka_unit_test_setup(front_matter_ends_where_it_says, clear),
        cmocka_unit_test_setup(patterns_match_as_paths, clear),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return rc;
}
