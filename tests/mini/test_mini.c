/* What holds for all generated tasks: even labels, the same bytes for a seed, texts that end where
 * answers begin, and the shipped files. */
#include "tests/mini/solver.h"

#include <ctype.h>
#include <sys/stat.h>

#include "datasets/mini/write.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/base/text.h"

enum { N_EXAMPLES = 4000, MAX_TOKENS = 240, MAX_LONG_TOKENS = 1000 };
static const char data_dir[] = "datasets/mini/data";
static struct arena arena;
static char dir[256];

static int begin(void **state)
{
    (void)state;
    temp_dir(dir);
    return 0;
}

static int end(void **state)
{
    (void)state;
    temp_remove(dir);
    arena_reset(&arena);
    return 0;
}

static const char *slurp(const char *folder, const char *name, size_t *n)
{
    const char *text = NULL;
    struct assay_err e = {0};
    assert_ok(fs_read(fs_join(&arena, folder, arena_printf(&arena, "%s.jsonl", name)), 1 << 24,
                      &arena, &text, n, &e),
              e);
    return text;
}

/* The next line as a value; NULL at the end. */
static const struct value *next_row(const char **text)
{
    if (!**text)
        return NULL;
    const struct value *row = NULL;
    struct assay_err e = {0};
    size_t n = strcspn(*text, "\n");
    assert_ok(json_parse(*text, n, "row", 1, &arena, &row, &e), e);
    *text += n + 1;
    return row;
}

static const char *str(const struct value *row, const char *key)
{
    const struct value *v = value_get(row, key);
    assert_non_null(v);
    assert_int_equal(v->type, VALUE_STR);
    return v->s;
}

/* About the tokens that a byte-level tokenizer of 1,024 pieces needs: three for a name by
 * syllables, two for a word in Devanagari, else one a word, digit, mark or line. */
static size_t tokens_of(const char *text)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; n++) {
        bool facts = false;
        while (*p == ' ')
            p++;
        if (isalpha(*p)) {
            const unsigned char *start = p;
            for (; isalpha(*p); p++)
                ;
            facts = isupper(*start) && p - start > 4;
        } else if (*p >= 0x80) {
            for (; *p >= 0x80; p++)
                ;
            n++;
        } else if (isdigit(*p)) {
            n += p > (const unsigned char *)text && p[-1] == ' ';
            p++;
        } else if (*p) {
            p++;
        }
        n += facts ? 2 : 0;
    }
    return n;
}

/* -- items ------------------------------------------------------------------------------------- */

static void check_row(const struct value *row, const char *task, unsigned *counts,
                      uint32_t *n_choices)
{
    const char *context = str(row, "context"), *question = str(row, "question");
    const char *answer = str(row, "answer");
    const struct value *choices = value_get(row, "choices"), *label = value_get(row, "label");
    size_t n = strlen(question), m = strlen(answer);
    assert_true(*str(row, "kind"));
    /* Prompt, blank, answer, newline: each cut is one that a tokenizer makes anyway.  A context
     * ends in a line; nothing ends in a blank, and no mark at an answer's end joins the newline. */
    assert_true(!*context || context[strlen(context) - 1] == '\n');
    assert_true(n && (question[n - 1] == ':' || isalpha((unsigned char)question[n - 1])));
    assert_true(m && !isspace((unsigned char)answer[0]) && !strchr(answer, '\n'));
    unsigned char last = (unsigned char)answer[m - 1];
    assert_true(isalnum(last) || last >= 0x80);
    for (const char *text = context;; text = question) {
        assert_true(text_valid(text, strlen(text), NULL));
        assert_null(strstr(text, "  "));
        if (text == question)
            break;
    }
    assert_true(text_valid(answer, m, NULL));
    assert_true(choices->n >= 2 && choices->n <= MINI_CHOICES);
    *n_choices = *n_choices ? *n_choices : choices->n;
    assert_int_equal(choices->n, *n_choices);
    assert_in_range(label->i, 0, choices->n - 1);
    assert_string_equal(choices->items[label->i]->s, answer);
    for (uint32_t i = 0; i < choices->n; i++)
        for (uint32_t j = 0; j < i; j++)
            assert_string_not_equal(choices->items[i]->s, choices->items[j]->s);
    counts[label->i]++;
    size_t tokens = tokens_of(context) + tokens_of(question) + tokens_of(answer);
    if (tokens > (strcmp(task, "recall_long") == 0 ? MAX_LONG_TOKENS : MAX_TOKENS))
        fail_msg("%s: %zu tokens: %s", task, tokens, context);
}

