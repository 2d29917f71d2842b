/* The reader of plain task files against libyaml: where it dares to answer, both say the same. */
#include "tests/tasks/task_test.h"

#include <stdlib.h>

#include "harness/base/yaml.h"
#include "tasks/scan.h"

static bool same_value(const struct value *fast, const struct value *full)
{
    if (!fast || !full)
        return fast == full;
    if (full->type == VALUE_DICT)
        return fast->type == VALUE_DICT;
    if (fast->type != full->type)
        return false;
    if (full->type == VALUE_FUNC)
        return strcmp(fast->s, full->s) == 0;
    if (full->type != VALUE_LIST)
        return value_equal(fast, full);
    if (fast->n != full->n)
        return false;
    for (uint32_t i = 0; i < full->n; i++)
        if (full->items[i]->type >= VALUE_LIST
                ? fast->items[i]->type != VALUE_NULL
                : !same_value(fast->items[i], full->items[i]))
            return false;
    return true;
}

/* true: the fast reader answered. */
static bool check_text(const char *text, size_t n, const char *name)
{
    struct arena_mark mark = arena_mark(&test_arena);
    struct scan fast, full;
    const struct value *v;
    struct assay_err e = {0};
    char *copy = arena_strndup(&test_arena, text, n);
    bool answered = scan_text(copy, n, &test_arena, &fast);
    if (answered) {
        if (yaml_parse(copy, n, name, &test_arena, &v, &e) < 0)
            fail_msg("read, but libyaml refuses: %s\n%.*s", e.msg, (int)n, copy);
        if (v->type != VALUE_DICT)
            fail_msg("%s: read, but no mapping\n%.*s", name, (int)n, copy);
        scan_value(v, &full);
        for (int k = 0; k < SCAN_KEYS; k++)
            if (!same_value(fast.v[k], full.v[k]))
                fail_msg("%s: '%s' differs\n%.*s", name, scan_keys[k], (int)n, copy);
    }
    arena_rewind(&test_arena, mark);
    return answered;
}

static const char *const samples[] = {
    "task: a\ntag: [x, \"y z\", 3]\noutput_type: multiple_choice\nnum_fewshot: 5\n",
    "# c\n\n\"task\": 'its'\nd: 'it''s'\n'tag':\n- a\n- b # c\ninclude: ../x_yaml\n",
    "task: a\ndoc_to_text: |-\n  {{q}}\n\n    deeper\n  # text\ntag:\n  - a\n  -\n  - b: c\n    d: e\n",
    "group: g\ntask:\n  - one\n  - task: two\n    num_fewshot: 2\n  - group: in\n    task: [x]\nmetadata:\n"
    "  version: 1.0\n",
    "task: a\nmetric_list:\n- metric: acc\n  aggregation: mean\n  ignore: [\"\\\\.\", ',']\n- metric: b\n",
    "class: !function task.Thing\ntask: a\ntest_split: !!null \"null\"\ntag: null\ndataset_name:\n",
    "task: on\ntag: [on, 1e5, 0x1F, -1]\ndataset_name: 1_000\nmetadata: {version: 1.0, a: [b, {c: d}]}\n",
    "task: a\nx: 'two\n\n  lines: # not a comment\n  '' end' # one\ny: \"es\\x20\\u00e9 \\\n  \\  z\"\nz: plain\n  & more\n\n"
    "  text # c\n",
    "x:\n  \"quoted\"\ny:\n  plain\n  more\nz:\n- a\n  b\n- 'c\n  d'\ntask: t\n",
    "task: \xC3\xA9t\xC3\xA9\ndescription: \"\xE4\xB8\xAD\\n\"\nfilter_list:\n  - name: x\n    filter:\n"
    "      - function: regex\n        regex_pattern: '(\\d+)'\n      - function: take_first\n",
};

static void test_samples_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        assert_true(check_text(samples[i], strlen(samples[i]), "sample"));
}