static void shipped_items(void **state)
{
    (void)state;
    for (int i = 0; i < MINI_N_TASKS; i++) {
        const struct mini_task *t = &mini_tasks[i];
        unsigned counts[MINI_CHOICES] = {0};
        uint32_t n_choices = 0;
        int n_rows = 0;
        size_t n;
        struct combos prompts = {0};
        const char *text = slurp(data_dir, t->name, &n);
        for (const struct value *row; (row = next_row(&text)) != NULL; n_rows++) {
            check_row(row, t->name, counts, &n_choices);
            combos_add(&prompts,
                       arena_printf(&arena, "%s%s", str(row, "context"), str(row, "question")));
        }
        assert_int_equal(n_rows, t->max_test ? t->max_test : 1000);
        /* Each label is within 2 % of its share. */
        for (uint32_t k = 0; k < n_choices; k++)
            assert_in_range(counts[k] * n_choices, (unsigned)n_rows * 98 / 100,
                            (unsigned)n_rows * 102 / 100);
        qsort(prompts.v, prompts.n, sizeof *prompts.v, combos_order);
        for (size_t k = 1; k < prompts.n; k++)
            assert_string_not_equal(prompts.v[k - 1], prompts.v[k]);
        combos_release(&prompts);
    }
}

/* The files are what the generators write: nobody edited one, and no generator changed silently. */
static void shipped_is_generated(void **state)
{
    (void)state;
    struct assay_err e = {0};
    size_t total = 0;
    assert_ok(write_test(dir, 1, 1000, &e), e);
    for (int i = 0; i <= MINI_N_TASKS; i++) {
        const char *name = i < MINI_N_TASKS ? mini_tasks[i].name : "text";
        size_t n, m;
        const char *a = slurp(data_dir, name, &n), *b = slurp(dir, name, &m);
        if (n != m || memcmp(a, b, n) != 0)
            fail_msg("%s/%s.jsonl is not what 'make mini-data' writes", data_dir, name);
        total += n;
    }
    assert_true(total < 4500000);
    const char *lines[2];
    for (int i = 0; i < 2; i++) {
        size_t n;
        const char *path = fs_join(&arena, i ? dir : data_dir, "calibration.txt");
        assert_ok(fs_read(path, 1 << 20, &arena, &lines[i], &n, &e), e);
    }
    assert_string_equal(lines[0], lines[1]);
}

/* Other seeds give other items of the same even labels. */
static void other_seed(void **state)
{
    (void)state;
    struct assay_err e = {0};
    assert_ok(write_test(dir, 99, 200, &e), e);
    for (int i = 0; i < MINI_N_TASKS; i++) {
        unsigned counts[MINI_CHOICES] = {0};
        uint32_t n_choices = 0, n_rows = 0;
        size_t n;
        const char *text = slurp(dir, mini_tasks[i].name, &n);
        for (const struct value *row; (row = next_row(&text)) != NULL; n_rows++)
            check_row(row, mini_tasks[i].name, counts, &n_choices);
        assert_int_equal(n_rows, 200);
        for (uint32_t k = 0; k < n_choices; k++)
            assert_in_range(counts[k], 200 / n_choices, 200 / n_choices + 1);
        size_t shipped;
        const char *other = slurp(data_dir, mini_tasks[i].name, &shipped);
        assert_true(strncmp(other, slurp(dir, mini_tasks[i].name, &n), 200) != 0);
    }
}

static void cannot_write(void **state)
{
    (void)state;
    struct assay_err e = {0};
    char path[300];
    snprintf(path, sizeof path, "%s/file", dir);
    temp_write(path, "x", 1);
    assert_int_equal(write_test(path, 1, 10, &e), ASSAY_EIO);
    /* More than there are: said, not looped for. */
    assert_int_equal(write_test(dir, 1, 4000, &e), ASSAY_ELIMIT);
    assert_contains(e.msg, "different questions, 4000 are wanted");
}

/* -- training text ----------------------------------------------------------------------------- */

static struct write_options options(uint64_t seed, enum mini_side side)
{
    struct write_options o = {.seed = seed, .examples = N_EXAMPLES, .side = side};
    for (int i = 0; i < MINI_N_TASKS; i++)
        o.weights[i] = mini_tasks[i].weight;
    return o;
}

static const char *examples(const struct write_options *o)
{
    char *text = NULL;
    size_t n = 0;
    struct assay_err e = {0};
    FILE *f = open_memstream(&text, &n);
    assert_non_null(f);
    assert_ok(write_examples(f, o, &e), e);
    fclose(f);
    const char *copy = arena_strndup(&arena, text, n);
    free(text);
    return copy;
}

static const char *digest(const char *text)
{
    uint8_t h[HASH_BYTES];
    hash_bytes(text, strlen(text), h);
    return hash_hex(h, arena_alloc(&arena, HASH_HEX));
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    struct write_options o = options(7, MINI_TRAIN);
    const char *a = examples(&o), *b = examples(&o);
    assert_string_equal(a, b);
    o.seed = 8;
    assert_string_not_equal(a, examples(&o));
    /* On every machine; a change of any generator, weight or word changes it: then train anew. */
    assert_string_equal(digest(a),
                        "2c360241d0a4a4fc2ced007f86502ec9f1dfdecd1166c13cbc0306a5fdcb6c2a");
    o = options(7, MINI_TRAIN);
    o.prose = true;
    assert_string_equal(digest(examples(&o)),
                        "c2bc36aa2284c5ccd25a661ffaa4f2956ff073c172e60e227ee2cfa66d03b67d");
}

/* Spans are blank, answer, newline; every example fits the model's context; nothing weighs
 * nothing. */
static void check_spans(bool prose)
{
    struct write_options o = options(3, MINI_TRAIN);
    o.prose = prose;
    const char *text = examples(&o);
    size_t longest = 0, all_tokens = 0;
    int n_rows = 0;
    unsigned seen[MINI_N_TASKS] = {0};
    for (const struct value *row; (row = next_row(&text)) != NULL; n_rows++) {
        const char *t = str(row, "text");
        const struct value *answers = value_get(row, "answer");
        int task = mini_find(str(row, "task"));
        assert_true(task >= 0);
        seen[task]++;
        assert_true(answers->n >= 1);
        int64_t before = 0;
        for (uint32_t i = 0; i < answers->n; i++) {
            int64_t from = answers->items[i]->items[0]->i, to = answers->items[i]->items[1]->i;
            assert_true(from > before && to > from + 2 && to <= (int64_t)strlen(t));
            assert_true(t[from] == ' ' && t[to - 1] == '\n' && t[from - 1] != ' ');
            assert_null(memchr(t + from, '\n', (size_t)(to - from - 1)));
            before = to;
        }
        assert_int_equal(before, strlen(t));
        size_t tokens = tokens_of(t);
        all_tokens += tokens;
        longest = tokens > longest ? tokens : longest;
    }
    assert_int_equal(n_rows, N_EXAMPLES);
    assert_in_range(longest, 100, MAX_TOKENS);
    assert_in_range(all_tokens / N_EXAMPLES, 60, 130);
    for (int i = 0; i < MINI_N_TASKS; i++)
        assert_int_equal(seen[i] > 0, !mini_tasks[i].eval_only);
}