static void test_what_is_not_plain_is_left_alone(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "", "a\n", "- a\n", "task: a\n  b\n", "x:\n  b\n c: d\n", "task: a: b\n", "task:\ta\n", "task: &x a\ntag: *x\n",
        "task: a\r\n", "--- \ntask: a\n", "task: a\n...\n", "task: a\n---\ntask: b\n", "task: 'a\n  b'\n",
        "tag: [a,\n  b]\n", "x: 'a\n--- b'\n", "x: a\n  - b: c\n", "x: a # c\n  b\n", "x: \"\\ud800\"\n",
        "x: [a, \"b\n c\"]\n  d\n", "task: !x a\n", "<<: {a: b}\ntask: c\n", "task: a\n b: c\n", "task: |\n a\n",
        "a: |\n    deep\n  shallow\n", "a: |2\n  x\n", "task:\n  b\n  c\n", "task: @a\n", "task: [a: b]\n",
        "task: [a,, b]\n", "task: {a, b}\n", "\xEF\xBB\xBFtask: a\n", "task: a\xC2\x85" "b\n",
        "task: a\xE2\x80\xA8" "b\n", "task: \"a\\n\"\n", "a: b\nc\n", "a: 'b' c\n", "a: [b] c\n",
        "a: \"\\q\"\n", "? a\n: b\n", "a: 99999999999999999999999\n", "a: {[b]: c}\n", "%YAML 1.1\na: b\n",
        "a: \n - b\n  - c\n", "a: - b\n", "a: x\x01\n", "a: |\n  \n    b\n", "a: |\n b\n\tc\n"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (check_text(odd[i], strlen(odd[i]), "odd"))
            fail_msg("taken for plain: %s", odd[i]);
}

static uint64_t state_ = 88172645463325252u;
static uint32_t draw(uint32_t n)
{
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return (uint32_t)(state_ >> 32) % n;
}

/* Changes a few places of a text as a careless hand would. */
static size_t mutate(const char *text, size_t n, char *out)
{
    static const char *const pieces[] = {
        " ",   "  ", "\n",  "\n\n", ":",    ": ",   "- ",  "-",   "#",   " #", "'",   "\"",  "[",
        "]",   "{",  "}",   ",",    "|",    ">",    "!",   "&a ", "*a",  "\t", "\r",  "null", "yes",
        "1.5", "\\", "a: ", "\n- ", "\n  ", "task", "tag", "\n ", "---", "?",  "\xC2\x85", "\xC3\xA9"};
    memcpy(out, text, n);
    for (uint32_t k = 1 + draw(3); k; k--) {
        size_t at = draw((uint32_t)n + 1), cut = draw(3) ? 0 : draw(6);
        if (cut > n - at)
            cut = n - at;
        const char *piece = draw(4) ? pieces[draw(sizeof pieces / sizeof *pieces)] : "";
        size_t m = strlen(piece);
        memmove(out + at + m, out + at + cut, n - at - cut);
        memcpy(out + at, piece, m);
        n = n - cut + m;
    }
    return n;
}

static size_t check_mutants(const char *text, size_t n, int rounds)
{
    char *out = malloc(n + 64);
    size_t answered = 0;
    for (int i = 0; i < rounds; i++) {
        size_t k = mutate(text, n, out);
        answered += check_text(out, k, "mutant");
    }
    free(out);
    return answered;
}

static void test_mutants(void **state)
{
    (void)state;
    size_t answered = 0;
    const char *rounds = getenv("SCAN_ROUNDS");
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        answered += check_mutants(samples[i], strlen(samples[i]), rounds ? atoi(rounds) : 20000);
    assert_true(answered > 10000); /* else nothing was compared */
}

/* Every file of a tree: each as it is, and some changed. */
static size_t check_tree(const char *root, size_t *n_files)
{
    const char *const *paths, *text;
    size_t n, answered = 0;
    assert_int_equal(fs_walk(root, "*", NULL, &test_arena, &paths, &n, &test_err), 0);
    *n_files = 0;
    for (size_t i = 0; i < n; i++) {
        const char *dot = strrchr(fs_basename(paths[i]), '.');
        size_t k;
        if (dot && strcmp(dot, ".yaml") != 0)
            continue;
        struct arena_mark mark = arena_mark(&test_arena);
        assert_int_equal(fs_read(paths[i], 1 << 24, &test_arena, &text, &k, &test_err), 0);
        answered += check_text(text, k, paths[i]);
        if (k < 3000)
            check_mutants(text, k, 2);
        ++*n_files;
        arena_rewind(&test_arena, mark);
    }
    return answered;
}

static void test_library(void **state)
{
    (void)state;
    size_t n, answered = check_tree("tasks/library", &n);
    assert_true(n > 50);
    assert_true(answered >= n * 9 / 10);
}

static void test_lm_eval(void **state)
{
    (void)state;
    const char *root = getenv("LM_EVAL_DIR");
    if (!root) {
        print_message("LM_EVAL_DIR is not set: lm-eval's own tree is not compared\n");
        skip();
    }
    size_t n, answered = check_tree(root, &n);
    print_message("%zu of %zu files are plain\n", answered, n);
    assert_true(answered >= n * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_are_read), cmocka_unit_test(test_what_is_not_plain_is_left_alone),
        cmocka_unit_test(test_mutants),          cmocka_unit_test(test_library),
        cmocka_unit_test(test_lm_eval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