static void spans(void **state)
{
    (void)state;
    check_spans(false);
    check_spans(true);
}

/* The two sides, written as a training run reads them: no question of one is among the other's. */
static void sides(void **state)
{
    (void)state;
    struct combos side[2] = {{0}, {0}};
    for (int s = 0; s < 2; s++) {
        struct write_options o = options(11, s ? MINI_TEST : MINI_TRAIN);
        const char *text = examples(&o);
        for (const struct value *row; (row = next_row(&text)) != NULL;) {
            const char *t = str(row, "text");
            const struct value *first = value_get(row, "answer")->items[0];
            combos_add(&side[s], arena_strndup(&arena, t, (size_t)first->items[0]->i));
        }
        assert_int_equal(side[s].n, N_EXAMPLES);
    }
    assert_disjoint(&side[0], &side[1]);
    combos_release(&side[0]);
    combos_release(&side[1]);
}

static void mixture(void **state)
{
    (void)state;
    struct write_options o = {.seed = 1, .examples = 300, .form = WRITE_TEXT};
    o.weights[mini_find("sorting")] = 3;
    const char *text = examples(&o);
    for (const char *p = text; *p; p += strspn(p, "\n")) {
        assert_int_equal(strncmp(p, "Sort ", 5), 0);
        p += strcspn(p, "\n");
    }
}

/* -- the program ------------------------------------------------------------------------------- */

static void check_command(const char *arguments, int status, const char *says)
{
    const char *build = getenv("BUILD");
    char command[600], line[400] = "";
    snprintf(command, sizeof command, "%s/assay-mini %s 2>&1", build ? build : "build/release",
             arguments);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(line, 1, sizeof line - 1, f);
    line[n] = 0;
    for (char trash[4096]; fread(trash, 1, sizeof trash, f);)
        ;
    int rc = pclose(f);
    if (WEXITSTATUS(rc) != status)
        fail_msg("%s: status %d: %s", command, WEXITSTATUS(rc), line);
    assert_contains(line, says);
}

static void program(void **state)
{
    (void)state;
    check_command("--help", 0, "usage: assay-mini test DIR");
    check_command("tasks", 0, "sentiment ");
    check_command("train --examples 2 --mix qa", 0, "\"task\": \"qa\"");
    check_command("text --examples 1 --mix facts=2,qa=0", 0, "capital");
    check_command("", 2, "no command");
    check_command("test", 2, "which folder");
    check_command("test /tmp --n 0", 2, "--n must be 1 to 100000");
    check_command("train", 2, "--examples says how many");
    check_command("train --examples x", 2, "'x' is not a whole number");
    check_command("train --examples -1", 2, "'-1' is not a whole number");
    check_command("train --examples", 2, "'--examples' needs a value");
    check_command("train --examples 1 --mix nope=1", 2, "unknown task 'nope'");
    check_command("train --examples 1 --mix qa=0", 2, "no task has any weight");
    check_command("train --examples 1 --side both", 2, "unknown option '--side both'");
    check_command("frain --examples 1", 2, "unknown command 'frain'");
    check_command("test /dev/null/x --n 10", 1, "/dev/null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shipped_items, begin, end),
        cmocka_unit_test_setup_teardown(shipped_is_generated, begin, end),
        cmocka_unit_test_setup_teardown(other_seed, begin, end),
        cmocka_unit_test_setup_teardown(cannot_write, begin, end),
        cmocka_unit_test_setup_teardown(same_seed_same_bytes, begin, end),
        cmocka_unit_test_setup_teardown(spans, begin, end),
        cmocka_unit_test_setup_teardown(sides, begin, end),
        cmocka_unit_test_setup_teardown(mixture, begin, end),
        cmocka_unit_test(program),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return rc;
}
